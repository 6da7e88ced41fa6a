"""Several processes at once on one output."""

from __future__ import annotations

import pytest

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
