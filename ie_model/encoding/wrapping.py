"""Hard-wrapped text: which of its line breaks say no more than a blank.

Who wraps text puts as many words on a line as fit. So the width lies between the length of a line
and what it would be with the next line's first word, and the breaks of a wrapped text agree on it.
Those of lists, tables and headlines may do so by chance, but stand in the middle of no sentence.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

Span = tuple[int, int]

QUOTE = r"(?:[ \t]{0,3}>)+"
"""What stands in front of each line of a mail that another one quotes."""

_QUOTE = re.compile(QUOTE)
_ITEM = re.compile(r"\[\d{1,3}\]|[-*+•‣●▪◦·–—>\uf0b7\uf0a7]\s|\||[^\W_a-z]\S*:\s")
_NUMBERED = re.compile(r"\(?(\d{1,3}|[a-zA-Z])[.)]\s")
_CELLS = re.compile(r"\S(?:\t| {3,})\S")
_ENDED = re.compile(r"[.!?:;][\"'”’)\]]*$")
_GO_ON = frozenset(
    "and as at but by for from has have in into of on or that to was were which will with".split()
)  # they begin no headline, and none is an abbreviation when in capitals
_OPEN = _GO_ON | {"the", "their", "this"}  # nor do these end one

_NARROWEST, _WIDEST = 30, 130  # columns; nobody wraps text to fewer or to more
_NARROW_BLOCK = 20  # columns that a quotation in wrapped text may have
_SLACK, _OVERFULL = 0.9, 1.15  # of the width: on printed pages letters differ in theirs
_FULL_SHARE = 0.5  # of the breaks in wrapped text that stand at full lines, at least
_RUNNING_SHARE = 0.4  # of those in the middle of a sentence, at least
_LITTLE_SHARE = 0.15  # of those beside a small word, at least: headlines begin with a capital
_FOUND = 0.8  # of the breaks of a block, at least, where it has the width of the text
_BLOCK = 3  # breaks without an empty line between them that may have a width of their own


class _Line(NamedTuple):
    """``words`` without what is in front and behind, ``length`` columns with what is in front.

    ``number`` is that of a list's item, or a person's initial; ``item`` are others. ``cells`` have
    a tab or three blanks between them.
    """

    words: str
    length: int
    indent: int
    quotes: str
    number: str
    item: bool
    cells: bool


class _Break(NamedTuple):
    """The break behind line ``at``, which wrapping made where the width is from ``least`` up to,
    but not, ``most``."""

    at: int
    least: int
    most: int
    running: bool  # in the middle of a sentence
    little: bool  # beside a word that begins or ends no headline
    goes_on: bool  # before a small letter
    strict: bool  # behind the end of a sentence or in a table: soft at the very width alone


def soft_breaks(text: str, rows: Sequence[Span], beside: Sequence[bool]) -> list[bool]:
    """For each break between two rows of a text, whether wrapping made it.

    Args:
        text: the text.
        rows: its lines that are not blank, without their ends.
        beside: for each row but the last, whether one line end alone is between it and the next.

    A text is wrapped where its breaks agree on a width of 30 to 130 columns, and enough of them
    stand in the middle of a sentence. What is wrapped to another width (a quotation, say) is
    judged on its own where it has enough lines.
    """
    soft = [False] * len(beside)
    blocks = _blocks(text, rows, beside)
    found = _made_by_wrapping([b for block in blocks for b in block])
    for block in blocks:
        inside = [b for b in block if b.at in found]
        if len(block) >= _BLOCK and len(inside) < _FOUND * len(block):
            found |= _made_by_wrapping(block, _NARROW_BLOCK if found else _NARROWEST)
    for at in found:
        soft[at] = True
    return soft


def _made_by_wrapping(breaks: Sequence[_Break], narrowest: int = _NARROWEST) -> set[int]:
    """Where the soft ones of some breaks are; empty unless the breaks show that text is wrapped."""
    least = np.sort([b.least for b in breaks])
    most = np.sort([b.most for b in breaks])
    agreed = np.arange(1, len(least) + 1) - np.searchsorted(most, least, "right")
    possible = (least >= narrowest) & (least <= _WIDEST)
    if not possible.any():
        return set()
    agreed, widths = agreed[possible], least[possible]
    width = int(widths[agreed == agreed.max()][-1])
    full = [
        b
        for b in breaks
        if b.least <= width < b.most
        or (not b.strict and b.least <= _OVERFULL * width and b.most > _SLACK * width)
    ]
    count = len(full)
    wrapped = (
        count >= _FULL_SHARE * len(breaks)
        and sum(b.running for b in full) >= _RUNNING_SHARE * count
        and sum(b.little for b in full) >= max(1, _LITTLE_SHARE * count)
    )
    if not wrapped:
        return set()
    found = {b.at for b in full}
    # What was wrapped to less another time has a short line behind each full one.
    short = [b for b in breaks if not b.strict and b.at not in found and b.at - 1 in found]
    twice = sum(b.goes_on for b in short) >= max(_BLOCK, _RUNNING_SHARE * len(short))
    long = [b for b in breaks if not b.strict and b.goes_on and 2 * b.least >= width]
    return found | {b.at for b in (*short, *long) if twice or b.goes_on}


def _blocks(text: str, rows: Sequence[Span], beside: Sequence[bool]) -> list[list[_Break]]:
    """The breaks that wrapping may have made, those between two empty lines together."""
    lines: dict[int, _Line] = {}
    near = [at for at, close in enumerate(beside) if close and _may_be_full(rows[at])]
    if not any(rows[at][1] - rows[at][0] >= _NARROWEST for at in near):
        return []
    for at in near:
        for row in (at, at + 1):
            if row not in lines:
                lines[row] = _line(text[slice(*rows[row])])
    numbers = {line.number for line in lines.values() if line.number}
    cased = any(char.isupper() for line in lines.values() for char in line.words)
    blocks: list[list[_Break]] = []
    behind, prose = -1, False
    for at in reversed(near):
        if at + 1 != behind:
            blocks.append([])
            prose = _ENDED.search(lines[at + 1].words) is not None  # lists end in no full stop
        behind = at
        found = _break(at, lines[at], lines[at + 1], numbers, cased, prose)
        if found is not None:
            blocks[-1].append(found)
    return blocks


def _may_be_full(row: Span) -> bool:
    return row[1] - row[0] <= 2 * _WIDEST  # trailing blanks, and one long word, among them


def _line(row: str) -> _Line:
    quotes = _QUOTE.match(row)
    written = row[quotes.end() :] if quotes else row
    words = written.strip()
    number = _NUMBERED.match(words)
    return _Line(
        words,
        len(row.rstrip()),
        len(written) - len(written.lstrip()),
        quotes[0].replace(" ", "") if quotes else "",
        number[1].lower() if number else "",
        _ITEM.match(words) is not None,
        _CELLS.search(words) is not None,
    )


def _break(
    at: int, above: _Line, below: _Line, numbers: set[str], cased: bool, prose: bool
) -> _Break | None:
    """The break between two lines, or nothing where it cannot have been made by wrapping.

    In capitals, or where a text has none (``cased``), small letters tell nothing of where
    sentences begin. Where the block ends with a sentence (``prose``), other lines do not end any.
    """
    ended = _ENDED.search(above.words) is not None
    cells = above.cells or below.cells
    if (
        above.quotes != below.quotes
        or not (above.words and below.words)
        or below.item
        or (cells and above.length != below.length)  # where they are the width: justified
        or (ended and below.indent > above.indent and not above.item and not above.number)
        or (below.number and _has_neighbour(below.number, numbers))
    ):
        return None
    last, first = above.words.rsplit(None, 1)[-1], below.words.split(None, 1)[0]
    if not cased or (above.words.isupper() and below.words.isupper()):
        goes_on = False
        little = last.lower() in _OPEN or first.lower() in _GO_ON
        running = last.isalpha()
    else:
        goes_on = first[0].islower()
        little = goes_on or last in _OPEN
        running = goes_on or last[-1] == "," or (last[0].islower() and last[-1].isalpha())
    running |= prose and not ended
    least = 0 if last == above.words else above.length
    most = above.length + 1 + (0 if cells else len(first))
    return _Break(at, least, most, running, little, goes_on, ended or cells)


def _has_neighbour(number: str, numbers: set[str]) -> bool:
    """Whether an item before or after this one begins a line, too: ``R. Allen`` is a name."""
    if number.isdecimal():
        return not numbers.isdisjoint({str(int(number) - 1), str(int(number) + 1)})
    return not numbers.isdisjoint({chr(ord(number) - 1), chr(ord(number) + 1)})
