"""The search for settings: its space, its file, its end."""

import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import yaml

from ie_model.config.loading import load_config
from ie_model.errors import InputError, RunError
from ie_model.evaluation.tuning import judge as judging, tuning
from ie_model.evaluation.tuning.outcome import unseen_gain, write_winner
from ie_model.evaluation.tuning.space import read_space, with_values
from ie_model.evaluation.tuning.study import opened
from tests.cli.test_main import invoke as invoke

pytest.importorskip("optuna")

SPACE = {
    "training.learning_rate": {"low": 1e-5, "high": 0.02, "log": True},
    "training.epochs": {"low": 1, "high": 3, "integer": True},
    "training.schedule": ["linear", "cosine"],
}


@pytest.fixture
def files(tmp_path, tiny_config):
    """A config and a space as files; the config's dev documents are its training documents."""
    config = tiny_config(learning_rate=0.001)
    data = config.data.model_copy(update={"dev": config.data.train})
    config = config.model_copy(update={"data": data})
    (tmp_path / "config.yaml").write_text(config.to_yaml(), encoding="utf-8")
    (tmp_path / "space.yaml").write_text(yaml.safe_dump(SPACE), encoding="utf-8")
    return tmp_path / "config.yaml", tmp_path / "space.yaml"


def counts_of(correct):
    """Counts of two documents with four mentions of each of the five labels."""
    return np.array([[[correct, 4, 4]] * 5] * 2)


@pytest.fixture
def quick(monkeypatch):
    """Trials that train nothing: the longer the better; the list holds their configs."""
    made = []

    def measure(self, config, report, scratch):
        made.append(config)
        report(50, config.training.epochs / 10)
        return counts_of(int(config.training.epochs))

    monkeypatch.setattr(judging.Judge, "measure", measure)
    return made


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"training.learning_rte": [1, 2]}, "training.learning_rte: unknown key; did you mean"),
        ({"training.epochs": {"low": "a", "high": 2}}, "epochs.low: must be a number, found 'a'"),
        ({"training.seed": [1, 2]}, "training.seed: is not searched"),
        ({"data.test": [1, 2]}, "test documents choose nothing"),
        ({"data.dev.0.weight": [1, 2]}, "the same documents"),
        ({"data.train.0.path": ["a", "b"]}, "of corpora only the weight"),
        ({"data.train.7.weight": [1, 2]}, "there is no '7'"),
        ({"training.epochs": 3}, "expected {low: ..., high: ...} or a list"),
        ({"training.epochs": {"low": 3, "high": 1}}, "low must be below high"),
        ({"training.epochs": {"low": 0, "high": 1, "log": True}}, "log needs a low above 0"),
        ({"training.epochs": {"low": 0.5, "high": 1, "integer": True}}, "whole numbers"),
        ({"training.batch_tokens": {"low": 128, "high": 512}}, "say integer: true"),
        ({"training.warmup": {"low": 0, "high": 7}}, "training.warmup"),
        ({"training.schedule": ["linear"]}, "two or more that differ"),
        ({}, "a space is a YAML mapping"),
        ({"training.epochs": {"low": 1, "hi": 2}}, "training.epochs.hi: unknown key; a range has"),
        ({"training.epochs": {"low": 1}}, "training.epochs.high: is missing"),
        ({"training.epochs": {"low": 1, "high": 2, "step": 5}}, "step is larger than the range"),
        ({"training..epochs": [1, 2]}, "training..epochs: there is no '' in the config"),
        ({"training.threads": [1, 2]}, "changes no result"),
        # With whole sections, the seed and the documents were searched all the same.
        ({"training": [{"seed": 1}, {"seed": 2}]}, "not all of it is searched (training.seed"),
        ({"data": [{"dev": []}, {"test": []}]}, "not all of it is searched (data.dev"),
        ({"model": [{"layers": 1}, {}], "model.dropout": [0, 0.1]}, "model: holds model.dropout"),
        ("training.epochs: [1, 2]\ntraining.epochs: [3, 4]\n", "'training.epochs' is given twice"),
    ],
)
def test_space_faults_name_file_and_key(files, said, told):
    config, space = files
    text = said if isinstance(said, str) else yaml.safe_dump(said)
    space.write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as error:
        read_space(space, load_config(config))
    assert str(error.value).startswith(str(space))
    assert told in str(error.value)


def test_space_reads_powers_without_a_point(files):
    config, space = files
    space.write_text("training.learning_rate: {low: 1e-5, high: 1e-3, log: true}")
    (parameter,) = read_space(space, load_config(config)).parameters
    assert parameter.range.low == 1e-5  # YAML says that it is text


def test_tune_ends_in_a_config_that_extends_the_first(files, tmp_path, quick):
    config, space = files
    seen = []
    target = tmp_path / "better" / "config.yaml"
    found = tuning.tune(
        config, space, ["training.warmup=0.2"], trials=4, seeds=2, output=target,
        progress=lambda *told: seen.append(told[1:]),
    )  # fmt: skip
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert [row["start"] for row in found.rows].count(True) == 1
    written = yaml.safe_load(target.read_text(encoding="utf-8"))
    assert written["extends"] == "../config.yaml"
    assert set(written) == {"extends", "training"}
    assert written["training"]["warmup"] == 0.2
    best = load_config(target)
    for key, value in found.values.items():
        assert getattr(best.training, key.removeprefix("training.")) == value
    assert best.data == load_config(config).data
    table = found.table()
    assert "the starting point" in table
    assert ("sure: " in table) or "no trial is better" in table
    assert found.values["training.epochs"] == max(c.training.epochs for c in quick) > 1
    assert found.seeds == 2
    assert [c.training.seed for c in quick] == [0] * 4 + [1, 2] * 2


@pytest.mark.parametrize(
    "changed",
    [
        {"data.augment": {"copies": 1, "resample_dates": 1.0}},
        {"training.class_weights": {"O": 0.5}},
        {"data.train.0.weight": 2.0, "training.epochs": 3},
        {"data.augment.number_labels.0": "DATE"},
    ],
)
def test_tune_writes_the_config_of_the_best_trial_and_no_mixture(files, tmp_path, changed):
    # A section among the choices came to stand over that of the config, key by key.
    config, _ = files
    start = load_config(
        config, {"data.augment": {"copies": 1, "resample_numbers": 0.5},
                 "training.class_weights": {"ACTOR": 2.0}},
    )  # fmt: skip
    config.write_text(start.to_yaml())
    winner = with_values(start, changed)
    write_winner(tmp_path / "best" / "tuned.yaml", config, changed, winner)
    assert load_config(tmp_path / "best" / "tuned.yaml").to_yaml() == winner.to_yaml()


def test_tune_command_writes_the_table_in_the_form_of_its_ending(
    files, tmp_path, quick, invoke, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    config, space = files
    arguments = ("tune", config, space, "--trials", 2, "--study", "s.sqlite", "-o", "best.yaml")
    for name, begins in (
        ("t.txt", "trial "), ("t.html", "<!doctype html>"), ("t.json", "{"),
        ("t.jsonl", '{"number": '), ("t.csv", "number,f1,interval,state,stopped,start,values\n"),
    ):  # fmt: skip
        code, out, err = invoke(*arguments, "--table", name)
        assert code == 0, err
        assert "train it with ie-model train best.yaml" in out
        assert Path(name).read_text(encoding="utf-8").lstrip().startswith(begins)
    assert len(quick) == 2
    assert len(json.loads(Path("t.json").read_text())["rows"]) == 2
    for wrong, said in (
        (("--table", "t.pdf"), "t.pdf: this ending names no form of the result"),
        (("-o", "best.json"), "best.json: -o is the config to write"),
    ):
        code, _, err = invoke(*arguments, *wrong)
        assert code == 2
        assert said in err


def test_tune_command_names_no_winner_where_the_start_was_not_beaten(
    files, tmp_path, quick, invoke, monkeypatch
):
    """ "train it" was said of the config that one had, and the study's lock stayed behind."""
    monkeypatch.chdir(tmp_path)
    config, space = files
    space.write_text(yaml.safe_dump({"training.schedule": ["linear", "cosine"]}))
    code, out, err = invoke(
        "tune", config, space, "--trials", 2, "--study", "s.sqlite", "-o", "b.yaml"
    )
    assert code == 0, err
    assert "no trial is better" in out
    assert "b.yaml: written; it is the config that the search began with" in out
    assert {p.name for p in tmp_path.iterdir()} >= {"s.sqlite", "b.yaml"}
    assert not [p.name for p in tmp_path.iterdir() if p.name.startswith(".s.sqlite")]
    with pytest.raises(InputError, match="for the best config and for the study"):
        tuning.tune(config, space, trials=2, study="b.yaml", output="b.yaml")


def test_tune_goes_on_with_what_is_there(files, tmp_path, quick):
    config, space = files
    file = tmp_path / "what? 50%41 {x}#.sqlite"  # was kept in "what", or nowhere
    tuning.tune(config, space, trials=2, study=file)
    tuning.tune(config, space, trials=3, study=file)
    assert len(quick) == 3
    assert file.stat().st_size
    with pytest.raises(InputError, match=r"training\.epochs was 1, is 2"):
        tuning.tune(config, space, ["training.epochs=2"], trials=3, study=file)
    space.write_text("training.schedule: [linear, cosine]")
    with pytest.raises(InputError, match="begun with something else: space"):
        tuning.tune(config, space, trials=3, study=file)
    assert len(quick) == 3


def test_tune_makes_up_for_a_trial_that_was_killed(files, tmp_path, quick):
    config, space = files
    file = tmp_path / "s.sqlite"
    tuning.tune(config, space, trials=2, study=file)
    with opened(file, prune=False, seed=0) as kept:
        kept.study.ask()  # and never told: its process is gone
    found = tuning.tune(config, space, trials=3, study=file)
    assert len(found.rows) == len(quick) == 3
    assert found.killed == 1
    assert "1 interrupted trials do not count" in found.table()


def test_tune_says_before_it_begins_where_it_cannot_write(files, tmp_path, quick):
    config, space = files
    (tmp_path / "file").write_text("no folder")
    inside = tmp_path / "file" / "x"
    for places in ({"study": inside / "s.sqlite"}, {"output": inside / "best.yaml"}):
        (place,) = places.values()
        with pytest.raises(InputError, match=f"{place}: cannot be written: "):
            tuning.tune(config, space, trials=2, **places)
    assert not quick


def test_tune_names_the_file_that_cannot_grow(tmp_path):
    resource = pytest.importorskip("resource")
    file = tmp_path / "s.sqlite"
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

    def keep():
        with opened(file, prune=False, seed=0) as kept:
            resource.setrlimit(resource.RLIMIT_FSIZE, (file.stat().st_size, hard))
            kept.study.set_user_attr("long", ["x" * 500] * 2000)

    try:
        with pytest.raises(RunError, match=r"s\.sqlite: the search cannot be kept there \(.*disk"):
            keep()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    with opened(file, prune=False, seed=0) as kept:
        assert "long" not in kept.study.user_attrs


@pytest.mark.slow
def test_tune_goes_on_from_a_file_hardly_begun_and_leaves_others_alone(tmp_path):
    """Killed while it made the file, a search refused to go on; a database of another program
    got its tables."""
    (tmp_path / "empty").touch()
    optuna = pytest.importorskip("optuna")
    optuna.storages.RDBStorage(f"sqlite:///{tmp_path / 'tables'}")
    for name in ("empty", "tables", "new"):
        with opened(tmp_path / name, prune=False, seed=0) as kept:
            assert kept.trials == []
    with contextlib.closing(sqlite3.connect(tmp_path / "other")) as other:
        other.execute("CREATE TABLE customers (name TEXT)")
        other.commit()
    before = (tmp_path / "other").read_bytes()
    with (
        pytest.raises(InputError, match="a database of something else"),
        opened(tmp_path / "other", prune=False, seed=0),
    ):
        pass
    assert (tmp_path / "other").read_bytes() == before
    (tmp_path / "text").write_text("no database at all" * 100)
    with (
        pytest.raises(InputError, match="not the file of a search"),
        opened(tmp_path / "text", prune=False, seed=0),
    ):
        pass
    with pytest.raises(InputError, match="is a folder"), opened(tmp_path, prune=False, seed=0):
        pass


def test_tune_never_opens_test_documents(files, tmp_path):
    config, space = files
    missing = f"data.test=[{tmp_path}/not-there.jsonl]"
    found = tuning.tune(config, space, [missing], trials=2, prune=False)
    assert len(found.rows) == 2


def test_tune_stops_a_trial_that_falls_behind(files, tmp_path, monkeypatch):
    config, space = files
    f1 = iter([0.9, 0.9, 0.9, 0.9, 0.9, 0.1])

    def measure(self, config, report, scratch):
        report(50, next(f1))
        return counts_of(4)

    monkeypatch.setattr(judging.Judge, "measure", measure)
    found = tuning.tune(config, space, trials=6)
    assert [row["state"] for row in found.rows] == ["complete"] * 5 + ["pruned"]
    assert found.rows[-1]["stopped"] == (0.5, 0.1)
    assert "(pruned at 50%, F1 10.0 then)" in found.table()


def test_tune_command_tells_how_each_trial_ended(files, monkeypatch, invoke):
    config, space = files
    scores = iter([0.9, 0.9, 0.9, 0.9, 0.1, None])

    def measure(self, config, report, scratch):
        if (score := next(scores)) is None:
            raise RunError("the loss became nan")
        report(50, score)
        return counts_of(4)

    monkeypatch.setattr(judging.Judge, "measure", measure)
    code, _, err = invoke("tune", config, space, "--trials", 6)
    assert code == 0, err
    assert "[4/6] trial 3: F1 100.0\n" in err
    assert "trial 4: pruned\n" in err  # was "F1 10.0", as if it had come to its end
    assert "trial 5: the loss became nan\n" in err


def test_trials_judged_at_other_moments_are_compared(files, monkeypatch):
    # The pruner looked at equal steps only: with other epochs in each trial it never acted.
    config, space = files
    moments = iter([(50, 100), (33, 67, 100), (25, 50, 75, 100), (40, 80), (20, 60, 100)])
    f1 = iter([0.9, 0.9, 0.9, 0.9, 0.1])

    def measure(self, config, report, scratch):
        score = next(f1)
        for percent in next(moments):
            report(percent, score)
        return counts_of(4)

    monkeypatch.setattr(judging.Judge, "measure", measure)
    found = tuning.tune(config, space, trials=5)
    assert [row["state"] for row in found.rows] == ["complete"] * 4 + ["pruned"]
    assert found.rows[-1]["stopped"] == (0.6, 0.1)  # of two tenths only one trial knew an F1


def test_a_trial_that_falls_behind_at_its_end_is_complete(files, monkeypatch):
    config, space = files
    f1 = iter([0.9, 0.9, 0.9, 0.9, 0.1])

    def measure(self, config, report, scratch):
        report(100, next(f1))
        return counts_of(4)

    monkeypatch.setattr(judging.Judge, "measure", measure)
    found = tuning.tune(config, space, trials=5)
    assert [row["state"] for row in found.rows] == ["complete"] * 5


@pytest.mark.slow
def test_a_rate_that_learns_nothing_is_stopped_in_a_real_search(files):
    config, space = files
    space.write_text("training.learning_rate: [0.02, 1.0e-9]")
    settings = ["training.epochs=40", "training.evaluate_every=8", "training.learning_rate=0.02"]
    found = tuning.tune(config, space, settings, trials=9)
    stopped = [row for row in found.rows if row["state"] == "pruned"]
    assert stopped
    for row in stopped:
        assert row["values"] == {"training.learning_rate": 1e-9}
        assert 0 < row["stopped"][0] < 1


@pytest.mark.slow
def test_tune_by_crossval_needs_no_dev_documents(files):
    config, space = files
    with pytest.raises(InputError, match="no dev documents to judge by"):
        tuning.tune(config, space, ["data.dev=[]"], trials=2)
    found = tuning.tune(config, space, ["data.dev=[]"], trials=2, by="crossval", folds=2)
    assert [row["state"] for row in found.rows] == ["complete"] * 2


def test_tune_dev_fraction_holds_the_same_documents_out_for_every_seed(files):
    config, _ = files
    changed = load_config(config, ["data.dev=[]", "data.dev_fraction=0.3"])
    judge = judging.Judge.prepare(changed, "dev", None)
    assert {d.id for d in judge.dev} & {d.id for _, d in judge.split} == set()
    assert len(judge.dev) + len(judge.split) == 8


def test_unseen_gain_of_choosing_by_luck_is_none():
    rng = np.random.default_rng(0)
    correct = rng.integers(0, 11, size=(30, 40))
    found = (np.array([[[int(c), 10, 10]] for c in row]) for row in correct)
    trials = sorted(found, key=lambda t: t[..., 0].sum())
    start, best = trials[15], trials[-1]
    assert (best - start)[..., 0].sum() == 32  # 8 points of F1, all of them luck
    mean, low, high = unseen_gain(start, trials, 300)
    assert mean < 0.02
    assert low < 0 < high


def at_work(file):
    """Whether a trial has begun and is not over, in the file of a search that stands still."""
    with contextlib.closing(sqlite3.connect(file, timeout=1)) as kept:
        try:
            return kept.execute("SELECT 1 FROM trials WHERE state = 'RUNNING'").fetchone()
        except sqlite3.OperationalError:  # it stands in the middle of writing
            return None


@pytest.mark.slow
@pytest.mark.parametrize("jobs", [1, 2])
def test_tune_killed_goes_on(files, tmp_path, jobs):
    config, space = files
    if jobs > len(os.sched_getaffinity(0)):
        pytest.skip("each job has a CPU of its own")
    file = tmp_path / "s.sqlite"
    command = [sys.executable, "-m", "ie_model", "tune", config, space, "--trials", "5"]
    command += ["--study", file, "--jobs", jobs, "--no-prune"]
    process = subprocess.Popen(
        [str(part) for part in command], cwd=Path(__file__).parents[2],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        for line in process.stderr:
            if line.startswith("[2/5]"):
                break
        process.send_signal(signal.SIGSTOP)
        while not at_work(file):
            process.send_signal(signal.SIGCONT)
            time.sleep(0.05)
            assert process.poll() is None, "the search was over before it could be killed"
            process.send_signal(signal.SIGSTOP)
    finally:
        process.kill()
        process.communicate()
    left = tmp_path / ".s.sqlite.trials"
    assert left.is_dir()
    with opened(file, prune=False, seed=0) as kept:
        before = {t.number: t.value for t in kept.finished}
        assert not left.exists()  # models were left in the system's temporary folder, for ever
    assert len(before) >= 2
    found = tuning.tune(config, space, trials=5, study=file, prune=False)
    assert len(found.rows) == 5
    assert found.killed >= 1
    after = {row["number"]: row["f1"] for row in found.rows}
    assert before.items() <= after.items()
