"""For lists that people read: a mention with a little text around it, a number with its noun."""

from __future__ import annotations

import re
from dataclasses import dataclass

_UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


@dataclass(frozen=True, slots=True)
class Excerpt:
    """``before`` and ``after`` are at most a line's text around ``mention``."""

    before: str
    mention: str
    after: str


def excerpt(text: str, start: int, end: int, around: int = 60) -> Excerpt:
    """Cut ``[start, end)`` out of its line, with up to ``around`` characters on each side.

    Cuts fall between words where there is a space; an ellipsis marks a cut.
    """
    left = max(text.rfind("\n", 0, start) + 1, start - around)
    right = text.find("\n", end)
    right = min(len(text) if right < 0 else right, end + around)
    before, after = text[left:start], text[end:right]
    if left > 0 and text[left - 1] != "\n":
        _, space, rest = before.partition(" ")
        before = "…" + (rest if space else before)
    if right < len(text) and text[right] != "\n":
        rest, space, _ = after.rpartition(" ")
        after = (rest if space else after) + "…"
    return Excerpt(before.lstrip(), text[start:end], after.rstrip())


def counted(number: int, noun: str) -> str:
    """``1 entity``, ``2 entities``."""
    if number == 1:
        return f"1 {noun}"
    return f"{number} {noun[:-1]}ies" if noun.endswith("y") else f"{number} {noun}s"


def visible(text: str) -> str:
    """``text`` with what a terminal would act upon written out: ``\\x1b[2J`` clears nothing.

    Escape sequences and marks that turn the direction of writing may stand in any id or
    text; line breaks and tabs stay what they are.
    """
    return _UNSEEN.sub(lambda found: found[0].encode("unicode_escape").decode(), text)
