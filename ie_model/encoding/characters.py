"""Characters by kind, for all of a text at once."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
from numpy.typing import NDArray

_COMMON = 0x2100
"""Code points below this are looked up in a table; those above are rare."""


def kinds(text: str, kind: Callable[[str], int]) -> NDArray[np.uint8]:
    """The kind of every character, uint8 ``[characters]``.

    Args:
        text: any text.
        kind: maps a character to a number below 256. Its table is cached for good, so pass a
            function of a module, not a lambda made for each call.
    """
    codes = np.frombuffer(text.encode("utf-32-le"), np.uint32)
    table = _table(kind)
    rare = codes >= len(table)
    if not rare.any():
        return table[codes]
    found = table[np.where(rare, 0, codes)]
    unique, inverse = np.unique(codes[rare], return_inverse=True)
    found[rare] = np.array([kind(chr(c)) for c in unique], np.uint8)[inverse]
    return found


@cache
def _table(kind: Callable[[str], int]) -> NDArray[np.uint8]:
    return np.array([kind(chr(c)) for c in range(_COMMON)], np.uint8)
