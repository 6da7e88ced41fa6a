"""Names of physical units, as written in the news, to those of pint.

pint knows their spellings, prefixes and plurals (``kilometres``, ``tonnes``, ``sq km``).
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import Any

from ie_model.errors import InputError

_NAMES = {
    "nautical mile": "nautical_mile",
    "nautical miles": "nautical_mile",
    "nmi": "nautical_mile",
    "metric ton": "metric_ton",
    "metric tons": "metric_ton",
    "t": "metric_ton",
    "kms": "kilometer",
    "kgs": "kilogram",
    "caliber": "caliber",
    "calibre": "caliber",
    "cal": "caliber",
    "lbs": "pound",
    "ft": "foot",
    "kilo": "kilogram",
    "kilos": "kilogram",
    "degree celsius": "degree_Celsius",
    "degrees celsius": "degree_Celsius",
    "°c": "degree_Celsius",
    "degree fahrenheit": "degree_Fahrenheit",
    "degrees fahrenheit": "degree_Fahrenheit",
    "°f": "degree_Fahrenheit",
    "°": "degree",
}
SPEEDS = {"mph": ("mile", "hour"), "m/s": ("meter", "second"), "km/s": ("kilometer", "second")}
SPEEDS |= dict.fromkeys(("km/h", "kph", "kmh"), ("kilometer", "hour"))
# What pint may recognise. It knows far more ("units" as micro-nits, "hands", "points"), and
# every one of those is a counted noun in the news.
_PLAIN_UNITS = frozenset(
    "foot inch yard mile knot hectare acre metric_ton pound ounce gallon barrel second minute "
    "hour day week month year degree horsepower".split()
)
_PREFIXED_UNITS = frozenset("meter gram liter watt volt hertz joule byte ton".split())
_PREFIXES = frozenset(["", "kilo", "mega", "giga", "tera", "centi", "milli", "micro", "nano"])


@lru_cache(maxsize=16384)
def physical_unit(noun: str) -> str | None:
    """The canonical name of a physical unit, ``None`` for any other noun."""
    clean = noun.replace(".", "").strip()
    known = _NAMES.get(clean.lower().replace("-", " "))
    if known:
        return known
    power = ""
    raised = re.match(r"(?:(square|sq)|(cubic|cu))[\s-]+", clean, re.IGNORECASE)
    if raised:
        power, clean = " ** 2" if raised[1] else " ** 3", clean[raised.end() :]
    elif clean.endswith(("²", "³", "2", "3")):  # "km2"
        power, clean = " ** 2" if clean[-1] in "²2" else " ** 3", clean[:-1]
    if not re.fullmatch("[A-Za-z]+", clean) or (len(clean) == 1 and clean not in "mgl"):
        return None
    for spelling in (clean, clean.lower()):
        for prefix, name, _ in registry().parse_unit_name(spelling):
            if (not prefix and name in _PLAIN_UNITS) or (
                prefix in _PREFIXES and name in _PREFIXED_UNITS
            ):
                return f"{prefix}{name}{power}"
    return None


@cache
def registry() -> Any:
    """pint's registry, loaded once (about half a second).

    Raises:
        InputError: pint is not installed.
    """
    try:
        import pint
    except ImportError as error:
        raise InputError(
            "normalised values need pint and dateparser: pip install 'ie-model[normalise]'"
        ) from error
    return pint.UnitRegistry()
