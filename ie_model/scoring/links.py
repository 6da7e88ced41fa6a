"""Walking folders and patterns, with one rule for links.

A link to a file is read as the file it stands for. A link to a folder is followed only
where it is named: below a folder or behind a wildcard it is left out with a warning, since it
may lead to a folder above, and then all is found again and again. Hidden files, and what is
neither a file nor a folder (pipes, sockets), are left out too.
"""

from __future__ import annotations

import fnmatch
import glob
import logging
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from ie_model.errors import InputError

log = logging.getLogger(__name__)


def walk(folder: Path) -> Iterator[Path]:
    """The files below a folder, to its depths."""
    for entry in _entries(folder):
        if entry.is_dir(follow_symlinks=False):
            yield from walk(Path(entry.path))
        elif _is_linked_folder(entry):
            continue
        elif entry.is_file():
            yield Path(entry.path)


def matches(pattern: Path) -> tuple[Path, Iterator[Path]]:
    """The folder up to the first wildcard, and the files that match: ``*``, ``?``, ``[...]``
    within a name, ``**`` for any number of folders."""
    parts = pattern.parts
    fixed = next(i for i, part in enumerate(parts) if glob.has_magic(part))
    return Path(*parts[:fixed]), _match(Path(*parts[:fixed]), parts[fixed:])


def _match(folder: Path, parts: Sequence[str]) -> Iterator[Path]:
    head, rest = parts[0], parts[1:]
    if head == "**":
        if not rest:
            yield from walk(folder)
            return
        yield from _match(folder, rest)
        for entry in _entries(folder):
            if entry.is_dir(follow_symlinks=False):
                yield from _match(Path(entry.path), parts)
            else:
                _is_linked_folder(entry)
    elif not glob.has_magic(head):
        path = folder / head
        if rest:
            if path.is_dir():
                yield from _match(path, rest)
        elif path.is_file():
            yield path
    else:
        for entry in _entries(folder, hidden=head.startswith(".")):
            if not fnmatch.fnmatchcase(entry.name, head):
                continue
            if not rest:
                if entry.is_file():
                    yield Path(entry.path)
            elif entry.is_dir(follow_symlinks=False):
                yield from _match(Path(entry.path), rest)
            else:
                _is_linked_folder(entry)


def _entries(folder: Path, hidden: bool = False) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return [e for e in entries if hidden or not e.name.startswith(".")]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise InputError(f"{folder}: cannot be searched: {error.strerror}") from error


def _is_linked_folder(entry: os.DirEntry[str]) -> bool:
    linked = entry.is_symlink() and Path(entry.path).is_dir()
    if linked:
        log.warning("%s: a link to a folder, not followed; name it to have it read", entry.path)
    return linked
