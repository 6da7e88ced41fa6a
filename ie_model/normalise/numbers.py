"""Numbers as news prose writes them, in figures or English words, read from a position.

The ground floor of :mod:`ie_model.normalise`: no units, no dates. Values are exact
fractions, so that ``1.1 million`` is 1,100,000 and ``a third`` is a third.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

from ie_model.errors import InputError

_SMALL = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen"
).split()
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
_CARDINALS = {word: n for n, word in enumerate(_SMALL)}
_CARDINALS |= {word: 10 * n for n, word in enumerate(_TENS, start=2)}
_SCALES = {
    "hundred": 100,
    "thousand": 10**3,
    "million": 10**6,
    "billion": 10**9,
    "trillion": 10**12,
    "dozen": 12,
    "score": 20,
    "lakh": 10**5,
    "lac": 10**5,
    "crore": 10**7,
}
_SUFFIXES = {"k": 10**3, "mn": 10**6, "bn": 10**9, "tn": 10**12, "trn": 10**12}
_SUFFIXES |= {"lakhs": 10**5, "lacs": 10**5, "crores": 10**7, "cr": 10**7}
_SHORT_SUFFIXES = {"m": 10**6, "b": 10**9}  # "28 m" is 28 metres, "£28m" is 28 million
_VAGUE = {f"{word}s": n for word, n in _SCALES.items()} | {"tens": 10}
_MIXED = re.compile(r"(?:\s+and\s+|[ -])([1-9][0-9]?)/([1-9][0-9]?)(?![0-9/])")
_PARTS = {"half": 2, "third": 3, "quarter": 4, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7}
_PARTS |= {"eighth": 8, "ninth": 9, "tenth": 10, "twentieth": 20, "hundredth": 100}
_PARTS |= {f"{word}s": n for word, n in _PARTS.items() if word != "half"} | {"halves": 2}
_GLYPHS = {"½": (1, 2), "¼": (1, 4), "¾": (3, 4), "⅓": (1, 3), "⅔": (2, 3), "⅛": (1, 8)}

_WORD = re.compile(r"[\s-]*([a-z]+)(?![a-z0-9])")
_FIGURE = re.compile(
    r"(?P<whole>(?:[0-9]{1,2}(?:,[0-9]{2})+,[0-9]{3}(?![0-9,])|[0-9]{1,3}(?:,[0-9]{3})+(?![0-9])"
    r"|[0-9]{1,3}(?: [0-9]{3}){2,}(?![0-9a-z-])|[0-9]{1,3} 000(?![0-9])"  # "12 000"
    r"|[0-9]+)(?:\.[0-9]+)?|\.[0-9]+)?"
    rf"(?:(?<=[0-9])/(?P<over>[0-9]{{1,3}})(?![0-9/])|\s?(?P<glyph>[{''.join(_GLYPHS)}]))?"
)
_HALF = re.compile(r"[\s-]+and[\s-]+(?:a[\s-]+|one[\s-]+)?(half|quarter)(?![a-z])")


@dataclass(frozen=True, slots=True)
class Number:
    """A number and how it was said.

    ``vague``: at least this many, as in ``dozens`` (24 or more) or ``a few hundred``.
    ``loose``: about this many, as in ``a couple``. ``scale``: the multiplier that its last
    words stand for, which a bare number before it in a range shares (``two to three dozen``).
    """

    value: Fraction
    scale: int = 1
    vague: bool = False
    loose: bool = False


def require_text(text: object) -> None:
    """Refuse a mention that is no string.

    Raises:
        InputError: it is none.
    """
    if not isinstance(text, str):
        raise InputError(f"expected the text of a mention, found {type(text).__name__}")


def fold(text: str) -> str:
    """Lower case without changing the length (``İ`` would become two code points)."""
    folded = text.lower()
    if len(folded) == len(text):  # no character became longer, and none becomes shorter
        return folded
    return "".join(low if len(low := c.lower()) == 1 else c for c in text)


def read_number(text: str, pos: int = 0, millions: bool = False) -> tuple[Number, int] | None:
    """The number that starts at ``pos`` of a folded text, and where it ends.

    ``millions`` lets a bare ``m`` or ``b`` after figures mean million and billion. ``None``
    where no number starts; ordinals (``3rd``) and number-like names (``2nd``) are none.
    """
    return _figures(text, pos, millions) or _vague(text, pos) or _words(text, pos)


def _next_word(text: str, pos: int) -> tuple[str, int]:
    match = _WORD.match(text, pos)
    return (match[1], match.end()) if match else ("", pos)


def _figures(text: str, pos: int, millions: bool) -> tuple[Number, int] | None:
    match = _FIGURE.match(text, pos)
    if not match or not (match["whole"] or match["glyph"]):
        return None
    if (match["whole"] or "").endswith(".000"):
        return None  # in much of Europe twelve thousand is 12.000
    value = Fraction(re.sub("[, ]", "", match["whole"] or "0"))
    if match["over"]:
        if int(match["over"]) == 0:
            return None
        value /= int(match["over"])
    if match["glyph"]:
        value += Fraction(*_GLYPHS[match["glyph"]])
    end = match.end()
    ordinal = re.compile(r"(?:st|nd|rd|th)s?\b").match(text, end)
    if ordinal and not match["over"]:
        return None
    end = ordinal.end() if ordinal else end  # "2/3rds"
    mixed = _MIXED.match(text, end) if match["whole"] and end == match.end("whole") else None
    if mixed and int(mixed[1]) < int(mixed[2]):  # "1 1/2", "1-1/2", "1 and 1/2"
        value, end = value + Fraction(int(mixed[1]), int(mixed[2])), mixed.end()
    half = _HALF.match(text, end)
    if half:
        value, end = value + Fraction(1, _PARTS[half[1]]), half.end()
    word, after = _next_word(text, end)
    suffixes = _SUFFIXES | _SHORT_SUFFIXES if millions else _SUFFIXES
    scale = 1
    while times := _SCALES.get(word) or suffixes.get(word):  # "2 lakh crore"
        scale, end, suffixes = scale * times, after, {}
        word, after = _next_word(text, end)
    return Number(value * scale, scale), end


def _vague(text: str, pos: int) -> tuple[Number, int] | None:
    """``dozens``, ``tens of thousands``, ``several hundred``, ``a couple of thousand``."""
    word, end = _next_word(text, pos)
    if word == "a":
        word, end = _next_word(text, end)
        if word not in ("few", "couple", "pair"):
            return None
    if word == "pair":
        return Number(Fraction(2)), end
    if word in _VAGUE:
        value = 2 * _VAGUE[word]
        while (of := re.compile(r"\s+of\s+([a-z]+)\b").match(text, end)) and of[1] in _VAGUE:
            value, end = value * _VAGUE[of[1]], of.end()
        return Number(Fraction(value), vague=True), end
    if word not in ("few", "several", "couple"):
        return None
    if word == "couple" and (of := re.compile(r"\s+of\b").match(text, end)):
        end = of.end()
    scale_word, after = _next_word(text, end)
    scale = _SCALES.get(scale_word)
    if scale:
        return Number(Fraction(2 * scale), scale, word != "couple", word == "couple"), after
    return (Number(Fraction(2), loose=True), end) if word == "couple" else None


def _words(text: str, pos: int) -> tuple[Number, int] | None:
    """Cardinals and scales; ``total`` collects what ends in a thousand or more."""
    first, _ = _next_word(text, pos)
    if first in ("a", "an", "half", "quarter"):
        return _share(text, pos)
    total, group, scale, used = 0, 0, 1, pos
    while True:
        word, end = _next_word(text, used)
        after_and = word == "and" and (total > 0 or group >= 100)
        if after_and:  # "two hundred and fifty", but not "two hundred and others"
            word, end = _next_word(text, end)
        n = _CARDINALS.get(word)
        if n is not None and _fits(group, n, used == pos):
            group, scale = group + n, 1
        elif word in _SCALES and not after_and and (group or used == pos):
            size = _SCALES[word]
            scale *= size
            if size <= 100:
                group = (group or 1) * size
            else:
                total, group = total + (group or 1) * size, 0
        else:
            break
        used = end
    if used == pos or word in _SCALES:  # "a thousand million": not how anyone writes
        return None
    value = Fraction(total + group)
    # "two half miles", "one half-track"
    halves = word == "half" and (value > 1 or text.startswith("-", end))
    if word in _PARTS and not halves and 0 < value < 20:
        value /= _PARTS[word]  # "two thirds"
        of = re.compile(r"[\s-]+of\s+an?\s+([a-z]+)\b").match(text, end)
        if of and of[1] in _SCALES:  # "three quarters of a million"
            return Number(value * _SCALES[of[1]], _SCALES[of[1]]), of.end()
        return Number(value), end
    half = _HALF.match(text, used)
    if half:
        size = scale if scale >= 1000 or scale == 12 else 1  # "a million", "a dozen and a half"
        value, used = value + Fraction(size, _PARTS[half[1]]), half.end()
        word, end = _next_word(text, used)
        if word in _SCALES:  # "two and a half million"
            return Number(value * _SCALES[word], _SCALES[word]), end
    return Number(value, scale), used


def _fits(group: int, n: int, first: bool) -> bool:
    """May cardinal ``n`` follow ``group``, as in ``twenty one`` and ``hundred six``?"""
    if first:
        return True
    return n > 0 and (group % 100 == 0 or (n < 10 and group % 10 == 0 and group % 100 >= 20))


def _share(text: str, pos: int) -> tuple[Number, int] | None:
    """``a hundred``, ``a third``, ``half``, ``half a million``, ``a quarter of a million``."""
    word, end = _next_word(text, pos)
    if word in ("a", "an"):
        word, end = _next_word(text, end)
        if word in _SCALES:
            return _words(text, end - len(word))
    if word not in _PARTS:
        return None
    value = Fraction(1, _PARTS[word])
    of = re.compile(r"[\s-]+(?:of\s+)?(?:an?\s+)?([a-z]+)\b").match(text, end)
    if of and of[1] in _SCALES:
        return Number(value * _SCALES[of[1]], _SCALES[of[1]]), of.end()
    return Number(value), end
