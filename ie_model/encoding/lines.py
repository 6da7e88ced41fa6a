"""Sequences: the stretches of a text that are read, and tagged, on their own.

In news a line is a paragraph. In mails, cables and text taken from PDF files a paragraph is
broken into lines of one width, and a break inside it says no more than a blank: half of the
mentions at line ends are lost where it is taken for an end.
"""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import pairwise

import numpy as np

from ie_model.documents import Document, Entity

LINES = ("auto", "line", "paragraph", "document")
"""How a text is cut: ``line`` by line; ``paragraph`` by paragraph, at empty lines; not at
all (``document``); or ``auto``: by line, but for breaks that :func:`sequences` finds soft."""

_LINE = re.compile(r"[^\r\n\v\f\x85\u2028\u2029]+")
LINE_END = re.compile(r"[\r\n\v\f\x85\u2028\u2029]")
_BREAK = re.compile(r"\r\n|\r|\n")  # other line ends are never made by wrapping
_ITEM = re.compile(r"\s*(?:[-*+•‣●▪◦·–—>|]|\(?(?:\d{1,3}|[a-zA-Z])[.)])\s|\s*\S+:\s")
_CELLS = re.compile(r"\S(?:\t| {3,})\S")
_FIRST_WORD = re.compile(r"\s*\S+")

_NARROWEST, _WIDEST = 30, 130  # columns; nobody wraps text to fewer or to more
_SLACK = 0.9  # of the width that a line reaches with the next line's first word, at least
_FULL_SHARE = 0.4  # of the breaks in wrapped text that stand at full lines, at least
_RUNNING_SHARE = 0.4  # of those in the middle of a sentence, at least
_SMALL_SHARE = 0.15  # of those before a small letter, at least: headlines begin with a capital

Span = tuple[int, int]


def sequences(text: str, lines: str) -> list[Span]:
    """Where each sequence of a text starts and ends, ``[start, end)`` in code points.

    With ``auto`` a line break is soft where the text is wrapped and the line is full: the
    next line's first word would not have fitted. A text is wrapped if it has a width (the
    95th percentile of its lines, 30 to 130 columns), enough of its lines are full by it,
    and enough of these end in the middle of a sentence. Lists, tables and headlines do not.
    White space alone is no sequence.
    """
    if lines == "document":
        return [(0, len(text))] if text and not text.isspace() else []
    rows = [m.span() for m in _LINE.finditer(text) if not m.group().isspace()]
    if lines == "line" or len(rows) < 2:
        return rows
    beside = [_BREAK.fullmatch(text, a[1], b[0]) is not None for a, b in pairwise(rows)]
    soft = beside if lines == "paragraph" else _soft_breaks(text, rows, beside)
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


def unwrapped(piece: str) -> str:
    """The sequence as the tokenizer reads it: a blank for each character of a line break."""
    return _BREAK.sub(lambda m: " " * len(m.group()), piece)


def _soft_breaks(text: str, rows: list[Span], beside: list[bool]) -> list[bool]:
    """For each break between two rows, whether wrapping made it."""
    none = [False] * len(beside)
    lengths = [len(text[a:b].rstrip()) for a, b in rows]
    upper = [length for length, near in zip(lengths, beside, strict=False) if near]
    if not upper:
        return none
    width = float(np.percentile(upper, 95))
    if not _NARROWEST <= width <= _WIDEST:
        return none
    full, running, small = list(none), 0, 0
    for i, near in enumerate(beside):
        if not near:
            continue
        above, below = text[slice(*rows[i])].rstrip(), text[slice(*rows[i + 1])]
        if _ITEM.match(below) or _CELLS.search(above) or _CELLS.search(below):
            continue
        word = _FIRST_WORD.match(below)
        assert word is not None
        if len(above) + 1 + len(word.group().strip()) > _SLACK * width:
            full[i] = True
            last = above.rsplit(None, 1)[-1]
            goes_on = below.lstrip()[0].islower()
            small += goes_on
            running += goes_on or (last[0].islower() and last[-1].isalpha())
    count = sum(full)
    wrapped = (
        count >= _FULL_SHARE * len(upper)
        and running >= _RUNNING_SHARE * count
        and small >= max(1, _SMALL_SHARE * count)
    )
    return full if wrapped else none
