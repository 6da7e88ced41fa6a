"""The numbers of a quantity: one, a ratio, or two with ``to`` between, as exact bounds."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from fractions import Fraction

from ie_model.normalise.currencies import SYMBOL, front_currency
from ie_model.normalise.durations import UNIT
from ie_model.normalise.numbers import Number, read_number
from ie_model.normalise.units import physical_unit

_TO = re.compile(  # "10- to 15-kilometer", "ten-to-twelve"
    r"-?\s+(?:to|or|and)\s+(?:as many as\s+|perhaps\s+|about\s+)?|-to-|\s*(?:-|–|—)\s*"
)
SPREAD = re.compile(r"\s*(?:±|\+/-|\+-|plus or minus)\s*")
_OUT_OF = re.compile(
    r"\s+(?P<how>in(?!\s(?:1[89]|20)[0-9]{2}\b)|of|out of)\s+"
    r"(?P<every>every\s+)?(?:the\s+|all\s+)?(?=[a-z0-9])"
)
_NOUN_OUT_OF = re.compile(r"\s+(?P<noun>[a-z ]+?)\s+(?P<how>in|out of)\s+(?:every\s+)?(?=[a-z0-9])")
_TIME = re.compile(rf"[\s-]{UNIT}\b")
_ONE = re.compile(r"(an?\s+)((?:square\s|cubic\s|nautical\s)?[a-z]+)")
_PERCENT = re.compile(r"\s*-?(?:%|(?:percent|per cent|per-cent|pct)\b)(?!age)")
_PART_OF_PERCENT = re.compile(rf"\s+(?:of\s+)?(?:an?|one|1)(?=\s?-?[%p]){_PERCENT.pattern}")
_PERCENT_POINTS = re.compile(r"\s+percentage points?\b")
_PER_MILLE = re.compile(r"\s*(?:‰|per mille?\b|per mil\b|permille\b|promille\b)")


@dataclass(frozen=True, slots=True)
class Amount:
    """The numbers of an expression, what was read together with them, and where they end."""

    low: Number
    high: Number
    end: int
    money: str | None = None
    percent: bool = False
    noun: str | None = None
    article: bool = False
    """It was ``half a`` or ``a``: what follows is the unit, and no rate."""


def read_amount(text: str, pos: int, between: bool, millions: bool) -> Amount | None:
    """The amount that starts at ``pos`` of a folded text; ``between`` lets ``and`` join two."""
    first = _number(text, pos, millions)
    if first is None:
        return None
    ratio = _ratio(text, first)
    if ratio:
        return ratio
    spread = SPREAD.match(text, first.end)
    margin = _number(text, spread.end(), millions) if spread else None
    if margin and margin.low.value <= first.low.value:
        low = Number(first.low.value - margin.low.value)
        high = Number(first.low.value + margin.low.value)
        percent = first.percent or margin.percent
        return Amount(low, high, margin.end, first.money or margin.money, percent)
    to = _TO.match(text, first.end)
    if not to or ("and" in to[0] and not between):
        return first
    second = _number(text, to.end(), millions or first.money is not None)
    if second is None:
        return first
    if first.percent and not second.percent and re.match(r"\s+[a-z]", text[second.end :]):
        return None  # "10 percent or 15 people"
    low, high = first.low, second.low
    if low.scale == 1 and low.value * high.scale <= high.value:
        low = Number(low.value * high.scale, high.scale)  # "1.5-2 billion"
    if _leaves_out_thousands(text[pos : first.end], low, high, text[to.end() : second.end]):
        low = Number(low.value * 1000, 1000)
    if low.value > high.value:
        return None
    money, percent = first.money or second.money, first.percent or second.percent
    noun = first.noun or second.noun
    return Amount(low, high, second.end, money, percent, noun, second.article)


def _leaves_out_thousands(said: str, low: Number, high: Number, other: str) -> bool:
    """``20 to 30,000`` is 20,000 to 30,000, as is ``2-3000``; ``20 to 3,000`` is complete."""
    if not re.fullmatch(r"[^0-9,.]*[1-9][0-9]{0,2}", said) or high.scale != 1:
        return False
    if not re.search(r"[0-9],000$|[0-9]000$", other):
        return False
    full = low.value * 1000
    return full < high.value <= 10 * full


def _number(text: str, pos: int, millions: bool) -> Amount | None:
    symbol = SYMBOL.match(text, pos)
    start = symbol.end() if symbol else pos
    found = read_number(text, start, millions or symbol is not None)
    article = False
    if found is None:
        one = _ONE.match(text, start)  # "a mile", but "a rocket" has no number
        if not one or physical_unit(one[2]) is None:
            return None
        found, article = (Number(Fraction(1)), start + len(one[1]) - 1), True
    number, end = found
    half = re.compile(r"[\s-]+(?:of\s+)?an?(?=\s+[a-z])").match(text, end)
    if half and number.value < 1 and not symbol and re.search(r"[a-z]$|[½¼¾⅓⅔⅛]$|/[0-9]+$",
                                                             text[start:end]):  # fmt: skip
        end, article = half.end(), True  # "half a mile"
    percent = _PERCENT.match(text, end)
    if number.value < 1:
        percent = percent or _PART_OF_PERCENT.match(text, end)  # "half a percent"
    money = front_currency(symbol[1]) if symbol else None
    amount = Amount(number, number, percent.end() if percent else end, money, percent is not None)
    amount = replace(amount, article=article)
    for pattern, name in ((_PER_MILLE, "per mille"), (_PERCENT_POINTS, "percentage points")):
        behind = None if percent else pattern.match(text, end)
        if behind:
            return replace(amount, end=behind.end(), noun=name)
    return amount


def _ratio(text: str, part: Amount) -> Amount | None:
    """``one in five``, ``nine homes in ten``; ``31 of 34 provinces`` counts the provinces."""
    said = _OUT_OF.match(text, part.end) or _NOUN_OUT_OF.match(text, part.end)
    whole = read_number(text, said.end()) if said else None
    if not said or not whole or part.low.vague or whole[0].value < max(part.low.value, Fraction(1)):
        return None
    noun = said.groupdict().get("noun")
    if _TIME.match(text, whole[1]) or (noun and whole[1] < len(text)):
        return None  # "two attacks in three days", "9 homes in 10 villages"
    if said["how"] == "of" and not said["every"]:
        return Amount(part.low, part.high, whole[1], part.money)
    share = Number(part.low.value / whole[0].value)
    return Amount(share, share, whole[1], noun=noun)
