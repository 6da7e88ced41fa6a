"""Which spans to keep, and which of those a person should look at, label by label.

Both are chosen on calibrated out-of-fold scores. A label with few predicted spans would get a
threshold that fits its accidents; it takes the one of all labels together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ie_model.errors import InputError

FEWEST_SPANS = 30
"""A label needs this many predicted spans for a threshold of its own."""

EVERYTHING = "*"
"""Name of the row for all labels together."""


@dataclass(frozen=True, slots=True)
class ScoredSpans:
    """Predicted spans with calibrated scores, and how many gold spans there are.

    ``scores`` float64 ``[spans]``, ``correct`` bool ``[spans]``, ``labels`` int
    ``[spans]`` (index into the label set), ``gold`` int ``[labels]``.
    """

    scores: NDArray[np.float64]
    correct: NDArray[np.bool_]
    labels: NDArray[np.int64]
    gold: NDArray[np.int64]


def choose_thresholds(
    found: ScoredSpans, labels: Sequence[str], precision: float | None = None
) -> dict[str, dict[str, Any]]:
    """The lowest score to keep, for each label.

    Args:
        found: predicted spans.
        labels: names of the labels.
        precision: the precision wished; ``None`` looks for the best F1.

    Returns:
        Per label, and for all of them under ``"*"``: ``threshold``, what remains with it
        (``precision``, ``recall``, ``f1``, ``kept``), ``own`` (false: taken from ``"*"``)
        and ``reached`` (false: no threshold gives the wished precision, the nearest is
        given).

    Raises:
        InputError: ``precision`` outside (0, 1].
    """
    if precision is not None and not 0 < precision <= 1:
        raise InputError(f"precision must lie between 0 and 1, found {precision}")
    everything = _choose(found.scores, found.correct, int(found.gold.sum()), precision)
    table = {EVERYTHING: {**everything, "own": True}}
    for i, label in enumerate(labels):
        mine = found.labels == i
        scores, correct, gold = found.scores[mine], found.correct[mine], int(found.gold[i])
        own = int(mine.sum()) >= FEWEST_SPANS
        row = (
            _choose(scores, correct, gold, precision)
            if own
            else _outcome(scores, correct, gold, everything["threshold"], everything["reached"])
        )
        table[label] = {**row, "own": own}
    return table


def review_bands(
    found: ScoredSpans,
    labels: Sequence[str],
    thresholds: Mapping[str, float],
    precision: float = 0.95,
) -> dict[str, list[float]]:
    """Per label ``[low, high)``: kept spans that a person should look at.

    ``low`` is the label's threshold; from ``high`` upwards the spans alone have at least the
    wished precision. A band up to 1.0 means that no score is that safe.

    Raises:
        InputError: ``precision`` outside (0, 1].
    """
    safe = choose_thresholds(found, labels, precision)
    bands = {}
    for label in labels:
        low = float(thresholds[label])
        high = safe[label]["threshold"] if safe[label]["reached"] else 1.0
        bands[label] = [low, max(low, high)]
    return bands


def _choose(
    scores: NDArray[np.float64], correct: NDArray[np.bool_], gold: int, precision: float | None
) -> dict[str, Any]:
    if not len(scores):
        return _outcome(scores, correct, gold, 0.0, precision is None)
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order]
    right = np.cumsum(correct[order])
    kept = np.arange(1, len(ranked) + 1)
    # A threshold keeps all spans of one score or none: look only after the last of them.
    last = np.flatnonzero(np.append(ranked[1:] != ranked[:-1], True))
    right, kept, ranked = right[last], kept[last], ranked[last]
    reached = True
    if precision is None:
        f1 = 2 * right / (kept + gold)
        best = len(f1) - 1 - int(np.argmax(f1[::-1]))  # the lowest of equally good ones
    else:
        enough = np.flatnonzero(right / kept >= precision)
        reached = len(enough) > 0
        best = int(enough[-1]) if reached else int(np.argmax(right / kept))
    # With everything kept, no threshold at all: scores below those seen are welcome too.
    threshold = 0.0 if best == len(ranked) - 1 else float(ranked[best] + ranked[best + 1]) / 2
    return _outcome(scores, correct, gold, threshold, reached)


def _outcome(
    scores: NDArray[np.float64],
    correct: NDArray[np.bool_],
    gold: int,
    threshold: float,
    reached: bool,
) -> dict[str, Any]:
    keep = scores >= threshold
    kept, right = int(keep.sum()), int(correct[keep].sum())
    return {
        "threshold": threshold,
        "precision": right / kept if kept else 0.0,
        "recall": right / gold if gold else 0.0,
        "f1": 2 * right / (kept + gold) if kept + gold else 0.0,
        "kept": kept,
        "reached": reached,
    }
