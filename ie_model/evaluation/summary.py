"""The scores of a cross-validation, pooled over its folds and seeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ie_model.documents import Document
from ie_model.evaluation.out_of_fold import OofRun
from ie_model.metrics.bootstrap import intervals, seed_spread
from ie_model.metrics.spans import Metrics, document_counts, score_documents, span_scores


def summarise(run: OofRun) -> Metrics:
    """Pooled scores of a complete run.

    Returns:
        The metrics of :func:`ie_model.metrics.spans.score_documents` for the first seed, where
        ``span`` is replaced by the mean over the seeds, and: ``intervals`` (of that mean,
        see :func:`ie_model.metrics.bootstrap.intervals`), ``seeds`` (spread over the seeds),
        ``seen`` and ``unseen`` (spans whose surface was, or was not, annotated with the
        same label in the training data), ``protocol`` (folds, seeds, training seconds).

    Raises:
        InputError: the run is incomplete.
    """
    labels = run.labels
    counts, unit = run.counts()
    gold, predicted = run.pairs()
    metrics = score_documents(gold, predicted, labels)
    metrics["span"] = _mean_scores([span_scores(c, labels) for c in counts])
    metrics["intervals"] = intervals(counts, labels, unit=unit)
    metrics["seeds"] = seed_spread(counts, labels)
    for name, seen in (("seen", True), ("unseen", False)):
        metrics[name] = _mean_scores([_seen_scores(run, seed, seen) for seed in run.protocol.seeds])
    whole = [run.part_metrics(p) for p in run.protocol.parts if p.fraction == 1]
    metrics["protocol"] = {
        "folds": len(run.protocol.folds),
        "seeds": list(run.protocol.seeds),
        "fractions": list(run.protocol.fractions),
        "data": dict(run.protocol.data),
        "training_seconds": sum(m["training"]["seconds"] for m in whole),
    }
    return metrics


def _seen_scores(run: OofRun, seed: int, seen: bool) -> Metrics:
    def only(document: Document) -> Document:
        kept = tuple(e for e in document.entities if bool(e.meta.get("seen")) is seen)
        return replace(document, entities=kept)

    gold, predicted = run.pairs(seed)
    counts = document_counts(
        [only(d) for d in gold], [only(d) for d in predicted], run.labels, checked=True
    )
    return span_scores(counts, run.labels)


def _mean_scores(each: Sequence[Metrics]) -> Metrics:
    """The mean of several :func:`ie_model.metrics.spans.span_scores`, figure by figure.

    Counts are means too, so they need not be whole; they are left whole for one seed.
    """

    def mean(rows: list[dict[str, float]]) -> dict[str, float]:
        return {k: sum(r[k] for r in rows) / len(rows) for k in rows[0]}

    if len(each) == 1:
        return each[0]
    return {
        "micro": mean([m["micro"] for m in each]),
        "macro": mean([m["macro"] for m in each]),
        "labels": {k: mean([m["labels"][k] for m in each]) for k in each[0]["labels"]},
    }
