"""Quantity expressions of news prose to numbers, bounds, units and rates.

The grammar is our own: no library we know of reads approximators, bounds, ranges, shares
and rates together. Units are named by :mod:`ie_model.normalise.units`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from typing import Any

from ie_model.documents import in_one_line
from ie_model.normalise.amounts import SPREAD, Amount, read_amount
from ie_model.normalise.conversions import agreement, read_compound
from ie_model.normalise.counted import casualty_kind, counted_noun
from ie_model.normalise.currencies import currency
from ie_model.normalise.durations import UNIT
from ie_model.normalise.numbers import fold, read_number, require_text
from ie_model.normalise.reasons import quantity_reason
from ie_model.normalise.units import SPEEDS, physical_unit, registry

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

    ``of`` is what is counted or measured, its noun in the singular: ``fighter`` of ``40
    fighters``, ``ammunition`` of ``300 tons of ammunition``. ``kind`` is ``killed``,
    ``wounded`` or ``missing`` where the words say so. ``calibre`` is a weapon's bore behind
    another number (``60 x 122 mm rockets``). ``conversion`` is ``agrees`` or ``disagrees``
    where the mention says the amount twice (``30 miles (48 km)``).
    """

    low: float | None
    high: float | None
    unit: str | None = None
    approximate: bool = False
    rate: str | None = None
    percent: bool = False
    of: str | None = None
    kind: str | None = None
    calibre: str | None = None
    conversion: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """The value as JSON, every field present."""
        return {name: getattr(self, name) for name in self.__slots__}


_LOWER = "more than|over|above|at least|no fewer than|not fewer than|no less than|not less than"
_LOWER += "|upwards of|upward of|in excess of|a minimum of|greater than|exceeding|>="
_LOWER += "|as few as|as little as"
_UPPER = "up to|as many as|as much as|at most|no more than|not more than|fewer than|less than"
_UPPER += "|within|under|below|a maximum of|<="
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
_RATE = re.compile(
    r"(?:^|\s)per\s+(?P<per>\S.*)$"
    r"|(?<!\band)(?<!\bor)(?<!\bof)(?<!\bwith)(?:^|\s)(?:an?|every)\s+(?P<a>[a-z]+)$"
    r"|(?:^|\s)every\s+(?P<span>[0-9a-z].*)$"
    rf"|\seach\s(?P<each_unit>{UNIT})$"
    r"|\s(?P<each>each|apiece)$"
)
_JOINT = re.compile(r"\s(?:and|in|within|over)\s+|,\s+(?=[0-9])")
_OTHER_END = re.compile(r"(?:^|\s)(?:to|or|by|but|than|minus|until)\s+-?")
_UNIT_AND_REST = re.compile(r"[\s-]?([a-z]+)(?:[\s-]|(?![23]\b))[0-9]+(?:\s?[a-z]+)?$")  # but "km2"
_TIMES = re.compile(r"\s+times(?:\s+(?:as|more|less|the|its|their|higher|over)\b.*)?|\s?-?fold")
_SHAPE = re.compile(r"-(?:strong|odd|plus)\b|\+|\s+plus\b(?!\s+[0-9])")
_OR = re.compile(
    r"\s+or\s+(so|more|fewer|less)(?![a-z])"
    r"|^\s+and\s+(?:(?P<low>more|over|above|up|older)|(?P<high>under|below|younger))(?![a-z])"
)
_REWRITTEN = (
    (re.compile(r"\b(?:an?|one)\s+((?:(?:square|cubic|nautical)\s)?(?!dozen|hundred|thousand|million|billion)"
                r"[a-z]+)\s+and\s+a\s+half\b"), r"one and a half \1"),  # "a mile and a half"
    (re.compile(r"-an?-([a-z]+)$"), r" a \1"),  # "$60-a-barrel"
    (re.compile(r"(?<=[a-z])/(?=(?:second|minute|hour|day|week|month|year)$)"), " per "),
    (re.compile(r"\s(dai|week|month|hour|year)ly$|\s(annual)ly$|\sa (day|week)$"),
     lambda m: f" a {({'dai': 'day', 'annual': 'year'}).get(m[1] or m[2] or '', m[1] or m[3])}"),
)  # fmt: skip
_SAME_UNIT = re.compile(  # "10 km to 15 km", "between 2 tons and 3 tons"
    r"\b(between\s+)?([0-9][0-9.,]*)\s?([a-z]+?)s?(?P<to>\s+(?(1)and|(?:to|or))\s+|\s?[-–—]\s?)"
    r"([0-9][0-9.,]*)\s?(\3s?)\b",
    re.IGNORECASE,
)
_CONVERSION = re.compile(
    r"\s?(?:(?P<bracket>[(\[])|,? or (?:about |some |nearly |around )?(?=[0-9])"
    r"|(?<=[A-Za-z])\s?/\s?(?=[0-9.,]+ ?[A-Za-z]))"
    r"(?P<inner>[^()\[\]]*)[)\]]?$"
)
_COUNT_X_CALIBRE = re.compile(
    r"\s?[x×]\s?(?P<bore>[0-9]+(?:\.[0-9]+)?)[\s-]?(?P<unit>mm|millimet(?:er|re)s?|cm|inch(?:es)?)\b"
)
_BORE = re.compile(r"([0-9]+(?:\.[0-9]+)?)[\s-]?(mm|millimet(?:er|re)s?|cm|inch)\b")
_PERCENT_OF = re.compile(r"\s+of\s+((?:(?:the|all|its|their|our|his)\s+)?[A-Za-z][A-Za-z' -]*)")
_DIMENSIONS = "(?:old|long|wide|deep|high|tall|thick)"
_DIMENSION = re.compile(rf"[\s-]{_DIMENSIONS}$")
_BEFORE_OF = re.compile(rf"^\s(?:of|in)\s|^[\s-]{_DIMENSIONS}[\s-]|^\s")
_PLACE = (
    r"\s(?:from|away|off|into|inside|outside|above|below|beyond|along|(?:north|south)(?:east|west)?"
    r"|east|west)\b"
)
_BESIDE = rf"\s(?:of|in)\s|{_PLACE}"
_MORE = re.compile(r"\s+(?:more|fewer|less|additional|further|extra)\b")


def normalise_quantity(text: str, before: str = "", behind: str = "") -> QuantityValue | None:
    """The value of an expression such as ``more than 80 percent``, or ``None``.

    ``None`` means that it holds no number that can be pinned down (``several``, ``a number
    of rockets``): :func:`unresolved_quantity` says why. No string makes it raise. ``before``
    and ``behind`` are the words of its sentence, for casualties and ``percent of`` what.

    Raises:
        InputError: ``text`` is no string, or pint or inflect is not installed.
    """
    require_text(text)
    value = _value(text)
    if value is None:
        return None
    mention = fold(text)
    kind = casualty_kind(mention, fold(before), fold(behind))
    of = value.of
    if value.percent and of is None:
        share = _PERCENT_OF.match(behind)
        of = counted_noun(share[1], False) if share else None
    return value if (kind, of) == (None, value.of) else replace(value, kind=kind, of=of)


def unresolved_quantity(text: str) -> str | None:
    """Why :func:`normalise_quantity` has no value for ``text``; ``None`` where it has one."""
    require_text(text)
    return None if _value(text) else quantity_reason(fold(text))


@lru_cache(maxsize=16384)  # mentions repeat within a stream of news
def _value(text: str) -> QuantityValue | None:
    registry()
    surface = in_one_line(text.replace("‑", "-").replace("−", "-")).rstrip(".,;: ")
    if not surface or len(surface) > LONGEST:
        return None
    surface = re.sub(r"^(?:[,;: ]|\.(?![0-9]))+", "", surface)  # ".5 percent" keeps its point
    surface = re.sub(r"(?<=[a-z])fold$", "-fold", surface)  # "tenfold"
    surface = _SAME_UNIT.sub(r"\1\2\g<to>\5 \6", surface)
    twice = _CONVERSION.search(surface)
    if twice:
        value = _single(surface[: twice.start()])
        other = _single(twice["inner"]) if value else None
        if value and other and value.unit and other.unit:
            pair = (other.low, other.high, other.unit)
            return replace(value, conversion=agreement(value.low, value.high, value.unit, pair))
        if not twice["bracket"]:
            return _single(surface)
        surface = surface[: twice.start()]
    return _single(surface)


def _single(surface: str) -> QuantityValue | None:
    for said, usual in _REWRITTEN:
        surface = said.sub(usual, surface)
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
    found = read_amount(folded, pos, between, _says_millions(folded))
    if found is None:
        return None
    low, high, end, measured = found.low.value, found.high.value, found.end, None
    compound = read_compound(folded, end, high) if low == high and not found.money else None
    if compound:
        low, measured, end = compound[0], compound[1], compound[2]
        high = low
    rest, folded_rest = surface[end:], folded[end:]
    calibre = _COUNT_X_CALIBRE.match(folded_rest)
    if calibre and low == high and low.denominator == 1:
        bore = f"{calibre['bore']} {physical_unit(calibre['unit']) or 'inch'}"
        weapon = rest[calibre.end() :].strip(" -")
        return QuantityValue(
            float(low), float(low), weapon or None, "about" in flags,
            of=counted_noun(weapon, low == 1), calibre=bore,
        )  # fmt: skip
    if _not_an_amount(found, folded, folded_rest, end):
        return None
    return _described(
        found,
        low,
        high,
        folded[:end],
        rest,
        folded_rest,
        flags,
        bool(negative),
        measured or noun_first,
    )


def _not_an_amount(found: Amount, folded: str, rest: str, end: int) -> bool:
    """A date, a score, a serial number, ``4x4``, ``1e5``, a list, or two amounts."""
    if re.match(r"[^\sa-z+°€$£₽₴-]|-(?![a-z])|x[0-9]|e[-+]?[0-9]| \(", rest):
        return True
    if re.match(r"\s?(?:by|x|×|[-–—])\s?[0-9]", rest):
        return True  # "20 by 30 meters", "10-15 - 20"
    figures = folded[end - 1].isdigit()
    if figures and re.match(r" 000| [0-9]{3}(?![0-9a-z,-])", rest):
        return True  # "12 500 troops" or "12 155 mm shells"
    for joined in _JOINT.finditer(rest):
        tail = rest[joined.end() :]
        if tail.startswith(("a ", "an ")) or read_number(tail, _modifiers(tail)[0]):
            return True  # "three men and a woman", "500 and as many as 1,000"
    if any(read_number(rest, joined.end()) for joined in _OTHER_END.finditer(rest)):
        return True  # "5 feet 6 inches to 6 feet", "more than 20 but fewer than 30"
    if figures and re.match(r"'?s\b", rest):
        return True  # "the 40s"
    again = None if figures or re.match(r"[\s-]*[.0-9]", rest) else read_number(rest)
    if again and not rest.startswith("-", again[1]):
        return True  # "nineteen eighty-four", but "two one-ton bombs"
    behind = _UNIT_AND_REST.match(rest)  # "5-foot-6", "2 h 30 min"
    if not behind or behind[1] in ("h", "st"):
        return behind is not None
    return len(behind[1]) > 1 and physical_unit(behind[1]) is not None  # but "T-72 tanks"


def _described(
    found: Amount, low: Fraction, high: Fraction, said: str, rest: str, folded_rest: str,
    flags: set[str], negative: bool, known_unit: str | None,
) -> QuantityValue | None:  # fmt: skip
    """Bounds, approximation, unit, rate and what is counted, from what stands behind."""
    approximate = "about" in flags or any(n.vague or n.loose for n in (found.low, found.high))
    bottom: Fraction | None = low
    top: Fraction | None = high
    if negative and low != high and not SPREAD.search(said):
        return None  # "-5 to 10 degrees", "minus 5 to 10": is it -10?
    if negative:
        bottom, top = -high, -low
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
        kinds = {"more": "low", "so": "about", None: either.lastgroup or ""}
        flags = flags | {kinds.get(either[1], "high")}
    if "low" in flags or found.high.vague or at_least:
        top = None
    elif "high" in flags:
        bottom = None
    unit, rate, of = _noun(rest, folded_rest)
    if shape is None and unit and re.match("[mb] |b$", unit, re.IGNORECASE):
        return None  # "2.5m people" or "5m walls"
    if found.money == "rupees" and re.search(r"\b(?:lakhs?|crores?)\b", said):
        found = replace(found, money="INR")
    if (
        not found.money
        and not found.percent
        and unit == of
        and re.search(r"(?<![0-9.])[0-9]{1,3}\.[0-9]{3}$", said)
    ):
        return None  # "3.500 soldiers": in much of Europe they are 3,500
    unit = found.money or found.noun or known_unit or unit
    bore = _BORE.match(unit) if unit else None
    one = low == high == 1
    return QuantityValue(
        _float(bottom), _float(top), unit, approximate, rate, percent=found.percent,
        of=counted_noun(of, one) if of else None,
        calibre=f"{bore[1]} {physical_unit(bore[2])}" if bore else None,
    )  # fmt: skip


def _float(value: Fraction | None) -> float | None:
    return None if value is None else float(value)


def _says_millions(text: str) -> bool:
    """Whether ``m`` and ``b`` after figures are no units: another unit or a currency follows."""
    noun = re.match(r".*[0-9]\s?[mb]\s+(?=[a-z])(.+)", text)
    name = re.split(r"\s(?:of|in)\s", _RATE.sub("", noun[1]).strip())[0] if noun else ""
    return bool(currency(name) or currency(name.upper()) or physical_unit(name))


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


def _noun(rest: str, folded: str) -> tuple[str | None, str | None, str | None]:
    """What stands behind the number: unit, rate, and what is counted or measured."""
    more = _MORE.match(folded)
    if more:
        rest, folded = rest[more.end() :], folded[more.end() :]
    rate = None
    found = _RATE.search(folded)
    if found and found.lastgroup:
        rate = rest[found.start(found.lastgroup) : found.end(found.lastgroup)]
        rest, folded = rest[: found.start()], folded[: found.start()]
    if _TIMES.fullmatch(folded):
        return "times", rate, None
    skip = re.match(r"-(?=[a-z])|\s*(?:of(?:\s+|$))?(?:(?:an?|the)\s+)?", folded)
    noun = _DIMENSION.sub("", rest[skip.end() if skip else 0 :].strip())
    # "500-pound bomb", "155mm shells", but "10 barrel bombs"; "300 tons of ammunition"
    behind = _BESIDE if folded.startswith(" ") else rf"{_BESIDE}|(?<=\w\w)\s"
    measure = _DIMENSION.sub("", re.split(behind, noun)[0])
    bore = re.match(r"(?:mm|millimet(?:er|re)s?|caliber|calibre)(?=\s[a-z])", noun, re.IGNORECASE)
    if bore:  # "82 mm mortar rounds"
        measure = bore[0]
    for name in dict.fromkeys((noun, measure)):
        if name.lower() in SPEEDS:
            return (*SPEEDS[name.lower()], None)
        money, unit = currency(name), physical_unit(name)
        if money or unit:
            of = _BEFORE_OF.sub("", noun[len(name) :]) or None
            if of and re.match(_PLACE, noun[len(name) :]):
                of = None  # "20 km north of Aleppo" measures no north
            return money or unit, (physical_unit(rate) or rate) if unit and rate else rate, of
    return noun or None, rate, noun or None
