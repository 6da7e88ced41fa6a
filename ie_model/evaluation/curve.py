"""The learning curve of a run, and what another article would bring.

The error (1 - F1) of a model falls with its training data roughly as a power law (Hestness
et al., "Deep Learning Scaling is Predictable, Empirically", 2017), a straight line when both
are in logarithms. The line is fitted to the shares of the training data that the run was
made with, and carried on by one article. Documents are resampled as for every interval, so
a curve that is not known well gives a wide range of gains.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ie_model.errors import InputError
from ie_model.evaluation.out_of_fold import OofRun
from ie_model.metrics.bootstrap import Counts, figures_of_draws, intervals, quantile_tails
from ie_model.metrics.spans import Metrics, span_scores

Floats = NDArray[np.float64]

FEWEST_POINTS = 3
"""Shares of the training data that a forecast needs."""

_LEAST_ERROR = 0.005  # a perfect resample has no logarithm


def learning_curve(run: OofRun) -> Metrics:
    """F1 by amount of training data, and the expected gain of one more article.

    Args:
        run: a run with several ``fractions``; parts that are missing make it an error.

    Returns:
        ``points``: per fraction ``fraction``, ``characters`` and ``documents`` trained on
        (means over the parts), ``micro`` and ``labels``: ``f1`` and ``interval``.
        ``article``: characters of a mean testable document. ``gain``, with at least
        ``FEWEST_POINTS`` fractions: for ``micro`` and each of ``labels`` the ``expected``
        rise in F1 from one more article, and its ``interval``.

    Raises:
        InputError: the run is incomplete.
    """
    fractions = sorted(run.protocol.fractions)
    points, draws, sizes = [], [], []
    for fraction in fractions:
        counts, unit = run.counts(fraction)
        facts = [
            run.part_metrics(p)["training"] for p in run.protocol.parts if p.fraction == fraction
        ]
        size = float(np.mean([f["characters"] for f in facts]))
        found = intervals(counts, run.labels, unit=unit)
        f1 = _mean_f1(counts, run.labels)
        points.append(
            {
                "fraction": fraction,
                "characters": size,
                "documents": float(np.mean([f["documents"] for f in facts])),
                "micro": {"f1": f1["micro"], "interval": found["micro"]["f1"]},
                "labels": {
                    label: {"f1": f1[label], "interval": found["labels"][label]["f1"]}
                    for label in run.labels
                    if label in found["labels"]
                },
            }
        )
        # The same seed draws the same documents at every point: their noise is shared.
        draws.append(figures_of_draws(counts)[..., 2])
        sizes.append(size)
    data = run.protocol.data
    article = data["characters"] / max(data["documents"], 1)
    curve: Metrics = {"points": points, "article": article, "unit": unit}
    if len(set(sizes)) >= FEWEST_POINTS:
        tails = quantile_tails(counts.shape[1], 0.95)
        curve["gain"] = _gains(points, np.stack(draws), np.array(sizes), article, run, tails)
    return curve


def expected_gain(sizes: Floats, f1: Floats, more: float) -> Floats:
    """The rise in F1 that a power law promises for more training data.

    Args:
        sizes: amounts of training data, ``[points]``, ascending, positive.
        f1: scores ``[points, ...]``.
        more: how much is added to the last size.

    Returns:
        float64, of the shape of one point of ``f1``; never negative: where the curve falls,
        no gain is promised.

    Raises:
        InputError: fewer than two different sizes.
    """
    if len(set(sizes.tolist())) < 2:
        raise InputError("a forecast needs at least two different amounts of training data")
    x = np.log(sizes)
    y = np.log(np.maximum(1 - f1, _LEAST_ERROR))
    centred = x - x.mean()
    slope = np.tensordot(centred, y, axes=1) / (centred**2).sum()
    slope = np.minimum(slope, 0.0)
    middle = y.mean(axis=0)
    now = np.exp(middle + slope * (x[-1] - x.mean()))
    then = np.exp(middle + slope * (np.log(sizes[-1] + more) - x.mean()))
    return np.asarray(now - then)


def _gains(
    points: list[dict[str, Any]],
    draws: Floats,
    sizes: Floats,
    article: float,
    run: OofRun,
    tails: tuple[float, float],
) -> Metrics:
    """``draws`` is ``[points, resamples, labels + 2]``: labels, then micro and macro."""

    def gain(name: str, column: int) -> dict[str, Any] | None:
        rows = [p["micro"] if name == "micro" else p["labels"].get(name) for p in points]
        values = draws[:, :, column]
        values = values[:, ~np.isnan(values).any(axis=0)]
        if any(row is None for row in rows) or values.shape[1] < 2:
            return None
        point = expected_gain(sizes, np.array([row["f1"] for row in rows]), article)
        low, high = np.quantile(expected_gain(sizes, values, article), tails)
        return {"expected": float(point), "interval": [float(low), float(high)]}

    labels = {label: gain(label, i) for i, label in enumerate(run.labels)}
    return {"micro": gain("micro", len(run.labels)), "labels": labels}


def _mean_f1(counts: Counts, labels: tuple[str, ...]) -> dict[str, float]:
    each = [span_scores(c, labels) for c in counts]
    table = {label: float(np.mean([m["labels"][label]["f1"] for m in each])) for label in labels}
    return {**table, "micro": float(np.mean([m["micro"]["f1"] for m in each]))}
