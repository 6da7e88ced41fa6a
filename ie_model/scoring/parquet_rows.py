"""Raw rows of Parquet files, a few at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ie_model.corpus.parquet_sizes import rows_at_once
from ie_model.errors import InputError
from ie_model.scoring.options import EVERY, ReadOptions
from ie_model.scoring.raw import Meter, Origin, RawRow, need_columns, too_long
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
        wanted = {options.text_column, options.id_column or "id", options.day_column}
        wanted.update(options.named)
        every = EVERY in options.keep
        columns = tuple(name for name in schema.names if every or name in wanted)
        origin = Origin(source.name, "parquet", columns)
        rows = rows_at_once(Path(source.path), file, columns)
        number, total = 0, max(file.metadata.num_rows, 1)
        limit = 4 * options.max_chars  # bytes of UTF-8
        try:
            # One row group's columns are in memory at a time; threads would decode ahead.
            for batch in file.iter_batches(rows, columns=list(columns), use_threads=False):
                slices = [_values(batch.column(name)) for name in columns]
                for values in zip(*slices, strict=True):
                    number += 1
                    row = dict(zip(columns, values, strict=True))
                    text, fault = row[options.text_column], None
                    if isinstance(text, bytes) and len(text) > limit:
                        row[options.text_column] = text[:4096].decode("utf-8", "ignore").encode()
                        fault = too_long(options)
                    yield RawRow(origin, number, row, fault)
                meter.current = source.size * number // total
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            raise InputError(f"{source.path}: damaged after row {number}: {error}") from error


def _check_types(source: Source, schema: Any, options: ReadOptions) -> None:
    import pyarrow as pa

    twice = next((name for name in schema.names if schema.names.count(name) > 1), None)
    if twice is not None:
        raise InputError(f"{source.path}: two columns are called {twice!r}")
    text = schema.field(options.text_column).type
    if not _is_string(text.value_type if pa.types.is_dictionary(text) else text):
        raise InputError(
            f"{source.path}: the column {options.text_column!r} holds {text}, not strings"
        )
    kept = _kept_columns(schema.names, options)
    bytes_ = [name for name in kept if _is_binary(schema.field(name).type)]
    if bytes_:
        others = ", ".join(repr(name) for name in kept if name not in bytes_) or "there is none"
        raise InputError(
            f"{source.path}: the column {bytes_[0]!r} holds bytes: they are not kept; name the "
            f"columns to keep without it ({others})"
        )


def _is_binary(kind: Any) -> bool:
    import pyarrow as pa

    return any(is_(kind) for is_ in (pa.types.is_binary, pa.types.is_large_binary))


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
    if column.type == pa.large_binary() or _is_simple(column.type):
        return column.to_pylist()
    # Times, decimals, lists: Python's values are other ones, or none. They stay Arrow's.
    return [value if value.is_valid else None for value in column]


def _is_simple(kind: Any) -> bool:
    import pyarrow as pa

    types = pa.types
    return (
        types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind)
        or types.is_null(kind) or types.is_binary(kind) or types.is_large_binary(kind)
    )  # fmt: skip


def _kept_columns(names: Sequence[str], options: ReadOptions) -> list[str]:
    if EVERY not in options.keep:
        return list(options.keep)
    return [n for n in names if n not in (options.text_column, options.id_column or "id")]


def kept_types(sources: Sequence[Source], options: ReadOptions) -> dict[str, Any]:
    """The Arrow type of each kept column in a Parquet output.

    Columns of Parquet inputs keep their type where all files agree on it: a file that has
    nothing but nulls there agrees with any, and whole numbers, or fractions, of several
    widths become those of the widest. All else becomes a string, as JSON or ISO 8601 where
    it is none.

    Raises:
        InputError: a file cannot be read or lacks a column; ``*`` with files that are no
            Parquet, whose columns are not known beforehand.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not sources or any(s.format != "parquet" for s in sources):
        if EVERY in options.keep:
            raise InputError(
                "keep: '*' into Parquet needs Parquet for input, whose columns are known "
                "beforehand; name the columns, or write JSON lines"
            )
        return dict.fromkeys(options.keep, pa.string())
    found: dict[str, set[Any]] = {}
    for source in sources if options.keep else ():
        try:
            schema = pq.read_schema(source.path)
        except (pa.ArrowException, OSError) as error:
            raise InputError(f"{source.path}: no readable Parquet file: {error}") from error
        need_columns(source, schema.names, options)
        for name in _kept_columns(schema.names, options):
            kind = schema.field(name).type
            found.setdefault(name, set()).add(
                kind.value_type if pa.types.is_dictionary(kind) else kind
            )
    return {name: _common_type(kinds) for name, kinds in found.items()}


def _common_type(kinds: set[Any]) -> Any:
    import pyarrow as pa

    valued = [kind for kind in kinds if not pa.types.is_null(kind)]
    if not valued:
        return pa.null() if kinds else pa.string()
    if len(valued) == 1:
        return pa.string() if _is_string(valued[0]) else valued[0]
    for alike in (pa.types.is_integer, pa.types.is_floating):
        if all(map(alike, valued)):
            fields = [pa.schema([pa.field("x", kind)]) for kind in valued]
            return pa.unify_schemas(fields, promote_options="permissive").field("x").type
    return pa.string()
