"""Scores that are probabilities: temperature, a monotone calibrator, and how far off they are.

Two steps, both fitted on out-of-fold predictions. The *temperature* divides the logits of
every unit so that its tag probabilities fit the gold tags best (Guo et al., "On Calibration
of Modern Neural Networks", ICML 2017). The *calibrator* then maps the score of a whole span
(the smallest probability along it, see :mod:`ie_model.inference.decoding`) to the share of
spans with such a score that are right: isotonic regression, a line between its levels.

Both are applied by :mod:`ie_model.inference.thresholds`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import isotonic_regression

from ie_model.errors import InputError
from ie_model.inference.thresholds import calibrate_scores

Floats = NDArray[np.float64]

BINS = 10
"""Equal-width bins of the expected calibration error and the reliability plot."""

_PRIOR = 2.0  # spans' worth of the average that every level of the calibrator is mixed with


def fit_temperature(logits: NDArray[np.floating[Any]], tags: NDArray[np.integer[Any]]) -> float:
    """The temperature under which the tags are likeliest, between 0.05 and 20.

    The log likelihood is concave in the inverse temperature, so Newton's method with
    bisection finds the one optimum.

    Args:
        logits: ``[units, tags]``.
        tags: gold tag ids ``[units]``; negative ones (``IGNORED``) are left out.

    Raises:
        InputError: no unit with a gold tag.
    """
    known = np.flatnonzero(tags >= 0)
    if not len(known):
        raise InputError("temperature: no unit has a gold tag to fit on")
    z = logits[known].astype(np.float64)
    z -= z.max(axis=1, keepdims=True)
    target = z[np.arange(len(known)), tags[known]].mean()
    low, high, beta = 1 / 20, 20.0, 1.0
    for _ in range(60):
        weights = np.exp(beta * z)
        weights /= weights.sum(axis=1, keepdims=True)
        mean = (weights * z).sum(axis=1)
        slope = target - mean.mean()  # of the mean log likelihood, in beta
        curvature = ((weights * z**2).sum(axis=1) - mean**2).mean()
        if slope > 0:
            low = beta
        else:
            high = beta
        step = beta + slope / curvature if curvature > 0 else low
        step = step if low < step < high else (low + high) / 2
        if abs(step - beta) < 1e-6 * beta:
            break
        beta = step
    return float(1 / beta)


def isotonic(values: Floats, weights: Floats) -> Floats:
    """The non-descending sequence nearest to ``values`` in weighted least squares.

    Pool adjacent violators (Ayer et al., Annals of Mathematical Statistics 26, 1955).
    """
    return np.asarray(isotonic_regression(values, weights=weights).x, np.float64)


def fit_knots(scores: ArrayLike, correct: ArrayLike) -> dict[str, list[float]]:
    """Fit the monotone calibrator.

    Each level of the isotonic fit becomes one knot, at the mean score of its spans; so that
    a handful of spans does not make a certainty, every level is mixed with two spans' worth
    of the overall rate.

    Args:
        scores: raw scores ``[spans]``, 0 to 1.
        correct: whether each span is right, ``[spans]``.

    Returns:
        ``{"scores": [...], "probabilities": [...]}`` for :func:`calibrate_scores`; empty
        lists are never returned.

    Raises:
        InputError: no spans.
    """
    raw = np.asarray(scores, np.float64)
    right = np.asarray(correct, np.float64)
    if not len(raw):
        raise InputError("calibration: no predicted spans to fit on")
    # Spans with equal scores are one point, or their order would matter.
    points, owner = np.unique(raw, return_inverse=True)
    weights = np.bincount(owner).astype(np.float64)
    fitted = isotonic(np.bincount(owner, right) / weights, weights)
    _, level = np.unique(fitted, return_inverse=True)
    size = np.bincount(level, weights).astype(np.float64)
    place = np.bincount(level, weights * points) / size
    rate = np.bincount(level, weights * fitted) / size
    mixed = (rate * size + right.mean() * _PRIOR) / (size + _PRIOR)
    # Mixing moves small levels more than large ones and can disturb the order.
    final = isotonic(mixed, size)
    return {"scores": place.tolist(), "probabilities": final.tolist()}


def reliability(scores: ArrayLike, correct: ArrayLike, bins: int = BINS) -> dict[str, Any]:
    """How well scores agree with the share of right spans.

    Args:
        scores: probabilities ``[spans]``.
        correct: whether each span is right, ``[spans]``.
        bins: equal-width bins over 0 to 1.

    Returns:
        ``ece``: expected calibration error, the mean over spans of the distance between
        mean score and share of right ones in their bin (Guo et al. 2017); ``brier``: mean
        squared error of the scores; ``floor``: the calibration error that perfect scores of
        this number and spread would show by chance (normal approximation, independent
        spans); ``spans``; ``bins``: of those that hold a span, ``score`` (mean), ``rate``
        (share right), ``spans``.
    """
    s = np.asarray(scores, np.float64)
    y = np.asarray(correct, np.float64)
    if not len(s):
        return {"ece": 0.0, "brier": 0.0, "floor": 0.0, "spans": 0, "bins": []}
    owner = np.minimum((s * bins).astype(int), bins - 1)
    size = np.bincount(owner, minlength=bins)
    held = np.flatnonzero(size)
    score = np.bincount(owner, s, bins)[held] / size[held]
    rate = np.bincount(owner, y, bins)[held] / size[held]
    # Right spans in a bin scatter with this variance; a normal's mean distance from its
    # middle is sqrt(2 / pi) standard deviations.
    scatter = np.sqrt(2 / np.pi * np.bincount(owner, s * (1 - s), bins))
    return {
        "ece": float((np.abs(score - rate) * size[held]).sum() / len(s)),
        "brier": float(np.mean((s - y) ** 2)),
        "floor": float(scatter.sum() / len(s)),
        "spans": len(s),
        "bins": [
            {"score": float(a), "rate": float(b), "spans": int(n)}
            for a, b, n in zip(score, rate, size[held], strict=True)
        ],
    }


def cross_fitted(scores: Floats, correct: Floats, groups: Sequence[int] | NDArray[Any]) -> Floats:
    """Calibrated scores, each from a calibrator that saw nothing of the span's own group.

    An honest "after": the calibrator kept is fitted on all spans and would flatter itself.
    A group that holds every span keeps its raw scores.
    """
    owner = np.asarray(groups)
    result = scores.astype(np.float64, copy=True)
    for group in np.unique(owner):
        inside = owner == group
        if not inside.all():
            knots = fit_knots(scores[~inside], correct[~inside])
            result[inside] = calibrate_scores(scores[inside], {"knots": knots})
    return result
