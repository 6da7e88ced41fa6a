"""Shards: the rows that are scored, written and accounted for as one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, NamedTuple

from ie_model.documents import Document
from ie_model.errors import InputError
from ie_model.scoring.options import CutOptions, ReadOptions
from ie_model.scoring.raw import Meter, RawRow
from ie_model.scoring.readers import read_source
from ie_model.scoring.rows import columns_of, plain
from ie_model.scoring.sources import Source


class Key(NamedTuple):
    """A shard's place: the unit of input files it lies in, and its number there, from 0."""

    unit: int
    number: int

    def __str__(self) -> str:
        return f"{self.unit:05d}-{self.number:06d}"

    @classmethod
    def parse(cls, text: str) -> Key:
        """The key that ``str`` wrote."""
        unit, _, number = text.partition("-")
        return cls(int(unit), int(number))


@dataclass(frozen=True, slots=True)
class Shard:
    """Consecutive raw rows; ``digest`` is over all of them, ``bytes`` what was read for them.

    Where workers died of the shard it is tried again ``alone``, each text by itself, which
    tells the one they die of. ``deadly`` are the rows found so far, by their place in the
    shard, with what happened; their texts are not given to the model any more.
    """

    key: Key
    rows: list[RawRow]
    digest: str
    bytes: int
    alone: bool = False
    deadly: Mapping[int, str] = field(default_factory=dict)

    @property
    def place(self) -> str:
        """``news.jsonl, lines 1 to 2000``: the first and the last row's file and line."""
        first, last = self.rows[0], self.rows[-1]
        if first.origin.name == last.origin.name:
            return f"{first.origin.name}, lines {first.line} to {last.line}"
        return f"{first.origin.name} line {first.line} to {last.origin.name} line {last.line}"

    def tried_alone(self, deadly: Mapping[int, str]) -> Shard:
        """The same shard, each text by itself, without the rows that workers die of."""
        return replace(self, alone=True, deadly=dict(deadly))


@dataclass(frozen=True, slots=True)
class UnitEnd:
    """A unit of input was read to its end: its shards, and a digest over all their rows."""

    unit: int
    shards: int
    digest: str


@dataclass(frozen=True, slots=True)
class ShardRecord:
    """What the journal keeps of a finished shard; ``rows`` = ``written`` + ``rejected``.

    ``input``, ``output`` and ``refused`` are digests of the rows read, of the part, and of
    the part's rejected rows (empty where there are none). ``tokens`` went through the
    model, ``places`` counts their padding too. ``peak_memory`` is the worker's, in bytes.
    ``lines`` are those of the file that the longest row spans, ``longest`` says which it is.
    """

    key: str
    rows: int
    written: int
    input: str
    output: str
    refused: str = ""
    duplicates: int = 0
    entities: dict[str, int] = field(default_factory=dict)
    kinds: dict[str, int] = field(default_factory=dict)
    first_rejected: str = ""
    characters: int = 0
    tokens: int = 0
    places: int = 0
    seconds: float = 0.0
    bytes: int = 0
    peak_memory: int = 0
    lines: int = 1
    longest: str = ""

    @property
    def rejected(self) -> int:
        """How many rows were set aside."""
        return sum(self.kinds.values())

    def to_dict(self) -> dict[str, Any]:
        """The record as one JSON object of the journal."""
        return asdict(self)


def read_unit(
    unit: int,
    sources: Sequence[Source],
    read: ReadOptions,
    options: CutOptions,
    finished: Mapping[Key, str],
    known: UnitEnd | None = None,
) -> Iterator[Shard | UnitEnd]:
    """Read a unit of files and cut it into shards, without those that are finished.

    ``finished`` maps the keys of finished shards to the digest of their rows then, ``known``
    is how the unit ended when it was read to its end before.

    Raises:
        InputError: a file cannot be read, changed while it was read, or the rows of a
            finished shard are no longer those that were scored.
    """
    meter = Meter()

    def rows() -> Iterator[RawRow]:
        for source in sources:
            yield from read_source(source, read, meter)
            if not source.untouched():
                raise InputError(f"{source.path}: was changed while it was being read")

    found = check_kept(rows(), read) if unit == 0 else rows()
    yield from cut(found, unit, options, meter, finished, known)


LOOKED_AT, LOOKED_BYTES = 1000, 16 << 20
"""Rows among which a kept column has to occur once; it may be missing in any of them."""


def check_kept(rows: Iterator[RawRow], read: ReadOptions) -> Iterator[RawRow]:
    """The rows as they are, if each column that the options name occurs in the first ones.

    Tables are judged by their header; in JSON lines and Python's mappings each row may have
    columns of its own, and a name spelt wrong would be null in all of them.

    Raises:
        InputError: a column is in none of the first :data:`LOOKED_AT` rows.
    """
    missing = set(read.named)
    held: list[RawRow] = []
    size = 0
    seen: dict[str, None] = {}

    def judge() -> None:
        if missing and seen:
            names = [n if n.isprintable() else ascii(n) for n in map(str, list(seen)[:20])]
            raise InputError(
                f"{held[0].origin.name}: no column {min(missing)!r} in the first {len(held):,} "
                f"rows; their columns: {', '.join(names)}"
            )

    for row in rows:
        if not missing:
            yield row
            continue
        held.append(row)
        size += row.size
        names = columns_of(row, read)
        seen.update(dict.fromkeys(names))
        missing.difference_update(names)
        if missing and (len(held) >= LOOKED_AT or size >= LOOKED_BYTES):
            judge()
            missing.clear()  # not one row could be read: that is told in another way
        if not missing:
            yield from held
            held = []
    judge()
    yield from held


def cut(
    rows: Iterable[RawRow],
    unit: int,
    options: CutOptions,
    meter: Meter,
    finished: Mapping[Key, str],
    known: UnitEnd | None = None,
) -> Iterator[Shard | UnitEnd]:
    """Cut rows into shards; where depends on the rows and the options alone."""
    held: list[RawRow] = []
    size = number = before = 0
    state = hashlib.blake2b(digest_size=16)

    def close() -> Iterator[Shard]:
        nonlocal held, size, number, before
        key = Key(unit, number)
        shard = Shard(key, held, digest_rows(held), meter.position - before)
        state.update(shard.digest.encode())
        held, size, number, before = [], 0, number + 1, meter.position
        if known is not None and number > known.shards:
            raise InputError(f"{shard.place}: {_OTHER_INPUT}")
        if key not in finished:
            yield shard
        elif finished[key] != shard.digest:
            raise InputError(
                f"{shard.place}: the content has changed since these rows were scored. Undo "
                "the change to go on, give another output, or start afresh with --overwrite"
            )

    for row in rows:
        held.append(row)
        size += row.size
        if len(held) >= options.rows or size >= options.max_bytes:
            yield from close()
    if held:
        yield from close()
    end = UnitEnd(unit, number, state.hexdigest())
    if known is not None and end != known:
        raise InputError(f"the input from shard {Key(unit, 0)} on: {_OTHER_INPUT}")
    yield end


_OTHER_INPUT = (
    "the rows are not those, or not as many, as when the input was first read to its end. Give "
    "the same input to go on, give another output, or start afresh with --overwrite"
)


def digest_rows(rows: Iterable[RawRow]) -> str:
    """A digest of rows as read: file, line and content, in order."""
    state = hashlib.blake2b(digest_size=16)
    for row in rows:
        raw = row.raw
        if isinstance(raw, str):
            raw = raw.encode("utf-8", "surrogatepass")
        elif not isinstance(raw, bytes):
            value = plain(raw.to_dict() if isinstance(raw, Document) else raw)
            raw = json.dumps(value).encode()
        state.update(f"{row.origin.name}\0{row.line}\0{len(raw)}\0".encode())
        state.update(raw)
    return state.hexdigest()
