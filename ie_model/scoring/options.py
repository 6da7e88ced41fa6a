"""What a scoring job is asked to do: how rows are read, what is written, how it is cut."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ie_model.errors import InputError
from ie_model.files import followed, writing

INPUT_FORMATS = ("jsonl", "csv", "tsv", "parquet", "text", "lines")
OUTPUT_FORMATS = ("jsonl", "jsonl.gz", "jsonl.zst", "parquet")
STDOUT = "-"
EVERY = "*"
"""Kept columns: all there are, beside the text and the id."""


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """How rows become documents.

    ``format``: one of :data:`INPUT_FORMATS`, or ``auto`` to go by each file's name.
    ``id_column``: a row without it is rejected; with ``None``, the column ``id`` is used
    where a row has one, else the id is made of file and row (``news.jsonl:12``).
    ``keep``: columns that are carried into the output; ``("*",)`` for all. ``max_chars``: a
    longer text is rejected, and a line that could not hold a shorter one is not read into
    memory. ``delimiter``: what stands between the fields of CSV and TSV, if not a comma and
    a tab. ``max_row_lines``: lines that one row of a table may span; a quote left open by
    mistake would swallow the rows after it. ``date_column``: the day of a row, from which
    relative dates are seen; ``date`` by default, where a row has that. ``dated`` says that
    days are wanted at all, since values are; a job sets it.
    """

    format: str = "auto"
    text_column: str = "text"
    id_column: str | None = None
    keep: tuple[str, ...] = ()
    max_chars: int = 1_000_000
    delimiter: str | None = None
    max_row_lines: int = 1000
    date_column: str | None = None
    dated: bool = False

    def __post_init__(self) -> None:
        _one_of("format", self.format, ("auto", *INPUT_FORMATS))
        _at_least_one("max_chars", self.max_chars)
        _at_least_one("max_row_lines", self.max_row_lines)
        if self.delimiter is not None and (
            len(self.delimiter) != 1 or self.delimiter in '"\r\n' or ord(self.delimiter) > 0x7F
        ):
            raise InputError(
                f"delimiter {self.delimiter!r}: give one ASCII character that is neither a quote "
                "nor a line break"
            )
        if isinstance(self.keep, str):
            raise InputError(f"keep is {self.keep!r}: give a tuple of columns, ({self.keep!r},)")
        if EVERY in self.keep and len(self.keep) > 1:
            raise InputError("keep: '*' stands for all columns, name no other beside it")
        if len(set(self.keep)) < len(self.keep):
            raise InputError(f"keep: a column is named twice: {', '.join(self.keep)}")
        if self.text_column in self.keep:
            raise InputError(f"keep: {self.text_column!r} is the text column already")

    @property
    def named(self) -> tuple[str, ...]:
        """The columns that have to be there, beside the text."""
        named = [name for name in self.keep if name != EVERY]
        return tuple(dict.fromkeys([*named, *filter(None, (self.id_column, self.date_column))]))

    @property
    def day_column(self) -> str | None:
        """Where the day of a row stands; ``None`` when nobody asks for it."""
        return (self.date_column or "date") if self.dated else None

    @property
    def max_line(self) -> int:
        """Bytes of the longest line worth reading: JSON may spend 12 on one character."""
        return 12 * self.max_chars + (1 << 20)


@dataclass(frozen=True, slots=True)
class WriteOptions:
    """What the output looks like.

    ``format``: one of :data:`OUTPUT_FORMATS`, or ``auto`` to go by the output's name.
    ``per_entity``: one row for each entity in place of one for each document (Parquet
    alone). ``text``: repeat the document's text. ``parts``: the output is a folder with one
    file per shard, as it also is when its name ends in ``/``.
    """

    format: str = "auto"
    per_entity: bool = False
    text: bool = True
    parts: bool = False

    def __post_init__(self) -> None:
        _one_of("output format", self.format, ("auto", *OUTPUT_FORMATS))
        if self.per_entity and self.format not in ("auto", "parquet"):
            raise InputError("one row per entity is written to Parquet alone: use a .parquet file")


@dataclass(frozen=True, slots=True)
class CutOptions:
    """How the rows are cut into shards: a shard ends at either limit, whichever comes first.

    A shard is what is lost when a worker is killed, and what is finished before the job
    stops on Ctrl-C. Rows are never batched across shards, so that the answers do not depend
    on which worker had what, or when: very small shards cost throughput. ``bytes`` is by
    default a KiB for each row, and a MiB at least.
    """

    rows: int = 500
    bytes: int | None = None

    def __post_init__(self) -> None:
        _at_least_one("shard rows", self.rows)
        _at_least_one("shard bytes", self.max_bytes)

    @property
    def max_bytes(self) -> int:
        """The bytes at which a shard ends."""
        return max(self.rows << 10, 1 << 20) if self.bytes is None else self.bytes


@dataclass(frozen=True, slots=True)
class Target:
    """Where the output goes, and the files that stand beside it while and after it is made."""

    path: str
    format: str
    folder: bool

    @classmethod
    def parse(cls, output: str | Path, write: WriteOptions) -> Target:
        """Decide from the name: a ``.jsonl``, ``.jsonl.gz``, ``.jsonl.zst`` or ``.parquet``
        file, a folder, or ``-`` for standard output.

        Of a link, what it points at is written; the format goes by the name that is given.

        Raises:
            InputError: the name says no format and none was given, or the two differ.
        """
        name, format = str(output), write.format
        if name != STDOUT and Path(name).name in ("", ".."):
            raise InputError(f"{name}: is no name for an output; give one, such as ./entities/")
        if name == STDOUT:
            if format not in ("auto", "jsonl") or write.parts:
                raise InputError("standard output takes plain JSON lines: name a file for the rest")
            return cls(name, "jsonl", False)
        if write.parts or name.endswith("/") or os.path.isdir(name):  # noqa: PTH112 - raises nothing
            place = _followed(name.rstrip("/") or name)
            return cls(place, "jsonl" if format == "auto" else format, True)
        named = next((f for f in OUTPUT_FORMATS if name.endswith(f".{f}")), None)
        if named is None and format == "auto":
            raise InputError(
                f"{name}: no output format in the name: end it in .jsonl, .jsonl.gz, .jsonl.zst "
                "or .parquet, or in / for a folder of parts, or give the format (--to)"
            )
        if named is not None and format not in ("auto", named):
            raise InputError(f"{name}: the name says {named}, the option says {format}")
        return cls(_followed(name), named or format, False)

    @property
    def work(self) -> Path:
        """The folder of the job's state while it is not complete."""
        return self._beside("work")

    @property
    def rejected(self) -> Path:
        """Where the rejected rows go."""
        return self._beside("rejected.jsonl")

    @property
    def summary(self) -> Path:
        """Where the summary goes; it exists exactly when the job is complete."""
        return self._beside("summary.json")

    def _beside(self, ending: str) -> Path:
        path = Path(self.path)
        return path.with_name(f"{path.name}.{ending}")

    def owns(self, path: Path) -> bool:
        """Whether a path is the output, or one of the files this job keeps beside it."""
        if self.path == STDOUT:
            return False
        mine = [Path(self.path).resolve(), self.work, self.rejected, self.summary]
        resolved = path.resolve()
        return any(resolved == m.resolve() or m.resolve() in resolved.parents for m in mine)


def as_settings(*options: Any) -> dict[str, Any]:
    """Option objects as one flat JSON object, ``{"ReadOptions.keep": [...], ...}``."""
    return {
        f"{type(o).__name__.removesuffix('Options').lower()}.{key}": (
            list(value) if isinstance(value, tuple) else value
        )
        for o in options
        for key, value in asdict(o).items()
    }


def _followed(name: str) -> str:
    path = Path(name)
    with writing(path):
        place = followed(path)
    return name if place == path else str(place)


def _one_of(what: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise InputError(f"{what} {value!r} is unknown: use one of {', '.join(allowed)}")


def _at_least_one(what: str, value: int) -> None:
    if value < 1:
        raise InputError(f"{what} is {value}: give a number of at least 1")
