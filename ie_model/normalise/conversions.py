"""The same amount twice: compounds (``5 feet 6 inches``) and conversions (``30 miles (48 km)``)."""

from __future__ import annotations

import re
from fractions import Fraction

from ie_model.normalise.numbers import read_number
from ie_model.normalise.units import physical_unit, registry

TOLERANCE = 0.05
"""A conversion that is farther off than this, and than its own rounding, disagrees."""

_UNIT = r"[\s-]?(?P<unit>(?:square |cubic |nautical )?[a-z]+|['\"′″])\.?"


def factor(unit: str, other: str) -> float | None:
    """How many ``other`` one ``unit`` is; ``None`` where they measure different things."""
    pint = registry()
    try:
        return float(pint.Quantity(1.0, unit).to(other).magnitude)
    except Exception:
        return None  # pint raises several kinds: other dimensions, offsets of temperatures


def read_compound(folded: str, end: int, value: Fraction) -> tuple[Fraction, str, int] | None:
    """``5 feet 6 inches`` from the end of its 5: the value in the first unit, that unit, where
    it ends. The second unit must be a smaller one of the same kind."""
    first = re.compile(_UNIT).match(folded, end)
    unit = _length_mark(first["unit"]) or physical_unit(first["unit"]) if first else None
    if not first or not unit:
        return None
    total, at, last = value, first.end(), unit
    joint = re.compile(r",?\s*(?:and\s+)?(?=[0-9a-z])")
    while True:
        gap = joint.match(folded, at)
        found = read_number(folded, gap.end()) if gap else None
        second = re.compile(_UNIT).match(folded, found[1]) if found else None
        smaller = (
            (_length_mark(second["unit"]) or physical_unit(second["unit"])) if second else None
        )
        ratio = factor(smaller, unit) if smaller else None
        step = factor(smaller, last) if smaller else None
        if (
            not second
            or not found
            or ratio is None
            or step is None
            or not step < 1
            or smaller is None
        ):
            break
        if float(found[0].value) * step >= 1:
            break
        total += found[0].value * Fraction(ratio).limit_denominator(10**7)
        at, last = second.end(), smaller
    return (total, unit, at) if last != unit else None


def _length_mark(said: str) -> str | None:
    return {"'": "foot", "′": "foot", '"': "inch", "″": "inch"}.get(said)


def agreement(
    low: float | None,
    high: float | None,
    unit: str | None,
    other: tuple[float | None, float | None, str | None],
) -> str | None:
    """``agrees`` or ``disagrees``; ``None`` where the two cannot be compared (money)."""
    if unit is None or other[2] is None:
        return None
    pairs = [
        (a, b) for a, b in ((low, other[0]), (high, other[1])) if a is not None and b is not None
    ]
    results = [_same(a, unit, b, other[2]) for a, b in pairs]
    if not results or None in results:
        return None
    return "agrees" if all(results) else "disagrees"


def _same(a: float, unit: str, b: float, other: str) -> bool | None:
    pint = registry()
    try:
        converted = float(pint.Quantity(a, unit).to(other).magnitude)
    except Exception:
        return None
    # a rounded figure is half a unit of its last digit away, and so is the other one
    slack = max(
        _last_digit(b) / 2, TOLERANCE * abs(b), _last_digit(a) / 2 * abs(converted / a) if a else 0
    )
    return abs(converted - b) <= slack


def _last_digit(value: float) -> float:
    """The place of the last digit that is not nought: 5000 is 1000, 2.5 is 0.1."""
    exact = Fraction(str(value))
    place = Fraction(1)
    while exact and exact % (place * 10) == 0:
        place *= 10
    while exact % place:
        place /= 10
        if place < Fraction(1, 10**6):
            break
    return float(min(place, abs(exact) / 4 or place))
