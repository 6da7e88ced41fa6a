"""Units: the smallest pieces of text that carry a tag, as groups of a tokenizer's tokens.

A unit starts where a word, a hyphen, a slash or another punctuation mark starts, with three
exceptions whose inner marks never end a mention: dotted abbreviations (``U.S.``), figures
(``1,400``, ``10:30``) and apostrophes inside names (``Sana'a``, not the ``'s`` of
``Iraq's``). Where data are labelled word by word (CoNLL files of posts), a unit can be a
whole word instead: what stands between blanks, marks at its edges apart, so that a URL, a
``@handle`` and ``:-)`` are one unit each. No unit cuts a token.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ie_model.encoding.characters import kinds

Ints = NDArray[np.int32]
Longs = NDArray[np.int64]

RULES = 4
"""Part of the key of encoded windows: raise it when a text gives other units or stretches."""

MAX_UNIT_TOKENS = 32
"""A longer unbroken string (a URL, base64) is cut into units of this many tokens."""

_JOINED = re.compile(
    r"(?<![^\W_])(?:[^\W\d_]\.){2,}"  # U.S., a.m.
    r"|(?<!\d)\d+(?:[.,:]\d+)+"  # 1,400 and 3.5 and 10:30
    r"|(?<![^\W\d_])[^\W\d_]+['’](?!(?:s|re|ve|ll|d|m|t)\b)[^\W\d_]+",  # Sana'a, O'Brien
    re.IGNORECASE,
)

_WHOLE = re.compile(
    r"(?<!_)\w+://\S*[^\W_]"  # http://t.co/x
    r"|[@#]?[^\W_][^\s/]*[^\W_]"  # Iran-backed, @handle, #tag
    r"|&#?\w+;"  # &amp;
    r"|(?:(?![@#]?[^\W_])[^\w\s])+"  # ... and :-)
)
_POSSESSIVE = re.compile(r"['’](?=s\b)", re.IGNORECASE)

_SPACE, _WORD, _MARK, _SINGLE, _OTHER = range(5)
_UNSPACED = ((0x0E00, 0x0EFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0x2E80, 0x9FFF),
             (0xF900, 0xFAFF), (0x20000, 0x3FFFF))  # fmt: skip
"""Scripts written without spaces: every character may start or end a mention."""


def _char_class(char: str) -> int:
    if char.isspace():
        return _SPACE
    if unicodedata.category(char).startswith("M"):
        return _MARK
    if char.isalnum():
        return _SINGLE if any(a <= ord(char) <= b for a, b in _UNSPACED) else _WORD
    return _OTHER


def group_tokens(
    texts: Sequence[str], offsets: Ints, counts: Longs, *, whole_words: bool = False
) -> tuple[Ints, Ints, Ints, Ints, Longs]:
    """Group the tokens of some sequences into units, all at once.

    Args:
        texts: the sequences.
        offsets: int32 ``[tokens, 2]``, each token's code-point span in its sequence, the
            sequences one after the other.
        counts: int64 ``[sequences]``, how many of the tokens are each one's.
        whole_words: marks inside a word begin no unit, but for the ``'s`` of ``Iraq's``.

    Returns:
        ``first`` and ``after`` (each unit's first token in its sequence, and the one behind
        its last), ``starts`` and ``ends`` (code points), each int32 ``[units]``, and int64
        ``[sequences + 1]``, where each sequence's units begin. Tokens of white space alone
        are in no unit.
    """
    # One text, a line break between sequences: nothing reaches across it.
    text = "\n".join(texts)
    bases = np.cumsum([0, *(len(t) + 1 for t in texts)])[:-1]
    owner = np.repeat(np.arange(len(texts)), counts)
    classes = kinds(text, _char_class)
    length = len(classes)
    space = classes == _SPACE
    # SentencePiece and byte-level tokens may begin or end with the space next to a word.
    places = np.arange(length, dtype=np.int32)
    next_ink = np.minimum.accumulate(np.where(space, length, places)[::-1])[::-1]
    last_ink = np.maximum.accumulate(np.where(space, -1, places)) + 1
    start = np.append(next_ink, length)[offsets[:, 0] + bases[owner]]
    end = np.concatenate([[0], last_ink])[offsets[:, 1] + bases[owner]]
    inked = np.flatnonzero(end > start)
    start, end, owner = start[inked], end[inked], owner[inked]
    if len(inked) == 0:
        empty = np.empty(0, np.int32)
        return empty, empty, empty, empty, np.zeros(len(texts) + 1, np.int64)

    word = (classes == _WORD) | (classes == _MARK)
    boundary = np.ones(length, dtype=bool)
    boundary[1:] = ~(word[:-1] & (classes[1:] == _WORD)) & ((classes[1:] != _MARK) | space[:-1])
    for match in _JOINED.finditer(text):
        boundary[match.start() + 1 : match.end()] = False
    if whole_words:
        _join_words(boundary, text, classes)
    # Several tokens can share one character (bytes of an emoji): only the first opens.
    reach = np.maximum.accumulate(end)
    opens = boundary[start]
    opens[1:] &= start[1:] >= reach[:-1]
    opens[0] = True
    opens[1:] |= owner[1:] != owner[:-1]

    heads = np.flatnonzero(opens)
    sizes = np.diff(np.append(heads, len(start)))
    if sizes.max() > MAX_UNIT_TOKENS:
        heads = _cut_long(heads, sizes, start, reach)
    tails = np.append(heads[1:], len(start)) - 1
    owner = owner[heads]
    before = np.concatenate([[0], np.cumsum(counts)[:-1]])
    return (
        (inked[heads] - before[owner]).astype(np.int32),
        (inked[tails] + 1 - before[owner]).astype(np.int32),
        (start[heads] - bases[owner]).astype(np.int32),
        (reach[tails] - bases[owner]).astype(np.int32),
        np.searchsorted(owner, np.arange(len(texts) + 1)),
    )


def _join_words(boundary: NDArray[np.bool_], text: str, classes: NDArray[np.uint8]) -> None:
    """Take out the unit boundaries inside words, in place."""
    inside = np.zeros(len(boundary), dtype=bool)
    for match in _WHOLE.finditer(text):
        inside[match.start() + 1 : match.end()] = True
        for possessive in _POSSESSIVE.finditer(text, match.start() + 1, match.end()):
            inside[possessive.start()] = False
    # Blanks do not part the words of scripts written without them.
    single = classes == _SINGLE
    inside[1:] &= ~(single[1:] | single[:-1])
    boundary &= ~inside


def _cut_long(heads: Longs, sizes: Longs, start: Ints, reach: Ints) -> Longs:
    """Unit heads with every unit longer than MAX_UNIT_TOKENS cut, never inside a character."""
    cut: list[int] = []
    for head, size in zip(heads.tolist(), sizes.tolist(), strict=True):
        cut.append(head)
        for token in range(head + 1, head + size):
            if token - cut[-1] >= MAX_UNIT_TOKENS and start[token] >= reach[token - 1]:
                cut.append(token)
    return np.array(cut)
