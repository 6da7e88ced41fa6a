"""doccano JSONL: ``{"id", "text", "label": [[start, end, label], ...]}``.

Both of its exports are read: the plain one, and the one with relations, in which spans are
objects (``start_offset``, ``end_offset``). Relations and other fields are kept under
``meta["doccano"]`` and written back; a document with relations is written in that form.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ie_model.corpus.account import Account
from ie_model.corpus.formats.foreign_keys import refuse_foreign
from ie_model.corpus.formats.jsonl import read_rows, write_rows
from ie_model.corpus.formats.offsets import CODE_POINTS, UTF16, convert_spans
from ie_model.documents import Document, Entity
from ie_model.errors import InputError

_OBJECT = ("start_offset", "end_offset", "label")
_SPAN_KEYS = ("label", "labels", "entities", "annotations")


def read(
    path: Path, offsets: str = "code points", account: Account | None = None
) -> Iterator[tuple[str, Document]]:
    """Stream ``(file:line, document)``; a row without an id is called ``stem:line``.

    Args:
        path: the file.
        offsets: what the offsets count: ``code points``, or ``utf16`` for the units in which
            doccano counts unless its project was told otherwise. The file repeats no mention,
            so nothing in it tells; a document whose spans make sense in UTF-16 units alone is
            counted in a warning.
        account: where to count what looks wrong; by default it is logged.

    Raises:
        InputError: the file is missing or not UTF-8, a line is not JSON, or a row is not a
            doccano sequence-labelling document.
    """
    units = {"utf16": UTF16, "utf-16": UTF16, "code points": CODE_POINTS, "codepoints": CODE_POINTS}
    if offsets.lower() not in units:
        raise InputError(f"offsets={offsets!r}: expected utf16 or 'code points'")
    unit = units[offsets.lower()]
    aside = Account() if account is None else account
    for where, number, row in read_rows(path):
        if not isinstance(row, dict):
            raise InputError(f"{where}: expected a JSON object, found {type(row).__name__}")
        refuse_foreign(row, "doccano", where)
        text = row.get("text", row.get("data"))
        if not isinstance(text, str):
            raise InputError(f"{where}: neither 'text' nor 'data' is a string")
        filled = [k for k in _SPAN_KEYS if row.get(k)]
        if len(filled) > 1:
            raise InputError(
                f"{where}: {' and '.join(map(repr, filled))} both hold spans; keep one of them"
            )
        key = filled[0] if filled else "label"
        spans = row.get(key) or []
        if not isinstance(spans, list):
            raise InputError(f"{where}: {key!r} must be a list of spans")
        entities = tuple(_read_span(s, f"{where}, {key} {i}") for i, s in enumerate(spans))
        places = convert_spans(text, [(e.start, e.end) for e in entities], unit)
        if unit == CODE_POINTS and _looks_like_utf16(text, places):
            aside.set_aside(
                "document whose spans cut words behind a character of two UTF-16 units, read as "
                "it stands (--option offsets=utf16 counts such units)",
                where,
            )
        entities = tuple(
            replace(e, start=start, end=end)
            for e, (start, end) in zip(entities, places, strict=True)
        )
        meta = dict(row["meta"]) if isinstance(row.get("meta"), dict) else {}
        other = {
            k: v for k, v in row.items() if k not in ("id", "text", "data", "meta", *_SPAN_KEYS)
        }
        if other:
            meta["doccano"] = other
        id_ = ("" if row.get("id") is None else str(row["id"])) or f"{path.stem}:{number}"
        yield where, Document(text, entities, id_, meta)
    if account is None:
        aside.tell()


def _looks_like_utf16(text: str, spans: Sequence[tuple[int, int]]) -> bool:
    """Whether the spans cut more words as they stand than they would in UTF-16 units."""
    if text.isascii() or not any(character > "\uffff" for character in text):
        return False
    return _cuts(text, spans) > _cuts(text, convert_spans(text, spans, UTF16))


def _cuts(text: str, spans: Sequence[tuple[int, int]]) -> int:
    """How many edges of spans are within words, at blanks, or outside the text."""
    count = 0
    for start, end in spans:
        if not 0 <= start < end <= len(text):
            count += 2
            continue
        for edge, inner in ((start, start), (end, end - 1)):
            within = 0 < edge < len(text) and text[edge - 1].isalnum() and text[edge].isalnum()
            count += within or text[inner].isspace()
    return count


def write(documents: Iterable[Document], path: Path) -> None:
    """Write one document a line. Scores have no place in this format.

    Raises:
        InputError: the folder cannot be written.
    """
    write_rows((_row(document) for document in documents), path)


def _read_span(span: Any, where: str) -> Entity:
    meta: dict[str, Any] = {}
    if isinstance(span, dict):
        start, end, label = (span.get(k) for k in ("start_offset", "end_offset", "label"))
        meta = {k: v for k, v in span.items() if k not in ("id", *_OBJECT)}
        if "id" in span:
            meta["doccano_id"] = span["id"]
    elif isinstance(span, list) and len(span) == 3:
        start, end, label = span
    else:
        raise InputError(f"{where}: expected [start, end, label], found {span!r}")
    if type(start) is not int or type(end) is not int or not isinstance(label, str) or not label:
        raise InputError(
            f"{where}: expected two integers and the name of a label, found {span!r}; "
            "export from doccano as JSONL"
        )
    return Entity(start, end, label, meta=meta)


def _row(document: Document) -> dict[str, Any]:
    meta = dict(document.meta)
    other = dict(meta.pop("doccano", None) or {})
    row: dict[str, Any] = {"id": document.id, "text": document.text}
    if other.get("relations"):
        row["entities"] = [
            {
                "id": e.meta.get("doccano_id", f"new-{i}"),
                "label": e.label,
                "start_offset": e.start,
                "end_offset": e.end,
            }
            for i, e in enumerate(document.entities)
        ]
    else:
        row["label"] = [[e.start, e.end, e.label] for e in document.entities]
    row.update(other)
    if meta:
        row["meta"] = meta
    return row


def still_meant(other: Mapping[str, Any], document: Document) -> tuple[dict[str, Any], int]:
    """The further fields without relations of entities that are gone, and how many those are."""
    given = other.get("relations") or []
    there = {e.meta["doccano_id"] for e in document.entities if "doccano_id" in e.meta}
    kept = [
        r
        for r in given
        if not isinstance(r, dict) or there.issuperset((r.get("from_id"), r.get("to_id")))
    ]
    return {**other, "relations": kept}, len(given) - len(kept)
