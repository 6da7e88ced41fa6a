"""How sure a score is: bootstrap intervals over documents, and over the difference of two models.

Documents are drawn with replacement and every figure is computed again from the summed
counts of :func:`ie_model.metrics.spans.document_counts`; no document is scored twice.

The plain percentile interval is too narrow for few documents. The one used here takes its
percentiles farther out, as Student's t does for a mean ("expanded percentile interval",
Hesterberg, "What Teachers Should Know About the Bootstrap", The American Statistician 69(4),
2015). Where a figure has no spread at all (a label found without one error), the bootstrap
says nothing, and the Wilson interval over the units that hold the label is given instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri, stdtrit

from ie_model.documents import Document, Entity
from ie_model.errors import InputError
from ie_model.metrics.spans import (
    CORRECT,
    GOLD,
    PREDICTED,
    Metrics,
    check_pairs,
    document_counts,
    judged_spans,
)

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

FIGURES = ("precision", "recall", "f1")
FEWEST_DOCUMENTS = 10
"""With fewer documents than this, paragraphs are resampled instead."""

_CELLS = 4_000_000  # how many resampling weights are held at once


def unit_counts(
    gold: Sequence[Document], predicted: Sequence[Document], labels: Sequence[str]
) -> tuple[Counts, str]:
    """The counts to resample, and what a row is: ``"document"`` or ``"paragraph"``.

    Paragraphs (lines with something on them) stand in for documents when there are fewer
    than ``FEWEST_DOCUMENTS``; they are less independent than documents, so the interval is
    then a lower bound of the real uncertainty. A span belongs to the line it starts in.

    Returns:
        int64 ``[units, labels, 3]`` as in :func:`ie_model.metrics.spans.document_counts`.

    Raises:
        InputError: as :func:`ie_model.metrics.spans.score_documents`.
    """
    check_pairs(gold, predicted, labels)
    if len(gold) >= FEWEST_DOCUMENTS:
        return document_counts(gold, predicted, labels, checked=True), "document"
    index = {label: i for i, label in enumerate(labels)}
    rows: list[Counts] = []
    for g, p in zip(gold, predicted, strict=True):
        ends = np.array(_paragraph_ends(g.text), dtype=np.int64)
        table = np.zeros((len(ends), len(labels), 3), dtype=np.int64)

        def place(entity: Entity, ends: Counts = ends) -> tuple[int, int]:
            return int(np.searchsorted(ends, entity.start, side="right")), index[entity.label]

        keys = {e.key for e in g.entities}
        for e in g.entities:
            table[(*place(e), GOLD)] += 1
        for e in judged_spans(p, g):
            table[(*place(e), PREDICTED)] += 1
            table[(*place(e), CORRECT)] += e.key in keys
        rows.append(table)
    empty = np.zeros((0, len(labels), 3), dtype=np.int64)
    return np.concatenate([empty, *rows]), "paragraph"


def _paragraph_ends(text: str) -> list[int]:
    """Where each line that holds something ends; the last reaches beyond the text's end."""
    ends, end = [], 0
    for line in text.splitlines(keepends=True):
        end += len(line)
        if line.strip():
            ends.append(end)
    return [*ends[:-1], len(text) + 1]


def intervals(
    counts: Counts,
    labels: Sequence[str],
    *,
    unit: str = "document",
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Metrics:
    """Intervals of precision, recall and F1 per label, micro and macro.

    Args:
        counts: ``[units, labels, 3]``, or ``[seeds, units, labels, 3]`` for several models
            of the same data: each resample is then the mean over the models, on the same
            units, so the interval is that of the mean.
        labels: names of the label axis.
        unit: what a row of ``counts`` is; carried into the result.
        resamples: how many times the units are drawn; 1,000 take well under a second.
        level: the coverage wished, between 0 and 1.
        seed: of the draws; the same seed gives the same interval.

    Returns:
        ``{"micro": {"precision": [low, high], ...}, "macro": ..., "labels": {label: ...},
        "unit", "units", "resamples", "level"}``; fractions. A label that occurs nowhere has
        no interval.

    Raises:
        InputError: no units, or ``level`` outside (0, 1).
    """
    stacked = _stack(counts)
    _check(stacked, level)
    drawn = figures_of_draws(stacked, resamples, seed)
    point = _mean(_figures(stacked.sum(axis=1, keepdims=True)))[0]
    units = _units(stacked)
    table: dict[str, dict[str, list[float]]] = {}
    for i, name in enumerate((*labels, "micro", "macro")):
        if units[i]:
            table[name] = {
                figure: _interval(drawn[:, i, k], float(point[i, k]), units[i], level)
                for k, figure in enumerate(FIGURES)
            }
    return {
        **{name: table.pop(name) for name in ("micro", "macro") if name in table},
        "labels": table,
        "unit": unit,
        "units": int(stacked.shape[1]),
        "resamples": resamples,
        "level": level,
    }


def paired_differences(
    before: Counts,
    after: Counts,
    labels: Sequence[str],
    *,
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Metrics:
    """F1 of ``after`` minus F1 of ``before``, both resampled on the same units.

    Args:
        before: counts of the one model, as in :func:`intervals`.
        after: counts of the other, on the same units and labels.
        labels: names of the label axis.
        resamples: how many times the units are drawn.
        level: the coverage wished.
        seed: of the draws.

    Returns:
        For ``micro``, ``macro`` and each of ``labels``: ``before``, ``after`` (F1),
        ``difference``, ``interval`` of the difference, and ``worse``, the share of resamples
        in which ``after`` is the lower one (ties count half).

    Raises:
        InputError: other units or labels on the two sides, no units, or a bad ``level``.
    """
    a, b = _stack(before), _stack(after)
    if a.shape[1:] != b.shape[1:]:
        raise InputError(
            f"a paired comparison needs the same documents and labels on both sides, "
            f"found {a.shape[1:3]} and {b.shape[1:3]} (units, labels)"
        )
    _check(a, level)
    f1 = FIGURES.index("f1")
    old, new = (figures_of_draws(x, resamples, seed)[..., f1] for x in (a, b))
    points = [_mean(_figures(x.sum(axis=1, keepdims=True)))[0, :, f1] for x in (a, b)]
    units = _units(np.concatenate([a, b]))
    result: dict[str, dict[str, Any]] = {}
    for i, name in enumerate((*labels, "micro", "macro")):
        difference = new[:, i] - old[:, i]
        difference = difference[~np.isnan(difference)]
        was, now = (float(np.nan_to_num(p[i])) for p in points)
        tails = quantile_tails(units[i], level)
        low, high = np.quantile(difference, tails) if len(difference) else (0.0, 0.0)
        worse = (difference < 0).mean() + (difference == 0).mean() / 2 if len(difference) else 0.5
        result[name] = {
            "before": was,
            "after": now,
            "difference": now - was,
            "interval": [float(low), float(high)],
            "worse": float(worse),
        }
    return {
        "micro": result.pop("micro"),
        "macro": result.pop("macro"),
        "labels": result,
        "units": int(a.shape[1]),
        "resamples": resamples,
        "level": level,
    }


def seed_spread(counts: Counts, labels: Sequence[str]) -> Metrics:
    """Mean, standard deviation, lowest and highest F1 over models of several seeds.

    ``counts`` is ``[seeds, units, labels, 3]``; the result has ``micro``, ``macro`` and
    ``labels``, each ``{"mean", "sd", "low", "high"}``; ``sd`` is 0.0 for one seed.
    """
    f1 = np.nan_to_num(_figures(_stack(counts).sum(axis=1, keepdims=True))[:, 0, :, 2])
    table = {
        name: {
            "mean": float(f1[:, i].mean()),
            "sd": float(f1[:, i].std(ddof=1)) if len(f1) > 1 else 0.0,
            "low": float(f1[:, i].min()),
            "high": float(f1[:, i].max()),
        }
        for i, name in enumerate((*labels, "micro", "macro"))
    }
    return {"micro": table.pop("micro"), "macro": table.pop("macro"), "labels": table}


def figures_of_draws(counts: Counts, resamples: int = 1000, seed: int = 0) -> Floats:
    """Precision, recall and F1 of every resample, the mean over the seeds.

    ``counts`` as in :func:`intervals`. Returns float64 ``[resamples, labels + 2, 3]``, micro
    and macro after the labels; NaN where a resample does not hold the label. The same
    ``seed`` draws the same units, so two models of the same documents can be paired.
    """
    return _mean(_figures(_draws(_stack(counts), resamples, seed)))


def _stack(counts: Counts) -> Counts:
    return counts[None] if counts.ndim == 3 else counts


def _check(counts: Counts, level: float) -> None:
    if not 0 < level < 1:
        raise InputError(f"level must lie between 0 and 1, found {level}")
    if counts.shape[1] == 0:
        raise InputError("an interval needs at least one document that is not empty")


def _units(counts: Counts) -> list[int]:
    """How many units hold a span of each label; and any span, for micro and for macro."""
    present = counts.sum(axis=(0, 3)) > 0  # [units, labels]
    anything = int(present.any(axis=1).sum())
    return [*present.sum(axis=0).tolist(), anything, anything]


def _draws(counts: Counts, resamples: int, seed: int) -> Floats:
    """Sums of ``[seeds, units, labels, 3]`` over drawn units: ``[seeds, resamples, labels, 3]``."""
    seeds, units, labels, _ = counts.shape
    flat = counts.reshape(seeds, units, labels * 3).astype(np.float64)
    rng = np.random.default_rng(seed)
    block = max(1, min(resamples, _CELLS // units))
    parts = []
    for first in range(0, resamples, block):
        rows = min(block, resamples - first)
        drawn = rng.integers(units, size=(rows, units)) + units * np.arange(rows)[:, None]
        weights = np.bincount(drawn.ravel(), minlength=rows * units).reshape(rows, units)
        parts.append(weights.astype(np.float64) @ flat)
    return np.concatenate(parts, axis=1).reshape(seeds, resamples, labels, 3)


def _figures(sums: NDArray[Any]) -> Floats:
    """``[..., labels, 3]`` counts to ``[..., labels + 2, 3]`` figures, micro and macro last.

    NaN where a figure is undefined, so that a resample without the label is left out and
    not taken for a zero.
    """
    full = np.concatenate([sums, sums.sum(axis=-2, keepdims=True)], axis=-2).astype(np.float64)
    correct, predicted, gold = full[..., CORRECT], full[..., PREDICTED], full[..., GOLD]
    with np.errstate(invalid="ignore"):
        precision, recall = correct / predicted, correct / gold
        f1 = 2 * correct / (predicted + gold)
    there = (predicted + gold) > 0
    # As in the metrics: 0 for a precision or recall over nothing when the label does occur.
    precision = np.where(there, np.nan_to_num(precision), np.nan)
    recall = np.where(there, np.nan_to_num(recall), np.nan)
    figures = np.stack([precision, recall, f1], axis=-1)
    per_label = figures[..., :-1, :]
    occurring = there[..., :-1, None]
    number = occurring.sum(axis=-2, keepdims=True)
    total = np.where(occurring, per_label, 0.0).sum(axis=-2, keepdims=True)
    macro = np.divide(total, number, out=np.full(total.shape, np.nan), where=number > 0)
    return np.concatenate([figures, macro], axis=-2)


def _mean(figures: Floats) -> Floats:
    """Mean over the seeds (first axis); a seed without the figure does not count."""
    defined = ~np.isnan(figures)
    number = defined.sum(axis=0)
    total = np.where(defined, figures, 0.0).sum(axis=0)
    return np.divide(total, number, out=np.full(total.shape, np.nan), where=number > 0)


def quantile_tails(units: int, level: float) -> tuple[float, float]:
    """The two percentiles (as fractions) of the expanded percentile interval of ``units`` units."""
    if units < 2:
        return 0.0, 1.0
    alpha = 1 - level
    low = float(ndtr(np.sqrt(units / (units - 1)) * stdtrit(units - 1, alpha / 2)))
    return low, 1 - low


def _interval(drawn: Floats, point: float, units: int, level: float) -> list[float]:
    drawn = drawn[~np.isnan(drawn)]
    low, high = np.quantile(drawn, quantile_tails(units, level)) if len(drawn) else (point, point)
    if high - low > 1e-9:
        return [float(low), float(high)]
    # Wilson, "Probable Inference", JASA 22 (1927), with a unit as one trial.
    z2 = float(ndtri(1 - (1 - level) / 2)) ** 2
    middle = (point + z2 / (2 * units)) / (1 + z2 / units)
    half = np.sqrt(z2 * (point * (1 - point) / units + z2 / (4 * units**2))) / (1 + z2 / units)
    return [max(0.0, float(middle - half)), min(1.0, float(middle + half))]
