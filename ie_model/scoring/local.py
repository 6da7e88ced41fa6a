"""``score``: every row of the input through a model, on this machine."""

from __future__ import annotations

import contextlib
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ie_model.errors import InputError
from ie_model.given import a_path
from ie_model.scoring.assembly import Emitter
from ie_model.scoring.job import Job
from ie_model.scoring.loading import ModelLoader
from ie_model.scoring.options import STDOUT, CutOptions, ReadOptions, Target, WriteOptions
from ie_model.scoring.placement import place
from ie_model.scoring.runner import Run
from ie_model.scoring.scorer import Factory


def score(
    inputs: str | Path | Sequence[str | Path] | None,
    output: str | Path,
    model: str | Path | None = None,
    *,
    items: Iterable[Any] | None = None,
    extractor_factory: Factory | None = None,
    engine: str = "auto",
    precision: str = "auto",
    device: str = "auto",
    min_score: float | None = None,
    normalise: bool = False,
    lines: str | None = None,
    read: ReadOptions | None = None,
    write: WriteOptions | None = None,
    cut: CutOptions | None = None,
    workers: int | None = None,
    threads: int | None = None,
    max_rejected: int | None = None,
    overwrite: bool = False,
    progress: bool = False,
) -> dict[str, Any]:
    """Extract from every row of the input, exactly once, and return the summary.

    Call it again after any interruption and it goes on where it was: the output is the
    same, byte for byte, as that of an undisturbed run. Finished already, it returns the
    summary of the job that finished.

    Args:
        inputs: a file, folder or glob pattern, or several; ``-`` is standard input. ``None``
            when there are ``items``.
        output: a file, a folder ending in ``/`` (one part per shard), or ``-`` for standard
            output; the name decides the format unless ``write`` does. Beside it appear
            ``OUTPUT.rejected.jsonl``, ``OUTPUT.summary.json``, and ``OUTPUT.work`` while
            the job is not finished. With ``-``, rejected rows go to standard error, and
            the job cannot be resumed.
        model: a model directory.
        items: in place of ``inputs``: strings, :class:`~ie_model.Document` objects, mappings
            or a ``datasets.Dataset``. To resume, give the same items in the same order.
        extractor_factory: in place of ``model``: ``factory(threads, device)`` gives anything
            with ``pipe(texts, on_error=...)``. It is sent to the workers by pickle.
        engine, precision, device, min_score, normalise, lines: see
            :meth:`ie_model.Extractor.from_pretrained`. Normalised values stand in an
            entity's ``meta``, in Parquet in its ``value``; relative dates are seen from the
            day in ``read.date_column``, or else in the column ``date`` where a row has it.
        read, write, cut: how rows are read, written, and cut into shards.
        workers: processes that score; 0 scores in this one. By default one for each GPU,
            or for each CPU core. More than 0 start fresh processes: a script must keep its
            own work under ``if __name__ == "__main__"``.
        threads: compute threads of each worker; by default the CPUs are shared out.
        max_rejected: stop when more rows than this are rejected; ``None``: never.
        overwrite: throw away what is at ``output``, finished or not, and begin anew.
        progress: report on standard error.

    Raises:
        InputError: an input, model or option is wrong; the output was begun with another
            input, model or setting; another process is at work on it.
        RunError: a shard failed on every attempt (the others are finished and kept), or
            more rows were rejected than allowed.
        Interrupted: SIGTERM or Ctrl-C; the shards in hand were finished.
    """
    if (inputs is None) == (items is None):
        raise InputError("give either inputs (files) or items (rows from Python)")
    a_path(output, "the output")
    if model is not None:
        a_path(model, "the model")
    write = write or WriteOptions()
    size = sum(f.stat().st_size for f in Path(model).glob("*.safetensors")) if model else 0
    placements = None if workers == 0 else place(workers, threads, device, size)
    where = (placements or place(1, threads, device))[0].device
    factory, identity = model_or_factory(
        model, extractor_factory, engine, precision, where, min_score, normalise, lines
    )
    with destination(output, write) as (target, resolved):
        job = Job(
            target,
            inputs=[inputs] if isinstance(inputs, str | Path) else inputs or (),
            items=items,
            read=with_day(read or ReadOptions(), normalise),
            write=resolved,
            cut=cut,
            device=where,
            model=identity,
            max_rejected=max_rejected,
            overwrite=overwrite,
        )
        with job:
            if job.complete is not None:
                return job.complete
            emitter = None
            if str(output) == STDOUT:
                if sys.stdout is None or sys.stderr is None:
                    raise InputError(
                        "standard output or standard error is closed: documents go to the one and "
                        "rejected rows to the other; name a file"
                    )
                emitter = Emitter(job.task, sys.stdout.buffer, sys.stderr.buffer)
            run = Run(job, progress, emitter)
            if placements is None:
                run.here(factory, threads, where)
            else:
                run.pooled(factory, placements)
            summary = job.totals(run.facts())
            return summary if emitter is not None else job.finish(summary)


def with_day(read: ReadOptions, normalise: bool) -> ReadOptions:
    """The options, with the column of a row's day where values are asked for.

    Raises:
        InputError: the column is named, and no values are asked for.
    """
    if read.date_column is not None and not normalise:
        raise InputError("date_column is what relative dates are seen from: add normalise")
    return replace(read, dated=normalise)


def model_or_factory(
    model: str | Path | None,
    factory: Factory | None,
    engine: str,
    precision: str,
    device: str,
    min_score: float | None = None,
    normalise: bool = False,
    lines: str | None = None,
) -> tuple[Factory, dict[str, Any]]:
    """What loads the extractor in a worker, and what identifies it."""
    if (model is None) == (factory is None):
        raise InputError("give either a model directory or an extractor_factory")
    if factory is not None:
        return factory, {}
    loader = ModelLoader.resolve(
        str(model), engine, precision, device, min_score=min_score, normalise=normalise, lines=lines
    )
    identity = loader.identity()
    return replace(loader, expected=identity), identity


@contextlib.contextmanager
def destination(output: str | Path, write: WriteOptions) -> Iterator[tuple[Target, WriteOptions]]:
    """Where a job keeps its state and output; for standard output a folder that goes away."""
    target = Target.parse(output, write)
    resolved = replace(write, format=target.format, parts=target.folder)
    if target.path != STDOUT:
        yield target, resolved
        return
    with tempfile.TemporaryDirectory(prefix="ie-model-score-") as folder:
        yield replace(target, path=str(Path(folder) / "output.jsonl")), resolved
