"""Other numbers and dates of the same form, for training text: ``28,000`` to ``41,000``.

Strings in, strings out; nothing here knows of documents.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence

_NUMBER_WORDS = (
    "two three four five six seven eight nine".split(),
    "ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split(),
    "twenty thirty forty fifty sixty seventy eighty ninety".split(),
    "dozens hundreds thousands".split(),
)
_DATE_WORDS = (
    "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split(),
    "January February March April June July August September October November December".split(),
    "Jan. Feb. Aug. Sept. Oct. Nov. Dec.".split(),
    "spring summer autumn winter".split(),
    "morning afternoon evening".split(),
)
_NUMBER = re.compile(
    r"(?<![\w.,])(?<![A-Za-z]-)[0-9]+(?:,[0-9]{3})*(?:\.[0-9]+)?(?![\w,.]*[0-9])(?!st|nd|rd|th)"
)
_DATE_NUMBER = re.compile(
    r"(?<![\w./:-])[0-9]{1,4}(?![\w/:.]*[0-9])(?!-[0-9]{2}-)(?!st|nd|rd|th|s\b)"
)
_FRACTION = re.compile(r"\b(?:half|thirds?|quarters?|fourths?|fifths?|sixths?|tenths?)\b", re.I)


def other_quantity(text: str, rng: random.Random) -> str:
    """A quantity with other figures and number words; fractions and ordinals are left alone."""
    if _FRACTION.search(text):
        return text
    return _other_words(_other_numbers(text, rng), _NUMBER_WORDS, rng)


def other_date(text: str, rng: random.Random) -> str:
    """A date or duration with another day, month, weekday, year or number.

    Dates all in figures (``2018-12-03``), clock times with minutes, and figures whose ending
    would no longer fit (``3rd``, ``1990s``) are left alone; a rising range keeps rising.
    """
    found = _DATE_NUMBER.findall(text)
    made = iter(_rising(found, [_other_date_number(figure, rng) for figure in found]))
    text = _DATE_NUMBER.sub(lambda _: next(made), text)
    return _other_words(text, (*_DATE_WORDS, *_NUMBER_WORDS[:2]), rng)


def _other_numbers(text: str, rng: random.Random) -> str:
    """Other digits in the same places; zeros stay, so that round numbers stay round.

    A lone ``1`` stays too (its noun is singular), and a rising range keeps rising.
    """

    def other(match: re.Match[str]) -> str:
        if match[0] == "1":
            return match[0]
        least = 2 if len(match[0]) == 1 else 1
        return re.sub("[1-9]", lambda _: str(rng.randint(least, 9)), match[0])

    found = _NUMBER.findall(text)
    made = iter(_rising(found, [other(m) for m in _NUMBER.finditer(text)]))
    return _NUMBER.sub(lambda _: next(made), text)


def _rising(found: list[str], made: list[str]) -> list[str]:
    """What was made of the two ends of a rising range, in rising order too."""
    if len(found) != 2 or not _value(found[0]) < _value(found[1]):
        return made
    return sorted(made, key=_value)


def _value(figure: str) -> float:
    return float(figure.replace(",", ""))


def _other_date_number(figure: str, rng: random.Random) -> str:
    """Years move by up to five, days and other small numbers within their digit count."""
    if len(figure) == 4:
        moved = int(figure) + rng.randint(-5, 5)
        return str(moved) if 1900 <= int(figure) <= 2099 else figure  # else a time of day
    if len(figure) == 3 or figure in ("0", "1") or figure.startswith("0"):
        return figure
    if int(figure) > 31:
        return str(rng.randint(32, 99))
    return str(rng.randint(2, 9) if len(figure) == 1 else rng.randint(10, 28))


def _other_words(text: str, groups: Sequence[Sequence[str]], rng: random.Random) -> str:
    """Each word of a group becomes another of its group, with its capital as it was."""
    by_word = {word.lower(): group for group in groups for word in group}

    def other(match: re.Match[str]) -> str:
        group = by_word.get(match[0].lower())
        if group is None:
            return match[0]
        made = rng.choice(group)
        if match[0].isupper():
            return made.upper()
        return made[0].upper() + made[1:] if match[0][0].isupper() else made.lower()

    return re.sub(r"[A-Za-z]+\b\.?", other, text)
