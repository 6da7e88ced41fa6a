"""What a process of a run may use."""

import pytest

from ie_model.training import processes
from ie_model.training.trainer import training_arguments
from tests.training.test_plan import settings


@pytest.mark.parametrize(
    ("cpus", "torchs", "beside", "threads"),
    [(8, 8, None, 8), (8, 2, None, 2), (2, 8, None, 2), (8, 1, "2", 4), (3, 1, "2", 1),
     (1, 1, "4", 1)],
)  # fmt: skip
def test_processes_share_the_cpus(monkeypatch, tmp_path, cpus, torchs, beside, threads):
    # Each of them took all.
    monkeypatch.setattr(processes, "available_cpus", lambda: cpus)
    monkeypatch.setattr(processes, "THREADS", torchs)
    monkeypatch.delenv("LOCAL_WORLD_SIZE", raising=False)
    if beside:
        monkeypatch.setenv("LOCAL_WORLD_SIZE", beside)
    asked = []
    monkeypatch.setattr("torch.set_num_threads", asked.append)
    training_arguments(settings(), tmp_path, "cpu", "fp32", 1)
    training_arguments(settings(threads=5), tmp_path, "cpu", "fp32", 1)
    assert asked == [threads, 5]
