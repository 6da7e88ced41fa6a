"""CSV: a row a document with its entities as JSON in a column, or a row an entity.

Columns: ``id``, ``text``; then ``entities`` and ``meta`` (JSON, as in the native format), or
``start``, ``end``, ``label``, ``mention``, ``score``, ``entity_meta`` and ``meta``. Any other
column is kept in ``meta`` under its name.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ie_model.corpus.account import Account
from ie_model.corpus.formats.csv_cells import TableRow, read_table, table_header
from ie_model.corpus.formats.dialect import header_cells, named_delimiter
from ie_model.documents import Document, Entity
from ie_model.errors import InputError
from ie_model.files import whole_text

_OFFSETS = ("start", "end", "label")
_ENTITY = (*_OFFSETS, "mention", "score", "entity_meta")
# Where other programs keep annotations: a list there is never taken for a mere value.
_FOREIGN = ("spans", "label", "labels", "annotations", "predictions", "tags", "ner_tags")
_ROWS = ("documents", "entities")
_TAGS = re.compile(r"(?:O|[BIESLU]-[^\s,]+)(?:[\s,]+(?:O|[BIESLU]-[^\s,]+))+")
# What offsets are called elsewhere: start_char, char_start, EntityBegin, span_start_idx.
_OF = "(?:entity|ent|span|mention|label)?"
_COUNTED = "(?:char|character|offset|index|idx|pos|position)"


def read(
    path: Path,
    text_column: str = "text",
    id_column: str = "id",
    entities_column: str = "entities",
    delimiter: str | None = None,
    account: Account | None = None,
) -> Iterator[tuple[str, Document]]:
    """Stream ``(file:line, document)``; a document without an id is called ``stem:line``.

    A table with the columns start, end and label has a row an entity: rows of one id (of one
    text, where there is no id) are one document wherever they stand, and such a table is
    read whole. A row without these three is a document without entities.

    Args:
        path: the file, in UTF-8; commas, semicolons, tabs or bars are told from the header.
        text_column: the column with the text.
        id_column: the column with the id, where there is one.
        entities_column: the column with lists of entities: objects with start, end and label,
            or ``[start, end, label]``, as JSON or as Python shows them.
        delimiter: what parts the fields, if the header does not tell; ``tab`` is a tab.
        account: where to count what is set aside; by default it is logged.

    Raises:
        InputError: the file is missing or not UTF-8, no column has the text, or a cell is not
            what its column holds; with file, line, row and column.
    """
    _, header, between = table_header(path, text_column, delimiter)
    columns = header_cells(header, between)
    aside = Account() if account is None else account
    if "" in columns[:-1]:
        aside.set_aside("column without a name (an index of pandas?)", f"{path}:1")
    rows = read_table(path, text_column, delimiter)
    spans = [name for name in _OFFSETS if name in columns]
    whole = len(spans) == len(_OFFSETS)
    if entities_column in columns and whole:
        raise InputError(
            f"{path}:1: entities both in the column {entities_column!r} and in the columns start, "
            "end and label; keep one of the two"
        )
    if {"start", "end"} <= set(spans) and not whole:
        raise InputError(f"{path}:1: columns start and end, but no column 'label' beside them")
    if entities_column not in columns and not whole:
        _refuse_offsets(columns, f"{path}:1")
    if whole:
        yield from _grouped(rows, path.stem, text_column, id_column)
    else:
        for row in rows:
            own = (text_column, id_column, entities_column)
            found = _entities(row, entities_column) if entities_column in row.cells else ()
            yield row.where, _document(row, found, path.stem, text_column, id_column, own)
    if account is None:
        aside.tell()


def _refuse_offsets(columns: Iterable[str], where: str) -> None:
    """Refuse a header whose columns of offsets have other names, never read it as plain texts."""
    names = {re.sub(r"[\W_]", "", column).lower(): column for column in columns}
    found = {}
    for side, words, more in (("start", "start|begin", "from"), ("end", "end|stop", "to")):
        # Letters have a column from and one to.
        pattern = re.compile(
            rf"{_OF}({words}){_COUNTED}?|{_OF}{more}{_COUNTED}|{_COUNTED}({words}|{more})"
        )
        found[side] = [column for name, column in names.items() if pattern.fullmatch(name)]
    if found["start"] and found["end"]:
        start, end = found["start"][0], found["end"][0]
        raise InputError(
            f"{where}: the columns {start!r} and {end!r} look like offsets of entities; call them "
            "start and end, and the column with the label label, or something else if they are none"
        )


def _entities(row: TableRow, column: str) -> Sequence[Entity]:
    value = row.json(column)
    if value is None:
        return ()
    place = row.place(column)
    if not isinstance(value, list | tuple):
        raise InputError(f"{place}: expected a list of entities, found {value!r:.60}")
    rows = [_as_object(item) for item in value]
    return Document.from_dict({"text": "", "entities": rows}, place).entities


def _as_object(item: Any) -> Any:
    """An entity as an object: of ``[start, end, label]``, or with Label Studio's list of labels."""
    if isinstance(item, list | tuple) and len(item) == len(_OFFSETS):
        return dict(zip(_OFFSETS, item, strict=True))
    labels = item.get("labels") if isinstance(item, dict) and "label" not in item else None
    if isinstance(labels, list) and labels:
        rest = {k: v for k, v in item.items() if k != "labels"}
        more = {"other_labels": labels[1:]} if labels[1:] else {}
        return {**rest, "label": labels[0], **more}
    return item


def _document(
    row: TableRow,
    entities: Iterable[Entity],
    stem: str,
    text_column: str,
    id_column: str,
    own: Iterable[str],
) -> Document:
    line = row.where.rpartition(":")[2].partition(",")[0]
    id_ = row.cells.get(id_column, "") or f"{stem}:{line}"
    return Document(row.cells[text_column], tuple(entities), id_, _meta(row, own))


def _meta(row: TableRow, own: Iterable[str]) -> dict[str, Any]:
    """The column ``meta`` and every other that is not the format's own; empty cells are none."""
    meta: dict[str, Any] = {}
    taken = set(own)
    for name, cell in row.cells.items():
        if not name or not cell or name in taken:
            continue
        if name in _FOREIGN and cell.lstrip()[:1] in "[{":
            raise InputError(
                f"{row.place(name)}: holds a list or an object, which looks like annotations; "
                f"read it with --option entities_column={name}, or rename the column where it "
                "says something else"
            )
        if name in _FOREIGN and _TAGS.fullmatch(cell.strip()):
            raise InputError(
                f"{row.place(name)}: holds a tag for each word, which a table cannot: write CoNLL "
                "columns, or JSON lines of tokens and ner_tags"
            )
        held = row.json(name) if name == "meta" and cell.lstrip().startswith("{") else None
        if isinstance(held, dict):
            meta = held | meta
        else:
            meta[name] = cell
    return meta


@dataclass
class _Group:
    """The rows of one document."""

    first: TableRow
    rows: list[TableRow] = field(default_factory=list)


def _grouped(
    rows: Iterable[TableRow], stem: str, text_column: str, id_column: str
) -> Iterator[tuple[str, Document]]:
    """The documents of a table with a row an entity, in the order of their first rows."""
    groups: dict[tuple[str, str], _Group] = {}
    for row in rows:
        id_, text = row.cells.get(id_column, ""), row.cells[text_column]
        if not id_ and not text.strip():
            raise InputError(f"{row.place(text_column)}: neither an id nor a text")
        key = ("id", id_) if id_ else ("text", text)
        group = groups.setdefault(key, _Group(row))
        # A table may say the text in the first row of a document alone.
        if text and text != group.first.cells[text_column]:
            raise InputError(
                f"{row.place(text_column)}: another text than at {group.first.where}, for the same "
                f"id {id_!r}"
            )
        group.rows.append(row)
    named = (text_column, id_column, *_ENTITY)
    others = [] if not groups else [
        name for name in next(iter(groups.values())).first.cells if name not in named
    ]  # fmt: skip
    varying = {
        name
        for name in others
        for group in groups.values()
        if any(row.cells[name] != group.first.cells[name] for row in group.rows)
    }
    if "meta" in varying:
        raise InputError(
            f"{stem}: the column 'meta' differs between rows of one document; what belongs to an "
            "entity stands in 'entity_meta' or in a column of another name"
        )
    for group in groups.values():
        entities = [
            _entity(row, text_column, id_column, varying)
            for row in group.rows
            if any(row.cells[name].strip() for name in _OFFSETS)
        ]
        own = {*named, *varying}
        document = _document(group.first, entities, stem, text_column, id_column, own)
        yield group.first.where, document


def _entity(row: TableRow, text_column: str, id_column: str, varying: set[str]) -> Entity:
    if not row.cells["label"]:
        raise InputError(f"{row.place('label')}: an entity without a label")
    meta = {} if "entity_meta" not in row.cells else row.json("entity_meta") or {}
    if not isinstance(meta, dict):
        raise InputError(f"{row.place('entity_meta')}: expected an object, found {meta!r:.60}")
    meta |= _meta(row, [name for name in row.cells if name not in varying])
    return Entity(
        row.whole("start"),
        row.whole("end"),
        row.cells["label"],
        row.number("score") if "score" in row.cells else None,
        row.cells.get("mention", ""),
        meta,
    )


def write(
    documents: Iterable[Document],
    path: Path,
    rows: str = "documents",
    delimiter: str = ",",
    bom: bool = False,
    decimal: str = ".",
) -> None:
    """Write a table, whole or not at all.

    Args:
        documents: read once.
        path: where to.
        rows: ``documents``, with the entities of each as JSON, or ``entities``, a row each, the
            text repeated; a document without entities has a row with its text.
        delimiter: what parts the fields; ``;`` for a spreadsheet of Central Europe.
        bom: begin with a byte order mark, by which Excel knows UTF-8.
        decimal: what stands before the decimals of a score, where a row is an entity.

    Raises:
        InputError: an unknown value of an option, or the folder cannot be written.
    """
    if rows not in _ROWS:
        raise InputError(f"rows={rows!r}: expected {' or '.join(_ROWS)}")
    if decimal not in (".", ","):
        raise InputError(f"decimal={decimal!r}: expected '.' or ','")
    between = named_delimiter(delimiter)
    with whole_text(path) as file:
        if bom:
            file.write("\ufeff")
        writer = csv.writer(file, delimiter=between)  # RFC 4180, so that a lone \r is quoted
        for cells in table_rows(documents, rows, decimal):
            writer.writerow(cells)


def table_rows(
    documents: Iterable[Document], rows: str = "documents", decimal: str = "."
) -> Iterator[list[str]]:
    """The header, and the cells of every row, as :func:`write` writes them."""
    if rows == "documents":
        yield ["id", "text", "entities", "meta"]
    else:
        yield ["id", "text", *_ENTITY, "meta"]
    for document in documents:
        entities = document.to_dict()["entities"]
        meta = _json(document.meta) if document.meta else ""
        if rows == "documents":
            yield [document.id, document.text, _json(entities), meta]
            continue
        for e in entities or [None]:
            yield [document.id, document.text, *_entity_cells(e, decimal), meta]


def _entity_cells(entity: dict[str, Any] | None, decimal: str) -> list[str]:
    if entity is None:
        return [""] * len(_ENTITY)
    score = "" if "score" not in entity else str(entity["score"]).replace(".", decimal)
    meta = _json(entity["meta"]) if "meta" in entity else ""
    places = [str(entity[name]) for name in _OFFSETS]
    return [*places, entity["text"], score, meta]


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
