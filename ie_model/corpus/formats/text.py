"""Plain text: one file is one document without entities."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from ie_model.corpus.formats.files import read_text
from ie_model.documents import Document
from ie_model.errors import InputError


def read(path: Path, root: Path | None = None) -> Iterator[tuple[str, Document]]:
    """Yield the file as one document; its id is the path below ``root`` without the ending.

    Raises:
        InputError: the file is missing or not UTF-8.
    """
    name = path.relative_to(root) if root is not None else Path(path.name)
    yield str(path), Document(read_text(path), id=name.with_suffix("").as_posix())


def write(documents: Iterable[Document], path: Path) -> None:
    """Refuse: plain text would drop every entity.

    Raises:
        InputError: always.
    """
    raise InputError(f"{path}: plain text cannot hold entities; write brat, jsonl or markup")
