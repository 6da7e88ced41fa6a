"""The errors that callers may catch; every message says what, where and what to do."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator
from pathlib import Path


class IEModelError(Exception):
    """Base of every error this package raises on purpose."""


class InputError(IEModelError, ValueError):
    """The caller's mistake: a bad file, value or option. The command line exits with 2."""


class RunError(IEModelError, RuntimeError):
    """Something failed while working on good input. The command line exits with 1."""


# Where the system says one of these, another path would have done; else the disk failed.
_WRONG_PATH = {
    getattr(errno, name)
    for name in "ENOENT ENOTDIR EISDIR EEXIST EACCES EPERM EROFS ELOOP ENAMETOOLONG".split()
}


@contextlib.contextmanager
def writing(target: Path) -> Iterator[None]:
    """Turn the system's errors in the block into one that names ``target``.

    Temporary names, under which things are written first, would tell the reader nothing.

    Raises:
        InputError: ``target`` is a device or a folder, or in a place that cannot be written.
        RunError: the disk is full or failed.
    """
    if target.exists() and not (target.is_file() or target.is_dir()):
        # A file renamed over /dev/null would take its place.
        raise InputError(f"{target}: is no ordinary file and is not replaced; name another")
    try:
        yield
    except OSError as error:
        kind = InputError if error.errno in _WRONG_PATH else RunError
        raise kind(f"{target}: cannot be written: {error.strerror or error}") from error
