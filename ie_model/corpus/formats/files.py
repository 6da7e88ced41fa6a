"""Text files read strictly, and a file name for each document: the ground under every format.

Bytes that are not UTF-8 are an error with their place, never replaced: a replacement
character would shift every offset behind it. Lines end at ``\\n`` alone, because
``str.splitlines`` also cuts at U+2028 and friends, which stand inside real texts.
"""

from __future__ import annotations

import codecs
import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import IO

from ie_model.documents import Document
from ie_model.errors import InputError

_BOM_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


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
    try:
        file = path.open("rb")
    except FileNotFoundError:
        raise InputError(f"{path}: no such file") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    with file:
        yield file


def _decode(raw: bytes, path: Path, offset: int, line: int) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line += raw.count(b"\n", 0, error.start)
        likely = "utf-16" if offset == 0 and raw.startswith(_BOM_UTF16) else "windows-1252"
        raise InputError(
            f"{path}:{line}: byte {offset + error.start} (0x{raw[error.start]:02x}) is not UTF-8; "
            f"save the file as UTF-8 (for example: iconv -f {likely} -t utf-8)"
        ) from None
