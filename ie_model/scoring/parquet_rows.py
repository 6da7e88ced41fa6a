"""Raw rows of Parquet files, a slice of a row group at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ie_model.errors import InputError
from ie_model.scoring.options import ReadOptions
from ie_model.scoring.raw import Meter, Origin, RawRow, need_columns
from ie_model.scoring.sources import Source


def parquet_rows(source: Source, options: ReadOptions, meter: Meter) -> Iterator[RawRow]:
    """The rows of one file, with the columns that the options name."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(source.path)
    except (pa.ArrowInvalid, OSError) as error:
        raise InputError(f"{source.path}: no readable Parquet file: {error}") from error
    with file:
        schema = file.schema_arrow
        need_columns(source, schema.names, options)
        _check_types(source, schema, options)
        wanted = {options.text_column, options.id_column or "id", *options.keep}
        columns = tuple(name for name in schema.names if name in wanted)
        origin = Origin(source.name, "parquet", columns)
        number, total = 0, max(file.metadata.num_rows, 1)
        try:
            # One row group's columns are in memory at a time; threads would decode ahead.
            for batch in file.iter_batches(1000, columns=list(columns), use_threads=False):
                slices = [_values(batch.column(name)) for name in columns]
                for values in zip(*slices, strict=True):
                    number += 1
                    yield RawRow(origin, number, dict(zip(columns, values, strict=True)))
                meter.current = source.size * number // total
        except (pa.ArrowInvalid, OSError, UnicodeDecodeError) as error:
            raise InputError(f"{source.path}: damaged after row {number}: {error}") from error


def _check_types(source: Source, schema: Any, options: ReadOptions) -> None:
    import pyarrow as pa

    text = schema.field(options.text_column).type
    if not _is_string(text.value_type if pa.types.is_dictionary(text) else text):
        raise InputError(
            f"{source.path}: the column {options.text_column!r} holds {text}, not strings"
        )
    for name in options.keep:
        kind = schema.field(name).type
        if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
            raise InputError(f"{source.path}: the column {name!r} holds bytes: they are not kept")


def _is_string(kind: Any) -> bool:
    import pyarrow as pa

    types = pa.types
    return types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind)


def _values(column: Any) -> list[Any]:
    """A column as Python values; strings as bytes, since Parquet does not promise UTF-8."""
    import pyarrow as pa

    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if _is_string(column.type):
        column = column.cast(pa.large_binary())
    return column.to_pylist()


def kept_types(sources: Sequence[Source], options: ReadOptions) -> dict[str, Any]:
    """The Arrow type of each kept column in a Parquet output.

    Numbers and booleans keep their type where every input is Parquet and agrees on it;
    all else becomes a string, as JSON or ISO 8601 where it is none.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    types: dict[str, Any] = dict.fromkeys(options.keep, pa.string())
    if not options.keep or not sources or any(s.format != "parquet" for s in sources):
        return types
    schemas = []
    for source in sources:
        try:
            schemas.append(pq.read_schema(source.path))
        except (pa.ArrowInvalid, OSError) as error:
            raise InputError(f"{source.path}: no readable Parquet file: {error}") from error
        need_columns(source, schemas[-1].names, options)
    for name in options.keep:
        found = {schema.field(name).type for schema in schemas}
        kind = found.pop()
        simple = (
            pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)
        )
        if not found and simple:
            types[name] = kind
    return types
