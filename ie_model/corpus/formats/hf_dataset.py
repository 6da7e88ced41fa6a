"""Hugging Face ``datasets``: a ``Dataset`` in memory, or a folder from ``save_to_disk``.

Two shapes are read: ours (``id``, ``text``, ``entities``, ``meta``), and the usual one of
token classification (``tokens`` and ``ner_tags``), whose text is rebuilt by rule.
"""

from __future__ import annotations

import contextlib
import itertools
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ie_model.corpus.account import Account
from ie_model.corpus.formats import saved_dataset
from ie_model.corpus.formats.json_array import STRICT, refuse_surrogates
from ie_model.corpus.formats.jsonl import read_rows
from ie_model.corpus.formats.saved_dataset import class_names
from ie_model.corpus.formats.tagged_words import document_of
from ie_model.corpus.parquet_sizes import rows_at_once
from ie_model.documents import Document
from ie_model.errors import InputError
from ie_model.files import new_folder, scratch_folder

if TYPE_CHECKING:
    from datasets import Dataset, Features

_OURS = ("id", "text", "entities", "meta")
_BATCH = 1000  # rows in one Arrow record batch


def read(
    path: Path,
    split: str | None = None,
    tokens_column: str = "tokens",
    tags_column: str = "ner_tags",
    account: Account | None = None,
) -> Iterator[tuple[str, Document]]:
    """Stream ``("folder, row n", document)`` of a folder made by ``save_to_disk``.

    A Parquet file, and JSON lines of words and tags (what the ``run_ner`` examples read), are
    read in the same way.

    Args:
        path: the folder, or a file ending in ``.parquet`` or ``.jsonl``.
        split: which split of a ``DatasetDict``; needed when it has several.
        tokens_column: the column of words, where there is no ``text``.
        tags_column: the column of their tags.
        account: where to count rows and words without tags; by default they are logged.

    Raises:
        InputError: no such folder, no such split, or columns of neither shape.
    """
    aside = Account() if account is None else account
    if path.is_dir():
        where, rows, columns, names = _open_folder(path, split, (tokens_column, tags_column))
    elif path.suffix.lower() == ".parquet":
        where = str(path)
        rows, columns, names = _open_parquet(path, (tokens_column, tags_column))
    else:
        where = str(path)
        rows, columns, names = _open_lines(path, tokens_column)
    found = _documents(rows, columns, names, (tokens_column, tags_column), path.stem, where, aside)
    yield from found
    if account is None:
        aside.tell()


def _open_folder(
    path: Path, split: str | None, columns: tuple[str, str]
) -> tuple[str, Iterable[Any], list[str], list[str] | None]:
    where = str(path)
    names = saved_dataset.splits(path)
    if names is not None:
        if split is None and len(names) == 1:
            split = names[0]
        if split not in names:
            raise InputError(
                f"{path}: has the splits {', '.join(names)}; name one with --option "
                f"split={names[0] if names else 'NAME'} (in a config: options: {{split: ...}})"
            )
        where = f"{path}, split {split}"
        path = path / split
    features = saved_dataset.features(path)
    rows = saved_dataset.rows(path, {*_OURS, *columns})
    return where, rows, saved_dataset.column_names(path), class_names(features, columns[1])


def _open_parquet(
    path: Path, columns: tuple[str, str]
) -> tuple[Iterator[Any], list[str], list[str] | None]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path)
        names = list(file.schema_arrow.names)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise InputError(f"{path}: not a Parquet file that can be read ({error})") from None
    read = [name for name in dict.fromkeys(names) if name in {*_OURS, *columns}]
    twice = next((name for name in read if names.count(name) > 1), None)
    if twice is not None:
        raise InputError(f"{path}: two columns are called {twice!r}")
    noted: Any = None
    with contextlib.suppress(ValueError, RecursionError, KeyError, TypeError):
        noted = json.loads((file.schema_arrow.metadata or {})[b"huggingface"])["info"]["features"]
    return _parquet_rows(path, file, read), names, class_names(noted, columns[1])


def _parquet_rows(path: Path, file: Any, columns: list[str]) -> Iterator[Any]:
    import pyarrow as pa

    number = 0
    try:
        rows = rows_at_once(path, file, columns)
        # One row group's columns are in memory at a time; threads would decode ahead.
        for batch in file.iter_batches(rows, columns=columns, use_threads=False):
            for row in batch.to_pylist():
                number += 1
                yield row
    except (pa.ArrowException, OSError, UnicodeDecodeError, OverflowError) as error:
        raise InputError(f"{path}: damaged after row {number}: {error}") from None


def _open_lines(path: Path, tokens_column: str) -> tuple[Iterator[Any], list[str], None]:
    rows = read_rows(path)
    where, _, first = next(rows, (str(path), 0, None))
    if not isinstance(first, dict):
        raise InputError(f"{where}: expected an object with {tokens_column!r} and tags")
    return (row for _, _, row in itertools.chain([(where, 1, first)], rows)), list(first), None


def _class_names(features: Any, tags_column: str) -> list[str] | None:
    feature = features.get(tags_column)
    return getattr(getattr(feature, "feature", feature), "names", None)


def write(documents: Iterable[Document], path: Path) -> None:
    """Save as a ``Dataset`` in a new folder, streaming through an Arrow file.

    Raises:
        InputError: the folder exists already and is not empty.
    """
    import datasets
    import pyarrow as pa

    with new_folder(path) as folder, scratch_folder(path.parent) as scratch:
        stream = scratch / "stream.arrow"
        with pa.ipc.new_stream(stream, _features().arrow_schema) as writer:
            for batch in _batches(documents):
                writer.write_batch(batch)
        with _silent_progress():
            datasets.Dataset.from_file(str(stream)).save_to_disk(str(folder))


@contextlib.contextmanager
def _silent_progress() -> Iterator[None]:
    import datasets

    silenced = datasets.are_progress_bars_disabled()
    datasets.disable_progress_bars()
    try:
        yield
    finally:
        if not silenced:
            datasets.enable_progress_bars()


def to_dataset(documents: Iterable[Document]) -> Dataset:
    """Documents as a ``datasets.Dataset`` in memory.

    Columns: ``id``, ``text``, ``entities`` (a list of start, end, label, text, score, meta) and
    ``meta``; ``meta`` is JSON, because its keys differ from row to row.
    """
    import datasets
    import pyarrow as pa

    table = pa.Table.from_batches(_batches(documents), schema=_features().arrow_schema)
    return datasets.Dataset(datasets.table.InMemoryTable(table))


def _features() -> Features:
    from datasets import Features, List, Value

    entity = {
        "start": Value("int64"),
        "end": Value("int64"),
        "label": Value("string"),
        "text": Value("string"),
        "score": Value("float64"),
        "meta": Value("string"),
    }
    text = Value("string")
    return Features({"id": text, "text": text, "entities": List(entity), "meta": text})


def _batches(documents: Iterable[Document]) -> Iterator[Any]:
    import pyarrow as pa

    schema = _features().arrow_schema
    rows = (_to_row(document) for document in documents)
    while chunk := list(itertools.islice(rows, _BATCH)):
        yield pa.RecordBatch.from_pylist(chunk, schema=schema)


def _to_row(document: Document) -> dict[str, Any]:
    entities = [
        {
            "start": e.start,
            "end": e.end,
            "label": e.label,
            "text": e.text,
            "score": e.score,
            "meta": json.dumps(dict(e.meta)) if e.meta else None,
        }
        for e in document.entities
    ]
    meta = json.dumps(dict(document.meta)) if document.meta else None
    return {"id": document.id, "text": document.text, "entities": entities, "meta": meta}


def from_dataset(
    dataset: Dataset,
    tokens_column: str = "tokens",
    tags_column: str = "ner_tags",
    name: str = "row",
) -> Iterator[Document]:
    """The documents of a ``datasets.Dataset``, row by row; ids are ``name:n`` where it has none.

    Raises:
        InputError: the columns are neither ours nor tokens and tags, a row has more of one than
            of the other, or a tag is none. Rows without tags (null, -1, -100) are left out with
            a warning; single words without one stand in ``meta["unannotated"]``.
    """
    aside = Account()
    columns, chosen = list(dataset.column_names), (tokens_column, tags_column)
    names = _class_names(dataset.features, tags_column)
    # As tensors or data frames, which a caller may have set, rows are none that can be read.
    plain = dataset.with_format(None)
    for _, document in _documents(plain, columns, names, chosen, name, "the Dataset", aside):
        yield document
    aside.tell()


def _documents(
    rows: Iterable[Any],
    columns: Sequence[str],
    names: Sequence[str] | None,
    chosen: tuple[str, str],
    stem: str,
    source: str,
    account: Account,
) -> Iterator[tuple[str, Document]]:
    tokens_column, tags_column = chosen
    read = set(_OURS) if "entities" in columns else {"id", *chosen}
    others = [column for column in columns if column not in read]
    account.set_aside(f"column that is not read ({', '.join(others)})", source, len(others))
    if "text" in columns and "entities" in columns:
        for number, row in enumerate(rows, 1):
            where = f"{source}, row {number}"
            yield where, _from_row(row, where, f"{stem}:{number}")
    elif tokens_column in columns and tags_column in columns:
        for number, row in enumerate(rows, 1):
            where = f"{source}, row {number}"
            if not isinstance(row, dict) or tokens_column not in row:
                raise InputError(f"{where}: has no {tokens_column!r}")
            tokens, tags = row[tokens_column], row.get(tags_column)
            document = document_of(tokens, tags, names, where, tags_column, account)
            if document is not None:
                id_ = row.get("id")
                yield where, replace(document, id=f"{stem}:{number}" if id_ is None else str(id_))
    else:
        raise InputError(
            f"{source}: columns {', '.join(columns)}; expected text and entities, or "
            f"{tokens_column} and {tags_column} (name others with --option tokens_column=NAME, "
            "--option tags_column=NAME; in Python with rename_columns)"
        )


def _from_row(row: Any, where: str, fallback_id: str) -> Document:
    if not isinstance(row, dict):
        raise InputError(f"{where}: expected an object with text and entities")
    given = row.get("entities") or []
    if isinstance(given, dict):  # older versions of the library give columns for a list of rows
        given = _transposed(given, where)
    if isinstance(given, list | tuple):
        given = [_entity(entity, where) for entity in given]
    meta = row.get("meta")
    meta = _json(meta, where) if isinstance(meta, str) and meta else meta or {}
    id_ = row.get("id") or fallback_id
    return Document.from_dict(
        {"id": id_, "text": row.get("text"), "entities": given, "meta": meta}, where
    )


def _transposed(columns: dict[str, Any], where: str) -> list[dict[str, Any]]:
    if not all(isinstance(values, list | tuple) for values in columns.values()):
        raise InputError(f"{where}: 'entities' must be a list")
    if len({len(values) for values in columns.values()}) > 1:
        raise InputError(f"{where}: the columns of 'entities' are not of one length")
    return [
        dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)
    ]


def _entity(entity: Any, where: str) -> Any:
    if not isinstance(entity, dict):
        return entity
    kept = {key: value for key, value in entity.items() if value is not None}
    if isinstance(kept.get("meta"), str):
        kept["meta"] = _json(kept["meta"], where)
    return kept


def _json(text: str, where: str) -> Any:
    try:
        value = STRICT.decode(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{where}: 'meta' is not JSON: {error}, found {text!r:.60}") from None
    refuse_surrogates(value, where)
    return value
