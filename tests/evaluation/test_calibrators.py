"""Calibration on synthetic data whose truth is known, and against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, strategies as st

from ie_model.errors import InputError
from ie_model.evaluation.calibrators import (
    calibrate_scores,
    cross_fitted,
    fit_knots,
    fit_temperature,
    isotonic,
    reliability,
)

rows = st.lists(st.tuples(st.integers(0, 20), st.integers(1, 5)), min_size=1, max_size=40)


@given(rows)
def test_calibration_isotonic_equals_sklearn(rows):
    from sklearn.isotonic import IsotonicRegression

    values = np.array([v for v, _ in rows], float) / 20
    weights = np.array([w for _, w in rows], float)
    places = np.arange(len(rows))
    theirs = IsotonicRegression().fit(places, values, weights).predict(places)
    assert isotonic(values, weights) == pytest.approx(theirs)


@pytest.mark.parametrize("truth", [0.5, 1.0, 2.5])
def test_calibration_temperature_finds_the_truth(truth):
    rng = np.random.default_rng(1)
    logits = rng.normal(0, 3, size=(20_000, 5))
    noise = rng.gumbel(size=logits.shape)  # Gumbel-max: samples from softmax(logits / truth)
    tags = (logits / truth + noise).argmax(axis=1)
    assert fit_temperature(logits.astype(np.float32), tags) == pytest.approx(truth, rel=0.03)


def test_calibration_temperature_ignores_masked_units_and_stays_in_bounds():
    logits = np.array([[1.0, 0.0], [0.0, 1.0], [5.0, 0.0]], np.float32)
    sure = fit_temperature(logits, np.array([0, 1, -100]))
    assert sure == pytest.approx(0.05, rel=1e-2)  # all right: as sure as allowed
    wrong = fit_temperature(logits, np.array([1, 0, -100]))
    assert wrong == pytest.approx(20, rel=1e-2)
    with pytest.raises(InputError, match="gold tag"):
        fit_temperature(logits, np.array([-100, -100, -100]))


def test_calibration_recovers_a_known_map():
    rng = np.random.default_rng(2)
    scores = rng.beta(5, 1.5, 4000)
    correct = rng.random(4000) < scores**3  # overconfident
    knots = fit_knots(scores, correct)
    grid = np.linspace(0.4, 0.98, 30)
    fitted = calibrate_scores(grid, {"knots": knots})
    assert np.abs(fitted - grid**3).max() < 0.08
    fresh = rng.beta(5, 1.5, 4000)
    truth = rng.random(4000) < fresh**3
    before = reliability(fresh, truth)
    after = reliability(calibrate_scores(fresh, {"knots": knots}), truth)
    assert before["ece"] > 0.15
    assert after["ece"] < 0.03
    assert after["brier"] < before["brier"]


def test_calibration_leaves_calibrated_scores_nearly_alone():
    rng = np.random.default_rng(3)
    scores = rng.random(5000)
    correct = rng.random(5000) < scores
    fitted = calibrate_scores(scores, {"knots": fit_knots(scores, correct)})
    assert np.abs(fitted - scores).mean() < 0.03


@given(st.lists(st.tuples(st.integers(0, 10), st.booleans()), min_size=1, max_size=60))
def test_calibration_is_monotone_and_never_certain(spans):
    scores = np.array([s for s, _ in spans]) / 10
    correct = np.array([c for _, c in spans])
    knots = fit_knots(scores, correct)
    mapped = calibrate_scores(np.linspace(0, 1, 101), {"knots": knots})
    assert (np.diff(mapped) >= -1e-12).all()
    assert ((mapped >= 0) & (mapped <= 1)).all()
    if correct.any() and not correct.all():
        assert mapped.max() < 1
        assert mapped.min() > 0
    assert np.diff(knots["scores"]).min(initial=1) > 0


def test_calibration_without_knots_changes_nothing():
    assert calibrate_scores([0.2, 0.9], {}).tolist() == [0.2, 0.9]
    assert calibrate_scores(np.empty(0), {}).shape == (0,)


def test_calibration_reliability_by_hand():
    found = reliability([0.95, 0.95, 0.15, 1.0], [1, 0, 0, 1], bins=10)
    # Bin 9 holds three spans: mean score 0.9667, two of three right; bin 1 holds one.
    assert found["ece"] == pytest.approx((3 * abs(2.9 / 3 - 2 / 3) + 0.15) / 4)
    assert found["brier"] == pytest.approx((0.05**2 + 0.95**2 + 0.15**2 + 0) / 4)
    assert [b["spans"] for b in found["bins"]] == [1, 3]
    assert reliability([], [])["spans"] == 0


def test_calibration_floor_is_what_perfect_scores_show():
    rng = np.random.default_rng(4)
    scores = rng.beta(3, 1, 300)
    shown = [reliability(scores, rng.random(300) < scores)["ece"] for _ in range(400)]
    assert reliability(scores, scores > 0.5)["floor"] == pytest.approx(np.mean(shown), rel=0.05)


def test_calibration_cross_fitting_does_not_see_its_own_group():
    scores = np.full(40, 0.5)
    correct = np.repeat([0.0, 1.0], 20)
    fitted = cross_fitted(scores, correct, np.repeat([0, 1], 20))
    assert (fitted[:20] > 0.9).all()  # learned from the other group, where all are right
    assert (fitted[20:] < 0.1).all()
    assert cross_fitted(scores, correct, np.zeros(40, int)).tolist() == scores.tolist()
