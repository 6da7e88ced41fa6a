"""Pipes as corpora: ``<(...)``, ``/dev/stdin`` and named pipes, which can be read only once."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ie_model.errors import InputError
from ie_model.files import writing


def is_pipe(path: Path) -> bool:
    """Whether a path is no file and no folder, and yet can be read to an end.

    Raises:
        InputError: it is a device, which may have no end.
    """
    try:
        facts = path.stat()
    except (OSError, ValueError):
        return False
    empty = os.path.realpath(path) == os.devnull
    terminal = os.path.realpath(path).startswith(("/dev/pts/", "/dev/tty"))
    device = stat.S_ISBLK(facts.st_mode) or stat.S_ISCHR(facts.st_mode)
    if device and not (empty or terminal):
        raise InputError(f"{path}: is a device; name a file, a folder or a pipe")
    return not (stat.S_ISREG(facts.st_mode) or stat.S_ISDIR(facts.st_mode))


@contextlib.contextmanager
def spooled(pipe: Path) -> Iterator[Path]:
    """A file of the pipe's name and content, while the block lasts.

    Formats are told from the beginning, and some readers look twice: what one look takes out of
    a pipe is lost to the next.

    Raises:
        RunError: there is no room for it.
    """
    with tempfile.TemporaryDirectory(prefix="ie-model-pipe-") as folder:
        copy = Path(folder) / pipe.name
        with writing(copy), pipe.open("rb") as source, copy.open("wb") as target:
            shutil.copyfileobj(source, target, 1 << 20)
        yield copy
