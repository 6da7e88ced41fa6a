"""What a quantity counts: the noun, lemmatised, and whether it counts casualties."""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import Any

from ie_model.errors import InputError

_HEAD_ENDS = re.compile(
    r"\s(?:of|in|from|at|on|by|with|without|for|near|around|who|that|which|and|or|to|per|were|was"
    r"|are|is|has|have|had|into|across|during|since|after|before|killed|wounded|injured|missing"
    r"|dead|captured|including|belonging|carrying|inside|outside|under|over|as|than)(?=\s|$)"
    r"|[(,;:]"
)
_LEADING = re.compile(
    r"^(?:(?:more|other|additional|further|the|its|their|his|her|all|these|those)\s+)+", re.I
)
_CASUALTY_NOUNS = {
    "killed": r"(?:dead|deaths?|fatalit(?:y|ies)|killed|martyrs?|martyred|bodies|slain)",
    "wounded": r"(?:wounded|injured|injur(?:y|ies)|hurt)",
    "missing": r"(?:missing|disappeared|unaccounted)",
}
_ALSO = (
    r"(?:(?:were|was|are|is|been|being|has been|have been|had been|be|got|reported|reportedly"
    r"|also|left|feared|listed as|presumed|still)\s+){0,4}"
)
_LATER = r"(?:have |had |has |also |later )*"
_BEHIND = {
    "killed": rf"(?:{_ALSO}(?:killed|dead|slain|martyred)|{_LATER}(?:died|perished))\b",
    "wounded": rf"{_ALSO}(?:wounded|injured|hurt)\b|(?:sustained|suffered) injuries",
    "missing": rf"{_ALSO}(?:missing|unaccounted for)\b|{_LATER}(?:gone missing|disappeared)\b",
}
_GAP = (
    r"(?:\s+(?:at least|about|around|some|nearly|almost|more than|over|up to|as many as|another"
    r"|an?|the|other|additional|all))*\s*"
)
_FRONT = {
    "killed": r"(?:kill(?:ed|ing|s)?|slain|slaughtered|massacred|executed|the deaths? of"
    r"|claimed the lives of)",
    "wounded": r"(?:wound(?:ed|ing|s)?|injur(?:ed|ing|es?)|hurt(?:ing)?)",
    "missing": r"missing:",
}
_TWO = re.compile(
    rf"(?:{_FRONT['killed']}|{_FRONT['wounded']})\s+(?:and|or|and/or)\s+"
    rf"(?:{_FRONT['killed']}|{_FRONT['wounded']}){_GAP}$"
)
_TWO_BEHIND = re.compile(rf"{_ALSO}[a-z]+\s+(?:and|or|and/or)\s+(?:killed|wounded|injured)\b")


def casualty_kind(mention: str, before: str = "", behind: str = "") -> str | None:
    """``killed``, ``wounded`` or ``missing`` as the mention or the words beside it say.

    The mention's own words come first, then the verb directly before it (``killed 30
    soldiers``), then what directly follows (``30 soldiers were wounded``). ``killed and
    wounded 30`` is none: both are said.
    """
    inside = {k for k, noun in _CASUALTY_NOUNS.items() if re.search(rf"\b{noun}\b", mention)}
    if inside:
        return inside.pop() if len(inside) == 1 else None
    front = [k for k, verb in _FRONT.items() if re.search(rf"\b{verb}{_GAP}$", before)]
    if front:
        return None if _TWO.search(before) else front[0]
    text = behind.lstrip()
    following = [k for k, verb in _BEHIND.items() if re.match(verb, text)]
    return following[0] if following and not _TWO_BEHIND.match(text) else None


@lru_cache(maxsize=16384)
def counted_noun(phrase: str, one: bool) -> str | None:
    """The noun phrase that is counted, its head in the singular: ``armed fighters`` is
    ``armed fighter``. ``one``: the phrase stands behind a one and is singular already."""
    ends = _HEAD_ENDS.search(f" {phrase}")
    head = phrase[: max(ends.start() - 1, 0)] if ends else phrase
    head = _LEADING.sub("", head.strip(" -"))
    if not re.search("[A-Za-z]", head):
        return None
    words = head.split()
    if not one:
        words[-1] = _singular(words[-1])
    return " ".join(
        word if word[:1].isupper() and len(word) > 1 else word.lower() for word in words
    )


_UNCHANGED = frozenset("news mass gas class corps this series species means headquarters".split())


@lru_cache(maxsize=16384)
def _singular(word: str) -> str:
    if not re.fullmatch("[A-Za-z]+(?:[-'][A-Za-z]+)*", word) or word.lower() in _UNCHANGED:
        return word
    if word.lower().endswith(("ss", "us", "is")):
        return word  # "bus", "crisis" are no plurals
    found = _inflect().singular_noun(word)
    return found if isinstance(found, str) else word


@cache
def _inflect() -> Any:
    try:
        import inflect
    except ImportError as error:
        raise InputError(
            "normalised values need inflect: pip install 'ie-model[normalise]'"
        ) from error
    return inflect.engine()
