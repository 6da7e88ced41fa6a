"""The work folder of a run: what must survive its interruption, and what must not."""

from __future__ import annotations

import contextlib
import os
import platform
import shutil
from collections.abc import Iterator
from pathlib import Path

from ie_model.training.processes import is_first_process, world_size

_SCRATCH = "windows-"  # a folder in the work folder for each process's own windows


def work_folder(output_dir: Path) -> Path:
    """Where the run that writes ``output_dir`` keeps its checkpoints; removed when it is done."""
    return output_dir.with_name(f".{output_dir.name}.training")


def scratch_folder(work: Path) -> Path:
    """Where this process keeps windows that are encoded for this run alone."""
    return work / f"{_SCRATCH}{platform.node()}-{os.getpid()}"


@contextlib.contextmanager
def workspace(output_dir: Path) -> Iterator[Path]:
    """The work folder, cleared of what killed runs left; goes when the block has succeeded.

    When it fails, checkpoints stay, for a run that resumes.
    """
    work = work_folder(output_dir)
    if world_size() == 1:  # of several processes on one machine, others may be starting
        for old in work.glob(f"{_SCRATCH}*"):
            shutil.rmtree(old, ignore_errors=True)
    try:
        yield work
    except BaseException:
        shutil.rmtree(scratch_folder(work), ignore_errors=True)
        if is_first_process() and not any(work.glob("checkpoint-*")):
            shutil.rmtree(work, ignore_errors=True)
        raise
    shutil.rmtree(scratch_folder(work), ignore_errors=True)
    if is_first_process():
        shutil.rmtree(work, ignore_errors=True)
