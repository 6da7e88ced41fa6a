"""The places that a job writes to: what may stand there, and what of it is the job's own."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

from ie_model.errors import InputError
from ie_model.files import TEMPORARY
from ie_model.scoring.in_hand import IN_HAND
from ie_model.scoring.manifest import INPUTS, JOURNAL, MANIFEST
from ie_model.scoring.options import Target

_WORK_FILES = {"lock", "parts", "rejected", MANIFEST, JOURNAL, INPUTS, IN_HAND}


def check_places(target: Target) -> None:
    """Refuse before the work what would fail behind it, or harm something else's place.

    Raises:
        InputError: a link beside the output, a device, a mount point, or a name that cannot be.
    """
    for path in (Path(target.path), target.work, target.rejected, target.summary):
        try:
            mode = path.lstat().st_mode
        except FileNotFoundError:
            continue
        except OSError as error:
            raise InputError(f"{path}: cannot be written: {error.strerror}") from error
        if stat.S_ISLNK(mode):
            raise InputError(
                f"{path}: is a link where the job keeps a file of its own; remove it, or name "
                "another output"
            )
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            raise InputError(f"{path}: is no ordinary file and is not replaced; name another")
        if os.path.ismount(path):
            raise InputError(
                f"{path}: is a mount point, which cannot be replaced by what is written; name a "
                "file or folder in it"
            )


def check_ours(output: Path, work: Path) -> None:
    """Nothing of anybody else's is ever deleted, whatever the options.

    Raises:
        InputError: there is something in the output folder or the work folder that no job wrote.
    """
    foreign = [p for p in work.iterdir() if not _is_ours(p)]
    if output.is_dir():
        foreign += [p for p in output.iterdir() if not p.name.startswith("part-")]
    if foreign:
        raise InputError(
            f"{foreign[0]}: not a scoring job's file, so its folder cannot be used for one; "
            "give another output"
        )


def clear_work(work: Path) -> None:
    """Remove everything of a job's from its folder but the lock."""
    for path in work.iterdir():
        if path.name != "lock" and _is_ours(path):
            remove(path)


def remove(*paths: Path) -> None:
    """Remove files and folders, where they are there."""
    for path in paths:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def _is_ours(path: Path) -> bool:
    return path.name in _WORK_FILES or path.suffix == TEMPORARY
