"""Plain text with a document on every line, without entities."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from ie_model.corpus.formats.files import read_lines
from ie_model.documents import Document
from ie_model.errors import InputError


def read(path: Path) -> Iterator[tuple[str, Document]]:
    """Stream ``(file:line, document)``; a document is called ``stem:line``, blank lines are none.

    Raises:
        InputError: the file is missing or not UTF-8.
    """
    for number, line in read_lines(path):
        if line.strip():
            yield f"{path}:{number}", Document(line, id=f"{path.stem}:{number}")


def write(documents: Iterable[Document], path: Path) -> None:
    """Refuse: plain text would drop every entity.

    Raises:
        InputError: always.
    """
    raise InputError(f"{path}: lines of text cannot hold entities; write jsonl, csv or markup")
