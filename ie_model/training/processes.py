"""Which of several processes this is, as `torchrun` or `accelerate launch` started it."""

from __future__ import annotations

import os

import torch
from accelerate import PartialState


def world_size() -> int:
    """Processes of this run, as `torchrun` or `accelerate launch` set them."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def is_first_process() -> bool:
    """Whether this process is the one of the run that reports and writes."""
    return int(os.environ.get("RANK", "0")) == 0


def take_own_gpu() -> None:
    """Make this process's GPU the current one, before anything is loaded onto the first."""
    torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))


def wait_for_all() -> None:
    """Return when every process of the run is here."""
    if world_size() > 1:
        PartialState().wait_for_everyone()
