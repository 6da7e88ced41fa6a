"""A job's files: what is in them, and what a killed process left unfinished."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from ie_model.files import TEMPORARY, whole_file


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


def write_whole(path: Path, data: bytes, scratch: Path | None = None) -> None:
    """Write ``data`` to ``path``: all of it, or nothing."""
    with whole_file(path, scratch) as file:
        file.write(data)


def remove_temporary(folder: Path) -> None:
    """Delete what killed processes left unfinished in ``folder``."""
    for path in folder.glob(f"*{TEMPORARY}"):
        path.unlink(missing_ok=True)
