"""What a model's calibration and thresholds make of its scores.

Both lie in ``ie_model.json`` and are fitted by :mod:`ie_model.evaluation`; an empty
``calibration`` there means uncalibrated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ie_model.documents import Entity
from ie_model.errors import InputError
from ie_model.inference.agreement import agree


def calibrate_scores(scores: ArrayLike, calibration: Mapping[str, Any]) -> NDArray[np.float64]:
    """Map raw span scores to the probability that the span is right.

    Args:
        scores: raw scores, any shape, 0 to 1.
        calibration: of ``ie_model.json``; with no ``knots`` the scores come back unchanged.
            ``knots`` has ``scores`` (ascending) and ``probabilities`` (not descending).

    Returns:
        float64 of the same shape; the order of two scores is never reversed.
    """
    raw = np.asarray(scores, dtype=np.float64)
    knots = calibration.get("knots")
    if not knots:
        return raw
    return np.asarray(np.interp(raw, knots["scores"], knots["probabilities"]))


def check_min_score(min_score: float | Mapping[str, float] | None, labels: Sequence[str]) -> None:
    """Refuse a ``min_score`` that no score could be measured by.

    Raises:
        InputError: a number outside 0 to 1, or a label that the model does not have.
    """
    by_label = min_score if isinstance(min_score, Mapping) else {}
    unknown = set(by_label) - set(labels)
    if unknown:
        raise InputError(
            f"min_score: the model has no label {min(unknown)!r}; it has {', '.join(labels)}"
        )
    values = by_label.values() if isinstance(min_score, Mapping) else [min_score]
    for value in values:
        if value is not None and not 0 <= value <= 1:
            raise InputError(f"min_score is {value}: scores lie between 0 and 1")


def lowest_scores(
    thresholds: Mapping[str, float], min_score: float | Mapping[str, float] | None
) -> tuple[dict[str, float], float]:
    """The lowest score to keep: by label, and for the labels not named there.

    ``thresholds`` are those of the model; ``min_score`` takes their place, as a number for
    all labels, as a mapping for those it names.
    """
    if isinstance(min_score, Mapping):
        return {**thresholds, **min_score}, 0.0
    if min_score is not None:
        return {}, float(min_score)
    return dict(thresholds), 0.0


def apply_calibration(
    found: Sequence[tuple[Entity, ...]],
    calibration: Mapping[str, Any],
    thresholds: Mapping[str, float],
    min_score: float | Mapping[str, float] | None = None,
    sure_score: float = 0.0,
) -> list[tuple[Entity, ...]]:
    """What a calibrated model says: probabilities for scores, doubtful spans left out.

    Args:
        found: decoded entities of each text, raw scores.
        calibration: of ``ie_model.json``. Spans inside the ``review`` band of their label
            get ``meta["review"] = True``.
        thresholds: of ``ie_model.json``: the lowest score to keep, by label.
        min_score: takes the place of ``thresholds``: one number for all labels, or one by
            label (labels not named keep theirs).
        sure_score: from which score on a mention decides for others of the same words, see
            :func:`~ie_model.inference.agreement.agree`; 0: none does.

    Returns:
        The entities of each text, in order, with calibrated scores; the very ones given
        when there is nothing to do.
    """
    floors, floor = lowest_scores(thresholds, min_score)
    review = calibration.get("review") or {}
    if not (calibration.get("knots") or review or floor or sure_score or any(floors.values())):
        return list(found)
    raw = [e.score if e.score is not None else 1.0 for entities in found for e in entities]
    scores = iter(calibrate_scores(raw, calibration).tolist())
    results = []
    for entities in found:
        scored = [replace(e, score=s) for e, s in zip(entities, scores, strict=False)]
        kept = []
        for entity in agree(scored, sure_score) if sure_score else scored:
            score = entity.score
            assert score is not None
            if score < floors.get(entity.label, floor):
                continue
            low, high = review.get(entity.label, (0.0, 0.0))
            meta = {**entity.meta, "review": True} if low <= score < high else entity.meta
            kept.append(entity if meta is entity.meta else replace(entity, meta=meta))
        results.append(tuple(kept))
    return results
