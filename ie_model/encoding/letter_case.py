"""The case of words, for encoders whose vocabulary has lower case alone.

An uncased encoder reads ``Turkey`` and ``turkey`` as one token, and cannot tell that a word it has
never seen is a name. So each token gets the case of its unit as a token type. (Token types are
BERT's segments, of which token classifiers use only the first.) This costs no tokens.

Until it reaches the model, the case is kept in the upper bits of the token's id, so that nothing
that carries, sorts, caches or pads windows has to know of it.
:func:`ie_model.models.token_types.read_token_types` separates the two.

Where case tells nothing (all capitals, none at all, a headline in title case), tokens have type 0,
as they do in programs that know nothing of this.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ie_model.encoding.characters import kinds

Ints = NDArray[np.int32]
Longs = NDArray[np.int64]

UNKNOWN, LOWER, CAPITALISED, UPPER = range(4)
"""The cases: unknown; no capital; a capital with small letters, or one capital alone; two or more
capitals and no small letters."""

CASES = 4
ID_BITS = 20
"""Lower bits that hold the token's own id: enough for a million tokens."""

_ID = (1 << ID_BITS) - 1
_LEAST_LOWER = 1 / 3
"""The least share of words without capitals; in a sequence with fewer, capitals tell nothing."""

_DROPPED = 5
"""One training window in so many is without case."""


def cases(texts: Sequence[str], starts: Ints, ends: Ints, bounds: Longs) -> Ints:
    """The case of each unit of some sequences, int32 ``[units]``.

    Args:
        texts: the sequences.
        starts: offset of each unit's first code point in its sequence, int32 ``[units]``.
        ends: offset behind its last code point, int32 ``[units]``.
        bounds: units ``bounds[i]`` to ``bounds[i + 1]`` belong to sequence ``i``, int64
            ``[sequences + 1]``.
    """
    sizes = np.diff(bounds)
    owner = np.repeat(np.arange(len(texts)), sizes)
    base = np.cumsum([0, *(len(text) for text in texts)])[:-1][owner]
    letters = kinds("".join(texts), _kind)
    up, low = (
        b[ends + base] - b[starts + base]
        for b in map(_counted, (letters == _CAPITAL, letters == _SMALL))
    )
    words = np.bincount(owner, up + low > 0, len(texts))
    lower = np.bincount(owner, (up == 0) & (low > 0), len(texts))
    mixed_case = (lower > 0) & (lower < words) & (lower >= _LEAST_LOWER * words)
    found = np.where(up == 0, LOWER, np.where((low == 0) & (up > 1), UPPER, CAPITALISED))
    return np.where(mixed_case[owner], found, UNKNOWN).astype(np.int32)


def _counted(flags: NDArray[np.bool_]) -> Ints:
    return np.concatenate([[0], np.cumsum(flags, dtype=np.int32)])


_NEITHER, _CAPITAL, _SMALL = range(3)


def _kind(char: str) -> int:
    return _CAPITAL if char.isupper() or char.istitle() else _SMALL if char.islower() else _NEITHER


def with_cases(ids: Ints, first: Ints, after: Ints, found: Ints) -> Ints:
    """Token ids with the case of their unit in the upper bits, int32 ``[tokens]``.

    Args:
        ids: token ids, int32 ``[tokens]``.
        first: index of each unit's first token, int32 ``[units]``.
        after: index behind its last token, int32 ``[units]``.
        found: the units' :func:`cases`.
    """
    lengths = after - first
    carried = ids.copy()
    places = np.repeat(first - np.cumsum(lengths) + lengths, lengths) + np.arange(lengths.sum())
    carried[places] += np.repeat(found, lengths) << ID_BITS
    return carried


def token_ids(ids: Ints) -> Ints:
    """The ids without case."""
    return ids & _ID


def sometimes_without(ids: Ints) -> Ints:
    """The ids of a training window, in one window of five without case.

    So the model learns to do without it. The ids decide which windows: the same in every run.
    """
    plain = token_ids(ids)
    return plain if int(plain.sum()) % _DROPPED == 0 else ids
