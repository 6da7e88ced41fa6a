"""Quantity expressions of news prose to numbers, bounds, units and rates.

The grammar is our own: no library we know of reads approximators, bounds, ranges, shares
and rates together. Units are named by :mod:`ie_model.normalise.units`.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import Any

from ie_model.normalise.durations import UNIT
from ie_model.normalise.numbers import Number, fold, read_number, require_text
from ie_model.normalise.units import (
    SPEEDS,
    SYMBOL,
    SYMBOLS,
    currency,
    physical_unit,
    registry,
)

LONGEST = 200
"""Characters; a longer text is not an expression and is left unresolved."""


@dataclass(frozen=True, slots=True)
class QuantityValue:
    """``low`` to ``high``, both ends included; ``None`` at an end where it is open.

    ``about 50`` is 50 to 50 and ``approximate``; ``more than 50`` is 50 to ``None`` (whether
    50 itself is meant is not kept). Vague number nouns mean at least two of their kind:
    ``dozens`` is 24 to ``None``, approximate.

    ``unit`` is the name that pint gives a physical unit (``kilometer ** 2``), an ISO 4217
    code for money, or the counted noun as written. ``rate`` is what one of it is counted
    per (``month``). With ``percent`` the numbers are percentages: 80, not 0.8.
    """

    low: float | None
    high: float | None
    unit: str | None = None
    approximate: bool = False
    rate: str | None = None
    percent: bool = False

    def to_dict(self) -> dict[str, Any]:
        """The value as JSON, every field present."""
        return asdict(self)


_LOWER = "more than|over|above|at least|no fewer than|not fewer than|no less than|not less than"
_LOWER += "|upwards of|upward of|in excess of|a minimum of|greater than|exceeding|>="
_LOWER += "|as few as|as little as"
_UPPER = "up to|as many as|as much as|at most|no more than|not more than|fewer than|less than"
_UPPER += "|under|below|a maximum of|<="
_ABOUT = "about|around|approximately|approx|roughly|some|nearly|almost|close to|near|barely"
_ABOUT += "|perhaps|closer to|an estimated|estimated|est|circa|~"
_ABOUT += "|(?:just|slightly|a little|a bit) (?:over|under|above|below|more than|less than"
_ABOUT += "|fewer than|shy of|short of)|shy of"
_PLAIN = "an additional|additional|another|a further|further|a total of|total of|an average of"
_PLAIN += "|only|just|exactly|all|the|a record|well|far|even|fully|extra|from"
_PLAIN += r"|remaining|anywhere|somewhere|an?(?=\s[$€£]?[0-9])"  # "a 40 percent"


def _words(alternatives: str) -> re.Pattern[str]:
    return re.compile(rf"(?:{alternatives.replace(' ', '[ ]')})(?:\.?\s+|(?<=[~=])\s*|(?=[$€£]))")


_MODIFIERS = {
    "low": _words(_LOWER),
    "high": _words(_UPPER),
    "about": _words(_ABOUT),
    "plain": _words(_PLAIN),
}
_TO = re.compile(  # "10- to 15-kilometer", "ten-to-twelve"
    r"-?\s+(?:to|or|and)\s+(?:as many as\s+|perhaps\s+|about\s+)?|-to-|\s*(?:-|–|—)\s*"
)
_OUT_OF = re.compile(
    r"\s+(?P<how>in(?!\s(?:1[89]|20)[0-9]{2}\b)|of|out of)\s+"
    r"(?P<every>every\s+)?(?:the\s+|all\s+)?(?=[a-z0-9])"
)
_NOUN_OUT_OF = re.compile(r"\s+(?P<noun>[a-z ]+?)\s+(?P<how>in|out of)\s+(?:every\s+)?(?=[a-z0-9])")
_TIME = re.compile(rf"[\s-]{UNIT}\b")
_ONE = re.compile(r"an?\s+((?:square\s|cubic\s|nautical\s)?[a-z]+)")
_PERCENT = re.compile(r"\s*-?(?:%|(?:percent|per cent|per-cent|pct)\b)")
_RATE = re.compile(
    r"(?:^|\s)per\s+(?P<per>\S.*)$"
    r"|(?<!\band)(?<!\bor)(?<!\bof)(?<!\bwith)(?:^|\s)(?:an?|every)\s+(?P<a>[a-z]+)$"
    r"|(?:^|\s)every\s+(?P<span>[0-9a-z].*)$"
    r"|\s(?P<each>each|apiece)$"
)
_JOINT = re.compile(r"\s(?:and|in|within|over)\s+")
_TIMES = re.compile(r"\s+times(?:\s+(?:as|more|less|the|its|their|higher|over)\b.*)?|\s?-?fold")
_SHAPE = re.compile(r"-(?:strong|odd|plus)\b|\+|\s+plus\b(?!\s+[0-9])")
_OR = re.compile(r"\s+or\s+(so|more|fewer|less)(?![a-z])")
_DIMENSION = re.compile(r"[\s-](?:old|long|wide|deep|high|tall|thick)$")
_MORE = re.compile(r"\s+(?:more|fewer|less|additional|further|extra)\b")


def normalise_quantity(text: str) -> QuantityValue | None:
    """The value of an expression such as ``more than 80 percent``, or ``None``.

    ``None`` means that it holds no number that can be pinned down (``several``,
    ``a number of rockets``); no string makes it raise.

    Raises:
        InputError: ``text`` is no string, or pint is not installed.
    """
    require_text(text)
    registry()
    surface = " ".join(text.replace("‑", "-").replace("−", "-").split()).rstrip(".,;: ")
    if not surface or len(surface) > LONGEST:
        return None
    surface = re.sub(r"^(?:[,;: ]|\.(?![0-9]))+", "", surface)  # ".5 percent" keeps its point
    surface = re.sub(r"(?<=[a-z])fold$", "-fold", surface)  # "tenfold"
    surface = re.sub(r"(?<=\S) \([^()]*\)$", "", surface)  # a conversion
    folded = fold(surface)
    pos, flags = _modifiers(folded)
    between = folded.startswith("between ", pos)
    if between:
        pos += len("between ")
    noun_first = "magnitude" if folded.startswith("magnitude ", pos) else None
    if noun_first:
        pos += len("magnitude ")
    negative = re.compile(r"minus\s+|-(?=[0-9])").match(folded, pos)
    if negative:
        pos = negative.end()
    found = _read(folded, pos, between, _says_millions(folded))
    if found is None:
        return None
    rest, folded_rest = surface[found.end :], folded[found.end :]
    if re.match(r"[^\sa-z+°€$£₽₴-]|-(?![a-z])|x[0-9]|e[-+]?[0-9]| \(", folded_rest):
        return None  # a date, a score, a serial number, "4x4", "1e5", a list
    figures = folded[found.end - 1].isdigit()
    if figures and re.match(r" 000| [0-9]{3}(?![0-9a-z,-])", folded_rest):
        return None  # "12 500 troops" or "12 155 mm shells"
    for joined in _JOINT.finditer(folded_rest):
        tail = folded_rest[joined.end() :]
        if tail.startswith(("a ", "an ")) or read_number(tail):
            return None  # "three men and a woman" is two quantities
    numbers = (found.low, found.high)
    approximate = "about" in flags or any(n.vague or n.loose for n in numbers)
    bottom: Fraction | None = found.low.value
    top: Fraction | None = found.high.value
    if negative:
        bottom, top = -found.high.value, -found.low.value
    shape = _SHAPE.match(folded_rest)
    if shape:
        rest, folded_rest = rest[shape.end() :], folded_rest[shape.end() :]
        approximate = approximate or shape[0] == "-odd"
    at_least = shape is not None and ("plus" in shape[0] or "+" in shape[0])
    either = _OR.search(folded_rest)
    if either:  # "a dozen or so rockets", "50 km or more"
        rest = rest[: either.start()] + rest[either.end() :]
        folded_rest = folded_rest[: either.start()] + folded_rest[either.end() :]
        approximate = approximate or either[1] == "so"
        flags |= {"more": {"low"}, "so": set()}.get(either[1], {"high"})
    if "low" in flags or found.high.vague or at_least:
        top = None
    elif "high" in flags:
        bottom = None
    unit, rate = _noun(rest, folded_rest)
    if figures and unit and re.match("[mb] ", unit, re.IGNORECASE):
        return None  # "2.5m people" or "5m walls"
    unit = found.money or found.noun or noun_first or unit
    return QuantityValue(
        _float(bottom), _float(top), unit, approximate, rate, percent=found.percent
    )


def _float(value: Fraction | None) -> float | None:
    return None if value is None else float(value)


def _says_millions(text: str) -> bool:
    """Whether ``m`` and ``b`` after figures are no units: another unit or a currency follows."""
    noun = re.match(r".*[0-9]\s?[mb]\s+(?=[a-z])(.+)", text)
    name = _RATE.sub("", noun[1]).strip() if noun else ""
    return bool(currency(name) or physical_unit(name))


def _modifiers(text: str) -> tuple[int, set[str]]:
    """Skip the words in front of the number; which kinds were there."""
    pos, flags = 0, set()
    while True:
        for kind, pattern in _MODIFIERS.items():
            match = pattern.match(text, pos)
            if match:
                pos = match.end()
                flags.add(kind)
                break
        else:
            return pos, flags


@dataclass(frozen=True, slots=True)
class _Reading:
    """The numbers of an expression, what was read together with them, and where they end."""

    low: Number
    high: Number
    end: int
    money: str | None = None
    percent: bool = False
    noun: str | None = None


def _read(text: str, pos: int, between: bool, millions: bool) -> _Reading | None:
    """One number, a ratio, or two numbers with ``to`` between."""
    first = _number(text, pos, millions)
    if first is None:
        return None
    ratio = _ratio(text, first)
    if ratio:
        return ratio
    to = _TO.match(text, first.end)
    if not to or ("and" in to[0] and not between):
        return first
    second = _number(text, to.end(), millions or first.money is not None)
    if second is None:
        return first
    low, high = first.low, second.low
    if low.scale == 1 and low.value * high.scale <= high.value:
        low = Number(low.value * high.scale, high.scale)  # "1.5-2 billion"
    if low.value > high.value:
        return None
    money, percent = first.money or second.money, first.percent or second.percent
    return _Reading(low, high, second.end, money, percent)


def _number(text: str, pos: int, millions: bool) -> _Reading | None:
    symbol = SYMBOL.match(text, pos)
    start = symbol.end() if symbol else pos
    found = read_number(text, start, millions or symbol is not None)
    if found is None:
        one = _ONE.match(text, start)  # "a mile", but "a rocket" has no number
        if not one or physical_unit(one[1]) is None:
            return None
        found = Number(Fraction(1)), start
    number, end = found
    percent = _PERCENT.match(text, end)
    money = SYMBOLS[symbol[1]] if symbol else None
    return _Reading(number, number, percent.end() if percent else end, money, percent is not None)


def _ratio(text: str, part: _Reading) -> _Reading | None:
    """``one in five``, ``nine homes in ten``; ``31 of 34 provinces`` counts the provinces."""
    said = _OUT_OF.match(text, part.end) or _NOUN_OUT_OF.match(text, part.end)
    whole = read_number(text, said.end()) if said else None
    if not said or not whole or part.low.vague or whole[0].value < max(part.low.value, Fraction(1)):
        return None
    noun = said.groupdict().get("noun")
    if _TIME.match(text, whole[1]) or (noun and whole[1] < len(text)):
        return None  # "two attacks in three days", "9 homes in 10 villages"
    if said["how"] == "of" and not said["every"]:
        return _Reading(part.low, part.high, whole[1], part.money)
    share = Number(part.low.value / whole[0].value)
    return _Reading(share, share, whole[1], noun=noun)


def _noun(rest: str, folded: str) -> tuple[str | None, str | None]:
    """What stands behind the number: unit and rate."""
    more = _MORE.match(folded)
    if more:
        rest, folded = rest[more.end() :], folded[more.end() :]
    rate = None
    found = _RATE.search(folded)
    if found and found.lastgroup:
        rate = rest[found.start(found.lastgroup) : found.end(found.lastgroup)]
        rest, folded = rest[: found.start()], folded[: found.start()]
    if _TIMES.fullmatch(folded):
        return "times", rate
    skip = re.match(r"-(?=[a-z])|\s*(?:of(?:\s+|$))?(?:(?:an?|the)\s+)?", folded)
    noun = _DIMENSION.sub("", rest[skip.end() if skip else 0 :].strip())
    # "500-pound bomb", "155mm shells", but "10 barrel bombs"; "300 tons of ammunition"
    behind = r"\s(?:of|in)\s" if folded.startswith(" ") else r"\s(?:of|in)\s|(?<=\w\w)\s"
    measure = _DIMENSION.sub("", re.split(behind, noun)[0])
    for name in dict.fromkeys((noun, measure)):
        if name.lower() in SPEEDS:
            return SPEEDS[name.lower()]
        money, unit = currency(name), physical_unit(name)
        if money or unit:
            return money or unit, (physical_unit(rate) or rate) if unit and rate else rate
    return noun or None, rate
