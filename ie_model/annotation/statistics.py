"""What is in a corpus, and what two corpora share: counts, lengths, surfaces, repetition."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ie_model.corpus.near_duplicates import near_duplicate_clusters
from ie_model.corpus.overlaps import overlapping
from ie_model.documents import Document, in_one_line
from ie_model.errors import InputError

_WORD = re.compile(r"\w+|[^\w\s]")
_TOP = 10  # surfaces listed for a label


def corpus_stats(corpora: Mapping[str, Sequence[Document]]) -> dict[str, Any]:
    """Statistics of each corpus and, of every later one, its overlap with the first.

    Returns:
        A dict that goes into JSON as it is. ``corpora``: for each name

        - ``documents``, ``empty_documents`` (without entities), ``characters``, ``words``
          (words and punctuation marks), ``entities``, ``overlapping``;
        - ``density``: entities per 100 words;
        - ``document_words``: ``min``, ``median``, ``mean``, ``max`` words of a document;
        - ``labels``: ``entities``, ``share``, ``documents`` (that have one), ``surfaces``
          (different ones), ``words`` (as ``document_words``, of a mention), ``top`` (the most
          frequent surfaces with their counts);
        - ``near_duplicates``: documents that share a cluster with an earlier one.

        ``overlap``: for each later name and label, how many ``entities`` it has and how many
        of them are ``seen`` (surface and label occur in the first corpus); under
        ``documents``, how many are near-duplicates of one in the first corpus.

    Raises:
        InputError: a corpus without documents.
    """
    for name, documents in corpora.items():
        if not documents:
            raise InputError(f"{name}: no documents in it")
    first, *others = corpora
    return {
        "corpora": {name: _describe(documents) for name, documents in corpora.items()},
        "overlap": {name: _overlap(corpora[first], corpora[name]) for name in others},
    }


def _describe(documents: Sequence[Document]) -> dict[str, Any]:
    lengths = [len(_WORD.findall(document.text)) for document in documents]
    words = sum(lengths)
    entities = sum(len(document.entities) for document in documents)
    clusters = near_duplicate_clusters(documents)
    return {
        "documents": len(documents),
        "empty_documents": sum(not document.entities for document in documents),
        "characters": sum(len(document.text) for document in documents),
        "words": words,
        "entities": entities,
        "overlapping": sum(len(overlapping(document.entities)) for document in documents),
        "density": 100 * entities / words if words else 0.0,
        "document_words": _spread(lengths),
        "labels": _labels(documents, entities),
        "near_duplicates": len(documents) - len(set(clusters)),
    }


def _labels(documents: Sequence[Document], total: int) -> dict[str, Any]:
    surfaces: dict[str, Counter[str]] = defaultdict(Counter)
    within: Counter[str] = Counter()
    for document in documents:
        within.update({e.label for e in document.entities})
        for e in document.entities:
            surfaces[e.label][in_one_line(document.text[max(e.start, 0) : max(e.end, 0)])] += 1
    described: dict[str, Any] = {}
    for label, counted in sorted(surfaces.items(), key=lambda item: (-item[1].total(), item[0])):
        lengths = [len(_WORD.findall(s)) for s, n in counted.items() for _ in range(n)]
        top = sorted(counted.items(), key=lambda item: (-item[1], item[0]))[:_TOP]
        described[label] = {
            "entities": counted.total(),
            "share": counted.total() / total,
            "documents": within[label],
            "surfaces": len(counted),
            "words": _spread(lengths),
            "top": [[surface, count] for surface, count in top],
        }
    return described


def _spread(values: Sequence[int]) -> dict[str, float]:
    return {
        "min": int(min(values)),
        "median": float(np.median(values)),
        "mean": float(np.mean(values)),
        "max": int(max(values)),
    }


def _overlap(first: Sequence[Document], other: Sequence[Document]) -> dict[str, Any]:
    known = {(in_one_line(d.text[e.start : e.end]), e.label) for d in first for e in d.entities}
    entities: Counter[str] = Counter()
    seen: Counter[str] = Counter()
    for document in other:
        for e in document.entities:
            entities[e.label] += 1
            seen[e.label] += (in_one_line(document.text[e.start : e.end]), e.label) in known
    clusters = near_duplicate_clusters([*first, *other])
    of_first = set(clusters[: len(first)])
    return {
        "labels": {
            label: {"entities": entities[label], "seen": seen[label]} for label in sorted(entities)
        },
        "documents": sum(cluster in of_first for cluster in clusters[len(first) :]),
    }
