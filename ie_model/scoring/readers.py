"""Raw rows out of files: finding where a row begins and ends, and nothing more.

Reading is split in two. Here one process cuts the input into raw rows as fast as it can;
the workers turn them into documents (``rows.py``), so bad rows cost the reader nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from ie_model.errors import InputError
from ie_model.scoring.csv_rows import csv_rows
from ie_model.scoring.options import ReadOptions
from ie_model.scoring.parquet_rows import parquet_rows
from ie_model.scoring.raw import Meter, Origin, RawRow, too_long
from ie_model.scoring.sources import Source
from ie_model.scoring.streams import ByteStream, Line

ITERABLE = "iterable"
"""The name under which rows of a Python iterable are reported."""


def read_source(source: Source, options: ReadOptions, meter: Meter) -> Iterator[RawRow]:
    """The raw rows of one file, streamed.

    Raises:
        InputError: the file cannot be read on (damaged compression, no such column): what
            concerns one row alone becomes that row's fault instead.
    """
    if source.format == "parquet":
        rows = parquet_rows(source, options, meter)
    elif source.format == "text":
        rows = _whole_file(source, options)
    else:
        rows = _stream_rows(source, options, meter)
    yield from rows
    meter.finished += source.size
    meter.current = 0


def read_iterable(items: Iterable[Any]) -> Iterator[RawRow]:
    """Rows of strings, ``Document`` objects or mappings; a ``datasets.Dataset`` in slices."""
    origin = Origin(ITERABLE, "python")
    for number, item in enumerate(_rows_of(items), 1):
        yield RawRow(origin, number, item)


def _rows_of(items: Any) -> Iterable[Any]:
    # A Dataset hands out whole slices some thirty times faster than row by row.
    if hasattr(items, "iter") and hasattr(items, "column_names"):
        return (
            dict(zip(slice_, values, strict=True))
            for slice_ in items.iter(batch_size=1000)
            for values in zip(*slice_.values(), strict=True)
        )
    return items


def _stream_rows(source: Source, options: ReadOptions, meter: Meter) -> Iterator[RawRow]:
    with ByteStream(source.path) as stream:
        lines = stream.lines(options.max_line)
        if source.format == "jsonl":
            rows = _line_rows(_not_an_array(source, lines), Origin(source.name, "jsonl"), options)
        elif source.format == "lines":
            rows = _line_rows(lines, Origin(source.name, "lines"), options)
        else:
            rows = csv_rows(source, lines, options)
        for row in rows:
            if row.line % 256 == 0:  # asking for the position is a system call
                meter.current = stream.position
            yield row


def _not_an_array(source: Source, lines: Iterator[Line]) -> Iterator[Line]:
    for line in lines:
        if line.number == 1 and line.data.lstrip()[:1] == b"[":
            raise InputError(
                f"{source.path}: a JSON array, not JSON lines; convert it: jq -c '.[]' FILE"
            )
        yield line


def _line_rows(lines: Iterator[Line], origin: Origin, options: ReadOptions) -> Iterator[RawRow]:
    """One row a line; lines of white space alone are no rows."""
    for number, data, _, cut in lines:
        if cut:
            yield RawRow(origin, number, data[:4096], too_long(options))
        elif data and not data.isspace():
            yield RawRow(origin, number, data)


def _whole_file(source: Source, options: ReadOptions) -> Iterator[RawRow]:
    """The whole file is one document, line breaks and all."""
    origin = Origin(source.name, "text")
    with ByteStream(source.path) as stream:
        data = stream.read(options.max_line + 1)
    if len(data) > options.max_line:
        yield RawRow(origin, 1, data[:4096], too_long(options))
    else:
        yield RawRow(origin, 1, data.removeprefix(b"\xef\xbb\xbf"))
