"""Sequences: the stretches of a text that are read, and tagged, on their own.

In news a line is a paragraph. In mails, cables and text taken from PDF files a paragraph is
broken into lines of one width, and a break inside it says no more than a blank: half of the
mentions at line ends are lost where it is taken for an end.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import numpy as np

from ie_model.documents import Document, Entity
from ie_model.encoding.units import Ints
from ie_model.encoding.wrapping import QUOTE, Span, soft_breaks

LINES = ("auto", "line", "paragraph", "document")
"""How a text is cut: ``line`` by line; ``paragraph`` by paragraph, at empty lines; not at
all (``document``); or ``auto``: by line, but for breaks that wrapping made."""

_LINE = re.compile(r"[^\r\n\v\f\x85\u2028\u2029]+")
LINE_END = re.compile(r"[\r\n\v\f\x85\u2028\u2029]")
# Other line ends are never made by wrapping. PDF text has a form feed at the end of a page.
_ENDS = {end + page for end in ("", "\n", "\r\n", "\r", "\r\r\n") for page in ("", "\f")}
_DOUBLE_ENDS = {end + end for end in ("\n", "\r\n", "\r")}
_BREAK = re.compile(rf"(?:(?:\r*\n|\r)\f?|\f)(?:{QUOTE})?")

_HYPHEN = re.compile(rf"-[ \t]*(?:{_BREAK.pattern}[ \t]*){{1,2}}(?=([^\W\d_]+))")
_LONGEST = 40  # letters of a word in front of its hyphen
_LETTERS = re.compile(r"[^\W\d_]+\Z")


def sequences(text: str, lines: str) -> list[Span]:
    """Where each sequence of a text starts and ends, ``[start, end)`` in code points.

    With ``auto`` a line break is soft where wrapping made it
    (:mod:`ie_model.encoding.wrapping`). White space alone is no sequence.
    """
    if lines == "document":
        return [(0, len(text))] if text and not text.isspace() else []
    rows = [m.span() for m in _LINE.finditer(text) if not m.group().isspace()]
    if lines == "line" or len(rows) < 2:
        return rows
    beside = [text[a[1] : b[0]] in _ENDS for a, b in pairwise(rows)]
    if lines == "auto" and not any(beside):  # perhaps there is an empty line behind every line
        beside = [text[a[1] : b[0]] in _DOUBLE_ENDS for a, b in pairwise(rows)]
    soft = beside if lines == "paragraph" else soft_breaks(text, rows, beside)
    joined = rows[:1]
    for row, goes_on in zip(rows[1:], soft, strict=True):
        if goes_on:
            joined[-1] = (joined[-1][0], row[1])
        else:
            joined.append(row)
    return joined


def parts_joined(document: Document, lines: str) -> tuple[Document, int]:
    """The document with mentions marked in parts at soft line breaks made whole, and how many.

    Entities of one label are parts of a mention where nothing but one soft break, and blanks,
    lies between them: guidelines that forbid a span to cross a line make annotators do so.
    """
    if lines not in ("auto", "paragraph"):
        return document, 0
    text = document.text
    soft = {
        match.start()
        for start, end in sequences(text, lines)
        for match in _BREAK.finditer(text, start, end)
    }
    whole: list[Entity] = []
    for entity in sorted(document.entities, key=lambda e: e.key):
        last = whole[-1] if whole else None
        gap = "" if last is None else text[last.end : entity.start]
        crossed = _BREAK.fullmatch(gap.strip(" \t"))
        if (
            last is not None
            and crossed
            and last.label == entity.label
            and any(place in soft for place in range(last.end, entity.start))
        ):
            whole[-1] = replace(last, end=entity.end, text=text[last.start : entity.end])
        else:
            whole.append(entity)
    return replace(document, entities=tuple(whole)), len(document.entities) - len(whole)


def unwrapped(piece: str, is_word: Callable[[str], bool]) -> tuple[str, Ints | None]:
    """The sequence as the tokenizer reads it, without the breaks that wrapping made.

    Args:
        piece: a sequence of wrapped text.
        is_word: whether some letters are a word; then ``Iran-`` and ``backed`` stay two.

    Returns:
        A text with a blank for each character of a line break, and of the marks that quote the line
        behind it, and with words put together that a hyphen parts at a line end; and, if there
        are any, where each of its characters stands in ``piece``, int32 ``[characters]``.
    """
    if not LINE_END.search(piece):
        return piece, None
    text = _BREAK.sub(lambda m: " " * len(m.group()), piece)
    kept = np.ones(len(piece), bool)
    for match in _HYPHEN.finditer(piece):
        before = _LETTERS.search(piece, max(match.start() - _LONGEST, 0), match.start())
        left, right = before[0] if before else "", match[1]
        one_case = left.isupper() if right.isupper() else right.islower()
        if left and one_case and (is_word(left + right) or not (is_word(left) and is_word(right))):
            kept[match.start() : match.end()] = False
    if kept.all():
        return text, None
    stands = np.flatnonzero(kept).astype(np.int32)
    return "".join(text[i] for i in stands), stands
