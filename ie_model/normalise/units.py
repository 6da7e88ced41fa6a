"""Names of physical units and currencies, as written in the news, to canonical ones.

Physical units are named by pint, which knows their spellings, prefixes and plurals
(``kilometres``, ``tonnes``, ``sq km``); currencies by their ISO 4217 codes.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from ie_model.errors import InputError

SYMBOLS = {"us$": "USD", "a$": "AUD", "c$": "CAD", "nz$": "NZD", "hk$": "HKD", "$": "USD"}
SYMBOLS |= {"€": "EUR", "£": "GBP", "¥": "JPY", "₽": "RUB", "₴": "UAH", "₪": "ILS", "₹": "INR"}
SYMBOLS |= {"₺": "TRY", "₩": "KRW", "₱": "PHP", "₦": "NGN"}
SYMBOLS |= {c.lower(): c for c in "USD EUR GBP CHF NOK SEK DKK JPY CNY INR AUD CAD".split()}
SYMBOL = re.compile("(" + "|".join(map(re.escape, SYMBOLS)) + r")\s?(?=[0-9])")
_MONEY = (
    ("USD", r"(?:u\.?s\.? |american )?dollars?"),
    ("EUR", r"euros?"),
    ("GBP", r"pounds? sterling|british pounds?"),
    ("AUD", r"australian dollars?"),
    ("CAD", r"canadian dollars?"),
    ("RUB", r"(?:russian )?ro?ubles?"),
    ("UAH", r"(?:ukrainian )?hryvnias?"),
    ("PLN", r"(?:polish )?zlotys?"),
    ("ILS", r"(?:israeli )?(?:new )?shekels?"),
    ("TRY", r"turkish liras?"),
    ("JPY", r"(?:japanese )?yen"),
    ("CNY", r"(?:chinese )?yuan"),
    ("INR", r"indian rupees?"),
    ("IQD", r"iraqi dinars?"),
    ("SYP", r"syrian pounds?"),
    ("EGP", r"egyptian pounds?"),
    ("IRR", r"iranian rials?"),
    ("SAR", r"saudi riyals?"),
)
_NAMES = {
    "nautical mile": "nautical_mile",
    "nautical miles": "nautical_mile",
    "nmi": "nautical_mile",
    "metric ton": "metric_ton",
    "metric tons": "metric_ton",
    "kilo": "kilogram",
    "kilos": "kilogram",
    "degree celsius": "degree_Celsius",
    "degrees celsius": "degree_Celsius",
    "°c": "degree_Celsius",
    "degree fahrenheit": "degree_Fahrenheit",
    "degrees fahrenheit": "degree_Fahrenheit",
    "°f": "degree_Fahrenheit",
}
SPEEDS = {"mph": ("mile", "hour"), "m/s": ("meter", "second")}
SPEEDS |= dict.fromkeys(("km/h", "kph", "kmh"), ("kilometer", "hour"))
# What pint may recognise. It knows far more ("units" as micro-nits, "hands", "points"), and
# every one of those is a counted noun in the news.
_PLAIN_UNITS = frozenset(
    "foot inch yard mile knot hectare acre metric_ton pound ounce gallon barrel second minute "
    "hour day week month year degree horsepower".split()
)
_PREFIXED_UNITS = frozenset("meter gram liter watt volt hertz joule byte ton".split())
_PREFIXES = frozenset(["", "kilo", "mega", "giga", "tera", "centi", "milli", "micro", "nano"])


def currency(noun: str) -> str | None:
    """The ISO 4217 code of a currency in words or by its sign, where only one can be meant."""
    folded = noun.lower()
    named = (code for code, names in _MONEY if re.fullmatch(names, folded))
    return SYMBOLS.get(folded) or next(named, None)


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
