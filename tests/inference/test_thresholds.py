"""Thresholds and calibration as they are applied."""

from __future__ import annotations

import pytest

from ie_model.documents import Entity
from ie_model.errors import InputError
from ie_model.inference.thresholds import apply_calibration, check_min_score

LABELS = ("ACTOR", "DATE")


@pytest.mark.parametrize("bad", [90, -0.1, float("nan"), {"DATE": 1.5}])
def test_thresholds_min_score_lies_between_0_and_1(bad):
    with pytest.raises(InputError, match="scores lie between 0 and 1"):
        check_min_score(bad, LABELS)
    for good in (None, 0, 1.0, {}, {"DATE": 0.5}):
        check_min_score(good, LABELS)


FOUND = [
    (Entity(0, 4, "ACTOR", 0.9, "Iraq"), Entity(5, 9, "DATE", 0.4, "noon")),
    (),
    (Entity(2, 6, "ACTOR", 0.2, "Iran", {"note": 1}),),
]
CALIBRATION = {
    "knots": {"scores": [0.0, 1.0], "probabilities": [0.0, 0.5]},
    "review": {"ACTOR": [0.1, 0.3]},
}


def test_thresholds_applied_to_calibrated_scores():
    result = apply_calibration(FOUND, CALIBRATION, {"DATE": 0.25})
    assert [[round(e.score, 6) for e in entities] for entities in result] == [[0.45], [], [0.1]]
    assert result[2][0].meta == {"note": 1, "review": True}  # the band includes its low end
    assert result[0][0].meta == {}


def test_thresholds_min_score_takes_their_place():
    def left(min_score):
        return [len(x) for x in apply_calibration(FOUND, CALIBRATION, {"DATE": 0.25}, min_score)]

    assert left(None) == [1, 0, 1]
    assert left(0.0) == [2, 0, 1]
    assert left(0.3) == [1, 0, 0]
    assert left({"ACTOR": 0.2}) == [1, 0, 0]
    assert left({"DATE": 0.0}) == [2, 0, 1]


def test_thresholds_an_uncalibrated_model_is_left_alone():
    assert apply_calibration(FOUND, {}, {}) == FOUND
    assert apply_calibration(FOUND, {}, {}, 0.3) == [FOUND[0], (), ()]
    assert apply_calibration(FOUND, {}, {"DATE": 0.4}) == FOUND  # a threshold itself is kept
