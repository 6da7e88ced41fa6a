"""One shard through the model and onto the disk: the work that every runner shares."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ie_model.documents import Document
from ie_model.errors import RunError
from ie_model.inference.batching import first_occurrences
from ie_model.models.hardware import peak_memory
from ie_model.scoring.files import digest, write_whole
from ie_model.scoring.options import ReadOptions, WriteOptions
from ie_model.scoring.parts import Scored, encodable, encode_part
from ie_model.scoring.rows import Rejected, Row, read_row
from ie_model.scoring.shards import Key, Shard, ShardRecord

if TYPE_CHECKING:
    import pyarrow as pa


_FAILURES = 10
"""Texts of a shard the model may fail on, even if they are more than half of it."""


class Pipe(Protocol):
    """What scoring asks of an extractor: texts in, documents out, in order.

    A text that has a day comes as a :class:`Document` with it in ``meta["date"]``.
    """

    def pipe(self, items: Iterable[Any], *, on_error: Any = ...) -> Iterator[Document]:
        """One document for each text; a failed one carries ``error``."""
        ...


Factory = Callable[[int | None, str], Pipe]
"""Loads the model in a worker: ``factory(threads, device)``. It must pickle."""


@dataclass(frozen=True, slots=True)
class Task:
    """What a worker has to know to do any shard of a job."""

    work: Path
    read: ReadOptions
    write: WriteOptions
    schema: pa.Schema | None

    @property
    def parts(self) -> Path:
        """The folder of the finished shards' output."""
        return self.work / "parts"

    @property
    def refused(self) -> Path:
        """The folder of the finished shards' rejected rows."""
        return self.work / "rejected"

    def part(self, key: Key | str) -> Path:
        """The file of a shard's output."""
        return self.parts / f"part-{key}.{self.write.format}"

    def rejected(self, key: Key | str) -> Path:
        """The file of a shard's rejected rows; absent where there are none."""
        return self.refused / f"part-{key}.jsonl"


class Scorer:
    """An extractor at work on the shards of a job."""

    def __init__(self, extractor: Any, task: Task) -> None:
        self._extractor, self._task = extractor, task

    @property
    def engine(self) -> dict[str, Any]:
        """What was loaded, which must be the same in every worker of a job."""
        engine = getattr(self._extractor, "engine", None)
        return {"name": getattr(engine, "name", ""), "precision": getattr(engine, "precision", "")}

    def _computed(self) -> tuple[int, int]:
        """Tokens and token places so far; nothing of an extractor that does not count."""
        return getattr(self._extractor, "computed", (0, 0))

    def __call__(
        self, shard: Shard, tell: Callable[[int | None], None] | None = None
    ) -> ShardRecord:
        """Score a shard, write its part and its rejected rows, and say what was done.

        The same shard gives the same bytes: equal texts are computed once, within the
        shard, and nothing of another shard touches it. A shard that is tried ``alone`` has
        each text computed by itself first, and ``tell`` hears which row comes next; what is
        written comes from all of them together, as ever.

        Raises:
            RunError: the extractor gave back another number of documents than it was given,
                or failed on more than half of them.
            OSError: the disk is full or not writable.
        """
        started = time.perf_counter()
        before = self._computed()
        rows = _without_deadly([read_row(raw, self._task.read) for raw in shard.rows], shard)
        answers, distinct = self._answers(rows, shard, tell)
        scored: list[Scored] = []
        refused: list[Rejected] = []
        for row in rows:
            if isinstance(row, Rejected):
                refused.append(row)
                continue
            answer = next(answers)
            if answer.error is not None:
                refused.append(Rejected(row.raw, "prediction", answer.error))
            else:
                scored.append((row, answer.entities))
        part, scored, refused = self._encoded(shard, scored, refused)
        # Written in the job's folder and renamed into that of the parts, which may become the
        # output as it is: what a killed worker leaves behind must not lie there.
        write_whole(self._task.part(shard.key), part, scratch=self._task.work)
        lines = b"".join(row.to_json() for row in refused)
        if refused:
            write_whole(self._task.rejected(shard.key), lines, scratch=self._task.work)
        after = self._computed()
        longest = max(shard.rows, key=lambda raw: raw.lines)
        return ShardRecord(
            key=str(shard.key),
            rows=len(shard.rows),
            written=len(scored),
            input=shard.digest,
            output=digest(part),
            refused=digest(lines) if refused else "",
            duplicates=sum(isinstance(row, Row) for row in rows) - distinct,
            entities=dict(sorted(Counter(e.label for _, es in scored for e in es).items())),
            kinds=dict(sorted(Counter(r.kind for r in refused).items())),
            first_rejected=_describe(refused[0]) if refused else "",
            characters=sum(len(row.text) for row, _ in scored),
            tokens=after[0] - before[0],
            places=after[1] - before[1],
            seconds=round(time.perf_counter() - started, 3),
            bytes=shard.bytes,
            peak_memory=peak_memory(),
            lines=longest.lines,
            longest=f"{longest.origin.name} line {longest.line}" if longest.lines > 1 else "",
        )

    def _answers(
        self, rows: list[Row | Rejected], shard: Shard, tell: Callable[[int | None], None] | None
    ) -> tuple[Iterator[Document], int]:
        """A document for each sound row, in order, and how many different texts there were."""
        sound = [row for row in rows if isinstance(row, Row)]
        # The same words on two days are two texts: "yesterday" is another day.
        firsts, inverse = first_occurrences(map(_key, sound))
        texts = [as_item(sound[i]) for i in firsts]
        if shard.alone and tell is not None:
            places = [k for k, row in enumerate(rows) if isinstance(row, Row)]
            for i, text in zip(firsts, texts, strict=True):
                tell(places[i])
                list(self._extractor.pipe([text], on_error="yield"))
            tell(None)
        predicted = list(self._extractor.pipe(texts, on_error="yield"))
        if len(predicted) != len(texts):
            raise RunError(
                f"{shard.place}: the model gave {len(predicted)} answers to {len(texts)} texts"
            )
        failed = [document.error for document in predicted if document.error is not None]
        if len(failed) > max(_FAILURES, len(texts) // 2):
            # Not these rows are bad, but the model, its engine or the machine.
            raise RunError(f"the model failed on {len(failed)} of {len(texts)} texts: {failed[0]}")
        return (predicted[k] for k in inverse), len(firsts)

    def _encoded(
        self, shard: Shard, scored: list[Scored], refused: list[Rejected]
    ) -> tuple[bytes, list[Scored], list[Rejected]]:
        """The shard's output; rows that the format cannot hold move to the rejected ones."""
        write, schema = self._task.write, self._task.schema
        try:
            return encode_part(scored, write, schema), scored, refused
        except Exception:  # one row is enough: the others are written without it
            scored, faulty = encodable(scored, write, schema)
            refused = refused + [Rejected(row.raw, "output", reason) for row, reason in faulty]
            place = {id(raw): k for k, raw in enumerate(shard.rows)}
            refused.sort(key=lambda row: place[id(row.raw)])
            return encode_part(scored, write, schema), scored, refused


def _key(row: Row) -> tuple[str, str | None]:
    return row.text, row.date


def as_item(row: Row) -> str | Document:
    """What the extractor is given for a row."""
    return row.text if row.date is None else Document(row.text, meta={"date": row.date})


def _without_deadly(rows: list[Row | Rejected], shard: Shard) -> list[Row | Rejected]:
    """The rows, those that workers die of (and others with the same text) set aside."""
    reasons = {}
    for place, reason in shard.deadly.items():
        row = rows[place]
        if isinstance(row, Row):
            reasons[_key(row)] = reason
    return [
        Rejected(row.raw, "worker", reasons[_key(row)])
        if isinstance(row, Row) and _key(row) in reasons
        else row
        for row in rows
    ]


def _describe(row: Rejected) -> str:
    return f"{row.raw.origin.name} line {row.raw.line}: {row.reason}"
