"""The learning curve, and a forecast whose truth is known."""

from __future__ import annotations

import json

import numpy as np
import pytest

from ie_model.errors import InputError
from ie_model.evaluation.curve import expected_gain, learning_curve
from ie_model.evaluation.out_of_fold import OofRun
from tests.evaluation.synthetic_run import LABELS, make_run


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("curve")
    make_run(folder, fractions=(0.25, 0.5, 0.75))
    return OofRun(folder)


def test_curve_forecast_equals_the_power_law():
    sizes = np.array([1000.0, 2000.0, 3000.0, 4000.0])
    f1 = 1 - 8 * sizes**-0.4
    truth = 8 * 4000**-0.4 - 8 * 5000**-0.4
    assert expected_gain(sizes, f1, 1000) == pytest.approx(truth)
    both = expected_gain(sizes, np.stack([f1, f1], axis=1), 1000)
    assert both == pytest.approx([truth, truth])


def test_curve_promises_nothing_when_it_falls_or_is_perfect():
    sizes = np.array([1000.0, 2000.0, 3000.0])
    assert expected_gain(sizes, np.array([0.7, 0.65, 0.6]), 1000) == 0.0
    assert expected_gain(sizes, np.ones(3), 1000) == 0.0
    with pytest.raises(InputError, match="two different"):
        expected_gain(np.array([5.0, 5.0]), np.array([0.1, 0.2]), 10)


def test_curve_of_a_run_rises_with_intervals_and_gain(run):
    curve = learning_curve(run)
    json.dumps(curve, allow_nan=False)
    assert [p["fraction"] for p in curve["points"]] == [0.25, 0.5, 0.75, 1.0]
    f1 = [p["micro"]["f1"] for p in curve["points"]]
    assert f1 == sorted(f1)
    for point in curve["points"]:
        low, high = point["micro"]["interval"]
        assert low < point["micro"]["f1"] < high
        assert set(point["labels"]) == set(LABELS)
    gain = curve["gain"]["micro"]
    assert 0 < gain["interval"][0] <= gain["expected"] <= gain["interval"][1] < 0.1
    assert curve["article"] == run.protocol.data["characters"] / 12


def test_curve_of_one_point_has_no_forecast(tmp_path):
    make_run(tmp_path / "r", seeds=(0,))
    curve = learning_curve(OofRun(tmp_path / "r"))
    assert len(curve["points"]) == 1
    assert "gain" not in curve
