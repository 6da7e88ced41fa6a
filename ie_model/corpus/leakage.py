"""Held-out documents that training documents repeat: a score on them measures memory.

The held-out documents are indexed and the training documents stream past, so that memory
does not grow with the corpus. Two sets of shingles that share four fifths of their union
share one of any fifth, and one more, of either; the rarest ones are looked up (prefix
filtering: Chaudhuri, Ganti and Kaushik 2006, "A primitive operator for similarity joins").
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from ie_model.corpus.near_duplicates import SIMILAR, word_shingles
from ie_model.documents import Document

Hashes = NDArray[np.int64]


def repeated(held_out: Sequence[Document], training: Iterable[Document]) -> set[int]:
    """Which of the held-out documents are, or nearly are, a training document: their indices.

    Nearly: the Jaccard similarity of their sets of four-word shingles, case and punctuation
    aside, is at least 0.8. The training documents are read once, in flat memory.
    """
    wanted = [_shingles(document.text) for document in held_out]
    keys, owners = _index(wanted)
    found: set[int] = set()
    for document in training:
        theirs = _shingles(document.text)
        first, last = (np.searchsorted(keys, theirs, side) for side in ("left", "right"))
        hits = np.flatnonzero(first < last)
        near = {int(i) for hit in hits for i in owners[first[hit] : last[hit]]}
        found.update(i for i in near - found if _jaccard(wanted[i], theirs) >= SIMILAR)
    return found


def _shingles(text: str) -> Hashes:
    """The distinct shingles of a text, sorted; a text of fewer words is one shingle."""
    grams = filter(None, word_shingles(text))  # a text without words has none
    return np.unique(np.fromiter(map(hash, grams), np.int64))


def _index(wanted: Sequence[Hashes]) -> tuple[Hashes, NDArray[np.int64]]:
    """The rarest shingles of each text, sorted, and whose they are."""
    every = [np.empty(0, np.int64), *wanted]
    values, counts = np.unique(np.concatenate(every), return_counts=True)
    chosen = []
    for own in wanted:
        frequency = counts[np.searchsorted(values, own)]
        chosen.append(own[np.argsort(frequency)[: len(own) // 5 + 1]])
    owners = np.repeat(np.arange(len(chosen)), [len(own) for own in chosen])
    keys = np.concatenate([np.empty(0, np.int64), *chosen])
    order = np.argsort(keys)
    return keys[order], owners[order]


def _jaccard(a: Hashes, b: Hashes) -> float:
    shared = len(np.intersect1d(a, b, assume_unique=True))
    return shared / (len(a) + len(b) - shared)
