"""Documents that repeat one another: news is reprinted, and a reprint in both train and dev
measures memory.

MinHash signatures over word shingles with locality-sensitive hashing propose pairs
(Broder 1997; Leskovec, Rajaraman and Ullman, *Mining of Massive Datasets*, chapter 3); the
exact Jaccard similarity of the shingle sets decides.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from ie_model.documents import Document

SIMILAR = 0.8
"""Jaccard similarity of their shingles from which two documents are nearly the same."""

_SHINGLE = 4  # words
_HASHES = 128
_CHUNK = 4096  # shingles hashed at a time: 4 MB, however long the document
_WORD = re.compile(r"\w+")


def near_duplicate_clusters(documents: Sequence[Document], threshold: float = SIMILAR) -> list[int]:
    """A cluster number for each document, in order; numbers count from 0 by first appearance.

    Two documents share a cluster when the Jaccard similarity of their sets of four-word
    shingles (case and punctuation aside) is at least ``threshold``, or through others.
    Linear in the number of documents, as far as few of them resemble each other.
    """
    shingles = [_shingles(document.text) for document in documents]
    parent = list(range(len(documents)))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    rows = _rows_per_band(threshold)
    first_with: dict[tuple[int, bytes], list[int]] = {}
    signatures = [_signature(s) for s in shingles]
    for i, signature in enumerate(signatures):
        for band in range(0, _HASHES, rows):
            bucket = first_with.setdefault((band, signature[band : band + rows].tobytes()), [])
            for j in bucket:
                if root(i) != root(j) and _jaccard(shingles[i], shingles[j]) >= threshold:
                    parent[root(i)] = root(j)
            if not any(shingles[i] == shingles[j] for j in bucket):
                bucket.append(i)
    names: dict[int, int] = {}
    return [names.setdefault(root(i), len(names)) for i in range(len(documents))]


def word_shingles(text: str) -> Iterator[tuple[str, ...]]:
    """Every four words in a row, case and punctuation aside; of fewer words, all of them."""
    words = tuple(_WORD.findall(text.casefold()))
    for i in range(max(1, len(words) - _SHINGLE + 1)):
        yield words[i : i + _SHINGLE]


def _shingles(text: str) -> frozenset[int]:
    # Stable over processes, unlike hash().
    return frozenset(
        int.from_bytes(
            hashlib.blake2b(" ".join(g).encode("utf-8", "replace"), digest_size=7).digest(), "big"
        )
        for g in word_shingles(text)
    )


def _signature(shingles: frozenset[int]) -> NDArray[np.uint64]:
    values = np.fromiter(shingles, dtype=np.uint64, count=len(shingles))
    # Multiply-add modulo 2**64, the high half of each product: a universal family
    # (Dietzfelbinger et al. 1997), whole in 64-bit arithmetic.
    lowest = np.full(_HASHES, np.iinfo(np.uint64).max, dtype=np.uint64)
    for start in range(0, len(values), _CHUNK):
        part = values[start : start + _CHUNK, None]
        mixed = part * _MULTIPLIERS[None, :] + _INCREMENTS[None, :]
        lowest = np.minimum(lowest, (mixed >> np.uint64(32)).min(axis=0))
    return lowest


def _rows_per_band(threshold: float) -> int:
    """The most rows per band that miss a pair at the threshold less than once in a million."""
    for rows in (8, 4, 2):
        if (1 - threshold**rows) ** (_HASHES // rows) < 1e-6:
            return rows
    return 1


def _jaccard(a: frozenset[int], b: frozenset[int]) -> float:
    return len(a & b) / len(a | b)


_rng = np.random.default_rng(20170601)
_MULTIPLIERS = _rng.integers(1, 1 << 63, _HASHES, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
_INCREMENTS = _rng.integers(0, 1 << 63, _HASHES, dtype=np.uint64)
