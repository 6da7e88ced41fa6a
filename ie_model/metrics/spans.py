"""Scoring of spans: exact and partial, per label, with the kinds of error.

The headline is the character-span F1: a predicted span is right when start, end and label
are all those of a gold span. Gold comes with raw offsets, so nothing that a model cannot
represent is left out of the count. Precision, recall and F1 are fractions (0 to 1) and 0.0
where nothing was predicted or nothing was there to find.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ie_model.documents import Document, Entity, given_documents
from ie_model.errors import InputError
from ie_model.given import strings
from ie_model.metrics.matching import ERROR_KINDS, Pair, kind_of, match_spans

Metrics = dict[str, Any]

CORRECT, PREDICTED, GOLD = 0, 1, 2
"""Last axis of the counts of :func:`document_counts`."""

_UNIT = re.compile(r"\w+|[^\w\s]")


def score_documents(
    gold: Iterable[Document], predicted: Iterable[Document], labels: Sequence[str]
) -> Metrics:
    """Score predicted documents against gold ones, matched by position.

    A document that failed (``error`` set) counts as one without predictions, and is counted
    in ``failed``. Predictions where nobody annotated are left out, see :func:`judged_spans`.

    Returns:
        A dict that goes into JSON as it is:

        - ``documents``, ``failed``: counts of documents.
        - ``span``: ``micro``, ``macro`` (mean over the labels that occur on either side) and
          ``labels``: ``precision``, ``recall``, ``f1``, ``support`` (gold spans),
          ``predicted``, ``correct`` of exact character spans.
        - ``partial``: the four MUC schemes ``strict``, ``exact``, ``partial``, ``type``, see
          :func:`muc_scores`.
        - ``errors``: ``total`` and ``labels``: ``correct`` and the five kinds of error of
          :func:`ie_model.metrics.matching.kind_of`, under the gold label (``spurious`` under the
          predicted one).
        - ``confusion``: ``labels`` and ``counts[gold][predicted]``; the last column is
          missed, the last row spurious.
        - ``seqeval``: strict IOB2 over words, see :func:`seqeval_scores`.

    Raises:
        InputError: what is given are no documents, the lists do not match (number, id or
            text), or a document has a label
            outside ``labels``, a span outside its text, or overlapping spans.
    """
    labels = strings(labels, "labels")
    gold = list(given_documents(gold, "the gold documents"))
    predicted = list(given_documents(predicted, "the predicted documents"))
    check_pairs(gold, predicted, labels)
    counts = document_counts(gold, predicted, labels, checked=True)
    pairs = [
        pair
        for g, p in zip(gold, predicted, strict=True)
        for pair in match_spans(g.entities, judged_spans(p, g))
    ]
    return {
        "documents": len(gold),
        "failed": sum(p.error is not None for p in predicted),
        "span": span_scores(counts, labels),
        "partial": muc_scores(pairs),
        "errors": _errors(pairs, labels),
        "confusion": _confusion(pairs, labels),
        "seqeval": seqeval_scores(gold, predicted),
    }


def judged_spans(predicted: Document, gold: Document) -> tuple[Entity, ...]:
    """The predicted entities that gold can judge.

    None of a document that failed, and none in a stretch of text that nobody annotated
    (:attr:`Document.unannotated` of ``gold``): there they are no errors.
    """
    if predicted.error is not None:
        return ()
    if not gold.unannotated:
        return predicted.entities
    return tuple(
        entity
        for entity in predicted.entities
        if not any(entity.start < end and entity.end > start for start, end in gold.unannotated)
    )


def check_pairs(
    gold: Sequence[Document], predicted: Sequence[Document], labels: Sequence[str]
) -> None:
    """Raise :class:`InputError` unless the two lists can be scored against each other."""
    if len(gold) != len(predicted):
        raise InputError(
            f"{len(gold)} gold documents but {len(predicted)} predicted ones: "
            "score a prediction for every gold document, in the same order"
        )
    for i, (g, p) in enumerate(zip(gold, predicted, strict=True)):
        if g.id != p.id:
            raise InputError(
                f"document {i}: gold id {g.id!r} but predicted id {p.id!r}; "
                "both lists must be in the same order"
            )
        if g.text != p.text:
            raise InputError(
                f"document {i} ({g.id!r}): gold and predicted text differ, "
                "so their offsets cannot be compared"
            )
        for side, document in (("gold", g), ("predicted", p)):
            for problem in document.check(labels):
                if problem.kind != "edge":
                    raise InputError(f"{side} document {i} ({g.id!r}): {problem.message}")


def document_counts(
    gold: Sequence[Document],
    predicted: Sequence[Document],
    labels: Sequence[str],
    *,
    checked: bool = False,
) -> NDArray[np.int64]:
    """Correct, predicted and gold spans of each document and label.

    Every figure of :func:`span_scores` is a function of sums of these, so a bootstrap
    resamples rows instead of scoring again.

    Returns:
        int64 ``[documents, labels, 3]``; last axis ``CORRECT``, ``PREDICTED``, ``GOLD``.

    Raises:
        InputError: as :func:`score_documents`, unless ``checked`` says it was called before.
    """
    if not checked:
        check_pairs(gold, predicted, labels)
    index = {label: i for i, label in enumerate(labels)}
    counts = np.zeros((len(gold), len(labels), 3), dtype=np.int64)
    for row, g, p in zip(counts, gold, predicted, strict=True):
        found = {e.key for e in g.entities}
        for e in g.entities:
            row[index[e.label], GOLD] += 1
        for e in judged_spans(p, g):
            row[index[e.label], PREDICTED] += 1
            row[index[e.label], CORRECT] += e.key in found
    return counts


def span_scores(counts: NDArray[np.int64], labels: Sequence[str]) -> Metrics:
    """``micro``, ``macro`` and ``labels`` from the counts of :func:`document_counts`."""
    sums = counts.sum(axis=0)
    per_label = {label: _scores(*map(int, sums[i])) for i, label in enumerate(labels)}
    micro = _scores(*map(int, sums.sum(axis=0)))
    there = [s for s in per_label.values() if s["support"] or s["predicted"]]
    macro = {
        name: sum(s[name] for s in there) / len(there) if there else 0.0
        for name in ("precision", "recall", "f1")
    }
    return {"micro": micro, "macro": macro, "labels": per_label}


def _scores(correct: int, predicted: int, gold: int) -> dict[str, float | int]:
    return {
        "precision": correct / predicted if predicted else 0.0,
        "recall": correct / gold if gold else 0.0,
        "f1": 2 * correct / (predicted + gold) if predicted + gold else 0.0,
        "support": gold,
        "predicted": predicted,
        "correct": correct,
    }


def muc_scores(pairs: Iterable[Pair]) -> Metrics:
    """The MUC-5 counts under the four schemes of SemEval-2013 task 9.1, over aligned pairs.

    A pair is *correct* when: offsets and label agree (``strict``); offsets agree (``exact``
    and ``partial``); labels agree (``type``). A pair that is not correct is *incorrect*, or
    in ``partial`` worth one half. Unpaired spans are ``missed`` or ``spurious``. With
    ``possible`` gold and ``actual`` predicted spans, precision is
    ``(correct + partial / 2) / actual`` and recall the same over ``possible``.

    Sources: Chinchor and Sundheim, "MUC-5 Evaluation Metrics" (1993); Segura-Bedmar et al.,
    "SemEval-2013 Task 9" (2013). The pairing is that of
    :func:`ie_model.metrics.matching.match_spans`.
    """
    kinds = Counter(kind_of(g, p) for g, p in pairs)
    span, label, both = kinds["wrong_type"], kinds["wrong_boundary"], kinds["wrong_both"]
    correct, wrong = kinds["correct"], span + label + both
    hits = {"strict": correct, "exact": correct + span, "type": correct + label}
    out: Metrics = {}
    for scheme in ("strict", "exact", "partial", "type"):
        right = hits.get(scheme, correct + span)
        rest = correct + wrong - right
        half = rest if scheme == "partial" else 0
        possible = correct + wrong + kinds["missed"]
        actual = correct + wrong + kinds["spurious"]
        credit = right + 0.5 * half
        out[scheme] = {
            "precision": credit / actual if actual else 0.0,
            "recall": credit / possible if possible else 0.0,
            "f1": 2 * credit / (actual + possible) if actual + possible else 0.0,
            "correct": right,
            "incorrect": rest - half,
            "partial": half,
            "missed": kinds["missed"],
            "spurious": kinds["spurious"],
            "possible": possible,
            "actual": actual,
        }
    return out


def _errors(pairs: Iterable[Pair], labels: Sequence[str]) -> Metrics:
    names = ("correct", *ERROR_KINDS)
    table = {label: dict.fromkeys(names, 0) for label in labels}
    for gold, predicted in pairs:
        entity = gold or predicted
        assert entity is not None
        table[entity.label][kind_of(gold, predicted)] += 1
    total = {name: sum(row[name] for row in table.values()) for name in names}
    return {"total": total, "labels": table}


def _confusion(pairs: Iterable[Pair], labels: Sequence[str]) -> Metrics:
    index = {label: i for i, label in enumerate(labels)}
    size = len(labels)
    counts = np.zeros((size + 1, size + 1), dtype=np.int64)
    for gold, predicted in pairs:
        row = size if gold is None else index[gold.label]
        column = size if predicted is None else index[predicted.label]
        counts[row, column] += 1
    return {"labels": list(labels), "counts": counts.tolist()}


def seqeval_scores(gold: Sequence[Document], predicted: Sequence[Document]) -> Metrics:
    """seqeval's strict IOB2 scores over words, beside the character spans.

    A word is a run of letters, digits and underscores, or one other visible character
    (``\\w+|[^\\w\\s]``). A span takes every word that it touches, and a word touched by two
    spans belongs to the first: ``widened`` counts the spans (gold and predicted) whose
    offsets are not those of their words, ``lost`` those left without a word.
    """
    from seqeval.metrics import classification_report
    from seqeval.scheme import IOB2

    moved: Counter[str] = Counter()
    true, guessed = [], []
    for g, p in zip(gold, predicted, strict=True):
        units = [m.span() for m in _UNIT.finditer(g.text)]
        true.append(_tags(units, g.entities, moved))
        guessed.append(_tags(units, judged_spans(p, g), moved))
    report: Mapping[str, Mapping[str, Any]] = {}
    if any(tag != "O" for tags in (*true, *guessed) for tag in tags):  # it fails on nothing
        report = classification_report(
            true, guessed, mode="strict", scheme=IOB2, output_dict=True, zero_division=0
        )
    per_label = {
        name: _plain(scores) for name, scores in report.items() if not name.endswith(" avg")
    }
    return {
        **_plain(report.get("micro avg", {})),
        "labels": per_label,
        "words": sum(map(len, true)),
        "widened": moved["widened"],
        "lost": moved["lost"],
    }


def _plain(scores: Mapping[str, Any]) -> dict[str, float | int]:
    return {
        "precision": float(scores.get("precision", 0.0)),
        "recall": float(scores.get("recall", 0.0)),
        "f1": float(scores.get("f1-score", 0.0)),
        "support": int(scores.get("support", 0)),
    }


def _tags(
    units: list[tuple[int, int]], entities: Iterable[Entity], moved: Counter[str]
) -> list[str]:
    tags = ["O"] * len(units)
    at = 0
    for entity in sorted(entities, key=lambda e: e.key):
        while at < len(units) and units[at][1] <= entity.start:
            at += 1
        first = at
        while at < len(units) and units[at][0] < entity.end:
            tags[at] = f"{'B' if at == first else 'I'}-{entity.label}"
            at += 1
        if first == at:
            moved["lost"] += 1
        elif (units[first][0], units[at - 1][1]) != (entity.start, entity.end):
            moved["widened"] += 1
    return tags
