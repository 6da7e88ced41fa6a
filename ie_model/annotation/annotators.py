"""How far annotators agree: on spans, and on words beyond what chance would give.

Every figure is the same for any order of files, documents and spans. Annotators are named
and sorted by name; documents are matched by id (by text, where no id is shared), and their
texts must be equal. One word
carries one label, so overlapping entities are flattened first (the longer one stays) and
counted. Words are runs of letters and digits, or single punctuation marks, the same for
every annotator.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ie_model.corpus.overlaps import flatten
from ie_model.display.excerpts import Excerpt, excerpt
from ie_model.documents import Document, Entity
from ie_model.errors import InputError
from ie_model.metrics.kappa import cohen_kappa, fleiss_kappa, krippendorff_alpha
from ie_model.metrics.matching import Kind, kind_of, match_spans
from ie_model.metrics.spans import muc_scores

OUTSIDE = "–"
"""How confusion tables call what one annotator left unlabelled."""

_WORD = re.compile(r"\w+|[^\w\s]")

Labels = NDArray[np.int64]
Difference = Literal["label", "boundary", "both", "only_first", "only_second"]

_DIFFERENCES: Mapping[Kind, Difference] = {
    "wrong_type": "label",
    "wrong_boundary": "boundary",
    "wrong_both": "both",
    "missed": "only_first",
    "spurious": "only_second",
}


@dataclass(frozen=True, slots=True)
class Disagreement:
    """Two annotators on one place: ``first`` and ``second`` are ``[start, end, label]`` or none."""

    document: str
    annotators: tuple[str, str]
    kind: Difference
    first: tuple[int, int, str] | None
    second: tuple[int, int, str] | None
    excerpt: Excerpt


def agreement(annotators: Mapping[str, Iterable[Document]]) -> dict[str, Any]:
    """Compare two or more annotations of the same documents.

    Args:
        annotators: name to documents.

    Returns:
        A dict that goes into JSON as it is. A coefficient is ``None`` where it is not
        defined (everybody gave everything the same label).

        - ``annotators`` (sorted), ``documents`` (that all have), ``matched_by``; for each name
          ``only`` (ids that not all have), ``entities`` and ``flattened``.
        - ``words``: how many, and how many were labelled by anybody.
        - ``spans``: ``exact`` and ``partial`` F1 over all pairs of annotators, over all
          labels (``all``) and for each of ``labels``. Exact: offsets and label agree.
          Partial: label agrees, and an overlap counts one half, as in the MUC scheme of
          :func:`ie_model.metrics.spans.muc_scores`.
        - ``fleiss``, ``alpha``: Fleiss' kappa and Krippendorff's nominal alpha per word,
          ``all`` and ``labels`` (this label against anything else).
        - ``pairs``: for each two annotators ``names``, ``exact``, ``partial``, ``cohen`` (per
          word, ``all``, ``labels``, and ``labelled``: over words that one of the two
          labelled), ``confusion`` (``labels``, ``counts[first][second]`` of aligned spans,
          the last row and column for what the other left out).
        - ``disagreements``: :class:`Disagreement` as dicts, by document and offset.

    Raises:
        InputError: fewer than two annotators, no document that all have, the same id twice,
            or different texts under one id.
    """
    names = sorted(annotators)
    if len(names) < 2:
        raise InputError("agreement needs the annotations of at least two annotators")
    given = {name: list(annotators[name]) for name in names}
    read = {name: _keyed(name, given[name], "id") for name in names}
    matched_by = "id"
    if not set.intersection(*(set(read[name]) for name in names)):
        # Formats without ids call documents after their file and line.
        read = {name: _keyed(name, given[name], "text") for name in names}
        matched_by = "text"
    shared = sorted(set.intersection(*(set(read[name]) for name in names)))
    if not shared:
        raise InputError(f"no document, by id or by text, is in all of {', '.join(names)}")
    for key in shared:
        if len({read[name][key].text for name in names}) > 1:
            raise InputError(f"document {key!r}: the texts differ between {', '.join(names)}")
    flat: dict[str, list[Document]] = {}
    flattened: dict[str, int] = {}
    for name in names:
        both = [flatten(read[name][key], "longest") for key in shared]
        flat[name] = [document.with_entities(document.entities) for document, _ in both]
        flattened[name] = sum(len(dropped) for _, dropped in both)
    labels = sorted({e.label for documents in flat.values() for d in documents for e in d.entities})
    words = np.stack([_word_labels(flat[name], labels) for name in names])
    pairs = [
        _compare(a, b, flat, words[[names.index(a), names.index(b)]], labels)
        for a, b in itertools.combinations(names, 2)
    ]
    disagreements = [d for a, b in itertools.combinations(names, 2) for d in _differ(a, b, flat)]
    disagreements.sort(key=lambda d: (d.document, *_place(d), d.annotators))
    return {
        "annotators": names,
        "documents": len(shared),
        "matched_by": matched_by,
        "only": {
            name: sorted(d.id for key, d in read[name].items() if key not in shared)
            for name in names
        },
        "entities": {name: sum(len(d.entities) for d in flat[name]) for name in names},
        "flattened": flattened,
        "words": {
            "all": int(words.shape[1]),
            "labelled": int((words >= 0).any(axis=0).sum()),
        },
        "spans": {
            kind: _pooled([pair.pop(f"{kind}_counts") for pair in pairs], labels)
            for kind in ("exact", "partial")
        },
        "fleiss": _per_label(fleiss_kappa, words, labels),
        "alpha": _per_label(krippendorff_alpha, words, labels),
        "pairs": pairs,
        "disagreements": [asdict(d) for d in disagreements],
    }


def _keyed(name: str, documents: Sequence[Document], key: str) -> dict[str, Document]:
    found: dict[str, Document] = {}
    for document in documents:
        value = document.id if key == "id" else document.text
        if value in found:
            raise InputError(
                f"{name}: two documents have the same {key} "
                f"({found[value].id!r}, {document.id!r}); it must tell them apart"
            )
        found[value] = document
    return found


def _word_labels(documents: Sequence[Document], labels: Sequence[str]) -> Labels:
    """For each word of all documents the index of its label, -1 for none; int64 ``[words]``.

    A word takes the label of the entity that covers most of it, the earlier one on a tie.
    """
    index = {label: i for i, label in enumerate(labels)}
    found: list[int] = []
    for document in documents:
        spans = [match.span() for match in _WORD.finditer(document.text)]
        at = 0
        for start, end in spans:
            while at < len(document.entities) and document.entities[at].end <= start:
                at += 1
            best, most = -1, 0
            for e in document.entities[at:]:
                if e.start >= end:
                    break
                common = min(end, e.end) - max(start, e.start)
                if common > most:
                    best, most = index[e.label], common
            found.append(best)
    return np.array(found, dtype=np.int64)


def _compare(
    a: str, b: str, flat: Mapping[str, list[Document]], words: Labels, labels: Sequence[str]
) -> dict[str, Any]:
    exact: dict[str, tuple[float, int]] = {}
    partial: dict[str, tuple[float, int]] = {}
    documents = list(zip(flat[a], flat[b], strict=True))
    for label in labels:
        sides = [(_only(d.entities, label), _only(e.entities, label)) for d, e in documents]
        size = sum(len(x) + len(y) for x, y in sides)
        same = sum(len({e.key for e in x} & {e.key for e in y}) for x, y in sides)
        scores = muc_scores(pair for x, y in sides for pair in match_spans(x, y))["partial"]
        exact[label] = (2.0 * same, size)
        partial[label] = (scores["f1"] * size, size)
    kappa = _per_label(cohen_kappa, words, labels)
    kappa["labelled"] = cohen_kappa(words[:, (words >= 0).any(axis=0)])
    return {
        "names": [a, b],
        "exact": _pooled([exact], labels),
        "partial": _pooled([partial], labels),
        "exact_counts": exact,
        "partial_counts": partial,
        "cohen": kappa,
        "confusion": _confusion(documents, labels),
    }


def _only(entities: Sequence[Entity], label: str) -> list[Entity]:
    return [e for e in entities if e.label == label]


def _pooled(
    counts: Sequence[Mapping[str, tuple[float, int]]], labels: Sequence[str]
) -> dict[str, Any]:
    """F1 over pairs of annotators: twice the agreeing credit over the spans of both sides."""

    def f1(of: Sequence[str]) -> float | None:
        size = sum(count[label][1] for count in counts for label in of)
        return sum(count[label][0] for count in counts for label in of) / size if size else None

    return {"all": f1(labels), "labels": {label: f1([label]) for label in labels}}


def _per_label(coefficient: Any, words: Labels, labels: Sequence[str]) -> dict[str, Any]:
    return {
        "all": coefficient(words),
        "labels": {
            label: coefficient((words == i).astype(np.int64)) for i, label in enumerate(labels)
        },
    }


def _confusion(
    documents: Sequence[tuple[Document, Document]], labels: Sequence[str]
) -> dict[str, Any]:
    counted: Counter[tuple[str, str]] = Counter()
    for first, second in documents:
        for x, y in match_spans(first.entities, second.entities):
            counted[x.label if x else OUTSIDE, y.label if y else OUTSIDE] += 1
    names = [*labels, OUTSIDE]
    return {"labels": names, "counts": [[counted[x, y] for y in names] for x in names]}


def _differ(a: str, b: str, flat: Mapping[str, list[Document]]) -> Iterable[Disagreement]:
    for first, second in zip(flat[a], flat[b], strict=True):
        for x, y in match_spans(first.entities, second.entities):
            kind = kind_of(x, y)
            if kind != "correct":
                places = [e for e in (x, y) if e is not None]
                start, end = min(e.start for e in places), max(e.end for e in places)
                yield Disagreement(
                    first.id,
                    (a, b),
                    _DIFFERENCES[kind],
                    x.key if x else None,
                    y.key if y else None,
                    excerpt(first.text, start, end),
                )


def _place(disagreement: Disagreement) -> tuple[int, int]:
    sides = [side for side in (disagreement.first, disagreement.second) if side]
    return min(side[0] for side in sides), max(side[1] for side in sides)
