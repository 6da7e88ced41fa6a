"""Lengths of time in news prose (``three and a half hours``) to ISO 8601 durations."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

from ie_model.normalise.numbers import read_number

UNIT = (
    r"(second|sec|minute|min|hour|hr|day|week|fortnight|month|quarter|year|decade|centur(?:y|ie))s?"
)
ONE = rf"{UNIT}(?<!s)"
"""One of the units: ``a week``, ``last month``; ``weeks ago`` says no number."""
_MODIFIER = re.compile(
    r"(about|around|roughly|approximately|nearly|almost|some|barely|just under|just over|under"
    r"|just shy of|shy of|less than|fewer than|more than|over|at least|up to|as long as"
    r"|well over)\s+"
    r"|(?:another|additional|an additional|a further|the|only|just|exactly|a period of|period of"
    r"|space of|a full|full|a whole)\s+"
)
_BEHIND = r"(?:[\s-]+(?:more|consecutive|straight|full|whole|additional))?[\s-]*"


@dataclass(frozen=True, slots=True)
class Length:
    """``count`` of a unit; ``approximate`` also for bounds (``more than two weeks``)."""

    count: Fraction
    unit: str
    approximate: bool = False

    def iso(self) -> str | None:
        """ISO 8601: 7/2 hours is ``PT3H30M``; ``None`` where there is no exact form."""
        count, unit = self._plain()
        whole, rest = divmod(count, 1)
        parts = [(whole, unit)] if whole or not rest else []
        if rest:
            factor, smaller = _SMALLER.get(unit, (0, ""))
            if not smaller or (rest * factor).denominator != 1:
                return None
            parts.append((int(rest * factor), smaller))
        return _iso(parts)

    def _plain(self) -> tuple[Fraction, str]:
        factor, unit = _COMPOUND.get(self.unit, (1, self.unit))
        return self.count * factor, unit

    def whole(self) -> tuple[int, str] | None:
        """A whole number of some unit: 3/2 years is 18 months; ``None`` where there is none."""
        count, unit = self.count, self.unit
        if count.denominator != 1:
            count, unit = self._plain()
        if count.denominator != 1:
            factor, unit = _SMALLER.get(unit, (0, ""))
            count *= factor
        return (int(count), unit) if unit and count.denominator == 1 else None


_COMPOUND = {"decade": (10, "year"), "century": (100, "year"), "fortnight": (2, "week")}
_COMPOUND["quarter"] = (3, "month")
_SMALLER = {"year": (12, "month"), "day": (24, "hour"), "hour": (60, "minute")}
_SMALLER["minute"] = (60, "second")
_CLOCK = ("hour", "minute", "second")
_ORDER = ("year", "month", "week", "day", *_CLOCK)


def unit_of(word: str) -> str:
    """The full singular name of what ``UNIT`` matched."""
    short = {"sec": "second", "min": "minute", "hr": "hour"}
    return short.get(word, "century" if word.startswith("centur") else word)


def read_length(text: str) -> Length | None:
    """The length that a whole folded text states, else ``None``.

    A bare unit (``hour``) is none, nor is a range or a vague number (``several weeks``).
    """
    pos, approximate = 0, False
    while match := _MODIFIER.match(text, pos):
        approximate, pos = approximate or match[1] is not None, match.end()
    if re.compile(r"fortnight$").match(text, pos):
        return Length(Fraction(1), "fortnight", approximate)
    full = re.compile(rf"(?<=\ba full )(?:{ONE})$|(?<=\ba whole )(?:{ONE})$").match(text, pos)
    if full:
        return Length(Fraction(1), unit_of(full[1] or full[2]), approximate)
    single = re.compile(rf"an?\s+{ONE}(?:\s+and\s+a\s+(half))?").fullmatch(text, pos)
    if single:
        return Length(Fraction(3, 2) if single[2] else Fraction(1), unit_of(single[1]), approximate)
    # "month-long", but "months-long" has no number
    adjective = re.compile(rf"{ONE}[\s-]long").fullmatch(text, pos)
    if adjective:
        return Length(Fraction(1), unit_of(adjective[1]), approximate)
    found = read_number(text, pos)
    if found is None or found[0].vague:
        return None
    number, end = found
    of = r"(?:(?:of\s+)?an?\s+)?" if number.value < 1 else ""  # "half an hour"
    unit = re.compile(rf"{_BEHIND}{of}{UNIT}(?:[\s-](?:long|period))?").fullmatch(text, end)
    if not unit:
        return None
    return Length(number.value, unit_of(unit[1]), approximate or number.loose)


def read_lengths(text: str) -> tuple[str | None, bool] | None:
    """The ISO 8601 form, and whether it is approximate, of one length or of several that add
    up: ``two hours and 15 minutes`` is ``PT2H15M``, each unit smaller than the one before."""
    single = read_length(text)
    if single:
        return single.iso(), single.approximate
    said = re.split(r",?\s+and\s+|,\s+|(?<=[a-z])\s+(?=[0-9])", text)
    found = [length for part in said if (length := read_length(part))]
    if len(said) < 2 or len(found) != len(said):
        return None
    sizes = [_ORDER.index(length.unit) if length.unit in _ORDER else -1 for length in found]
    whole = all(length.count.denominator == 1 for length in found)
    if -1 in sizes or sizes != sorted(set(sizes)) or not whole:
        return None
    parts = [(int(length.count), length.unit) for length in found]
    return _iso(parts), any(length.approximate for length in found)


def _iso(parts: Iterable[tuple[int, str]]) -> str:
    """``[(2, "hour"), (15, "minute")]`` as ``PT2H15M``."""
    days = clock = ""
    for count, unit in parts:
        written = f"{count}{unit[0].upper()}"
        days, clock = (days, clock + written) if unit in _CLOCK else (days + written, clock)
    return f"P{days}T{clock}" if clock else f"P{days}"
