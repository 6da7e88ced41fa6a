"""Takes a job's shards to workers and their records back, until all is done or told to stop."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Mapping, Sequence
from types import FrameType
from typing import Any

from ie_model.errors import IEModelError, RunError
from ie_model.scoring.ahead import Ahead
from ie_model.scoring.assembly import Emitter
from ie_model.scoring.in_hand import InHand
from ie_model.scoring.job import Job
from ie_model.scoring.pool import FailedShard, Pool
from ie_model.scoring.progress import Pace, reporter
from ie_model.scoring.scorer import Factory, Scorer
from ie_model.scoring.shards import Shard, ShardRecord, UnitEnd
from ie_model.scoring.worker import Placement

MAX_FAILED = 10
"""Shards given up before the job is: more than a few rows must be what is wrong."""


class Interrupted(RunError):
    """SIGTERM or Ctrl-C came; finished shards are kept and the job can be resumed.

    ``signal`` is the signal's number: a command should exit with 128 plus it.
    """

    def __init__(self, message: str, number: int) -> None:
        super().__init__(message)
        self.signal = number


_STOPS = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)


class StopRequest:
    """Notes SIGINT, SIGTERM and SIGHUP in ``number``; a second one ends the program at once.

    Outside the main thread no handler can be set, and none is. What is ignored (SIGHUP
    under ``nohup``) stays so.
    """

    def __init__(self) -> None:
        self.number: int | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> StopRequest:
        if threading.current_thread() is threading.main_thread():
            for number in _STOPS:
                if signal.getsignal(number) is not signal.SIG_IGN:
                    self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *exc: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.number is not None:
            raise KeyboardInterrupt
        self.number = number


class Run:
    """One run over the shards of a job that are still to be done."""

    def __init__(self, job: Job, progress: bool, emitter: Emitter | None = None) -> None:
        self.job = job
        self.pace = Pace(job.input_bytes, job.resumed_rows, job.resumed_bytes)
        self._reporter = reporter(progress, self.pace)
        self._emitter = emitter
        self._failed: list[FailedShard] = []
        self._facts: dict[str, Any] = {}

    def here(self, factory: Factory, threads: int | None, device: str) -> None:
        """Score in this process."""
        self._facts = {"workers": 0, "threads": threads}
        scorer = None
        in_hand = InHand(self.job.target.work)
        with StopRequest() as stop:
            try:
                for item in self.job.pending():
                    if isinstance(item, UnitEnd):
                        self.unit_read(item)
                        continue
                    if stop.number is not None:
                        raise self.interrupted(stop.number)
                    if scorer is None:
                        scorer = Scorer(factory(threads, device), self.job.task)
                        self.loaded(scorer.engine)
                    shard, tell = in_hand.take(item)
                    self.commit(_score(scorer, shard, tell))
            finally:
                in_hand.done()
                self._reporter.close()

    def pooled(self, factory: Factory, placements: Sequence[Placement]) -> None:
        """Score in worker processes, which start when there is something to do."""
        self._facts = {"workers": len(placements), "threads": placements[0].threads}
        ahead = Ahead(self.job.pending())
        with StopRequest() as stop:
            try:
                first: Shard | UnitEnd | None = None
                while not isinstance(first, Shard) and not ahead.exhausted:
                    if stop.number is not None:
                        raise self.interrupted(stop.number)
                    first = ahead.take(0.2)
                    if isinstance(first, UnitEnd):
                        self.unit_read(first)
                if isinstance(first, Shard):
                    with Pool(factory, self.job.task, placements) as pool:
                        self._drive(pool, first, ahead, stop)
                        self._facts["restarts"] = pool.restarts
            finally:
                ahead.close()
                self._reporter.close()

    def _drive(
        self, pool: Pool, first: Shard, ahead: Ahead[Shard | UnitEnd], stop: StopRequest
    ) -> None:
        pool.give(first)
        stopping = False
        while pool.alive if stopping else pool.busy or not ahead.exhausted:
            if stop.number is not None and not stopping:
                stopping = True
                pool.stop()
            if not stopping and not ahead.exhausted and pool.room():
                item = ahead.take(0.05)
                if isinstance(item, UnitEnd):
                    self.unit_read(item)
                elif item is not None:
                    pool.give(item)
                events = pool.wait(0)
            else:
                events = pool.wait(0.2)
            for event in events:
                if isinstance(event, ShardRecord):
                    self.commit(event)
                elif isinstance(event, FailedShard):
                    self.give_up(event)
                else:
                    self.loaded(event)
        if stop.number is not None:
            raise self.interrupted(stop.number)
        self.raise_failed()

    def loaded(self, engine: Mapping[str, Any], ago: float = 0.0) -> None:
        """A worker has loaded the model into this engine, so many seconds ago."""
        self.job.manifest.agree_on_engine(engine)
        self._facts.setdefault("load_seconds", round(self.pace.seconds - ago, 3))

    def commit(self, record: ShardRecord) -> None:
        """A shard is done."""
        self.job.commit(record)
        self.pace.add(record)
        self._reporter.show()
        self._emit()

    def unit_read(self, end: UnitEnd) -> None:
        """A unit of input has been read to its end."""
        self.job.manifest.unit_read(end)
        self._emit()

    def _emit(self) -> None:
        if self._emitter is not None:
            self._emitter.advance(self.job.manifest.finished, self.job.manifest.units)

    def give_up(self, failed: FailedShard) -> None:
        """A shard failed on every attempt.

        Raises:
            RunError: so did too many others, or no shard has succeeded yet.
        """
        self._failed.append(failed)
        if len(self._failed) >= (MAX_FAILED if self.pace.rows else 2):
            self.raise_failed()

    def raise_failed(self) -> None:
        """Raise :class:`RunError` if shards were given up, naming their rows."""
        if self._failed:
            named = "; ".join(f"{f.place}: {f.reason}" for f in self._failed[:3])
            raise RunError(
                f"{len(self._failed)} shards failed on every attempt: {named}. What is finished is "
                "kept; run the same command again to try these once more"
            )

    def interrupted(self, number: int) -> Interrupted:
        """The error for a run that a signal stopped."""
        name = "Ctrl-C" if number == signal.SIGINT else signal.Signals(number).name
        rows = self.job.resumed_rows + self.pace.rows
        if self._emitter is not None:
            return Interrupted(f"stopped by {name} after {rows:,} rows", number)
        again = "the same command again"
        if not self.job.rereadable:
            again += ", with the same input from its beginning,"
        return Interrupted(
            f"stopped by {name}: {rows:,} rows are done and kept; run {again} to go on", number
        )

    def facts(self) -> dict[str, Any]:
        """About this run alone, for the summary."""
        seconds = self.pace.seconds
        return {
            "rows": self.pace.rows,
            "seconds": round(seconds, 3),
            "documents_per_second": round(self.pace.rows / seconds, 1),
            "tokens_per_second": round(self.pace.tokens / seconds, 1),
            **self._facts,
        }


def _score(scorer: Scorer, shard: Shard, tell: Callable[[int | None], None]) -> ShardRecord:
    try:
        return scorer(shard, tell)
    except IEModelError:
        raise
    except Exception as error:
        kind = type(error).__name__
        raise RunError(f"{shard.place}: the shard failed: {kind}: {error}") from error
