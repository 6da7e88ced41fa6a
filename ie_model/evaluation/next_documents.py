"""What to annotate next: unlabelled documents that would teach the model most.

A document is worth annotating when the model is unsure about its spans and when it does
not resemble what was chosen before it. Uncertainty is counted per word, because a word is
what an annotator pays for; few words are made up to ``_FEW_WORDS`` so that a doubtful
caption does not outrank a doubtful article.
"""

from __future__ import annotations

import heapq
import itertools
import logging
import math
import re
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ie_model.corpus.writing import format_for_writing, write_documents
from ie_model.documents import Document
from ie_model.errors import InputError

log = logging.getLogger(__name__)

Floats = NDArray[np.float64]

_WORD = re.compile(r"\w+")
_FEW_WORDS = 100
_BUCKETS = 1 << 12  # hashed words; collisions only blur a similarity
_SAME = 1e-6  # a novelty this small is rounding: the words of a text that is there already


@dataclass(frozen=True, slots=True)
class Candidate:
    """A predicted document and why it was chosen.

    ``uncertainty``: expected wrong spans per 100 words, the sum of ``1 - score``;
    ``novelty``: 1 minus the cosine similarity to the nearest document chosen before it or
    annotated already; ``value`` is their product.
    """

    document: Document
    uncertainty: float
    novelty: float
    value: float


def rank_documents(
    predicted: Iterable[Document],
    count: int,
    annotated: Sequence[Document] = (),
    pool: int | None = None,
) -> list[Candidate]:
    """Choose the documents to annotate next, the best first.

    The stream is read once and only the ``pool`` most uncertain documents are kept. Of
    these the one of highest value is taken, again and again. Texts that are annotated or
    chosen already are passed over. Of chosen documents that share an id, the later ones get
    a number behind it, so that what comes back can be told apart; that is logged.

    Args:
        predicted: documents with scored entities, as ``Extractor.pipe`` yields them. Scores
            mean most when the model is calibrated. Failed documents are passed over.
        count: how many to choose.
        annotated: documents annotated already, which the choice should not resemble.
        pool: how many to weigh against each other; by default 20 for each one chosen.

    Raises:
        InputError: ``count`` below 1, or an entity without a score.
    """
    if count < 1:
        raise InputError(f"count must be at least 1, found {count}")
    best: list[tuple[float, int, Document]] = []
    known = {document.text for document in annotated}
    for number, document in enumerate(predicted):
        if document.error is not None or not document.text.strip() or document.text in known:
            continue
        entry = (uncertainty(document), -number, document)
        if len(best) < (pool or 20 * count):
            heapq.heappush(best, entry)
        else:
            heapq.heappushpop(best, entry)
    kept = sorted(best, key=lambda entry: (-entry[0], -entry[1]))
    return _unique_ids(_choose(kept, count, annotated))


def uncertainty(document: Document) -> float:
    """Expected wrong spans per 100 words: the sum of ``1 - score`` over its entities.

    Raises:
        InputError: an entity has no score.
    """
    doubt = 0.0
    for entity in document.entities:
        if entity.score is None:
            raise InputError(
                f"document {document.id!r}, offset {entity.start}: entity without a score; "
                "rank predictions of a model, not annotations"
            )
        doubt += 1 - entity.score
    words = len(_WORD.findall(document.text))
    return 100 * doubt / max(words, _FEW_WORDS)


def as_task(candidate: Candidate, rank: int) -> Document:
    """The document as an annotator gets it: pre-annotated, ``meta`` says why it is here."""
    facts = {
        "rank": rank,
        "uncertainty": round(candidate.uncertainty, 4),
        "novelty": round(candidate.novelty, 4),
    }
    document = candidate.document
    return replace(document, meta={**document.meta, "annotate_next": facts})


def write_tasks(candidates: Sequence[Candidate], path: Path, format: str | None = None) -> None:
    """Write the chosen documents as tasks that still wait for a person.

    Where the target tells a person's finished work from a model's guess, they are guesses:
    Label Studio gets predictions, never annotations.

    Raises:
        InputError: nothing names a format, or ``path`` cannot be written.
    """
    name = format or format_for_writing(path)
    options = {"predictions": True} if name == "labelstudio" else {}
    tasks = (as_task(candidate, rank) for rank, candidate in enumerate(candidates, 1))
    write_documents(tasks, path, name, **options)


def _choose(
    entries: list[tuple[float, int, Document]], count: int, annotated: Sequence[Document]
) -> Iterator[Candidate]:
    if not entries:
        return
    texts = [d.text for _, _, d in entries]
    vectors = _vectors([*texts, *(d.text for d in annotated)])
    own, known = vectors[: len(texts)], vectors[len(texts) :]
    doubts = np.array([doubt for doubt, _, _ in entries])
    nearest = (own @ known.T).max(axis=1) if len(known) else np.zeros(len(own))
    free = np.ones(len(own), dtype=bool)
    for _ in range(min(count, len(own))):
        free &= 1 - nearest > _SAME
        if not free.any():
            return
        value = np.where(free, doubts * (1 - nearest), -np.inf)
        best = int(value.argmax())
        yield Candidate(
            entries[best][2], float(doubts[best]), float(1 - nearest[best]), float(value[best])
        )
        free[best] = False
        nearest = np.maximum(nearest, own @ own[best])


def _unique_ids(chosen: Iterable[Candidate]) -> list[Candidate]:
    candidates = list(chosen)
    taken = {c.document.id for c in candidates}
    used: set[str] = set()
    for i, c in enumerate(candidates):
        id_ = c.document.id
        if id_ in used:
            new = next(name for n in itertools.count(2) if (name := f"{id_}-{n}") not in taken)
            log.warning("two documents are called %r; the second is %r in the tasks", id_, new)
            candidates[i] = replace(c, document=replace(c.document, id=new))
            taken.add(new)
        used.add(id_)
    return candidates


def _vectors(texts: Sequence[str]) -> Floats:
    """TF-IDF vectors of unit length over hashed words, ``[texts, buckets]``."""
    counts = [Counter(zlib.crc32(w.encode()) % _BUCKETS for w in _words(t)) for t in texts]
    rarity = np.zeros(_BUCKETS)
    for row in counts:
        rarity[list(row)] += 1
    weight = np.log((1 + len(texts)) / (1 + rarity)) + 1
    vectors = np.zeros((len(texts), _BUCKETS))
    for vector, row in zip(vectors, counts, strict=True):
        for bucket, n in row.items():
            vector[bucket] = (1 + math.log(n)) * weight[bucket]
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.divide(vectors, length, out=vectors, where=length > 0)


def _words(text: str) -> list[str]:
    return _WORD.findall(text.casefold())
