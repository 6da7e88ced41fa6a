"""Whether another program has changed a file since it was read or written here."""

from __future__ import annotations

from pathlib import Path
from typing import TypeAlias

from ie_model.errors import RunError

Stamp: TypeAlias = tuple[int, int, int, int]


def stamp_of(path: Path) -> Stamp | None:
    """What changes when a file is written anew; ``None``: it is not there.

    Programs can set the time of change (mtime) back, but not that of the inode (ctime).
    """
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def refuse_changed(path: Path, stamp: Stamp | None) -> None:
    """Refuse to write over what another program has made of a file.

    Raises:
        RunError: the file is no longer the one of ``stamp``.
    """
    if stamp_of(path) != stamp:
        raise RunError(
            f"{path}: another program has changed it since it was read; nothing is written over "
            "that: start ie-model annotate anew"
        )
