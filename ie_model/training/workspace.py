"""The work folder of a run: its lock, what must survive its interruption, and what must not."""

from __future__ import annotations

import contextlib
import os
import platform
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from ie_model.errors import InputError
from ie_model.files import writing
from ie_model.models.replacement import remove_leftovers
from ie_model.training.processes import is_first_process, world_size

_SCRATCH = "windows-"  # a folder in the work folder for each process's own windows


def work_folder(output_dir: Path) -> Path:
    """Where the run that writes ``output_dir`` keeps its checkpoints; removed when it is done."""
    target = output_dir.resolve()
    return target.with_name(f".{target.name}.training")


def scratch_folder(work: Path) -> Path:
    """Where this process keeps windows that are encoded for this run alone."""
    return work / f"{_SCRATCH}{platform.node()}-{os.getpid()}"


@contextlib.contextmanager
def workspace(output_dir: Path) -> Iterator[Path]:
    """The work folder, locked, and cleared of what killed runs left beside it and in it.

    It goes when the block has succeeded. When the block fails, checkpoints stay, for a run
    that resumes; without any, nothing stays.

    Raises:
        InputError: another training writes the same ``output_dir`` at this moment.
    """
    work = work_folder(output_dir)
    lock = _locked(work, output_dir) if is_first_process() else None
    try:
        if is_first_process():
            remove_leftovers(output_dir.resolve())
        if world_size() == 1:  # of several processes on one machine, others may be starting
            for old in work.glob(f"{_SCRATCH}*"):
                shutil.rmtree(old, ignore_errors=True)
        yield work
    except BaseException:
        shutil.rmtree(scratch_folder(work), ignore_errors=True)
        if lock and not any(work.glob("checkpoint-*")):
            shutil.rmtree(work, ignore_errors=True)
        raise
    else:
        shutil.rmtree(scratch_folder(work), ignore_errors=True)
        if lock:
            _remove(work)
    finally:
        if lock:
            lock.release()


def _remove(work: Path) -> None:
    """Remove the work folder in one step: half of one would look like a run to resume."""
    name = work.name.removesuffix(".training")
    gone = work.with_name(f"{name}.new-{uuid.uuid4().hex[:8]}")  # the next run clears it away
    try:
        work.rename(gone)
    except OSError:
        gone = work
    shutil.rmtree(gone, ignore_errors=True)


def _locked(work: Path, output_dir: Path) -> FileLock:
    with writing(work):
        work.mkdir(parents=True, exist_ok=True)
        # Gone with the work folder; a lock on a file that was removed meanwhile locks nothing.
        lock = FileLock(work / "lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            raise InputError(
                f"output_dir {output_dir}: another training writes it at this moment; wait for "
                "it to end, or choose another output_dir"
            ) from None
    return lock
