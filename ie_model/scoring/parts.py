"""Parts: the bytes a shard becomes. Parts of one format can be joined to one file."""

from __future__ import annotations

import gzip
import io
import json
import types
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, get_args, get_type_hints

from ie_model.documents import Entity
from ie_model.errors import InputError
from ie_model.normalise import DateValue, QuantityValue
from ie_model.scoring.options import WriteOptions
from ie_model.scoring.rows import Row, is_arrow, plain

if TYPE_CHECKING:
    import pyarrow as pa

Scored = tuple[Row, tuple[Entity, ...]]
# In a row of its own an entity's text and name are not the document's.
_FLAT = {"text": "mention", "name": "entity_name"}
GZIP_LEVEL = 6
ZSTD_LEVEL = 3


def encode_part(scored: Sequence[Scored], options: WriteOptions, schema: pa.Schema | None) -> bytes:
    """The part of these rows in the output's format.

    Equal rows give equal bytes: gzip members carry no time. ``schema`` is for Parquet,
    see :func:`output_schema`.
    """
    if options.format == "parquet":
        assert schema is not None
        return _parquet(scored, options, schema)
    data = b"".join(json_line(row, entities, options) for row, entities in scored)
    if options.format == "jsonl.gz":
        return gzip.compress(data, GZIP_LEVEL, mtime=0)
    if options.format == "jsonl.zst":
        import zstandard

        return zstandard.ZstdCompressor(ZSTD_LEVEL, write_checksum=True).compress(data)
    return data


def check_available(options: WriteOptions) -> None:
    """Raise :class:`InputError` if a package that the output format needs is missing."""
    if options.format == "jsonl.zst":
        try:
            import zstandard  # noqa: F401
        except ImportError as error:
            raise InputError("zstd needs a package: pip install 'ie-model[score]'") from error


def json_line(row: Row, entities: Sequence[Entity], options: WriteOptions) -> bytes:
    """One line of JSON in the native document form, kept columns under ``meta``."""
    value: dict[str, Any] = {"id": row.id}
    if options.text:
        value["text"] = row.text
    value["entities"] = [entity.to_dict() for entity in entities]
    if row.kept:
        value["meta"] = {k: _python(v) if is_arrow(v) else v for k, v in row.kept.items()}
    return json.dumps(value, ensure_ascii=False, allow_nan=False).encode() + b"\n"


def _python(value: Any) -> Any:
    """A value of Arrow's as JSON has it.

    Raises:
        ValueError, OverflowError: Python has no such value (a time after the year 9999).
    """
    return plain(value.as_py())


def encodable(
    scored: Sequence[Scored], options: WriteOptions, schema: pa.Schema | None
) -> tuple[list[Scored], list[tuple[Row, str]]]:
    """What can be written of these rows, each tried alone, and what not, with the reasons."""
    sound: list[Scored] = []
    faulty: list[tuple[Row, str]] = []
    for one in scored:
        try:
            encode_part([one], options, schema)
        except Exception as error:
            faulty.append((one[0], f"{type(error).__name__}: {error}"))
        else:
            sound.append(one)
    return sound, faulty


def output_schema(options: WriteOptions, kept: dict[str, Any]) -> pa.Schema:
    """The Parquet schema; ``kept`` maps each carried column to its Arrow type.

    One row per document: ``id``, ``text``, the kept columns, and ``entities``, a list of
    structs. ``per_entity``: ``id``, the kept columns, and the entity's fields, its mention
    as ``mention`` and its name as ``entity_name``.
    """
    import pyarrow as pa

    taken = {"id", *(_FLAT.get(f.name, f.name) for f in entity_type())}
    for name in (taken if options.per_entity else {"id", "text", "entities"}) & set(kept):
        raise InputError(f"keep: {name!r} is the name of an output column; rename yours")
    columns: list[tuple[str, Any]] = [("id", pa.string())]
    if options.per_entity:
        columns += [*kept.items(), *((_FLAT.get(f.name, f.name), f.type) for f in entity_type())]
    else:
        columns += [("text", pa.string())] if options.text else []
        columns += [*kept.items(), ("entities", pa.list_(entity_type()))]
    return pa.schema(columns)


def entity_type() -> pa.StructType:
    """The Arrow type of an entity: offsets in code points, its mention as ``text``, as
    ``value`` the struct of its normalised value, if it has one (see :func:`value_type`), as
    ``unresolved`` why it has none, and as ``name`` that of an actor or place."""
    import pyarrow as pa

    span = [("start", pa.int32()), ("end", pa.int32()), ("label", pa.string())]
    rest = [("text", pa.string()), ("score", pa.float32()), ("value", value_type())]
    return pa.struct([*span, *rest, ("unresolved", pa.string()), ("name", pa.string())])


def value_type() -> pa.StructType:
    """The Arrow type of a normalised value: the fields of dates and of quantities together."""
    import pyarrow as pa

    arrow = {str: pa.string(), float: pa.float64(), bool: pa.bool_(), int: pa.int64()}
    hints = get_type_hints(DateValue) | get_type_hints(QuantityValue)
    found = []
    for name, hint in hints.items():
        types_given = [h for h in get_args(hint) or (hint,) if h is not types.NoneType]
        found.append((name, arrow.get(types_given[0], pa.string())))
    return pa.struct(found)


def _parquet(scored: Sequence[Scored], options: WriteOptions, schema: pa.Schema) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    if options.per_entity:
        rows = [
            {"id": row.id, **_kept(row, schema)}
            | {_FLAT.get(k, k): v for k, v in entity_struct(e, row.text).items()}
            for row, entities in scored
            for e in entities
        ]
    else:
        rows = [
            {"id": row.id, "text": row.text, **_kept(row, schema)}
            | {"entities": [entity_struct(e, row.text) for e in entities]}
            for row, entities in scored
        ]
    # Column by column: Arrow's own values are taken as they are only in a list of their own.
    columns = [pa.array([row.get(f.name) for row in rows], f.type) for f in schema]
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_arrays(columns, schema=schema), sink, compression="zstd")
    return sink.getvalue()


def entity_struct(entity: Entity, text: str) -> dict[str, Any]:
    """An entity as :func:`entity_type` has it."""
    mention = entity.text or text[entity.start : entity.end]
    span = {"start": entity.start, "end": entity.end, "label": entity.label}
    normalised = {key: entity.meta.get(key) for key in ("value", "unresolved", "name")}
    return {**span, "text": mention, "score": entity.score, **normalised}


def _kept(row: Row, schema: pa.Schema) -> dict[str, Any]:
    """Kept values as the schema has them: what is no string becomes JSON in a string column."""
    import pyarrow as pa

    values = {}
    for name, value in row.kept.items():
        if name not in schema.names:
            continue
        kind = schema.field(name).type
        if is_arrow(value) and not value.type.equals(kind):
            value = _python(value)
        if pa.types.is_string(kind) and not isinstance(value, str | None):
            value = json.dumps(value, ensure_ascii=False)
        values[name] = value
    return values
