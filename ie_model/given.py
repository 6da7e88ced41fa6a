"""What a caller gives from Python: taken as it is, or refused in one line that says what was meant.

``name`` leads every message. Commands and files are checked where they are read.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ie_model.errors import InputError


def many(given: object) -> bool:
    """Whether this can be gone through as many things, and is not one that would be taken apart.

    A string would be taken for its letters, a mapping for its keys, a table for its columns.
    """
    one = isinstance(given, str | bytes | Mapping) or hasattr(given, "columns")
    return isinstance(given, Iterable) and not one


def several(given: Any, name: str, expected: str = "Documents") -> Iterable[Any]:
    """What a caller gives for many documents, or rows that will be such.

    Raises:
        InputError: they are not :func:`many`.
    """
    if not many(given):
        kind = type(given).__name__
        raise InputError(f"{name}: expected {expected}, such as a list, found {kind}")
    found: Iterable[Any] = given
    return found


def strings(given: Any, name: str) -> tuple[str, ...]:
    """What a caller gives for several strings.

    Raises:
        InputError: it is one string, or holds something that is none.
    """
    if isinstance(given, str | os.PathLike):
        raise InputError(f"{name} must be a list, such as [{str(given)!r}]")
    found = tuple(several(given, name, "strings"))
    for item in found:
        if not isinstance(item, str):
            raise InputError(f"{name}: expected strings, found {item!r:.60}")
    return found


def a_path(given: Any, name: str) -> Path:
    """What a caller gives for one file or folder.

    Raises:
        InputError: it is no path.
    """
    if not isinstance(given, str | os.PathLike) or isinstance(os.fspath(given), bytes):
        raise InputError(f"{name}: expected one path, found {given!r:.60}")
    return Path(given)


def at_least_one(given: Any, name: str) -> None:
    """Refuse what is no whole number from 1 on; ``None`` is one's own choice.

    Raises:
        InputError: it is another value.
    """
    whole = isinstance(given, int) and not isinstance(given, bool)
    if given is not None and not (whole and given >= 1):
        raise InputError(f"{name} is {given!r:.60}: give a number of at least 1")
