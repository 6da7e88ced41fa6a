"""Counts of names by label and day, over any number of scored documents.

Rows are read one at a time; the counts live in a table on the disk (SQLite's), so memory
depends neither on the corpus nor on how many names it holds.
"""

from __future__ import annotations

import json
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from ie_model.documents import Document, Entity, in_one_line
from ie_model.errors import InputError
from ie_model.normalise import document_date, name_document
from ie_model.scoring.sources import Source, find_sources
from ie_model.scoring.streams import ByteStream

HELD = 100_000
"""Different counts that are held in memory before they are added to those on the disk."""
LINE_BYTES = 256 << 20
NO_DAY = ""


class Count(NamedTuple):
    """How often a name was mentioned on a day, and in how many documents; ``day`` is ISO 8601,
    empty where the document has none."""

    day: str
    label: str
    name: str
    mentions: int
    documents: int


@dataclass(frozen=True, slots=True)
class Totals:
    """What was read: documents, those without a readable day, mentions counted, failed rows."""

    documents: int
    undated: int
    mentions: int
    failed: int


class Aggregate:
    """Counts on the disk; a context manager, for its file goes with it."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="ie-model-aggregate-")
        self._base = sqlite3.connect(Path(self._folder.name) / "counts.db")
        self._base.execute("PRAGMA journal_mode=OFF")
        self._base.execute("PRAGMA synchronous=OFF")
        self._base.execute(
            "CREATE TABLE counts (day TEXT, label TEXT, name TEXT, mentions INTEGER, "
            "documents INTEGER, PRIMARY KEY (day, label, name)) WITHOUT ROWID"
        )
        self._held: Counter[tuple[str, str, str]] = Counter()
        self._documents: Counter[tuple[str, str, str]] = Counter()
        self._seen = {"documents": 0, "undated": 0, "mentions": 0, "failed": 0}

    def __enter__(self) -> Aggregate:
        return self

    def __exit__(self, *exc: object) -> None:
        self._base.close()
        self._folder.cleanup()

    def add(self, document: Document, day: str, labels: frozenset[str] | None = None) -> None:
        """Count the mentions of one document whose entities carry their names."""
        self._seen["documents"] += 1
        self._seen["undated"] += day == NO_DAY
        self._seen["failed"] += document.error is not None
        found = Counter(
            (day, e.label, str(e.meta.get("name") or in_one_line(e.text)))
            for e in document.entities
            if labels is None or e.label in labels
        )
        self._seen["mentions"] += found.total()
        self._held.update(found)
        self._documents.update(found.keys())
        if len(self._held) >= HELD:
            self._flush()

    def _flush(self) -> None:
        rows = [(*key, n, self._documents[key]) for key, n in self._held.items()]
        with self._base:
            self._base.executemany(
                "INSERT INTO counts VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET "
                "mentions = mentions + excluded.mentions, "
                "documents = documents + excluded.documents",
                rows,
            )
        self._held.clear()
        self._documents.clear()

    @property
    def totals(self) -> Totals:
        """What was read so far."""
        return Totals(**self._seen)

    def counts(self) -> Iterator[Count]:
        """Every count, by day, then label, then name."""
        return self._query("SELECT * FROM counts ORDER BY day, label, name")

    def names(self, limit: int) -> list[Count]:
        """The names with most mentions over all days (``day`` is empty)."""
        return list(
            self._query(
                "SELECT '', label, name, SUM(mentions) AS total, SUM(documents) FROM counts "
                "GROUP BY label, name ORDER BY total DESC, label, name LIMIT ?",
                limit,
            )
        )

    def days(self) -> list[Count]:
        """Mentions of each label on each day (``name`` is empty)."""
        return list(
            self._query(
                "SELECT day, label, '', SUM(mentions), SUM(documents) FROM counts "
                "GROUP BY day, label ORDER BY day, label"
            )
        )

    def _query(self, question: str, *values: Any) -> Iterator[Count]:
        self._flush()
        return map(Count._make, self._base.execute(question, values))


def aggregate_files(
    inputs: Sequence[str | Path],
    into: Aggregate,
    date_column: str = "date",
    labels: Sequence[str] | None = None,
    names: Mapping[str, str] | None = None,
) -> Totals:
    """Count the names in scored files: JSON lines (plain, gzip, zstd) or Parquet, one row a
    document or ``--per-entity``.

    A row's day is its column ``date_column`` (in JSON lines a key of ``meta`` or of the row).
    Names are ``meta.name`` where the rows have it, else those that
    :func:`ie_model.normalise.name_document` gives, with the table ``names``; with a table given
    it is always the latter. Actors and places have names; other labels count by their text.

    Raises:
        InputError: a file is no scored output, or no row has the date column.
    """
    chosen = None if labels is None else frozenset(labels)
    dated = False
    for source in find_sources(inputs):
        for document in _documents(source, date_column):
            day = document.meta.get(date_column)
            dated = dated or date_column in document.meta
            if names is not None or not any("name" in e.meta for e in document.entities):
                document = name_document(document, names)
            into.add(document, _day(str(day)) if day else NO_DAY, chosen)
    totals = into.totals
    if totals.documents and not dated:
        raise InputError(
            f"no row has a column {date_column!r}: name the one with the day (--date-column), and "
            f"carry it through scoring (score --keep {date_column})"
        )
    return totals


@lru_cache(maxsize=65536)
def _day(day: str) -> str:
    found = document_date({"date": day})
    return NO_DAY if found is None else found.isoformat()


def _documents(source: Source, date_column: str) -> Iterator[Document]:
    if source.format == "parquet":
        yield from _parquet(source, date_column)
    elif source.format == "jsonl":
        yield from _lines(source, date_column)
    else:
        raise InputError(f"{source.path}: give scored output, .jsonl (.gz, .zst) or .parquet")


def _lines(source: Source, date_column: str) -> Iterator[Document]:
    with ByteStream(source.path) as stream:
        for line in stream.lines(LINE_BYTES):
            if not line.data.strip():
                continue
            where = f"{source.path}, line {line.number}"
            try:
                row = json.loads(line.data)
            except (ValueError, RecursionError) as error:
                raise InputError(f"{where}: no JSON ({error}); give the output of score") from None
            if not isinstance(row, dict) or not isinstance(row.get("entities"), list):
                raise InputError(f"{where}: no scored row: it has no list of entities")
            meta = row.get("meta") if isinstance(row.get("meta"), dict) else {}
            if date_column in row:
                meta = {date_column: row[date_column], **(meta or {})}
            yield _document(row.get("id"), row.get("text"), row["entities"], meta or {}, where,
                            row.get("error"))  # fmt: skip


def _parquet(source: Source, date_column: str) -> Iterator[Document]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(source.path) as file:
            present = set(file.schema_arrow.names)
            flat = "entities" not in present
            if flat and not {"id", "label", "mention"} <= present:
                raise InputError(f"{source.path}: no scored output: it has no column 'entities'")
            wanted = (
                {"id", "label", "mention", "start", "end", "entity_name"}
                if flat
                else {"id", "text", "entities"}
            )
            columns = sorted((wanted | {date_column}) & present)
            batches = file.iter_batches(256, columns=columns, use_threads=False)
            rows = ((n, row) for n, row in enumerate(_rows(batches), 1))
            for number, row in _gathered(rows) if flat else rows:
                meta = {date_column: row[date_column]} if date_column in row else {}
                where = f"{source.path}, row {number}"
                yield _document(row.get("id"), row.get("text"), row["entities"] or [], meta, where)
    except (pa.ArrowInvalid, OSError) as error:
        raise InputError(f"{source.path}: no readable Parquet file: {error}") from error


def _rows(batches: Any) -> Iterator[dict[str, Any]]:
    for batch in batches:
        yield from batch.to_pylist()


def _gathered(rows: Iterator[tuple[int, dict[str, Any]]]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Rows of one entity each, joined to documents: those of one id stand together."""
    last: dict[str, Any] | None = None
    first = 0
    for number, row in rows:
        entity = {**{k: row.get(k) for k in ("start", "end", "label")}, "text": row["mention"]}
        entity["name"] = row.get("entity_name")
        if last is not None and last.get("id") == row.get("id"):
            last["entities"].append(entity)
            continue
        if last is not None:
            yield first, last
        first, last = number, {**row, "entities": [entity]}
    if last is not None:
        yield first, last


def _document(
    id: Any, text: Any, entities: list[Any], meta: Mapping[str, Any], where: str, error: Any = None
) -> Document:
    """A document of what was read; without its text one that has the mentions at their places,
    so that names can be told apart (only what stands between them is lost)."""
    try:
        found = tuple(
            Entity(int(e["start"]), int(e["end"]), str(e["label"]), None, str(e.get("text") or ""),
                   e.get("meta") or ({"name": e["name"]} if e.get("name") else {}))
            for e in entities
        )  # fmt: skip
    except (KeyError, TypeError, ValueError, AttributeError) as wrong:
        raise InputError(f"{where}: an entity without start, end or label ({wrong})") from None
    if isinstance(text, str):
        whole = Document(text, id=str(id or ""), meta=meta, error=error)
        return whole.with_entities(found)
    size = max((e.end for e in found), default=0)
    letters = ["\n"] * min(size, LINE_BYTES)
    for e in found:
        if e.start >= 0 and e.end - e.start == len(e.text):
            letters[e.start : e.end] = e.text
    return Document("".join(letters), found, str(id or ""), meta, error)
