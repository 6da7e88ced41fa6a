"""Raw rows: a row as it was found, before anybody asked what is in it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

from ie_model.documents import Document
from ie_model.errors import InputError
from ie_model.scoring.options import ReadOptions
from ie_model.scoring.sources import Source

_DELIMITERS = {"csv": ",", "tsv": "\t"}


@dataclass(frozen=True, slots=True)
class Origin:
    """Where rows come from: the file's name, its format, and for tables the columns."""

    name: str
    format: str
    columns: tuple[str, ...] = ()
    delimiter: str = ","


class RawRow(NamedTuple):
    """One row as found; ``line`` counts from 1 (rows, for Parquet and iterables).

    ``fault`` is ``(kind, reason)`` where the row could not even be cut out of its file;
    ``lines`` how many lines of the file it spans.
    """

    origin: Origin
    line: int
    raw: bytes | dict[str, Any] | str | Document | object
    fault: tuple[str, str] | None = None
    lines: int = 1

    @property
    def size(self) -> int:
        """About how many bytes the row takes; the same on every reading."""
        raw = self.raw
        if isinstance(raw, dict):
            return sum(len(v) if isinstance(v, str | bytes) else 8 for v in raw.values())
        if isinstance(raw, Document):
            return len(raw.text) if isinstance(raw.text, str) else 8
        return len(raw) if isinstance(raw, bytes | str) else 8


class Meter:
    """How far reading has come, in bytes of the input as it lies on the disk."""

    def __init__(self) -> None:
        self.finished = 0
        self.current = 0

    @property
    def position(self) -> int:
        """Bytes read so far, over all files."""
        return self.finished + self.current


def delimiter(format: str, options: ReadOptions) -> str:
    """What stands between the fields of a table."""
    return options.delimiter or _DELIMITERS[format]


def too_long(options: ReadOptions) -> tuple[str, str]:
    """The fault of a line that was not read to its end; ``raw`` holds its first 4096 bytes."""
    reason = f"the line is longer than {options.max_line} bytes (max_chars {options.max_chars})"
    return ("too_large", reason)


def need_columns(
    source: Source, columns: Iterable[str], options: ReadOptions, advice: str = ""
) -> None:
    """Raise :class:`InputError` if a column that the options name is not there."""
    there = list(columns)
    for name in (options.text_column, *options.named):
        if name not in there:
            known = ", ".join(there).encode("utf-8", "backslashreplace").decode()
            if name == options.text_column and not advice:
                advice = "; say which holds the text: --text-column NAME"
            raise InputError(f"{source.path}: no column {name!r}; its columns: {known}{advice}")
