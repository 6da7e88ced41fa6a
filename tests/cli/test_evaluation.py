"""The commands over out-of-fold runs, as a user types them."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from ie_model.cli import evaluation as cli_evaluation
from ie_model.cli.main import app
from ie_model.documents import Document, Entity
from ie_model.errors import InputError
from ie_model.evaluation.out_of_fold import OofRun
from tests.evaluation.synthetic_run import make_run


def call(*arguments):
    return CliRunner().invoke(app, [str(a) for a in arguments])


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    make_run(folder / "a", noise=1.2, planted=3)
    make_run(folder / "b", noise=2.5, planted=3)
    return folder


def test_cli_report_is_written_into_the_run(runs):
    result = call("report", runs / "a")
    assert result.exit_code == 0, result.output
    assert (runs / "a" / "report.html").read_text().startswith("<!doctype html>")


def test_cli_suspects_are_listed_and_saved(runs, tmp_path):
    result = call("suspects", runs / "a", "--most", 3, "-o", tmp_path / "s.json")
    assert result.exit_code == 0, result.output
    assert "likeliest slips first" in result.output
    assert "! " in result.output
    # "gold ACTOR, models ACTOR" did not say where the models see the boundary.
    every = call("suspects", runs / "a", "--most", 1000).output.splitlines()
    boundaries = [line for line in every if " wrong boundary: " in line]
    assert boundaries
    assert all(re.search(r"gold \w+ '.+', models \w+ '.+'  ", line) for line in boundaries)
    saved = json.loads((tmp_path / "s.json").read_text())
    assert saved["suspects"][0]["doubted"]
    assert "contradictions" in saved


def test_cli_outputs_never_replace_a_file_of_the_run(runs):
    target = runs / "a" / "folds.json"
    before = target.read_bytes()
    for command in (("suspects", runs / "a"), ("calibrate", runs / "a", runs)):
        result = call(*command, "-o", target)
        assert isinstance(result.exception, InputError)
        assert "is read from and cannot be written to" in str(result.exception)
    assert target.read_bytes() == before


def test_cli_compare_exits_with_1_on_a_regression(runs, tmp_path):
    worse = call("compare", runs / "a", runs / "b", "--max-drop", 2, "-o", tmp_path / "c.json")
    assert worse.exit_code == 1, worse.output
    assert "REGRESSION" in worse.output
    assert json.loads((tmp_path / "c.json").read_text())["regressions"]
    assert call("compare", runs / "b", runs / "a", "--max-drop", 2).exit_code == 0
    assert call("compare", runs / "a", runs / "b").exit_code == 0


def test_cli_compare_prediction_files_on_gold(tmp_path):
    text = "Police in Mosul."
    gold = Document(text, (Entity(0, 6, "ACTOR"), Entity(10, 15, "LOCATION")), "d")
    files = {}
    for name, entities in (("gold", gold.entities), ("a", gold.entities), ("b", ())):
        files[name] = tmp_path / f"{name}.jsonl"
        document = Document(text, tuple(entities), "d")
        files[name].write_text(json.dumps(document.to_dict()) + "\n")
    result = call("compare", files["a"], files["b"], "--gold", files["gold"], "--max-drop", 5)
    assert result.exit_code == 1, result.output
    assert "lost: 2" in result.output
    files["b"].write_text(json.dumps(Document(text, (), "other").to_dict()) + "\n")
    result = call("compare", files["a"], files["b"], "--gold", files["gold"])
    assert isinstance(result.exception, InputError)
    assert "no prediction for 1 gold documents" in str(result.exception)


def test_cli_compare_without_gold_needs_runs(runs, tmp_path):
    result = call("compare", runs / "a", tmp_path)
    assert isinstance(result.exception, InputError)
    assert "--gold" in str(result.exception)


def test_cli_compare_says_that_gold_is_not_for_runs(runs, tmp_path):
    gold = tmp_path / "gold.jsonl"
    gold.write_text(json.dumps(Document("Police.", (Entity(0, 6, "ACTOR"),), "d").to_dict()))
    result = call("compare", runs / "a", tmp_path, "--gold", gold)
    assert isinstance(result.exception, InputError)
    assert "a: a cross-validation run; --gold is for a model directory" in str(result.exception)


@pytest.mark.parametrize(
    "arguments",
    [
        ("compare", "a", "b", "--max-drop", -2),
        ("compare", "a", "b", "--most", -1),
        ("suspects", "a", "--most", -3),
        ("calibrate", "a", "m", "--precision", 90),
        ("crossval", "c.yaml", "--folds", 1),
    ],
)
def test_cli_numbers_out_of_range_are_refused_with_their_option(arguments):
    result = call(*arguments)
    assert result.exit_code == 2
    assert f"Invalid value for '{arguments[-2]}'" in result.output


def test_cli_calibrate_keeps_all_or_sets_thresholds(runs, tmp_path):
    result = call("calibrate", runs / "a", tmp_path, "--keep-all", "--precision", 0.9)
    assert isinstance(result.exception, InputError)
    assert "give one of the two" in str(result.exception)


def test_cli_calibrate_writes_into_the_model(runs, tmp_path):
    from ie_model.labels import LabelSet
    from ie_model.models.directory import ModelSettings, read_settings, write_settings

    labels = OofRun(runs / "a").labels
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "model.safetensors").write_bytes(b"")
    tags = LabelSet.declare(labels).tags
    write_settings(tmp_path / "m", ModelSettings(labels, tags, 256, 64))
    result = call("calibrate", runs / "a", tmp_path / "m", "--precision", 0.9)
    assert result.exit_code == 0, result.output
    assert "expected calibration error" in result.output
    assert read_settings(tmp_path / "m").thresholds
    result = call("calibrate", runs / "a", tmp_path / "m", "--keep-all")
    assert "review below" in result.output
    assert "keep from" not in result.output


def test_cli_seeds_by_number_or_by_name():
    assert cli_evaluation._seeds("3") == [0, 1, 2]
    assert cli_evaluation._seeds("3,7") == [3, 7]
    assert cli_evaluation._seeds("5,") == [5]
    for wrong in ("many", "-1", "3,-7", "1.5"):
        with pytest.raises(InputError, match="--seeds"):
            cli_evaluation._seeds(wrong)


def test_cli_fractions_are_percents():
    assert cli_evaluation._fractions("25,50") == [0.25, 0.5]
    assert cli_evaluation._fractions("") == [1.0]
    for wrong in ("0.5", "0,50", "150"):
        with pytest.raises(InputError, match="expected percents from 1 to 100"):
            cli_evaluation._fractions(wrong)


def test_cli_every_help_shows_an_example():
    for command in ("crossval", "compare", "report", "suspects", "calibrate", "next"):
        result = call(command, "--help")
        assert result.exit_code == 0
        assert f"Example: ie-model {command}" in " ".join(result.output.split())


def test_cli_importing_the_commands_is_light():
    code = (
        "import sys, ie_model.cli.evaluation; "
        "print(sorted({'torch', 'numpy', 'transformers', 'scipy'} & set(sys.modules)))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
