"""Rows and cells of CSV and TSV, read strictly, each with its place."""

from __future__ import annotations

import ast
import csv
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ie_model.corpus.formats.dialect import (
    excel_separator,
    header_delimiter,
    named_delimiter,
    other_delimiter,
)
from ie_model.corpus.formats.files import read_raw_lines
from ie_model.corpus.formats.json_array import STRICT, refuse_surrogates
from ie_model.errors import InputError

_WHOLE = re.compile(r"(-?\d+)(?:[.,]0*)?")  # pandas makes 18.0 of 18 where a cell is empty
_NUMBER = re.compile(r"[+-]?\d*[.,]?\d+(?:[eE][+-]?\d+)?")
_LONGEST = 1 << 30  # characters of one cell; Python's own limit is 131,072


@dataclass(frozen=True, slots=True)
class TableRow:
    """One row: where it begins (file, line, and its number in a spreadsheet), and its cells."""

    where: str
    cells: Mapping[str, str]

    def place(self, column: str) -> str:
        """The place of one cell, for an error."""
        return f"{self.where}, column {column!r}"

    def whole(self, column: str) -> int:
        """A cell as a whole number; ``18.0`` and ``18,0`` are one.

        Raises:
            InputError: it is none.
        """
        found = _WHOLE.fullmatch(self.cells[column].strip())
        if not found:
            raise InputError(
                f"{self.place(column)}: expected a whole number, found {self.cells[column]!r:.60}"
            )
        return int(found[1])

    def number(self, column: str) -> float | None:
        """A cell as a number with a decimal point or comma; ``None`` where it is empty.

        Raises:
            InputError: it is none.
        """
        cell = self.cells[column].strip()
        if not cell:
            return None
        if not _NUMBER.fullmatch(cell):
            raise InputError(f"{self.place(column)}: expected a number, found {cell!r:.60}")
        return float(cell.replace(",", "."))

    def json(self, column: str) -> Any:
        """A cell as JSON, or as Python shows lists and dicts; ``None`` where it is empty.

        Raises:
            InputError: it is neither.
        """
        cell = self.cells[column].strip()
        if not cell:
            return None
        try:
            value = STRICT.decode(cell)
        except (ValueError, RecursionError) as error:
            try:  # data frames write lists as Python shows them; JSON is JSON, sound or not
                if not isinstance(error, json.JSONDecodeError):
                    raise ValueError
                value = ast.literal_eval(cell)
            except (ValueError, SyntaxError, RecursionError, MemoryError):
                reason = getattr(error, "msg", "") or str(error)
                raise InputError(
                    f"{self.place(column)}: not JSON: {reason}, found {cell!r:.60}; write it with "
                    "json.dumps"
                ) from None
        if "\\u" in cell:
            refuse_surrogates(value, self.place(column))
        return value


def table_header(path: Path, text_column: str, delimiter: str | None) -> tuple[int, str, str]:
    """How many lines come before the header (Excel's ``sep=;``), the header, and the delimiter.

    Raises:
        InputError: the file is empty or not UTF-8, or no delimiter.
    """
    usual = "\t" if path.suffix.lower() in (".tsv", ".tab") else ","
    if delimiter is not None:
        usual = named_delimiter(delimiter)
    before = 0
    for _, line in read_raw_lines(path):
        header = line.rstrip("\r\n")
        separator = excel_separator(header)
        if separator and not before:
            usual, before = separator, 1
            continue
        if delimiter is None:
            usual = header_delimiter(header, (text_column,), usual)
        return before, header, usual
    raise InputError(f"{path}: the file is empty")


def read_table(path: Path, text_column: str, delimiter: str | None = None) -> Iterator[TableRow]:
    """Stream the rows under the header; empty rows are left out.

    Args:
        path: the file, in UTF-8 with or without a BOM.
        text_column: the column that has to be there.
        delimiter: what parts the fields; by default what gives the header that column.

    Raises:
        InputError: not UTF-8, no such column, two columns of one name, a quote that is not
            closed, or a row with another number of fields.
    """
    before, header, between = table_header(path, text_column, delimiter)
    csv.field_size_limit(max(csv.field_size_limit(), _LONGEST))
    lines = (line for number, line in read_raw_lines(path) if number > before)
    reader = csv.reader(lines, delimiter=between, strict=True)
    columns: list[str] = []
    row, last = before, before
    while True:
        row += 1
        first = last + 1
        where = f"{path}:{first}" + (f", row {row}" if row != first else "")
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise InputError(
                f"{where}: no row of a table: {error}; is a quote open? Quotes within a field are "
                "doubled"
            ) from None
        last = before + reader.line_num
        if not columns:
            columns = _checked_header(path, cells, text_column, header, between)
            continue
        if not any(cells):
            continue
        if len(cells) < len(columns) or any(cells[len(columns) :]):
            raise InputError(
                f"{where}: {len(cells)} fields where the header has {len(columns)}; a field that "
                f"holds {between!r} needs quotes around it"
            )
        yield TableRow(where, dict(zip(columns, cells, strict=False)))


def _checked_header(
    path: Path, cells: list[str], text_column: str, header: str, between: str
) -> list[str]:
    columns = [cell.strip() for cell in cells]
    while len(columns) > 1 and not columns[-1]:  # a delimiter at the end of the line
        columns.pop()
    twice = next((name for name in columns if columns.count(name) > 1), None)
    if twice is not None:
        raise InputError(f"{path}:1: two columns are called {twice!r}")
    if text_column not in columns:
        other = other_delimiter(header, between)
        advice = (
            f"; fields parted by {other!r} are read with --option 'delimiter={other}'"
            if other
            else ""
        )
        raise InputError(
            f"{path}:1: no column {text_column!r}; its columns: {', '.join(columns)}; name the one "
            f"with the text: --option text_column=NAME{advice}"
        )
    return columns
