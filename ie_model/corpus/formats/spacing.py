"""Tokens to running text and back: where a token file's lost spaces most likely were."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

BRACKETS = {"-LRB-": "(", "-RRB-": ")", "-LSB-": "[", "-RSB-": "]", "-LCB-": "{", "-RCB-": "}"}
"""How the Penn Treebank, and the token files made from it, write brackets."""
LINE_END = re.compile(r"[\r\n]")
"""Where a sentence of a token file ends, unless it is inside an entity."""
_CLOSING = re.compile(r"""[.,;:!?)\]}%»”’…]+|''|n['’]t|['’](?:s|m|d|t|re|ve|ll)|-\w.*""", re.I)
_OPENING = re.compile(r"[(\[{«“‘$£€\u20a0-\u20cf]+|``")
_CLITIC = re.compile(r"(?:s|m|d|t|re|ve|ll)", re.I)
_APOSTROPHES = frozenset("'’´`")
_QUOTES = frozenset("\"'")

_WORD = re.compile(
    r"""
      (?:[^\W\d_]\.){2,}(?:-\w+)*              # U.S.  U.S.-backed
    | \d+(?:[.,:]\d+)+\w*(?:-\w+)*             # 1,400  10:30  1.6bn  1,000-strong
    | \w+(?:['’-]\w+)*                         # Iran-backed  don't  30-metre  2nd
    | ([^\w\s])\1*                             # ...  --
    """,
    re.VERBOSE,
)


def join_tokens(tokens: Sequence[str]) -> tuple[str, list[int]]:
    """The text that the tokens most likely came from, and the offset of each token in it.

    Closing punctuation, clitics and citation marks lean left, opening brackets and currency
    signs right, quotes alternate, a slash holds both sides, and so does a dash between figures.
    """
    parts: list[str] = []
    offsets: list[int] = []
    length = 0
    glued = True  # no space before the next token
    open_quotes: set[str] = set()
    for i, token in enumerate(tokens):
        after = tokens[i + 1] if i + 1 < len(tokens) else ""
        left, right = False, False  # does the token lean on its neighbour?
        if token in _APOSTROPHES and not glued and _CLITIC.fullmatch(after):
            left = right = True
        elif token in _QUOTES:
            left = token in open_quotes
            right = not left
            odd = tokens[i:].count(token) % 2 == 1
            if right and odd and token == "'" and i and tokens[i - 1][-1] in "sS":
                left, right = True, False  # veterans' clinic: nothing closes it
            else:
                open_quotes ^= {token}
        elif token == "/" or (token == "–" and _between_figures(tokens, i)):
            left = right = True
        elif token == "[" and i and after.isdecimal() and tokens[i + 2 : i + 3] == ["]"]:
            left = right = True  # a citation mark: Anbar.[1]
        elif _CLOSING.fullmatch(token):
            left = True
        elif _OPENING.fullmatch(token):
            right = True
        if not glued and not left:
            parts.append(" ")
            length += 1
        offsets.append(length)
        parts.append(token)
        length += len(token)
        glued = right
    return "".join(parts), offsets


def _between_figures(tokens: Sequence[str], i: int) -> bool:
    """Whether the dash at ``i`` makes a range: 120–180."""
    around = (*tokens[max(i - 1, 0) : i], *tokens[i + 1 : i + 2])
    return len(around) == 2 and around[0][-1].isdecimal() and around[1][0].isdecimal()


def split_tokens(text: str, cuts: Iterable[int] = ()) -> list[tuple[int, int]]:
    """Half-open token spans of a text, cut further at ``cuts`` so that entities hold whole ones.

    Every character that is not white space is in exactly one token.
    """
    borders = sorted(set(cuts))
    spans: list[tuple[int, int]] = []
    k = 0
    for match in _WORD.finditer(text):
        start, end = match.span()
        while k < len(borders) and borders[k] <= start:
            k += 1
        while k < len(borders) and borders[k] < end:
            spans.append((start, borders[k]))
            start = borders[k]
            k += 1
        spans.append((start, end))
    return spans


def align_tokens(text: str, tokens: Sequence[str]) -> list[int] | None:
    """The offset of each token in ``text``, or ``None`` when they do not spell it."""
    offsets: list[int] = []
    position = 0
    for token in tokens:
        while position < len(text) and text[position].isspace():
            position += 1
        if not text.startswith(token, position):
            return None
        offsets.append(position)
        position += len(token)
    return None if text[position:].strip() else offsets
