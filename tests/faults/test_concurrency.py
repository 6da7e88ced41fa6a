"""Several processes at once on one output, and one output by several names."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import pytest

from ie_model.annotating.storage import open_storage
from ie_model.corpus import write_documents
from ie_model.documents import Document
from ie_model.errors import InputError
from ie_model.evaluation.tuning.study import opened
from ie_model.scoring import ReadOptions, WriteOptions
from ie_model.scoring.job import Job
from ie_model.scoring.options import Target
from ie_model.training.workspace import workspace
from tests.faults import table
from tests.faults.jobs import JOBS

AT_ONCE = 4


@pytest.mark.parametrize(
    ("job", "refusal"),
    [
        ("scoring to JSON lines", "another process is at work on this output"),
        ("training over an old model", "another training writes it"),
        ("saving settings", ""),
        ("saving documents", ""),
        ("installing", ""),
        ("packaging", ""),
        ("exporting to ONNX", ""),
    ],
)
def test_processes_at_once_on_one_output_do_one_job(trials, forks, job, refusal):
    trial = trials(job)
    trial.afresh()
    table.attempt(f"processes at once: {job}", AT_ONCE)
    ended = forks.run_at_once(job, trial.folder, AT_ONCE)
    assert any(e.status == 0 for e in ended), [e.said for e in ended]
    for one in ended:
        assert one.status == 0 or (refusal and refusal in one.said), one.said
    assert JOBS[job].state(trial.folder) == trial.behind
    table.survive(f"processes at once: {job}", AT_ONCE)


@contextlib.contextmanager
def scoring_job(path: Path):
    write = WriteOptions("jsonl")
    with Job(
        Target.parse(path, write), items=[], read=ReadOptions(), write=write, cut=None,
        device="cpu", model={},
    ) as job:  # fmt: skip
        yield job


@contextlib.contextmanager
def annotating(path: Path):
    storage, lock = open_storage(path, "jsonl")
    try:
        yield storage
    finally:
        lock.release()


HELD = {
    "scoring": (scoring_job, "another process is at work on this output"),
    "training": (workspace, "another training writes it"),
    "tuning": (lambda path: opened(path, prune=False, seed=0), "another search is at work"),
    "annotating": (annotating, "another process annotates it"),
}


@pytest.mark.parametrize("work", HELD)
def test_output_has_one_lock_by_whatever_path_it_is_named(tmp_path, monkeypatch, work):
    """A search, by a link to its file, had another lock; two wrote one file."""
    if work == "tuning":
        pytest.importorskip("optuna")
    hold, refusal = HELD[work]
    real = tmp_path / "deep" / "real"
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "folder").symlink_to("deep")
    (tmp_path / "link").symlink_to("folder/real")
    (tmp_path / "chain").symlink_to(tmp_path / "link")
    monkeypatch.chdir(tmp_path / "deep" / "er")
    names = [
        real, Path("../real"), tmp_path / "folder" / "er" / ".." / "real",
        tmp_path / "folder" / "real", tmp_path / "link", tmp_path / "chain",
    ]  # fmt: skip
    for name in names:
        table.attempt(f"another path to an output: {work}")
        with hold(real), pytest.raises(InputError, match=refusal), hold(name):
            pass
        with hold(name), pytest.raises(InputError, match=refusal), hold(real):
            pass
        table.survive(f"another path to an output: {work}")


@pytest.mark.parametrize("work", ["writing", "annotating", "tuning"])
def test_output_with_a_hard_link_leaves_the_other_name_alone(tmp_path, work):
    """What has two names is replaced under the one that is given; a database cannot be."""
    file, other = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
    file.write_text('{"id": "1", "text": "old", "entities": []}\n')
    os.link(file, other)
    before = file.read_bytes()
    if work == "tuning":
        pytest.importorskip("optuna")
        with pytest.raises(InputError, match="hard link"), opened(file, prune=False, seed=0):
            pass
    elif work == "annotating":
        with annotating(file) as storage:
            storage.write([Document("new", (), id="2")])
            storage.close()
        assert b"new" in file.read_bytes()
    else:
        write_documents([Document("new", (), id="2")], file)
        assert b"old" not in file.read_bytes()
    assert other.read_bytes() == before
