"""Which of several processes this is, as `torchrun` or `accelerate launch` started it."""

from __future__ import annotations

import os

import torch
from accelerate import PartialState

from ie_model.models.devices import THREADS
from ie_model.models.hardware import available_cpus


def world_size() -> int:
    """Processes of this run, as `torchrun` or `accelerate launch` set them."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def is_first_process() -> bool:
    """Whether this process is the one of the run that reports and writes."""
    return int(os.environ.get("RANK", "0")) == 0


def cpu_threads() -> int:
    """CPU threads for this process: all it may use, or its share where several train here."""
    beside = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    # torchrun gives each of several one thread unless OMP_NUM_THREADS is set; alone it is a wish.
    granted = available_cpus() if beside > 1 else min(THREADS, available_cpus())
    return max(1, granted // beside)


def take_own_gpu() -> None:
    """Make this process's GPU the current one, before anything is loaded onto the first."""
    torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))


def wait_for_all() -> None:
    """Return when every process of the run is here."""
    if world_size() > 1:
        PartialState().wait_for_everyone()
