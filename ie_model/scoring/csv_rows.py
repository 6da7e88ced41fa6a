"""Raw rows of CSV and TSV: finding where each ends, in spite of quotes and broken rows."""

from __future__ import annotations

import csv
import itertools
import logging
from collections.abc import Iterator

from ie_model.corpus.formats.dialect import (
    excel_separator,
    header_delimiter,
    other_delimiter,
)
from ie_model.errors import InputError
from ie_model.scoring.options import ReadOptions
from ie_model.scoring.raw import Origin, RawRow, delimiter, need_columns, too_long
from ie_model.scoring.sources import Source
from ie_model.scoring.streams import Line

log = logging.getLogger(__name__)

_SUSPECT = 20
"""A row of more lines than this may have lost a quote: its lines are tried as rows of their own."""


def _with_delimiter(
    source: Source, lines: Iterator[Line], options: ReadOptions
) -> tuple[Iterator[Line], str]:
    """The lines from the header on, and the delimiter: the one given, else that of the header.

    Spreadsheets of half the world write semicolons into .csv; Excel may say so in a first line
    (``sep=;``).
    """
    usual = delimiter(source.format, options)
    first = next(lines, None)
    if first is not None and (declared := excel_separator(_text(first))):
        usual, first = options.delimiter or declared, next(lines, None)
    if first is None:
        return lines, usual
    found = usual
    if options.delimiter is None:
        found = header_delimiter(_text(first), (options.text_column,), usual)
        if found != usual:
            log.info("%s: fields parted by %r, as the header has them", source.path, found)
    return itertools.chain([first], lines), found


class _Unclosed(Exception):
    """A quoted field that goes on for longer than any row may."""


class _Record:
    """Feeds lines to ``csv.reader`` and remembers those of the row it is reading."""

    def __init__(self, lines: Iterator[Line], limit: int, most_lines: int) -> None:
        self._lines = lines
        self._again: list[Line] = []
        self._limit, self._most_lines = limit, most_lines
        self._bytes = 0
        self.taken: list[Line] = []

    def __iter__(self) -> _Record:
        return self

    def __next__(self) -> str:
        if self.taken and self._bytes > self._limit:
            raise _Unclosed(f"the row is longer than {self._limit} bytes")
        if len(self.taken) >= self._most_lines:
            raise _Unclosed(
                f"the row spans more than {self._most_lines} lines; if it is meant to, allow "
                "more with --max-row-lines"
            )
        line = self._again.pop() if self._again else next(self._lines)
        self.taken.append(line)
        self._bytes += len(line.data)
        return (line.data + (line.ending or b"\n")).decode("utf-8", "surrogateescape")

    def start(self) -> None:
        """A new row begins with the next line."""
        self.taken.clear()
        self._bytes = 0

    def give_back(self) -> None:
        """All lines but the first are read again, as rows of their own."""
        self._again.extend(reversed(self.taken[1:]))
        del self.taken[1:]

    def raw(self) -> bytes:
        """The row as it stands in the file, without its last line ending."""
        last = self.taken[-1]
        return b"".join(line.data + line.ending for line in self.taken[:-1]) + last.data


def csv_rows(source: Source, lines: Iterator[Line], options: ReadOptions) -> Iterator[RawRow]:
    """Rows of a table with a header; a field in quotes may hold line breaks.

    A quote that is never closed, or closed by the next one rows later, would swallow what
    lies between: where a row of several lines turns out broken, has another number of fields
    than the header, or is made of lines that are rows themselves, its first line alone is set
    aside and the next is read afresh.
    """
    csv.field_size_limit(max(csv.field_size_limit(), options.max_line))
    lines, between = _with_delimiter(source, lines, options)
    record = _Record(lines, options.max_line, options.max_row_lines)
    reader = csv.reader(record, delimiter=between, strict=True)
    try:
        header = next(reader)
    except StopIteration:
        return
    except (csv.Error, _Unclosed) as error:
        raise InputError(f"{source.path}, line 1: the header cannot be read: {error}") from error
    columns = _check_header(source, [h.strip() for h in header], options, between)
    origin = Origin(source.name, source.format, columns, between)
    while True:
        record.start()
        fault = None
        try:
            fields = next(reader)
        except StopIteration:
            return
        except _Unclosed as error:
            fault = ("csv", f"a quote is opened and not closed: {error}")
        except csv.Error as error:
            fault = ("csv", str(error))
        else:
            if len(record.taken) > 1 and not any(line.cut for line in record.taken):
                fault = _swallowed(record.taken, fields, origin)
        if fault is not None:
            record.give_back()
            reader = csv.reader(record, delimiter=between, strict=True)
        number = record.taken[0].number
        if any(line.cut for line in record.taken):
            yield RawRow(origin, number, record.raw()[:4096], too_long(options))
        elif fault is not None or record.raw().strip():
            yield RawRow(origin, number, record.raw(), fault, len(record.taken))


def _swallowed(lines: list[Line], fields: list[str], origin: Origin) -> tuple[str, str] | None:
    """What is wrong with a row of several lines that read well; ``None`` for most."""
    width = len(origin.columns)
    if len(fields) != width:
        mismatch = f"{len(fields)} fields where the header has {width}"
        return ("csv", f"{mismatch}: a quote opened here ends {len(lines) - 1} lines on")
    # The last line holds the end of the open field. Prose over many lines has as many
    # delimiters in each as the header only by a rare chance; swallowed rows always do.
    inner = lines[1:-1]
    if width < 2 or len(inner) < _SUSPECT:
        return None
    rows = csv.reader((f"{_text(line)}\n" for line in inner), delimiter=origin.delimiter)
    try:
        whole = sum(len(row) == width for row in rows)
    except csv.Error:
        return None
    if whole < 0.9 * len(inner):
        return None
    return ("csv", f"a quote opened here ends {len(lines) - 1} lines on, and {whole} of these "
                   f"are rows of {width} fields themselves")  # fmt: skip


def _text(line: Line) -> str:
    return line.data.decode("utf-8", "surrogateescape")


def _check_header(
    source: Source, header: list[str], options: ReadOptions, between: str
) -> tuple[str, ...]:
    for name in set(header):
        if header.count(name) > 1:
            raise InputError(f"{source.path}, line 1: the column {name!r} occurs twice")
    other = other_delimiter(",".join(header), between) if len(header) == 1 else None
    advice = f"; is it a table parted by {other!r}? Say --delimiter '{other}'" if other else ""
    need_columns(source, header, options, advice)
    return tuple(header)
