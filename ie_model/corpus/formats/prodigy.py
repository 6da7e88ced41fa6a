"""Prodigy JSONL: ``{"text", "spans", "tokens", "answer", ...}``, as ``prodigy db-out`` writes.

Only accepted examples are documents; how many were left out is logged. Whatever else an
example carries (hashes, session, relations) is kept under ``meta["prodigy"]`` and written
back. Tokens are written so that every span starts and ends with one, which Prodigy's
manual interface demands.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from ie_model.corpus.formats.jsonl import read_rows, write_rows
from ie_model.corpus.formats.offsets import CODE_POINTS, convert_spans, settle_unit
from ie_model.corpus.formats.spacing import split_tokens
from ie_model.documents import Document, Entity
from ie_model.errors import InputError

log = logging.getLogger(__name__)

_KNOWN = ("text", "spans", "tokens", "answer", "meta", "id")


def read(
    path: Path, answers: str = "accept", annotator: str | None = None
) -> Iterator[tuple[str, Document]]:
    """Stream ``(file:line, document)``; an example without an id is called ``stem:line``.

    Args:
        path: the file.
        answers: which answers to take, separated by commas: ``accept``, ``reject``,
            ``ignore``. An example without an answer counts as accepted.
        annotator: take only the examples of this ``_annotator_id`` or ``_session_id``.

    Raises:
        InputError: the file is missing or not UTF-8, a line is not JSON, or an example is
            not one with spans.
    """
    wanted = {answer.strip() for answer in answers.split(",")}
    left_out: Counter[str] = Counter()
    for where, number, row in read_rows(path):
        if not isinstance(row, dict) or not isinstance(row.get("text"), str):
            raise InputError(f"{where}: expected an object with a 'text', found {str(row)[:60]}")
        answer = row.get("answer", "accept")
        author = row.get("_annotator_id", row.get("_session_id"))
        if answer not in wanted:
            left_out[f"answered {answer!r}"] += 1
        elif annotator is not None and author != annotator:
            left_out[f"by {author!r}"] += 1
        else:
            yield where, _document(row, where, f"{path.stem}:{number}")
    for reason, count in sorted(left_out.items()):
        log.info("%s: %d examples left out, %s", path, count, reason)


def write(documents: Iterable[Document], path: Path) -> None:
    """Write one example a line, answered ``accept`` unless it was read otherwise.

    Raises:
        InputError: the folder cannot be written.
    """
    write_rows((_row(document) for document in documents), path)


def _document(row: dict[str, Any], where: str, fallback_id: str) -> Document:
    text: str = row["text"]
    spans = row.get("spans") or []
    if not isinstance(spans, list):
        raise InputError(f"{where}: 'spans' must be a list")
    entities = [_read_span(span, f"{where}, span {i}") for i, span in enumerate(spans)]
    # Prodigy repeats no mention, but its tokens tell how offsets were counted.
    tokens = [t for t in row.get("tokens") or [] if isinstance(t, dict) and "start" in t]
    unit = settle_unit(
        text, [(t["start"], t["end"]) for t in tokens], [t.get("text") for t in tokens]
    )
    if unit != CODE_POINTS:
        log.info("%s: offsets count %s; converted", where, unit)
    places = convert_spans(text, [(e.start, e.end) for e in entities], unit)
    settled = tuple(
        Entity(start, end, e.label, e.score, e.text, e.meta)
        for e, (start, end) in zip(entities, places, strict=True)
    )
    meta = dict(row["meta"]) if isinstance(row.get("meta"), dict) else {}
    other = {k: v for k, v in row.items() if k not in _KNOWN}
    if row.get("answer", "accept") != "accept":
        other["answer"] = row["answer"]
    if other:
        meta["prodigy"] = other
    return Document(text, settled, str(row.get("id", "")) or fallback_id, meta)


def _read_span(span: Any, where: str) -> Entity:
    if not isinstance(span, dict):
        raise InputError(f"{where}: expected an object with start, end and label")
    start, end, label = span.get("start"), span.get("end"), span.get("label")
    if type(start) is not int or type(end) is not int or not isinstance(label, str) or not label:
        raise InputError(f"{where}: expected integers start and end and a label, found {span!r}")
    score = span.get("score")
    meta = {
        k: v
        for k, v in span.items()
        if k not in ("start", "end", "label", "score", "token_start", "token_end", "text")
    }
    return Entity(
        start,
        end,
        label,
        float(score) if isinstance(score, int | float) else None,
        str(span.get("text", "")),
        meta,
    )


def _row(document: Document) -> dict[str, Any]:
    meta = dict(document.meta)
    other = dict(meta.pop("prodigy", None) or {})
    cuts = [offset for e in document.entities for offset in (e.start, e.end)]
    places = split_tokens(document.text, cuts)
    starts = {start: i for i, (start, _) in enumerate(places)}
    ends = {end: i for i, (_, end) in enumerate(places)}
    spans: list[dict[str, Any]] = []
    for e in document.entities:
        span: dict[str, Any] = {"start": e.start, "end": e.end, "label": e.label}
        if e.start in starts and e.end in ends:
            span["token_start"], span["token_end"] = starts[e.start], ends[e.end]
        if e.score is not None:
            span["score"] = round(e.score, 6)
        spans.append({**e.meta, **span})
    tokens = [
        {
            "text": document.text[start:end],
            "start": start,
            "end": end,
            "id": i,
            "ws": document.text[end : end + 1] == " ",
        }
        for i, (start, end) in enumerate(places)
    ]
    row: dict[str, Any] = {"text": document.text}
    if document.id:
        row["id"] = document.id
    row.update(spans=spans, tokens=tokens, answer=other.pop("answer", "accept"), **other)
    if meta:
        row["meta"] = meta
    return row
