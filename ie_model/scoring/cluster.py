"""The same job on a Ray cluster: readers and models where there is room, one journal here.

The driver keeps the journal and nothing else. Read tasks turn units of files into shards,
actors that hold the model score them and write the parts, and only records come back. All
nodes must see the input and the folder of the output under the same paths.
"""

from __future__ import annotations

import os
import pickle
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ie_model.errors import InputError, RunError
from ie_model.scoring.ahead import Ahead
from ie_model.scoring.job import Job
from ie_model.scoring.local import destination, model_or_factory, with_day
from ie_model.scoring.options import STDOUT, CutOptions, ReadOptions, WriteOptions
from ie_model.scoring.pool import FailedShard, Pool
from ie_model.scoring.runner import Run, StopRequest
from ie_model.scoring.scorer import Factory, Task
from ie_model.scoring.shards import Key, Shard, ShardRecord, UnitEnd, read_unit
from ie_model.scoring.sources import Source
from ie_model.scoring.worker import Placement

if TYPE_CHECKING:
    import pyarrow as pa

IDLE_PASSES = 2
"""Passes in a row over what is unfinished that may go by without finishing any of it."""


def score_on_ray(
    inputs: str | Path | Sequence[str | Path],
    output: str | Path,
    model: str | Path | None = None,
    *,
    extractor_factory: Factory | None = None,
    address: str | None = None,
    actors: int | None = None,
    actor_cpus: int = 1,
    actor_gpus: float = 0,
    engine: str = "auto",
    precision: str = "auto",
    min_score: float | None = None,
    normalise: bool = False,
    lines: str | None = None,
    read: ReadOptions | None = None,
    write: WriteOptions | None = None,
    cut: CutOptions | None = None,
    max_rejected: int | None = None,
    overwrite: bool = False,
    progress: bool = False,
) -> dict[str, Any]:
    """:func:`~ie_model.scoring.score` on a Ray cluster, over Ray Data's streaming executor.

    Output, rejected rows and state on the disk are those of ``score``: a job begun on one
    machine may be finished on a cluster, and the other way round. Nodes may come and go;
    what they had in hand is done again elsewhere.

    Args:
        inputs: files, folders or patterns, on storage that all nodes see.
        output: as for ``score``, on storage that all nodes see; not standard output.
        address: the cluster's address; by default ``RAY_ADDRESS``, else a new local one. A
            connection that is open already is used, and left open.
        actors: how many copies of the model to load; by default as many as fit.
        actor_cpus, actor_gpus: what each of them gets.

    The other arguments are those of ``score``.

    Raises:
        InputError: as ``score``; Ray is not installed; the cluster has no room for an actor.
        RunError: shards failed in :data:`IDLE_PASSES` passes in which no other succeeded.
        Interrupted: SIGTERM or Ctrl-C; shards in hand on the cluster will be done again.
    """
    ray = import_ray()
    names = [inputs] if isinstance(inputs, str | Path) else list(inputs)
    if STDOUT in (str(output), *map(str, names)):
        raise InputError("standard input and output are not for a cluster: name files")
    device = "cuda" if actor_gpus else "cpu"
    factory, identity = model_or_factory(
        model, extractor_factory, engine, precision, device, min_score, normalise, lines
    )
    with destination(output, write or WriteOptions()) as (target, resolved):
        job = Job(
            target,
            inputs=names,
            read=with_day(read or ReadOptions(), normalise),
            write=resolved,
            cut=cut,
            device=device,
            model=identity,
            max_rejected=max_rejected,
            overwrite=overwrite,
        )
        if not job.rereadable:
            raise InputError("a pipe is not for a cluster, which may read twice: name files")
        with job:
            if job.complete is not None:
                return job.complete
            ours = not ray.is_initialized()
            if ours:
                ray.init(address=address, log_to_driver=False)
            try:
                run = Run(job, progress)
                count = actors or room_for_actors(ray.nodes(), actor_cpus, actor_gpus)
                cluster = _Cluster(run, factory, count, actor_cpus, actor_gpus)
                cluster.finish_all()
            finally:
                if ours:
                    ray.shutdown()
            facts = run.facts() | {"workers": count, "threads": actor_cpus}
            summary = job.totals(facts)
            return job.finish(summary)


def import_ray() -> Any:
    """Ray with Ray Data, or an InputError that says how to get it."""
    # Ray would copy the working directory of a `uv run` to every node.
    os.environ.setdefault("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise InputError("a cluster needs Ray: pip install 'ie-model[ray]'") from error
    return ray


def room_for_actors(nodes: Sequence[Mapping[str, Any]], cpus: int, gpus: float) -> int:
    """How many actors of this size the nodes of a cluster hold.

    Raises:
        InputError: not one.
    """
    count = 0
    for node in nodes:
        if node["Alive"]:
            there = node["Resources"]
            fits = int(there.get("CPU", 0) // cpus)
            count += min(fits, int(there.get("GPU", 0) // gpus)) if gpus else fits
    if count == 0:
        size = f"{cpus} CPUs" + (f" and {gpus:g} GPUs" if gpus else "")
        raise InputError(f"no node of the Ray cluster has {size} for an actor")
    return count


class _Cluster:
    """Streams a job's unfinished units through the cluster until none is left."""

    def __init__(self, run: Run, factory: Factory, count: int, cpus: int, gpus: float) -> None:
        self.run, self.job = run, run.job
        self._count, self._cpus, self._gpus = count, cpus, gpus
        device = "cuda" if gpus else "cpu"
        self._actor = (pickle.dumps((factory, self.job.task)), Placement(cpus, (), device))
        self._failures: dict[Key, FailedShard] = {}

    def finish_all(self) -> None:
        """Score every shard; what a pass leaves undone is tried again in the next."""
        from ray.exceptions import RayError

        idle = 0
        while units := self.job.unread():
            before, cause = len(self.job.manifest.finished), ""
            try:
                self._pass(units)
            except RayError as error:
                cause = f"{type(error).__name__}: {error}"
            idle = 0 if len(self.job.manifest.finished) > before else idle + 1
            if idle >= IDLE_PASSES:
                for failed in self._failures.values():
                    self.run.give_up(failed)
                self.run.raise_failed()
                raise RunError(f"the cluster finishes nothing any more: {cause or 'no error'}")
            if not cause:
                self.job.manifest.input_touched = False  # all of it was read and compared

    def _pass(self, units: Sequence[tuple[int, list[Source]]]) -> None:
        # Ray waits for results in code of its own, where Ctrl-C would be noted and not heeded.
        results = Ahead(self._stream(units))
        with StopRequest() as stop:
            try:
                while not results.exhausted:
                    if stop.number is not None:
                        raise self.run.interrupted(stop.number)
                    result = results.take(0.2)
                    if result is not None:
                        self._take(result)
            finally:
                results.close()

    def _take(self, result: Any) -> None:
        if isinstance(result, UnitEnd):
            self.run.unit_read(result)
        elif isinstance(result, FailedShard):
            self._failures[result.key] = result
        elif isinstance(result, Exception):
            raise result
        else:
            record, engine = result
            self.run.loaded(engine, ago=record.seconds)
            # A node that dies after writing a part has its shard done twice, alike.
            if Key.parse(record.key) not in self.job.manifest.finished:
                self._failures.pop(Key.parse(record.key), None)
                self.run.commit(record)

    def _stream(self, units: Sequence[tuple[int, list[Source]]]) -> Iterator[Any]:
        """What the cluster says: records, failed shards, ends of units, errors of the user's."""
        import ray.data

        context = ray.data.DataContext.get_current().copy()
        # Every shard is a block of its own; Ray would gather 128 MiB of them for one actor.
        context.target_max_block_size = 1
        context.enable_progress_bars = False
        with ray.data.DataContext.current(context):
            job = self.job
            rows = [
                {"unit": pickle.dumps((n, files, job.finished_inputs(n), job.manifest.ends.get(n)))}
                for n, files in units
            ]
            reader: Any = read_units
            shards = ray.data.from_items(rows, override_num_blocks=len(rows)).map_batches(
                reader,
                fn_kwargs={"read": self.job.read, "cut": self.job.cut},
                batch_size=1,
                batch_format="pyarrow",
                # Reading takes little of a CPU. If it reserved any, actors that hold all of
                # them (on what is left of a cluster, say) would wait for it for ever.
                num_cpus=0,
                compute=ray.data.TaskPoolStrategy(size=min(len(rows), self._count)),
            )
            results = shards.map_batches(
                ScoringActor,
                fn_constructor_args=self._actor,
                batch_size=1,
                batch_format="pyarrow",
                num_cpus=self._cpus,
                num_gpus=self._gpus or None,
                compute=ray.data.ActorPoolStrategy(size=self._count),
            )
            for row in results.iter_rows():
                yield pickle.loads(row["result"])


def read_units(batch: pa.Table, read: ReadOptions, cut: CutOptions) -> Iterator[pa.Table]:
    """A read task: units of files to pickled shards, one a row."""
    for packed in batch["unit"].to_pylist():
        number, sources, finished, known = pickle.loads(packed)
        try:
            for item in read_unit(number, sources, read, cut, finished, known):
                yield _row("shard", item)
        except InputError as error:
            yield _row("shard", error)


class ScoringActor:
    """Scores the shards it is given on a node, in a process of its own that holds the model.

    An actor that dies of a row Ray starts anew and gives the row again, for ever. So the
    model is held by a :class:`~ie_model.scoring.pool.Pool` of one, as on one machine, which
    finds such a row and sets it aside.
    """

    def __init__(self, payload: bytes, placement: Placement) -> None:
        self._payload, self._placement = payload, placement
        self._pool: Pool | None = None
        self._engine: dict[str, Any] = {}

    def __call__(self, batch: pa.Table) -> pa.Table:
        """One pickled shard to one pickled result."""
        (item,) = (pickle.loads(packed) for packed in batch["shard"].to_pylist())
        return _row("result", self._score(item) if isinstance(item, Shard) else item)

    def _score(self, shard: Shard) -> tuple[ShardRecord, dict[str, Any]] | FailedShard | InputError:
        try:
            if self._pool is None:
                factory, task = pickle.loads(self._payload)
                assert isinstance(task, Task)
                self._pool = Pool(factory, task, [self._placement])
            self._pool.give(shard)
            while True:
                for event in self._pool.wait(1.0):
                    if isinstance(event, ShardRecord):
                        return event, self._engine
                    if isinstance(event, FailedShard):
                        return event
                    self._engine = event
        except Exception as error:  # raised here, Ray would start the actor anew for ever
            if self._pool is not None:
                self._pool.close()
                self._pool = None
            if isinstance(error, InputError):
                return error
            return FailedShard(shard.key, shard.place, f"{type(error).__name__}: {error}")


def _row(name: str, value: Any) -> pa.Table:
    import pyarrow as pa

    return pa.table({name: pa.array([pickle.dumps(value)], pa.large_binary())})
