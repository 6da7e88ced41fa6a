"""A function over Arrow record batches, for Spark's ``mapInArrow`` and whatever else has them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ie_model.errors import InputError
from ie_model.inference.batching import first_occurrences
from ie_model.scoring.local import model_or_factory, with_day
from ie_model.scoring.options import ReadOptions
from ie_model.scoring.parts import entity_struct, entity_type
from ie_model.scoring.raw import Origin, RawRow
from ie_model.scoring.rows import Rejected, Row, read_row
from ie_model.scoring.scorer import Factory, Pipe, as_item

if TYPE_CHECKING:
    import pyarrow as pa


def arrow_scorer(
    model: str | Path | None = None,
    *,
    text_column: str = "text",
    keep: tuple[str, ...] = ("id",),
    max_chars: int = 1_000_000,
    threads: int | None = 1,
    device: str = "cpu",
    engine: str = "auto",
    precision: str = "auto",
    min_score: float | None = None,
    normalise: bool = False,
    lines: str | None = None,
    date_column: str | None = None,
    extractor_factory: Factory | None = None,
) -> ArrowScorer:
    """A function that adds entities to record batches; it pickles, and loads the model late.

    Args:
        model: a model directory that every machine sees under this path.
        text_column: the column with the text, of string type.
        keep: the columns to carry through; their types do not change.
        max_chars: longer texts get an ``error``.
        threads: compute threads; as many as the cores of a Spark task (``spark.task.cpus``).
        device, engine, precision, min_score, normalise, lines: see
            :meth:`ie_model.Extractor.from_pretrained`.
        date_column: the column with a row's day, from which relative dates are seen; by
            default ``date`` where the batches have it.
        extractor_factory: in place of ``model``, hashable; see :func:`ie_model.scoring.score`.

    Raises:
        InputError: not a model directory.
    """
    factory, _ = model_or_factory(
        model, extractor_factory, engine, precision, device, min_score, normalise, lines
    )
    read = ReadOptions(text_column=text_column, max_chars=max_chars, date_column=date_column)
    return ArrowScorer(factory, with_day(read, normalise), keep, threads, device)


@dataclass(frozen=True)
class ArrowScorer:
    """Record batches in, record batches out: see :func:`arrow_scorer`, which makes it.

    Every row comes back, in order: the kept columns, ``entities`` (a list of structs of
    start, end, label, text, score and value; offsets in code points), and ``error``, which says
    why a row has none (``null`` where it has), as rejected rows do elsewhere.
    """

    factory: Factory
    read: ReadOptions
    keep: tuple[str, ...]
    threads: int | None
    device: str

    def __call__(self, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Score a stream of batches; the model is loaded once in each process."""
        for batch in batches:
            yield self._score(batch, _loaded(self.factory, self.threads, self.device))

    def schema(self, columns: pa.Schema) -> pa.Schema:
        """The schema of what comes out, from that of what goes in.

        Raises:
            InputError: a column is not there.
        """
        import pyarrow as pa

        for name in (self.read.text_column, *self.keep, *self.read.named):
            if columns.get_field_index(name) < 0:
                raise InputError(f"no column {name!r}; there are: {', '.join(columns.names)}")
        kept = [columns.field(name) for name in self.keep]
        added = [pa.field("entities", pa.list_(entity_type())), pa.field("error", pa.string())]
        return pa.schema([*kept, *added])

    def _score(self, batch: pa.RecordBatch, extractor: Pipe) -> pa.RecordBatch:
        import pyarrow as pa

        schema = self.schema(batch.schema)
        name, day = self.read.text_column, self.read.day_column
        texts = batch.column(batch.schema.get_field_index(name)).cast(pa.large_binary())
        at = batch.schema.get_field_index(day) if day is not None else -1
        days = batch.column(at) if at >= 0 else [None] * len(texts)
        origin = Origin("batch", "parquet")
        rows = [
            read_row(RawRow(origin, number, {name: value, day or "": when}), self.read)
            for number, (value, when) in enumerate(zip(texts.to_pylist(), days, strict=True), 1)
        ]
        sound = [row for row in rows if isinstance(row, Row)]
        firsts, inverse = first_occurrences((row.text, row.date) for row in sound)
        found = list(extractor.pipe([as_item(sound[i]) for i in firsts], on_error="yield"))
        answers = (found[k] for k in inverse)
        entities: list[list[dict[str, Any]] | None] = []
        errors: list[str | None] = []
        for row in rows:
            if isinstance(row, Rejected):
                errors.append(row.reason)
                entities.append(None)
                continue
            answer = next(answers)
            errors.append(answer.error)
            spans = [entity_struct(e, row.text) for e in answer.entities]
            entities.append(spans if answer.error is None else None)
        columns = [batch.column(batch.schema.get_field_index(name)) for name in self.keep]
        columns += [
            pa.array(entities, schema.field("entities").type),
            pa.array(errors, pa.string()),
        ]
        return pa.record_batch(columns, schema=schema)


@lru_cache(maxsize=1)
def _loaded(factory: Factory, threads: int | None, device: str) -> Pipe:
    return factory(threads, device)
