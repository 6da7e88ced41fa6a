"""Files that are whole or absent: temporary file, sync, rename, sync of the folder.

A reader, or the same job after a power cut, never sees half of what is written here.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

TEMPORARY = ".tmp"
"""How the names of unfinished files end."""


def digest(data: bytes) -> str:
    """A 128-bit BLAKE2b of some bytes, in hexadecimal."""
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def file_facts(path: Path) -> dict[str, Any] | None:
    """``bytes`` and ``digest`` of a file, read to its end, or of all files of a folder (in
    the order of their names, without subfolders); ``None`` where there is nothing.

    Raises:
        OSError: it cannot be read.
    """
    if not path.exists():
        return None
    state = hashlib.blake2b(digest_size=16)
    size = 0
    for file in sorted(path.iterdir()) if path.is_dir() else [path]:
        if path.is_dir():
            state.update(f"{file.name}\0".encode())
        with file.open("rb") as stream:
            while block := stream.read(1 << 20):
                size += len(block)
                state.update(block)
    return {"bytes": size, "digest": state.hexdigest()}


def sync_folder(folder: Path) -> None:
    """Make renames in ``folder`` survive a power cut, where the file system can."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some network file systems refuse to sync a folder, and have nothing to sync.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def whole_file(path: Path, scratch: Path | None = None) -> Iterator[BinaryIO]:
    """Open a file that gets its name only when the block ends without an error.

    Until then it lies in ``scratch``, a folder of the same file system (by default its
    own), under a unique name: two processes that write the same path do not meet.
    """
    folder = path.parent if scratch is None else scratch
    # Not made of the path's own name, which may be as long as a name can be.
    temporary = folder / f"{uuid.uuid4().hex[:12]}{TEMPORARY}"
    try:
        with temporary.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def write_whole(path: Path, data: bytes, scratch: Path | None = None) -> None:
    """Write ``data`` to ``path``: all of it, or nothing."""
    with whole_file(path, scratch) as file:
        file.write(data)


def write_json(path: Path, value: Any, scratch: Path | None = None) -> None:
    """Write ``value`` as indented JSON: all of it, or nothing."""
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    write_whole(path, (text + "\n").encode(), scratch)


def remove_temporary(folder: Path) -> None:
    """Delete what killed processes left unfinished in ``folder``."""
    for path in folder.glob(f"*{TEMPORARY}"):
        path.unlink(missing_ok=True)
