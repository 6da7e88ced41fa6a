"""Scoring, training, saving, exporting, installing: killed, or told that the disk is full, at
every named point of what they do to the file system."""

from __future__ import annotations

import errno
import os
import random

import pytest

from tests.faults.jobs import JOBS

MOST = int(os.environ.get("IE_MODEL_FAULTS", "12"))
"""Points a test tries of a job that takes its time, spread over all; of others it tries all.
IE_MODEL_FAULTS=100 tries all points of these too, 0 each event of every job."""
SLOW = {
    "training": 12, "training over an old model": 24, "training with checkpoints": 24,
    "exporting to OpenVINO": 12,  # it is stored as ONNX is, of which all are tried
}  # fmt: skip
WORKERS = [job for job in JOBS if "worker" in job]


def spread(numbers: list[int], most: int = MOST) -> list[int]:
    """So many of these numbers, the first and the last among them."""
    if not most or len(numbers) <= most:
        return numbers
    return sorted({numbers[round(k * (len(numbers) - 1) / (most - 1))] for k in range(most)})


@pytest.mark.parametrize("job", JOBS)
def test_job_killed_at_its_named_points_ends_like_one_that_was_not(trials, job):
    trial = trials(job)
    numbers = sorted(trial.points.values()) if MOST else list(range(1, trial.events + 1))
    assert numbers
    most = max(MOST, SLOW[job]) if MOST and job in SLOW else 0
    found = []
    for k, number in enumerate(spread(numbers, most)):
        # Before the event, in the middle of it where it is a write, and behind it.
        mode = ("torn", "kill", "after")[k % 3]
        found.append(trial.count(f"killed: {job}", trial.kill(f"{mode} {number}")))
    assert not any(found), [f for f in found if f]


def test_training_killed_at_every_named_point_of_saving_leaves_a_whole_model(trials):
    trial = trials("saving a model")
    found = [
        trial.count("killed in the middle: saving a model", trial.kill(f"torn {number}"))
        for number in trial.points.values()
    ]
    assert not any(found), [f for f in found if f]


@pytest.mark.parametrize("job", ["scoring to JSON lines", "training with checkpoints"])
def test_job_killed_again_while_it_is_done_again_ends_like_one_that_was_not(trials, job):
    trial = trials(job)
    chance = random.Random(19)
    for _ in range(max(MOST // 3, 1)):
        faults = [f"kill {chance.randint(1, trial.events)}" for _ in range(3)]
        assert not trial.count(f"killed three times: {job}", trial.kill(*faults), 3)


@pytest.mark.parametrize("job", WORKERS)
def test_worker_killed_at_its_events_changes_nothing(trials, job):
    # Opening, syncing, renaming, syncing the folder; the next part. Each new worker dies at its
    # own event of that number, until one gets further.
    trial = trials(job)
    for number in range(1, 8):
        found = trial.kill(f"kill {number}", workers=True)
        assert not trial.count(f"worker killed: {job}", found)


@pytest.mark.parametrize("error", ["ENOSPC", "EROFS"])
@pytest.mark.parametrize(
    "job",
    ["scoring to JSON lines", "scoring to Parquet", "scoring to a folder", "training over an old "
     "model", "saving a model", "saving settings", "saving documents", "installing", "packaging",
     "beginning a project", "exporting to ONNX"],
)  # fmt: skip
def test_full_or_read_only_disk_is_named_and_costs_nothing(trials, job, error):
    trial = trials(job)
    words = os.strerror(getattr(errno, error))
    kind = f"{'full' if error == 'ENOSPC' else 'read-only'} disk: {job}"
    numbers = sorted(trial.points.values()) if MOST else list(range(1, trial.events + 1))
    found = [
        trial.count(kind, trial.fail(error, number, words))
        for number in spread(numbers, MOST // 2)
    ]  # fmt: skip
    assert not any(found), [f for f in found if f]


def test_jobs_killed_at_random_end_like_ones_that_were_not(trials):
    chance = random.Random(19)
    for job in ("scoring to a folder", "training with checkpoints", "saving a model", "installing"):
        trial = trials(job)
        for _ in range(max(MOST // 4, 1)):
            found = trial.kill(seconds=chance.uniform(0.0, 1.1 * trial.seconds))
            assert not trial.count(f"killed at random: {job}", found)
