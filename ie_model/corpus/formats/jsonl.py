"""The native format: one JSON object a line, ``{"id", "text", "entities", "meta"}``."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from ie_model.corpus.formats.files import read_lines
from ie_model.corpus.formats.foreign_keys import refuse_foreign
from ie_model.documents import Document
from ie_model.errors import InputError
from ie_model.files import whole_text


def read(path: Path) -> Iterator[tuple[str, Document]]:
    """Stream ``(file:line, document)``; a document without an id is called ``stem:line``.

    Raises:
        InputError: the file is missing or not UTF-8, a line is not JSON or not a document.
    """
    for where, number, row in read_rows(path):
        document = Document.from_dict(row, where)
        refuse_foreign(row, "jsonl", where)
        if not document.id:
            document = Document(
                document.text,
                document.entities,
                f"{path.stem}:{number}",
                document.meta,
                document.error,
            )
        yield where, document


def write(documents: Iterable[Document], path: Path) -> None:
    """Write one document a line; the file appears only when complete.

    Raises:
        InputError: the folder cannot be written.
    """
    write_rows((document.to_dict() for document in documents), path)


def read_rows(path: Path) -> Iterator[tuple[str, int, Any]]:
    """Stream ``(file:line, line, parsed JSON)`` of a JSON Lines file, blank lines left out.

    Raises:
        InputError: the file is missing or not UTF-8, or a line is not JSON.
    """
    for number, line in read_lines(path):
        if not line.strip():
            continue
        where = f"{path}:{number}"
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise InputError(f"{where}: not JSON: {error.msg} at column {error.colno}") from None
        except RecursionError:
            raise InputError(f"{where}: JSON nested too deeply to be a document") from None
        except ValueError as error:  # a number of thousands of digits
            raise InputError(f"{where}: not readable JSON: {error}") from None
        if "\\u" in line:  # only an escape can smuggle in half a character
            refuse_surrogates(row, where)
        yield where, number, row


def write_rows(rows: Iterable[dict[str, Any]], path: Path) -> None:
    """Write one JSON object a line, in UTF-8, the whole file or nothing."""
    with whole_text(path) as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")


def refuse_surrogates(row: Any, where: str) -> None:
    """Reject half a surrogate pair, which no tokenizer and no UTF-8 file can take.

    Raises:
        InputError: a string in ``row`` holds one.
    """
    try:
        json.dumps(row, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError as error:
        found = error.object[error.start]
        raise InputError(
            f"{where}: the escape {found!r} is half of a surrogate pair and not a character; "
            "mend the program that wrote it"
        ) from None
