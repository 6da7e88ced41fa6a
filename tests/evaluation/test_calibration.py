"""Calibration of a whole run, and what is stored with a model."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import pytest

from ie_model.config.loading import parse_config
from ie_model.errors import InputError
from ie_model.evaluation.calibration import calibrate_run, store_calibration, warn_of_other_origin
from ie_model.evaluation.out_of_fold import OofRun
from ie_model.labels import LabelSet
from ie_model.models.directory import ModelSettings, read_settings, write_settings
from tests.evaluation.synthetic_run import LABELS, make_run


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("calibrate")
    make_run(folder, sharpness=3.0)
    return OofRun(folder)


def model(folder, labels=LABELS):
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(b"")
    tags = LabelSet.declare(labels).tags
    write_settings(folder, ModelSettings(labels, tags, 256, 64))
    return folder


def test_calibrate_run_makes_overconfident_scores_honest(run):
    fitted = calibrate_run(run)
    json.dumps(fitted, allow_nan=False)
    assert fitted["temperature"] > 1.3  # the logits were sharpened
    assert fitted["before"]["ece"] > 0.1
    assert fitted["after"]["ece"] <= 0.05
    assert fitted["after"]["brier"] < fitted["before"]["brier"]
    assert set(fitted["thresholds"]) == {*LABELS, "*"}
    assert all(low <= high for low, high in fitted["review"].values())


def test_calibrate_run_temperature_scales_with_the_logits(tmp_path, run):
    make_run(tmp_path / "r", sharpness=1.5)
    ratio = calibrate_run(run)["temperature"] / calibrate_run(OofRun(tmp_path / "r"))["temperature"]
    assert ratio == pytest.approx(2.0, rel=0.02)


def test_calibrate_run_wished_precision_is_kept(run):
    rows = calibrate_run(run, precision=0.9)["thresholds"]
    assert all(row["precision"] >= 0.9 for row in rows.values() if row["own"] and row["reached"])
    assert rows["*"]["precision"] >= 0.9
    assert rows["*"]["recall"] < calibrate_run(run)["thresholds"]["*"]["recall"]


def test_calibrate_run_is_stored_with_the_model(tmp_path, run):
    folder = model(tmp_path / "m")
    fitted = calibrate_run(run)
    store_calibration(folder, fitted, keep_all=False)
    settings = read_settings(folder)
    assert settings.temperature == pytest.approx(fitted["temperature"])
    assert settings.thresholds["ACTOR"] == fitted["thresholds"]["ACTOR"]["threshold"]
    assert settings.calibration["knots"] == fitted["knots"]
    assert set(settings.calibration["review"]) == set(LABELS)
    store_calibration(folder, fitted, keep_all=True)
    settings = read_settings(folder)
    assert settings.thresholds == {}
    assert all(low == 0 for low, _ in settings.calibration["review"].values())


def test_calibrate_run_is_told_in_the_card(tmp_path, run, tiny_model):
    """After calibrate the card still said that the model was not calibrated."""
    folder = shutil.copytree(tiny_model, tmp_path / "m")
    assert "(this model was not)" in (folder / "README.md").read_text()
    fitted = calibrate_run(run)
    store_calibration(folder, fitted, keep_all=False)
    card = (folder / "README.md").read_text()
    assert "(this model was not)" not in card
    assert f"{fitted['before']['ece']:.3f} before, {fitted['after']['ece']:.3f} after" in card
    assert f"F1 {100 * fitted['cross_validation']['f1']:.1f}" in card
    assert f"ACTOR {fitted['thresholds']['ACTOR']['threshold']:.2f}" in card


def test_calibrate_run_refuses_a_model_with_other_labels(tmp_path, run):
    folder = model(tmp_path / "m", ("ACTOR", "CITY"))
    before = (folder / "ie_model.json").read_text()
    with pytest.raises(InputError, match="ACTOR, CITY"):
        store_calibration(folder, calibrate_run(run), keep_all=False)
    assert (folder / "ie_model.json").read_text() == before


def test_calibrate_run_warns_of_a_model_that_was_trained_otherwise(run, tmp_path, caplog):
    data = {"train": [{"path": "gold.jsonl"}]}
    values = {**run.protocol.config, "data": data}
    same, other = parse_config(values), parse_config({**values, "training": {"epochs": 7}})
    dumped = same.model_dump(mode="json")
    dumped["data"]["train"][0]["path"] = "elsewhere.jsonl"
    told = OofRun(run.path)
    told.protocol = replace(run.protocol, config=dumped)
    size = run.protocol.data
    counts = {"documents": size["documents"], "characters": size["characters"], "unlabelled": 0}

    def warnings(config, ledger):
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        settings = read_settings(model(folder))
        write_settings(folder, replace(settings, origin={"ledger": ledger}))
        (folder / "config.yaml").write_text(config.to_yaml())
        caplog.clear()
        warn_of_other_origin(told, folder)
        return caplog.text

    assert warnings(same, counts) == ""
    assert "training.epochs was 3, is 7" in warnings(other, counts)
    assert f"documents was {size['documents']}, is 3" in warnings(same, {**counts, "documents": 3})
    warn_of_other_origin(told, model(tmp_path / "plain"))  # no config in it


def test_calibrate_run_without_predictions_says_so(tmp_path, monkeypatch):
    import numpy as np

    from ie_model.evaluation import calibration as module

    make_run(tmp_path / "r", seeds=(0,))
    empty = (np.empty(0), np.empty(0, bool), np.empty(0, np.int64), np.empty(0, np.int64))
    monkeypatch.setattr(module, "_scored", lambda *a: empty)
    with pytest.raises(InputError, match="predicted no span"):
        calibrate_run(OofRun(tmp_path / "r"))
