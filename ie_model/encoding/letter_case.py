"""The case of words, for encoders whose vocabulary has lower case alone.

``Turkey`` and ``turkey`` are one token to an uncased encoder, and of a name it has never seen it
cannot tell that it is one. Its tokens keep the case of their unit's letters as a token type
(BERT's segments, of which token classifiers use the first alone), at no cost in tokens.

On its way to the model a token's case stands in the upper bits of its id, so that whatever
carries, sorts, caches or pads windows need not know of it;
:func:`ie_model.models.token_types.read_token_types` takes the two apart.

Where case says nothing (all capitals, none at all, a headline in title case) tokens have the
type 0, as from programs that know nothing of this.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ie_model.encoding.characters import kinds

Ints = NDArray[np.int32]
Longs = NDArray[np.int64]

UNKNOWN, LOWER, CAPITALISED, UPPER = range(4)
"""What stands in the upper bits: nothing is known; no capital; a capital and small letters, or
one capital alone; two capitals or more and nothing else."""

CASES = 4
ID_BITS = 20
"""Bits of the token's own id: enough for a million tokens."""

_ID = (1 << ID_BITS) - 1
_LEAST_LOWER = 1 / 3
"""Share of the words of a sequence that must be without capitals for capitals to say something."""

_DROPPED = 5
"""Of so many training windows one is without."""


def cases(texts: Sequence[str], starts: Ints, ends: Ints, bounds: Longs) -> Ints:
    """The case of each unit of some sequences, int32 ``[units]``.

    Args:
        texts: the sequences.
        starts: each unit's first code point in its sequence, int32 ``[units]``.
        ends: the one behind its last.
        bounds: where each sequence's units begin, int64 ``[sequences + 1]``.
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
    told = (lower > 0) & (lower < words) & (lower >= _LEAST_LOWER * words)
    found = np.where(up == 0, LOWER, np.where((low == 0) & (up > 1), UPPER, CAPITALISED))
    return np.where(told[owner], found, UNKNOWN).astype(np.int32)


def _counted(flags: NDArray[np.bool_]) -> Ints:
    return np.concatenate([[0], np.cumsum(flags, dtype=np.int32)])


_NEITHER, _CAPITAL, _SMALL = range(3)


def _kind(char: str) -> int:
    return _CAPITAL if char.isupper() or char.istitle() else _SMALL if char.islower() else _NEITHER


def with_cases(ids: Ints, first: Ints, after: Ints, found: Ints) -> Ints:
    """Ids with their case; unit ``u`` is ``ids[first[u]:after[u]]``."""
    lengths = after - first
    carried = ids.copy()
    places = np.repeat(first - np.cumsum(lengths) + lengths, lengths) + np.arange(lengths.sum())
    carried[places] += np.repeat(found, lengths) << ID_BITS
    return carried


def token_ids(ids: Ints) -> Ints:
    """The tokens' own ids."""
    return ids & _ID


def sometimes_without(ids: Ints) -> Ints:
    """The ids of a window, of one window in five without any case: a model that learns so can do
    without it. The window decides, so that it is the same ones in every run."""
    plain = token_ids(ids)
    return plain if int(plain.sum()) % _DROPPED == 0 else ids
