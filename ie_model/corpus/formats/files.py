"""Text files read strictly, and a file name for each document: the ground under every format.

Files are UTF-8, or what a byte order mark of UTF-16 or UTF-32 says. Bytes that are not are an
error with their place, never replaced: a replacement
character would shift every offset behind it. Lines end at ``\\n`` alone, because
``str.splitlines`` also cuts at U+2028 and friends, which stand inside real texts.
"""

from __future__ import annotations

import codecs
import contextlib
import io
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import IO, Any

from ie_model.documents import Document
from ie_model.errors import InputError

# The longer marks first: UTF-32's begins with UTF-16's.
_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32-le",
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}
# What begins so is no text, and no other encoding of one.
_CONTAINERS = {
    b"\x1f\x8b": "compressed by gzip",
    b"\xfd7zXZ": "compressed by xz",
    b"\x28\xb5\x2f\xfd": "compressed by zstd",
    b"PK\x03\x04": "a ZIP archive, as the files of Word and Excel are",
    b"\xd0\xcf\x11\xe0": "a file of an old Word or Excel",
    b"%PDF-": "a PDF",
    b"{\\rtf": "RTF",
    b"\x89PNG": "an image",
    b"SQLite format 3": "a database of SQLite",
    b"PAR1": "Parquet, whose name ends in .parquet",
}
_BEGINNINGS = (*_MARKS, *_CONTAINERS)
_SAVE = "save the file as UTF-8 (for example: iconv -f windows-1252 -t utf-8)"
_ZEROS = 4  # so many, and one in ten pairs of bytes: blanks alone are more in most scripts


def read_text(path: Path) -> str:
    """The file's text, every character as it stands, line ends and a BOM included.

    Raises:
        InputError: the file is missing, unreadable or not UTF-8.
    """
    with _readable(path) as file:
        return _decode(file.read(), path, offset=0, line=1)


def read_bytes(path: Path) -> bytes:
    """The file's bytes.

    Raises:
        InputError: the file is missing or unreadable.
    """
    with _readable(path) as file:
        return file.read()


def read_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Stream ``(line number from 1, line without its end)``; a leading BOM is dropped.

    Raises:
        InputError: the file is missing, unreadable or not UTF-8.
    """
    for number, line in read_raw_lines(path):
        yield number, line.removesuffix("\n").removesuffix("\r")


def read_raw_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Like :func:`read_lines`, each line with its end, as a table's quoted fields need them.

    Raises:
        InputError: the file is missing, unreadable or not UTF-8.
    """
    with _readable(path) as file:
        offset = 0
        for number, raw in enumerate(file, 1):
            try:
                line = raw.decode("utf-8")
            except UnicodeDecodeError:
                line = _decode(raw, path, offset, number)
            if number == 1:
                line = line.removeprefix("\ufeff")
            yield number, line
            offset += len(raw)


def has_line(path: Path, beginning: bytes) -> bool:
    """Whether a line of the file begins so; nothing is decoded.

    Raises:
        InputError: the file is missing or unreadable.
    """
    with _readable(path) as file:
        return any(line.startswith(beginning) for line in file)


def read_chunks(path: Path, size: int = 1 << 20) -> Iterator[str]:
    """Stream the file's text in pieces of about ``size`` characters; a leading BOM is dropped.

    Raises:
        InputError: the file is missing, unreadable or not UTF-8.
    """
    decoder = codecs.getincrementaldecoder("utf-8")()
    with _readable(path) as file:
        read, line = 0, 1
        while True:
            raw = file.read(size)
            try:
                text = decoder.decode(raw, final=not raw)
            except UnicodeDecodeError as error:
                # The decoder's object begins with bytes kept back from the chunk before.
                offset = read + len(raw) - len(error.object)
                _decode(error.object, path, offset, line)
            if read == 0:
                text = text.removeprefix("\ufeff")
            read += len(raw)
            line += raw.count(b"\n")
            yield text
            if not raw:
                return


def document_files(
    documents: Iterable[Document], folder: Path, suffix: str
) -> Iterator[tuple[Path, Document]]:
    """A path below ``folder`` for each document, after its id; a ``/`` in an id is a folder.

    Raises:
        InputError: an id cannot be a file name, or comes twice.
    """
    seen: set[str] = set()
    for number, document in enumerate(documents, 1):
        name = document.id or f"document-{number}"
        parts = PurePosixPath(name).parts
        if "/".join(parts) != name or {".", "..", "/"} & set(parts) or "\0" in name:
            raise InputError(f"document id {name!r} cannot be a file name, which is needed here")
        if any(len(part.encode("utf-8", "replace")) > 250 - len(suffix) for part in parts):
            raise InputError(f"document id {name[:40]!r}... is too long for a file name")
        if name in seen:
            raise InputError(f"two documents are called {name!r}; each needs a file of its own")
        seen.add(name)
        yield folder / f"{name}{suffix}", document


@contextlib.contextmanager
def _readable(path: Path) -> Iterator[IO[bytes]]:
    """The file's bytes as UTF-8, whatever its byte order mark says."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    with file:
        beginning = file.peek(4)
        if beginning.startswith(_BEGINNINGS):
            mark = next(mark for mark in _BEGINNINGS if beginning.startswith(mark))
            if mark in _CONTAINERS:
                raise InputError(
                    f"{path}: is {_CONTAINERS[mark]}, and no text; unpack it, or save it as UTF-8 "
                    "text"
                )
            file.read(len(mark))
            with io.BufferedReader(_Utf8(file, path, _MARKS[mark])) as stream:
                yield stream
            return
        if b"\0" in beginning:
            _refuse_unmarked(beginning, path)
        yield file


class _Utf8(io.RawIOBase):
    """A file in another encoding, as UTF-8."""

    def __init__(self, file: IO[bytes], path: Path, encoding: str) -> None:
        self._file, self._path, self._encoding = file, path, encoding
        self._decoder = codecs.getincrementaldecoder(encoding)()
        self._waiting = b""
        self._line = 1

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._waiting:
            raw = self._file.read(len(buffer))
            try:
                text = self._decoder.decode(raw, final=not raw)
            except UnicodeDecodeError as error:
                before = error.object[: error.start].decode(self._encoding, "replace")
                raise InputError(
                    f"{self._path}:{self._line + before.count(chr(10))}: not "
                    f"{self._encoding.upper()}, which its byte order mark says ({error.reason}); "
                    "save the file as UTF-8"
                ) from None
            self._line += text.count("\n")
            self._waiting = text.encode("utf-8")
            if not raw:
                break
        number = min(len(buffer), len(self._waiting))
        buffer[:number], self._waiting = self._waiting[:number], self._waiting[number:]
        return number


def _refuse_unmarked(beginning: bytes, path: Path) -> None:
    """Refuse UTF-16 without a byte order mark, which UTF-8 would read as letters and zeros."""
    even, odd = beginning[::2].count(0), beginning[1::2].count(0)
    most = max(even, odd)
    if min(even, odd) == 0 and most >= _ZEROS and 20 * most > len(beginning):
        likely = "utf-16le" if odd else "utf-16be"
        raise InputError(
            f"{path}:1: looks like UTF-16 without a byte order mark, which says how to read it; "
            f"save the file as UTF-8 (for example: iconv -f {likely} -t utf-8)"
        )


def _decode(raw: bytes, path: Path, offset: int, line: int) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line += raw.count(b"\n", 0, error.start)
        raise InputError(
            f"{path}:{line}: byte {offset + error.start} (0x{raw[error.start]:02x}) is not UTF-8; "
            + ("is it a text?" if b"\0" in raw else _SAVE)
        ) from None
