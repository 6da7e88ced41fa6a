"""Scoring with a real (tiny) model, from Python, from the command line, over Arrow batches."""

from __future__ import annotations

import json
import pickle
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from ie_model.cli.scoring import score as score_command
from ie_model.errors import InputError
from ie_model.inference.extractor import Extractor
from ie_model.scoring import CutOptions, arrow_scorer, score
from tests.scoring.fakes import FakeFactory

TEXTS = [
    "Iraqi federal police cleared Hawija on Tuesday.",
    "Coalition strikes in Syria on Monday.",
    "",
    "three strikes by the army in Kirkuk. " * 30,
    "Iraqi federal police cleared Hawija on Tuesday.",
    "In August ISIS said: one, two, three.",
]
CUT = CutOptions(rows=2)


@pytest.fixture
def rows(tmp_path) -> Path:
    file = tmp_path / "in.jsonl"
    with file.open("w") as out:
        for number, text in enumerate(TEXTS):
            out.write(json.dumps({"id": str(number), "text": text}) + "\n")
        out.write("{\n")
    return file


def test_score_lines_is_part_of_what_a_job_began_with(tmp_path, rows, tiny_model):
    own = Extractor.from_pretrained(tiny_model, "torch").settings.lines
    other = "document" if own != "document" else "line"
    options = {"engine": "torch", "threads": 1, "device": "cpu", "workers": 0, "cut": CUT}
    score(rows, tmp_path / "a.jsonl", tiny_model, **options)
    again = score(rows, tmp_path / "a.jsonl", tiny_model, lines=own, **options)
    assert again["already_complete"]  # said or left out, the answers are the same
    with pytest.raises(InputError, match=f"model lines was None, is '{other}'"):
        score(rows, tmp_path / "a.jsonl", tiny_model, lines=other, **options)
    with pytest.raises(InputError, match="lines is 'page': use auto"):
        score(rows, tmp_path / "b.jsonl", tiny_model, lines="page", **options)


@pytest.mark.slow
def test_score_finds_what_predict_finds(tmp_path, rows, tiny_model):
    options = {"engine": "torch", "threads": 1, "device": "cpu", "cut": CUT}
    summary = score(rows, tmp_path / "a.jsonl", tiny_model, workers=0, **options)
    extractor = Extractor.from_pretrained(tiny_model, "torch", threads=1, device="cpu")
    written = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()]
    for row, document in zip(written, extractor.predict(TEXTS), strict=True):
        found = [(e["start"], e["end"], e["label"]) for e in row["entities"]]
        assert found == [e.key for e in document.entities]
        for entity, expected in zip(row["entities"], document.entities, strict=True):
            assert entity["score"] == pytest.approx(expected.score, abs=1e-4)
    assert summary["entities"] > 5
    assert summary["rejected"] == 1
    assert summary["tokens"] > 100
    assert 0 <= summary["padding_waste"] < 1
    assert summary["job"]["engine"] == {
        "name": "torch",
        "precision": extractor.engine.precision,  # what the CPU multiplies natively
    }
    score(rows, tmp_path / "b.jsonl", tiny_model, workers=1, **options)
    assert (tmp_path / "a.jsonl").read_bytes() == (tmp_path / "b.jsonl").read_bytes()


def test_score_model_that_changed_is_named(tmp_path, rows, tiny_model):
    model = shutil.copytree(tiny_model, tmp_path / "model")
    options = {"engine": "torch", "threads": 1, "device": "cpu", "workers": 0}
    score(rows, tmp_path / "a.jsonl", model, **options)
    with pytest.raises(InputError, match="model precision was 'auto', is 'bf16'"):
        score(rows, tmp_path / "a.jsonl", model, precision="bf16", **options)
    moved = model.rename(tmp_path / "moved")
    assert score(rows, tmp_path / "a.jsonl", moved, **options)["already_complete"]
    settings = json.loads((moved / "ie_model.json").read_text())
    settings["temperature"] = 2.0
    (moved / "ie_model.json").write_text(json.dumps(settings))
    with pytest.raises(InputError, match=r"model ie_model\.json was"):
        score(rows, tmp_path / "a.jsonl", moved, **options)
    with pytest.raises(InputError, match="no such model directory"):
        score(rows, tmp_path / "b.jsonl", tmp_path / "nowhere", **options)
    assert not list(tmp_path.glob("b.jsonl*"))


def command(*arguments: str | Path) -> str:
    app = typer.Typer()
    app.command()(score_command)
    result = CliRunner().invoke(app, [str(a) for a in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_command_scores_and_says_that_rows_add_up(tmp_path, rows, tiny_model):
    arguments = [tiny_model, rows, "-o", tmp_path / "out.jsonl.gz", "--engine", "torch"]
    arguments += ["--workers", "0", "--threads", "1", "--shard-rows", "2"]
    said = command(*arguments)
    assert "7 rows in = 6 documents out + 1 rejected" in said
    assert "finished before, nothing to do" in command(*arguments)
    assert (tmp_path / "out.jsonl.gz.rejected.jsonl").read_text().count("\n") == 1


def test_command_without_one_document_fails_and_says_what_rows_hold(tmp_path, rows, tiny_model):
    out = tmp_path / "out.jsonl"
    arguments = [tiny_model, rows, "-o", out, "--engine", "torch", "--workers", "0"]
    for _ in range(2):  # the second time it is finished already, and still no success
        with pytest.raises(
            InputError, match=r"in\.jsonl line 1: no 'body'; its keys: 'id', 'text'"
        ):
            command(*arguments, "--text-column", "body")
    assert (tmp_path / "out.jsonl.rejected.jsonl").read_text().count("\n") == 7
    said = command(*arguments, "--overwrite")
    assert f"1 rejected (1 json: {out}.rejected.jsonl);" in said


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--actors", "2"], "add --ray"),
        (["--actor-gpus", "1"], "add --ray"),
        (["--workers", "-1"], "for score also 0"),
        (["--min-score", "2"], "min_score is 2.0: scores lie between 0 and 1"),
        (["--precision", "int8", "--workers", "0"], "no int8"),
    ],
)
def test_command_refuses_options_before_anything_is_written(
    tmp_path, rows, tiny_model, options, message
):
    arguments = [tiny_model, rows, "-o", tmp_path / "out.jsonl", "--engine", "torch"]
    with pytest.raises(InputError, match=message):
        command(*arguments, *options)
    assert not list(tmp_path.glob("out*"))


def test_command_scripts_run(tmp_path, rows, tiny_model):
    script = Path(__file__).resolve().parents[2] / "scripts" / "score_corpus.py"
    output = tmp_path / "out.jsonl"
    arguments = [tiny_model, output, rows, "--workers", "1"]
    done = subprocess.run(
        [sys.executable, script, *arguments], capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stderr
    assert len(output.read_text().splitlines()) == 6
    help_ = [sys.executable, str(script.with_name("score_ray.py")), "--help"]
    done = subprocess.run(help_, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr


def test_arrow_scorer_over_record_batches():
    pa = pytest.importorskip("pyarrow")
    texts = ["Alpha met Bravo", None, "Alpha met Bravo", "this fails", "x" * 101, "none"]
    table = pa.table({"text": texts, "id": range(6), "day": ["a"] * 6})
    scorer = arrow_scorer(extractor_factory=FakeFactory(), keep=("id",), max_chars=100)
    scorer = pickle.loads(pickle.dumps(scorer))  # as Spark sends it to its executors
    found = pa.Table.from_batches(scorer(table.to_batches(max_chunksize=4)))
    assert found.schema == scorer.schema(table.schema)
    rows = found.to_pylist()
    assert [row["id"] for row in rows] == list(range(6))
    assert [e["text"] for e in rows[0]["entities"]] == ["Alpha", "Bravo"]
    assert rows[2]["entities"] == rows[0]["entities"]
    assert rows[5] == {"id": 5, "entities": [], "error": None}
    errors = [row["error"] for row in rows]
    assert errors[1] == "'text' is null"
    assert errors[3] == "too strange"
    assert errors[4] == "101 characters, max_chars is 100"
    assert [row["entities"] is None for row in rows] == [False, True, False, True, True, False]


def test_arrow_scorer_loads_the_model_once_in_a_process(tiny_model):
    pa = pytest.importorskip("pyarrow")
    from ie_model.scoring import arrow

    arrow._loaded.cache_clear()
    scorer = arrow_scorer(tiny_model, keep=(), engine="torch")
    batch = pa.record_batch({"text": TEXTS})
    first = [b.to_pylist() for b in scorer([batch, batch])]
    again = [b.to_pylist() for b in pickle.loads(pickle.dumps(scorer))([batch])]
    assert first[0] == first[1] == again[0]
    assert arrow._loaded.cache_info().misses == 1
    assert [e["label"] for e in first[0][0]["entities"]][:1] == ["ACTOR"]
