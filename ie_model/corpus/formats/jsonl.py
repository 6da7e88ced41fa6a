"""The native format: one JSON object a line, ``{"id", "text", "entities", "meta"}``."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from ie_model.corpus.formats.files import read_chunks, read_lines
from ie_model.corpus.formats.foreign_keys import refuse_foreign
from ie_model.corpus.formats.json_array import (
    STRICT,
    no_constant,
    read_tasks,
    refuse_surrogates,
)
from ie_model.documents import Document
from ie_model.errors import InputError
from ie_model.files import whole_text

_FIELDS = frozenset(Document.__dataclass_fields__)
_LENIENT = json.JSONDecoder(parse_constant=no_constant)
_OPEN = ("{{", "{[", "{,", "{:")  # the first and the last character of a line of an open object


def read(path: Path) -> Iterator[tuple[str, Document]]:
    """Stream ``(file:line, document)``; a document without an id is called ``stem:line``.

    Fields beside those of a document (``source``, ``url``) go into its ``meta``.

    Raises:
        InputError: the file is missing or not UTF-8, a line is not JSON or not a document.
    """
    for where, number, row in read_rows(path):
        document = Document.from_dict(row, where)
        refuse_foreign(row, "jsonl", where)
        if other := {k: v for k, v in row.items() if k not in _FIELDS and v is not None}:
            document = replace(document, meta={**other, **document.meta})
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
    """Stream ``(place, number, parsed JSON)`` of a JSON Lines file, blank lines left out.

    A file that is one JSON array, or objects over several lines each, is read as well; then the
    place names the item (``file, item 2``) in place of the line (``file:2``).

    Raises:
        InputError: the file is missing or not UTF-8, or a line is not JSON.
    """
    if _spans_lines(next(read_chunks(path, size=1 << 12))):
        for item, (where, row) in enumerate(read_tasks(path), 1):
            yield where, item, row
        return
    decoder = _LENIENT
    for number, line in read_lines(path):
        if not line.strip():
            continue
        where = f"{path}:{number}"
        try:
            row = decoder.decode(line)
            if decoder is _LENIENT and not _keys_surely_differ(row, line):
                row = STRICT.decode(line)
                if not isinstance(row, dict) or "entities" not in row:
                    decoder = STRICT  # of another format, as its other rows will be
        except json.JSONDecodeError as error:
            raise InputError(f"{where}: not JSON: {error.msg} at column {error.colno}") from None
        except RecursionError:
            raise InputError(f"{where}: JSON nested too deeply to be a document") from None
        except ValueError as error:  # a number of thousands of digits
            raise InputError(f"{where}: not readable JSON: {error}") from None
        if "\\u" in line:  # only an escape can smuggle in half a character
            refuse_surrogates(row, where)
        yield where, number, row


def _keys_surely_differ(row: Any, line: str) -> bool:
    """Whether a native row has no key twice, told without looking at each object as it is read.

    Each key is one colon of the line, and so is each colon of the text. If there are no more,
    nothing was left out. Looking at each object makes reading a tenth slower.
    """
    try:
        meta, text = row.get("meta") or (), row["text"]
        found = len(row) + len(meta) + sum(map(len, row["entities"])) + text.count(":")
    except (AttributeError, KeyError, TypeError):
        return False
    return bool(line.count(":") == found) and "\\u003" not in line


def journal_of(path: Path) -> Path:
    """Where ``ie-model annotate`` keeps what it has saved and the file does not hold yet."""
    return path.parent / f".{path.name}.journal"


def _spans_lines(beginning: str) -> bool:
    """Whether a file holds an array, or begins with an object that goes on in the next line."""
    opening = beginning.lstrip()
    line = opening.partition("\n")[0].rstrip()
    return opening.startswith("[") or (line != opening.rstrip() and line[:1] + line[-1:] in _OPEN)


def write_rows(rows: Iterable[dict[str, Any]], path: Path) -> None:
    """Write one JSON object a line, in UTF-8, the whole file or nothing."""
    with whole_text(path) as file:
        for row in rows:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
