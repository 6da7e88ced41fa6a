"""Which documents are tested together, and which training documents each fold may use."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ie_model.corpus.near_duplicates import near_duplicate_clusters
from ie_model.documents import Document, Entity
from ie_model.errors import InputError

FEWEST_DOCUMENTS = 10
"""With fewer, a share of the training data is a share of each document's lines."""

LEAVE_ONE_OUT_UP_TO = 10
"""With at most this many clusters each is a fold of its own; with more there are five folds."""


@dataclass(frozen=True, slots=True)
class Fold:
    """Indices of documents: ``test`` into the testable, ``train`` and ``extra`` to train on.

    ``extra`` indexes the documents that are never tested (``train_only`` corpora).
    """

    test: tuple[int, ...]
    train: tuple[int, ...]
    extra: tuple[int, ...]


def make_folds(
    testable: Sequence[Document],
    train_only: Sequence[Document] = (),
    folds: int | None = None,
) -> list[Fold]:
    """Divide the testable documents so that no near-duplicate is on both sides.

    Whole clusters of near-duplicates go into one fold, the largest first into the fold with
    the fewest characters so far. A ``train_only`` document that resembles a test document
    is left out of that fold's training.

    Args:
        testable: documents to test on, each in exactly one fold.
        train_only: documents only to train on.
        folds: how many; ``None`` leaves one cluster out at a time when there are at most
            ``LEAVE_ONE_OUT_UP_TO``, and makes five folds otherwise.

    Raises:
        InputError: two documents with one id, or fewer clusters than folds.
    """
    held = Counter(document.id for document in testable)
    repeated = [id_ for id_, number in held.items() if number > 1]
    if repeated:
        named = ", ".join(map(repr, repeated[:5])) + (", ..." if len(repeated) > 5 else "")
        raise InputError(
            f"cross-validation: {len(testable) - len(held)} documents have the id of another "
            f"({named}); give them ids of their own, or leave out the corpus that repeats another"
        )
    clusters = near_duplicate_clusters([*testable, *train_only])
    own, extra = clusters[: len(testable)], clusters[len(testable) :]
    members: dict[int, list[int]] = {}
    for i, cluster in enumerate(own):
        members.setdefault(cluster, []).append(i)
    if folds is None:
        folds = len(members) if len(members) <= LEAVE_ONE_OUT_UP_TO else 5
    elif folds < 2:
        raise InputError(f"cross-validation: there must be at least 2 folds, found {folds}")
    if not 2 <= folds <= len(members):
        raise InputError(
            f"cross-validation: {len(testable)} testable documents in {len(members)} clusters of "
            f"near-duplicates cannot make {max(folds, 2)} folds; add documents, ask for fewer "
            "folds, or check train_only in data.train"
        )

    def size(cluster: int) -> int:
        return sum(len(testable[i].text) for i in members[cluster])

    sizes = [0] * folds
    home: dict[int, int] = {}
    for cluster in sorted(members, key=lambda c: (-size(c), c)):
        lightest = sizes.index(min(sizes))
        home[cluster] = lightest
        sizes[lightest] += size(cluster)
    order = sorted(range(folds), key=lambda f: own.index(next(c for c in own if home[c] == f)))
    return [
        Fold(
            tuple(i for i, c in enumerate(own) if home[c] == fold),
            tuple(i for i, c in enumerate(own) if home[c] != fold),
            tuple(i for i, c in enumerate(extra) if home.get(c) != fold),
        )
        for fold in order
    ]


def take_fraction(documents: Sequence[Document], fraction: float, seed: int) -> list[Document]:
    """A random share of the documents, the same for the same seed, smaller ones inside larger.

    With fewer than :data:`FEWEST_DOCUMENTS`, paragraphs are drawn instead: every document keeps
    about this share of its own lines, in order.

    Raises:
        InputError: ``fraction`` outside (0, 1].
    """
    if not 0 < fraction <= 1:
        raise InputError(f"a share of the training data lies between 0 and 1, found {fraction:g}")
    if fraction == 1:
        return list(documents)
    if len(documents) >= FEWEST_DOCUMENTS:
        ranked = sorted(range(len(documents)), key=lambda i: _rank(seed, documents[i].id, 0))
        kept = sorted(ranked[: max(1, round(fraction * len(documents)))])
        return [documents[i] for i in kept]
    return [_take_lines(document, fraction, seed) for document in documents]


def _take_lines(document: Document, fraction: float, seed: int) -> Document:
    """The document with a random share of its lines, offsets moved along."""
    pieces: list[tuple[int, int]] = []
    at = 0
    for line in document.text.splitlines(keepends=True):
        end = at + len(line)
        crossed = any(e.start < at < e.end for e in document.entities)
        blank = not line.strip()
        if pieces and (crossed or blank):  # belongs to what stands before it
            pieces[-1] = (pieces[-1][0], end)
        else:
            pieces.append((at, end))
        at = end
    ranked = sorted(range(len(pieces)), key=lambda i: _rank(seed, document.id, pieces[i][0]))
    kept = sorted(ranked[: max(1, round(fraction * len(pieces)))])
    text, entities = "", []
    for i in kept:
        start, end = pieces[i]
        moved = len(text) - start
        for e in document.entities:
            if start <= e.start and e.end <= end:
                entities.append(_moved(e, moved))
        text += document.text[start:end]
    return replace(document, text=text, entities=tuple(entities))


def _moved(entity: Entity, by: int) -> Entity:
    return replace(entity, start=entity.start + by, end=entity.end + by)


def _rank(seed: int, id_: str, place: int) -> bytes:
    # A hash and not a generator: the order of a document depends on nothing but itself.
    return hashlib.sha256(f"{seed}\0{id_}\0{place}".encode("utf-8", "replace")).digest()
