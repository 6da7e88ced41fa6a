"""Inline markup, ``[[LABEL|mention]]``, one document a line: the form people write by hand.

A backslash takes the next character literally (``\\[``, ``\\]``, ``\\|``, ``\\\\``), ``\\n``
and ``\\r`` are line ends, and ``\\-`` is nothing at all (it keeps an empty document from
being a blank line). Any other backslash is itself. Blank lines are skipped.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from ie_model.corpus.formats.files import read_lines
from ie_model.documents import Document, Entity, misplaced
from ie_model.errors import InputError
from ie_model.files import whole_text

_TOKEN = re.compile(r"\\[\[\]|\\nr-]|\[\[|\]\]|\||[^\\\[\]|]+|.", re.DOTALL)
_ESCAPES = {"\\n": "\n", "\\r": "\r", "\\-": ""}
_SPECIAL = re.compile(r"[\\\[\]|\n\r]")


def read(path: Path) -> Iterator[tuple[str, Document]]:
    """Stream ``(file:line, document)``; ids are ``stem:line``.

    Raises:
        InputError: the file is missing or not UTF-8, or a mark is not closed or not opened.
    """
    for number, line in read_lines(path):
        if line.strip():
            where = f"{path}:{number}"
            yield where, parse(line, id=f"{path.stem}:{number}", where=where)


def write(documents: Iterable[Document], path: Path) -> None:
    """Write one document a line. Ids, scores and ``meta`` have no place in this format.

    Raises:
        InputError: entities overlap, or stand outside their text.
    """
    with whole_text(path) as file:
        for document in documents:
            file.write(render(document) + "\n")


def parse(line: str, id: str = "", where: str = "markup") -> Document:
    """One line of markup as a document; columns in error messages count from 1.

    Raises:
        InputError: a mark is not closed, not opened, nested, empty or without a label.
    """
    parts: list[str] = []
    length = 0
    entities: list[Entity] = []
    label: str | None = None
    start = -1  # offset of the open mention; -1 outside one, and inside while reading its label
    opened = 0
    for match in _TOKEN.finditer(line):
        token, column = match.group(), match.start() + 1
        if token == "[[":
            if label is not None:
                raise InputError(f"{where}: '[[' at column {column} inside another mention")
            label, start, opened = "", -1, column
        elif token == "]]" and (label is None or start < 0):
            raise InputError(
                f"{where}: ']]' at column {column} closes nothing; write \\]\\] for the characters"
            )
        elif token == "]]":
            if start == length:
                raise InputError(f"{where}: empty mention at column {opened}")
            assert label is not None
            entities.append(Entity(start, length, label, text="".join(parts)[start:]))
            parts, label, start = ["".join(parts)], None, -1
        elif token == "|" and label is not None and start < 0:
            if not label:
                raise InputError(f"{where}: mention without a label at column {opened}")
            start = length
        else:
            if token[0] == "\\" and len(token) == 2:
                token = _ESCAPES.get(token, token[1])
            if label is not None and start < 0:
                label += token
            else:
                parts.append(token)
                length += len(token)
    if label is not None:
        raise InputError(
            f"{where}: '[[' at column {opened} is never closed by ']]'; "
            "write \\[\\[ for the characters"
        )
    return Document("".join(parts), tuple(entities), id)


def render(document: Document) -> str:
    """A document as one line of markup, which :func:`parse` reads back.

    Raises:
        InputError: entities overlap, or stand outside their text.
    """
    pieces: list[str] = []
    position = 0
    for entity in sorted(document.entities, key=lambda e: e.key):
        if fault := misplaced(entity.start, entity.end, len(document.text)):
            raise InputError(
                f"document {document.id!r}: {entity.label} [{entity.start}, {entity.end}): "
                f"{fault}; see ie-model annotations check"
            )
        if entity.start < position:
            raise InputError(
                f"document {document.id!r}: {entity.label} [{entity.start}, {entity.end}) overlaps "
                "the entity before it, which inline markup cannot express; flatten the "
                "entities first (ie-model annotations convert --flatten longest)"
            )
        pieces.append(_escape_outside(document.text[position : entity.start]))
        label = _SPECIAL.sub(_escape, entity.label)
        mention = _SPECIAL.sub(_escape, document.text[entity.start : entity.end])
        pieces.append(f"[[{label}|{mention}]]")
        position = entity.end
    pieces.append(_escape_outside(document.text[position:]))
    line = "".join(pieces)
    return line if line.strip() else f"\\-{line}"


def _escape(match: re.Match[str]) -> str:
    return {"\n": "\\n", "\r": "\\r"}.get(match.group(), "\\" + match.group())


def _escape_outside(text: str) -> str:
    # A lone bracket or bar is harmless between mentions and stays readable; doubled
    # brackets, and one that touches a mention, would be read as marks.
    return re.sub(r"[\\\n\r]|\[(?=\[|$)|(?<=\[)\[|\](?=\])|(?<=\])\]|^\]", _escape, text)
