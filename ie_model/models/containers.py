"""Wheels as containers: members of a zip written out under names and sizes of our own."""

from __future__ import annotations

import hashlib
import os
import shutil
import zipfile
from pathlib import Path
from typing import BinaryIO

from ie_model.errors import RunError

PART_BYTES = 256 << 20
"""Bytes of one part of a container at most; those we know have 94 MB."""


def unpack_member(container: zipfile.ZipFile, member: str, path: Path, size: int) -> None:
    """Write one member to ``path``, a name of ours: no path in a zip is ever followed."""
    with path.open("wb") as out:
        copy_member(container, member, out, size)
        out.flush()
        os.fsync(out.fileno())


def copy_member(
    container: zipfile.ZipFile,
    member: str,
    out: BinaryIO,
    size: int | None = None,
    most: int | None = None,
) -> None:
    """Copy one member out, refused before a byte is written if its size is not as it must be.

    Raises:
        RunError: no such member, not ``size`` bytes, or more than ``most``.
    """
    try:
        info = container.getinfo(member)
    except KeyError:
        raise RunError(f"{container.filename}: no {member} in it; nothing was installed") from None
    if size is not None and info.file_size != size:  # before writing: it may be a zip bomb
        raise RunError(
            f"{container.filename}: {member} has {info.file_size:,} bytes, expected {size:,}; "
            "nothing was installed"
        )
    if most is not None and info.file_size > most:
        raise RunError(
            f"{container.filename}: {member} unpacks to {info.file_size:,} bytes, more than the "
            f"{most:,} allowed; nothing was installed"
        )
    with container.open(info) as source:
        shutil.copyfileobj(source, out, 1 << 20)


def sha256(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
