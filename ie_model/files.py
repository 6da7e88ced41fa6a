"""Files and folders that are whole or absent: written beside their place, synced, renamed.

A reader, or the same work after a power cut, never sees half of what is written here. Until
then it has a hidden name that ends in ``.tmp``, and its writer holds a lock on it: what
nobody holds was left by a process that was killed, and goes when the next one writes there.
Permissions are those of any other new file. A link given as an output stays, and what it
points at is replaced.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import shutil
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, BinaryIO

from ie_model.errors import InputError, RunError

try:
    import fcntl
except ImportError:  # Windows: nothing is locked there, and nothing cleared away
    fcntl = None  # type: ignore[assignment]

TEMPORARY = ".tmp"
"""How the names of what is unfinished end."""
_MOST_LINKS = 40  # as the system follows them
_UNFINISHED = re.compile(r"\.[0-9a-f]{12}\.tmp")
_cleared: set[Path] = set()

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
    try:
        place = followed(target)
        if place.exists() and not (place.is_file() or place.is_dir()):
            # A file renamed over /dev/null would take its place.
            raise InputError(f"{target}: is no ordinary file and is not replaced; name another")
        yield
    except OSError as error:
        kind = InputError if error.errno in _WRONG_PATH else RunError
        raise kind(f"{target}: cannot be written: {error.strerror or error}") from error


def followed(path: Path) -> Path:
    """Where a link leads at last, be it there or not; any other path as it is.

    Raises:
        InputError: the link stands for what a process has open, as /dev/stdout does.
        OSError: links lead in a circle.
    """
    place = path
    for _ in range(_MOST_LINKS):
        if not place.is_symlink():
            return place
        folder = Path(os.path.realpath(place.parent))
        if folder == Path("/dev") or folder.is_relative_to("/proc"):
            # Renamed over what is open there, a log that is added to would lose what it holds.
            raise InputError(f"{path}: is no ordinary file and is not replaced; name the file")
        place = folder / place.readlink()
    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))


def check_writable(path: Path) -> None:
    """Refuse before the work what could not be written behind it; nothing is made.

    Raises:
        InputError: a part of ``path`` is a file, or a folder is not writable.
    """
    with writing(path):
        folder = followed(path).parent
        while not folder.exists() and folder != folder.parent:
            folder = folder.parent
        if not folder.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, f"{folder} is no folder")
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, f"{folder} is not writable")


@contextlib.contextmanager
def whole_path(path: Path, scratch: Path | None = None) -> Iterator[Path]:
    """A path to write to, by any means; ``path`` itself when the block ends without an error.

    Until then it lies in its own folder, made where it is missing, under a unique name: two
    processes that write the same path do not meet. A link is followed.

    Args:
        path: to write.
        scratch: another folder of the same file system to work in. ``path`` is the caller's
            own then, and a link there is replaced.

    Raises:
        OSError: as the system gives it; see :func:`writing`.
    """
    if scratch is None:
        path = followed(path)
    folder = path.parent if scratch is None else scratch
    if not folder.is_dir():
        folder.mkdir(parents=True, exist_ok=True)
    remove_unfinished(folder)
    with _held(folder, _made_file) as temporary:
        try:
            yield temporary
            sync(temporary)
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    sync(path.parent)


@contextlib.contextmanager
def whole_file(path: Path, scratch: Path | None = None) -> Iterator[BinaryIO]:
    """:func:`whole_path`, opened for bytes."""
    with whole_path(path, scratch) as temporary, temporary.open("wb") as file:
        yield file


@contextlib.contextmanager
def whole_text(path: Path, scratch: Path | None = None) -> Iterator[IO[str]]:
    """A UTF-8 text file that appears under its name only when complete; see :func:`whole_path`.

    Raises:
        InputError: ``path`` cannot be written, or a text holds a lone surrogate.
        RunError: the disk is full or failed.
    """
    with (
        writing(path),
        whole_path(path, scratch) as temporary,
        text_file(temporary, path) as file,
    ):
        yield file


@contextlib.contextmanager
def text_file(path: Path, name: Path | None = None) -> Iterator[IO[str]]:
    """A UTF-8 text file written where it stands, as inside a :func:`new_folder`.

    Line ends stay as they are given. ``name`` is what errors call it.

    Raises:
        InputError: a text holds a lone surrogate.
        OSError: as the system gives it; see :func:`writing`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("w", encoding="utf-8", newline="") as file:
            yield file
    except UnicodeEncodeError as error:
        raise InputError(
            f"{name or path}: a text holds {error.object[error.start]!r}, half of a surrogate "
            "pair, which is not a character; mend the text it came from"
        ) from None


def write_text(path: Path, text: str, scratch: Path | None = None) -> None:
    """Write a text file, whole or not at all; the old file stays as it was when that fails.

    ``scratch`` is as in :func:`whole_path`.

    Raises:
        InputError: as :func:`whole_text`.
        RunError: the disk is full or failed.
    """
    with whole_text(path, scratch) as file:
        file.write(text)


def write_json(path: Path, value: Any, indent: int = 2, scratch: Path | None = None) -> None:
    """Write a value as indented JSON, whole or not at all; ``scratch`` as in :func:`whole_path`.

    Raises:
        ValueError: the value holds an infinite number, or none.
        InputError: as :func:`whole_text`.
        RunError: the disk is full or failed.
    """
    text = json.dumps(value, indent=indent, ensure_ascii=False, allow_nan=False)
    with whole_text(path, scratch) as file:
        file.write(text + "\n")


def check_ordinary(folder: Path) -> None:
    """Refuse a folder that holds anything but files and folders, or a link to such a thing.

    A pipe, or a link to ``/dev/zero``, would be read for ever. Folders in the folder are looked
    into, folders in these are not.

    Raises:
        InputError: the folder holds a pipe, a device or a socket.
    """
    for path in (*folder.glob("*"), *folder.glob("*/*")):
        if path.exists() and not (path.is_file() or path.is_dir()):
            raise InputError(f"{path}: is no ordinary file, as all here should be; remove it")


def read_json(path: Path) -> Any:
    """The JSON of a file that a command of the package wrote.

    Raises:
        OSError: there is none, or something that is read for ever, such as a pipe.
        ValueError: it is no JSON.
    """
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "is no ordinary file", str(path))
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except RecursionError:
        raise ValueError("lists in lists without an end") from None


@contextlib.contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """A folder that appears under its name when the block succeeds.

    Raises:
        InputError: ``path`` exists and is not an empty folder, or cannot be written.
        RunError: the disk is full or failed.
    """
    with writing(path):
        path = followed(path)
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise InputError(f"{path}: exists already; name a new folder")
        with scratch_folder(path.parent) as scratch:
            yield scratch
            sync_all(scratch)
            scratch.replace(path)
        sync(path.parent)


@contextlib.contextmanager
def scratch_folder(parent: Path) -> Iterator[Path]:
    """A hidden folder in ``parent``, which goes when the block ends.

    Raises:
        OSError: as the system gives it; see :func:`writing`.
    """
    parent.mkdir(parents=True, exist_ok=True)
    remove_unfinished(parent)
    with _held(parent, _made_folder) as scratch:
        try:
            yield scratch
        finally:
            shutil.rmtree(scratch, ignore_errors=True)


def sync(path: Path) -> None:
    """Make a file's bytes, or the renames in a folder, survive a power cut, where that can be."""
    if path.is_dir() and os.name == "nt":  # folders cannot be opened there
        return
    descriptor = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some network file systems refuse to sync a folder, and have nothing to sync.
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(descriptor)


def sync_all(folder: Path) -> None:
    """:func:`sync` of every file and folder in a folder, and of itself."""
    for path in folder.rglob("*"):
        if not path.is_symlink():
            sync(path)
    sync(folder)


@contextlib.contextmanager
def _held(folder: Path, make: Callable[[Path], int]) -> Iterator[Path]:
    """A new path in a folder, locked until the block ends."""
    while True:
        # Not made of the final name, which may be as long as a name can be.
        path = folder / f".{uuid.uuid4().hex[:12]}{TEMPORARY}"
        descriptor = make(path)
        # Whoever clears up may have come in between, and taken it for a dead one's.
        if _locked(descriptor) is not False and path.exists():
            break
        os.close(descriptor)
    if fcntl is None:  # what is open cannot be renamed there
        os.close(descriptor)
    try:
        yield path
    finally:
        if fcntl is not None:
            os.close(descriptor)


def _made_file(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)


def _made_folder(path: Path) -> int:
    path.mkdir()
    return os.open(path, os.O_RDONLY) if fcntl is not None else os.dup(0)


def _locked(descriptor: int) -> bool | None:
    """Whether the lock was free and is ours now; ``None`` where the system has none."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except (AttributeError, OSError):  # Windows; some network file systems
        return None
    return True


def remove_unfinished(folder: Path) -> None:
    """Remove what killed processes left in a folder, once in the life of this one."""
    if fcntl is None or folder in _cleared:
        return
    _cleared.add(folder)
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        found = [Path(entry) for entry in entries if _UNFINISHED.fullmatch(entry.name)]
        for path in found:
            _remove_if_dead(path)


def _remove_if_dead(path: Path) -> None:
    with contextlib.suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            if _locked(descriptor):
                if path.is_dir():
                    shutil.rmtree(path, ignore_errors=True)
                else:
                    path.unlink()
        finally:
            os.close(descriptor)
