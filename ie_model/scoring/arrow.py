"""A function over Arrow record batches, for Spark's ``mapInArrow`` and whatever else has them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ie_model.inference.batching import first_occurrences
from ie_model.scoring.local import model_or_factory
from ie_model.scoring.options import ReadOptions
from ie_model.scoring.parts import entity_struct, entity_type
from ie_model.scoring.raw import Origin, RawRow
from ie_model.scoring.rows import Rejected, Row, read_row
from ie_model.scoring.scorer import Factory, Pipe

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
    extractor_factory: Factory | None = None,
) -> ArrowScorer:
    """A function that adds entities to record batches; it pickles, and loads the model late.

    Args:
        model: a model directory that every machine sees under this path.
        text_column: the column with the text, of string type.
        keep: the columns to carry through; their types do not change.
        max_chars: longer texts get an ``error``.
        threads: compute threads; as many as the cores of a Spark task (``spark.task.cpus``).
        device, engine, precision: see :meth:`ie_model.Extractor.from_pretrained`.
        extractor_factory: in place of ``model``, hashable; see :func:`ie_model.scoring.score`.

    Raises:
        InputError: not a model directory.
    """
    factory, _ = model_or_factory(model, extractor_factory, engine, precision, device)
    return ArrowScorer(factory, ReadOptions("auto", text_column, None, (), max_chars), keep,
                       threads, device)  # fmt: skip


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
        """The schema of what comes out, from that of what goes in."""
        import pyarrow as pa

        kept = [columns.field(name) for name in self.keep]
        added = [pa.field("entities", pa.list_(entity_type())), pa.field("error", pa.string())]
        return pa.schema([*kept, *added])

    def _score(self, batch: pa.RecordBatch, extractor: Pipe) -> pa.RecordBatch:
        import pyarrow as pa

        name = self.read.text_column
        texts = batch.column(batch.schema.get_field_index(name)).cast(pa.large_binary())
        origin = Origin("batch", "parquet")
        rows = [
            read_row(RawRow(origin, number, {name: value}), self.read)
            for number, value in enumerate(texts.to_pylist(), 1)
        ]
        sound = [row for row in rows if isinstance(row, Row)]
        firsts, inverse = first_occurrences(row.text for row in sound)
        found = list(extractor.pipe([sound[i].text for i in firsts], on_error="yield"))
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
        schema = self.schema(batch.schema)
        columns = [batch.column(batch.schema.get_field_index(name)) for name in self.keep]
        columns += [
            pa.array(entities, schema.field("entities").type),
            pa.array(errors, pa.string()),
        ]
        return pa.record_batch(columns, schema=schema)


@lru_cache(maxsize=1)
def _loaded(factory: Factory, threads: int | None, device: str) -> Pipe:
    return factory(threads, device)
