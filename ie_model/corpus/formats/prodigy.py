"""Prodigy JSONL: ``{"text", "spans", "tokens", "answer", ...}``, as ``prodigy db-out`` writes.

Only accepted examples are documents; how many were left out is said. An accepted example of
``ner.teach`` says that its one span is right and nothing of the rest. All such answers on one text
are one document, whose rest stands in ``meta["unannotated"]``. Whatever else an
example carries (hashes, session, relations) is kept under ``meta["prodigy"]`` and written
back. Tokens are written so that every span starts and ends with one, which Prodigy's
manual interface demands.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ie_model.corpus.account import Account
from ie_model.corpus.formats.foreign_keys import refuse_foreign
from ie_model.corpus.formats.jsonl import read_rows, write_rows
from ie_model.corpus.formats.offsets import CODE_POINTS, convert_spans, settle_unit
from ie_model.corpus.formats.prodigy_relations import moved_relations, tokens_of
from ie_model.documents import Document, Entity
from ie_model.errors import InputError

log = logging.getLogger(__name__)

_BINARY = "ner"  # the view of ner.teach and ner.match: one span, yes or no
_KNOWN = ("text", "spans", "tokens", "answer", "meta", "id")


def read(
    path: Path,
    answers: str = "accept",
    annotator: str | None = None,
    account: Account | None = None,
) -> Iterator[tuple[str, Document]]:
    """Stream ``(file:line, document)``; an example without an id is called ``stem:line``.

    Texts of which single spans were accepted (``ner.teach``) come last, each once, with the spans
    of all answers; where somebody annotated the whole text as well, that is what is read.

    Args:
        path: the file.
        answers: which answers to take, separated by commas: ``accept``, ``reject``,
            ``ignore``. An example without an answer counts as accepted.
        annotator: take only the examples of this ``_annotator_id`` or ``_session_id``.
        account: where to count what is left out; by default it is logged.

    Raises:
        InputError: the file is missing or not UTF-8, a line is not JSON, or an example is
            not one with spans.
    """
    wanted = {answer.strip() for answer in answers.split(",")}
    aside = Account() if account is None else account
    whole: set[int] = set()  # hashes of texts that were annotated as a whole
    single: dict[str, list[tuple[str, Document]]] = {}  # by text, its answers to single spans
    for where, number, row in read_rows(path):
        if not isinstance(row, dict) or not isinstance(row.get("text"), str):
            raise InputError(f"{where}: expected an object with a 'text', found {str(row)[:60]}")
        refuse_foreign(row, "prodigy", where)
        answer = row.get("answer", "accept")
        if not isinstance(answer, str):
            raise InputError(f"{where}: 'answer' must be a string, found {answer!r:.60}")
        author = row.get("_annotator_id", row.get("_session_id"))
        if answer not in wanted:
            aside.set_aside(f"example answered {answer!r} (option answers)", where)
        elif annotator is not None and author != annotator:
            aside.set_aside(f"example by {author!r}", where)
        elif "spans" not in row and (reason := _no_spans_asked(row)):
            aside.set_aside(reason, where)
        elif answer == "accept" and _is_binary(row):
            document = _document(row, where, f"{path.stem}:{number}")
            single.setdefault(document.text, []).append((where, document))
        else:
            if answer == "accept" and hash(row["text"]) in whole:
                aside.set_aside(
                    "further example on a text, read as a document of its own (option "
                    "annotator; agree compares)",
                    where,
                )
            if answer == "accept":
                whole.add(hash(row["text"]))
            yield where, _document(row, where, f"{path.stem}:{number}")
    for text, answered in single.items():
        where, document = answered[0]
        if hash(text) in whole:
            kind = "yes to a span of a text that another example annotates whole"
            aside.set_aside(kind, where, len(answered))
            continue
        kind = "further yes to a span of a text, joined with the first"
        aside.set_aside(kind, where, len(answered) - 1)
        aside.set_aside("text of which nothing but single spans was answered", where)
        yield where, _joined([document for _, document in answered])
    if account is None:
        aside.tell()


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
    tokens = _tokens(row, where, len(text))
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
    if row.get("relations"):
        # Relations point at tokens by number: without these tokens they say nothing.
        starts_ends = convert_spans(text, [(t["start"], t["end"]) for t in tokens], unit)
        other["tokens"] = [
            {**token, "start": start, "end": end}
            for token, (start, end) in zip(tokens, starts_ends, strict=True)
        ]
    if other:
        meta["prodigy"] = other
    if _is_binary(row) and row.get("answer", "accept") == "accept":
        meta.setdefault("unannotated", _between(len(text), settled))
    return Document(text, settled, str(row.get("id") or fallback_id), meta)


def _tokens(row: Mapping[str, Any], where: str, length: int) -> list[dict[str, Any]]:
    """The tokens of a row that say where they stand."""
    given, relations = row.get("tokens") or [], row.get("relations") or []
    if not isinstance(given, list) or not isinstance(relations, list):
        raise InputError(f"{where}: 'tokens' and 'relations' must be lists")
    if not all(isinstance(relation, dict) for relation in relations):
        raise InputError(f"{where}: 'relations' must hold objects")
    tokens = [t for t in given if isinstance(t, dict) and "start" in t]
    for token in tokens:
        start, end = token["start"], token.get("end")
        if type(start) is not int or type(end) is not int or not 0 <= start <= end <= 4 * length:
            raise InputError(
                f"{where}: the token {token.get('text')!r} has no place in the text: start "
                f"{start!r}, end {end!r}"
            )
        if not isinstance(token.get("text"), str | None):
            raise InputError(f"{where}: the text of a token is {token['text']!r:.60}, no string")
    return tokens


def _no_spans_asked(row: Mapping[str, Any]) -> str:
    """Why an example without spans is no text without entities; empty if it is one."""
    if row.get("options") or row.get("accept") or isinstance(row.get("label"), str):
        return "answer about a whole text (its label or options), not about spans"
    if not {"answer", "tokens", "_annotator_id", "_session_id"} & row.keys():
        return "example that nobody answered (--from jsonl reads such texts)"
    return ""


def _is_binary(row: Mapping[str, Any]) -> bool:
    """Whether an example asked about one span alone, yes or no."""
    binary = row.get("_is_binary")
    return binary if isinstance(binary, bool) else row.get("_view_id") == _BINARY


def _joined(answered: list[Document]) -> Document:
    """One document of several answers on a text: their spans, each once."""
    first = answered[0]
    if len(answered) == 1:
        return first
    spans = {e.key: e for document in reversed(answered) for e in document.entities}
    entities = sorted(spans.values(), key=lambda e: e.key)
    meta = {**first.meta, "unannotated": _between(len(first.text), entities)}
    return replace(first, entities=tuple(entities), meta=meta)


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


def _between(size: int, entities: Iterable[Entity]) -> list[list[int]]:
    """The stretches ``[start, end)`` of a text that no entity covers."""
    stretches, position = [], 0
    for e in sorted(entities, key=lambda e: e.key):
        if e.start > position:
            stretches.append([position, e.start])
        position = max(position, e.end)
    return [*stretches, [position, size]] if position < size else stretches


def _row(document: Document) -> dict[str, Any]:
    meta = dict(document.meta)
    other = dict(meta.pop("prodigy", None) or {})
    # The reader finds these stretches again, but for those of an entity that was dropped.
    found = _between(len(document.text), document.entities)
    if _is_binary(other) and meta.get("unannotated") == found:
        del meta["unannotated"]
    kept = [t for t in other.pop("tokens", None) or [] if isinstance(t, dict)]
    tokens = tokens_of(document, kept)
    starts = {token["start"]: i for i, token in enumerate(tokens)}
    ends = {token["end"]: i for i, token in enumerate(tokens)}
    spans: list[dict[str, Any]] = []
    for e in document.entities:
        span: dict[str, Any] = {"start": e.start, "end": e.end, "label": e.label}
        if e.start in starts and e.end in ends:
            span["token_start"], span["token_end"] = starts[e.start], ends[e.end]
        if e.score is not None:
            span["score"] = round(e.score, 6)
        spans.append({**e.meta, **span})
    if "relations" in other:
        given = other.pop("relations") or ()
        moved = moved_relations(given, kept, tokens, document)
        other["relations"] = [relation for relation in moved if relation is not None]
    row: dict[str, Any] = {"text": document.text}
    if document.id:
        row["id"] = document.id
    row.update(spans=spans, tokens=tokens, answer=other.pop("answer", "accept"), **other)
    if meta:
        row["meta"] = meta
    return row
