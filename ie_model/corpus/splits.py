"""Splits of a corpus that never part near-duplicates, and the fingerprint of its documents."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence

from ie_model.corpus.near_duplicates import near_duplicate_clusters
from ie_model.documents import Document
from ie_model.errors import InputError


def fingerprint(documents: Iterable[Document]) -> str:
    """SHA-256 over ids, texts and entity keys, the same for any order of documents and spans."""
    digests = sorted(_digest(document) for document in documents)
    return hashlib.sha256(b"".join(digests)).hexdigest()


def split_documents(
    documents: Sequence[Document], fraction: float, seed: int
) -> tuple[list[Document], list[Document]]:
    """Split into (train, dev), dev holding about ``fraction`` of the documents.

    Near-duplicates stay on one side. The split depends on the documents and the seed, not
    on their order, which both sides keep.

    Raises:
        InputError: ``fraction`` outside [0, 1), or everything is one near-duplicate cluster.
    """
    if not 0 <= fraction < 1:
        raise InputError(f"split: the fraction must be in [0, 1), found {fraction}")
    if fraction == 0:
        return list(documents), []
    clusters: dict[int, list[int]] = {}
    for i, cluster in enumerate(near_duplicate_clusters(documents)):
        clusters.setdefault(cluster, []).append(i)
    if len(clusters) < 2:
        raise InputError(
            f"split: {len(documents)} documents in {len(clusters)} cluster of near-duplicates "
            "cannot be split; name a dev corpus, or train without one (fraction 0)"
        )

    def order(members: list[int]) -> bytes:
        key = min(_digest(documents[i]) for i in members)
        return hashlib.sha256(f"{seed}:".encode() + key).digest()

    shuffled = sorted(clusters.values(), key=order)
    wanted = max(1, round(fraction * len(documents)))
    dev: set[int] = set()
    for members in shuffled:
        if len(dev) + len(members) <= wanted:
            dev.update(members)
    if not dev:  # every cluster is larger than the share: the smallest comes nearest
        dev.update(sorted(shuffled, key=len)[0])
    train = [d for i, d in enumerate(documents) if i not in dev]
    return train, [d for i, d in enumerate(documents) if i in dev]


def _digest(document: Document) -> bytes:
    row = [document.id, document.text, sorted(entity.key for entity in document.entities)]
    return hashlib.sha256(json.dumps(row).encode()).digest()
