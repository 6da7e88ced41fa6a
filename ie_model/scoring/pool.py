"""A pool of worker processes that survives the death of any of them."""

from __future__ import annotations

import contextlib
import multiprocessing
import pickle
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

from ie_model.errors import InputError, RunError
from ie_model.scoring.scorer import Factory, Task
from ie_model.scoring.shards import Key, Shard, ShardRecord
from ie_model.scoring.worker import Placement, work

QUEUED = 2
"""Shards a worker holds: the one in hand, and one so that it need not wait."""
ATTEMPTS = 3
"""How often a shard is tried, when no row of it is to blame, before it is given up."""
STRIKES = 2
"""Workers that have to die of one text, given to them alone, before its row is set aside."""
MAX_DEADLY = 10
"""Rows of one shard set aside that way; if there are more, something else is wrong."""


@dataclass(frozen=True, slots=True)
class FailedShard:
    """A shard that failed on every attempt, and what was said the last time."""

    key: Key
    place: str
    reason: str


@dataclass(eq=False)
class _Worker:
    placement: Placement
    process: BaseProcess
    connection: Connection
    ready: bool = False
    held: deque[Shard] = field(default_factory=deque)
    at: int | None = None  # the row it was given alone
    last_words: str = ""


class Pool:
    """Hands shards to workers, replaces dead ones, and gives their shards to others.

    Args:
        factory: loads the model in each worker; pickled, so a function of a module.
        task: what the workers have to know of the job.
        placements: one for each worker.

    A worker that dies loses the shard in hand. A fresh one goes through that shard text by
    text, so that a text it dies of is found; when :data:`STRIKES` workers have died of it
    its row is set aside, and the others are scored. A shard whose workers die, and of no
    text, is tried :data:`ATTEMPTS` times. Close the pool, or use it in a ``with`` block.
    """

    def __init__(self, factory: Factory, task: Task, placements: Sequence[Placement]) -> None:
        self._context = multiprocessing.get_context("spawn")
        try:
            self._payload = pickle.dumps((factory, task))
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            raise InputError(
                f"the extractor factory cannot be sent to worker processes ({error}); define it "
                "at the top of a module, or use workers=0"
            ) from error
        self._again: deque[Shard] = deque()
        self._attempts: Counter[Key] = Counter()
        self._strikes: dict[Key, Counter[int]] = {}
        self._stillborn = 0
        self._stopping = False
        self.restarts = 0
        self._workers = [self._start(placement) for placement in placements]

    def _start(self, placement: Placement) -> _Worker:
        ours, theirs = self._context.Pipe()
        process = self._context.Process(
            target=work, args=(theirs, self._payload, placement), daemon=True
        )
        process.start()
        theirs.close()
        return _Worker(placement, process, ours)

    @property
    def busy(self) -> bool:
        """Whether any shard is in hand or waits."""
        return bool(self._again) or any(worker.held for worker in self._workers)

    @property
    def alive(self) -> bool:
        """Whether any worker is left; after :meth:`stop`, whether to wait on."""
        return bool(self._workers)

    def room(self) -> bool:
        """Whether another shard can be taken on; until then, none should be read."""
        return not self._again and self._idlest() is not None

    def give(self, shard: Shard) -> None:
        """Hand a shard to the worker that has least to do."""
        self._again.append(shard)
        self._hand_out()

    def wait(self, timeout: float) -> list[ShardRecord | FailedShard | dict[str, Any]]:
        """What happened, waiting up to ``timeout`` seconds for something to.

        Finished shards, shards given up, and for each worker that got ready what engine it
        loaded. Dead workers are replaced on the way.

        Raises:
            InputError: a worker found a mistake of the caller's (no such model).
            RunError: workers die before they are ready.
        """
        events: list[ShardRecord | FailedShard | dict[str, Any]] = []
        by_connection = {worker.connection: worker for worker in self._workers}
        for connection in wait(list(by_connection), timeout):
            worker = by_connection[connection]  # type: ignore[index]
            try:
                while worker.connection.poll():
                    events += self._message(worker, worker.connection.recv())
            except (EOFError, OSError, pickle.UnpicklingError):
                events += self._bury(worker)
        self._hand_out()
        return events

    def _message(self, worker: _Worker, message: tuple[Any, ...]) -> list[Any]:
        if message[0] == "ready":
            worker.ready = True
            self._stillborn = 0
            return [message[1]]
        if message[0] == "done":
            shard = worker.held.popleft()
            assert str(shard.key) == message[1].key
            self._attempts.pop(shard.key, None)
            self._strikes.pop(shard.key, None)
            return [message[1]]
        if message[0] == "at":
            worker.at = message[1]
            return []
        _, worker.last_words, is_input = message
        if is_input:
            raise InputError(worker.last_words)
        return []

    def _bury(self, worker: _Worker) -> list[FailedShard]:
        """Replace a dead worker, and find out what of its shard in hand it died of."""
        worker.connection.close()
        worker.process.join(timeout=5)
        code = worker.process.exitcode
        worker.process.kill()
        if self._stopping:
            self._workers.remove(worker)
            return []
        reason = worker.last_words or (
            f"the worker process was killed by signal {-code}"
            + (", as happens when memory runs out" if code == -9 else "")
            if code is not None and code < 0
            else f"the worker process ended with code {code}"
        )
        failed: list[FailedShard] = []
        if not worker.ready:
            self._stillborn += 1
            if self._stillborn >= ATTEMPTS:
                raise RunError(f"workers end before they have loaded the model: {reason}")
        elif worker.held:
            shard = worker.held.popleft()
            again = self._to_try(shard, worker.at, reason)
            if again is None:
                failed.append(FailedShard(shard.key, shard.place, reason))
            else:
                worker.held.appendleft(again)
        self._again.extendleft(reversed(worker.held))
        self._workers[self._workers.index(worker)] = self._start(worker.placement)
        self.restarts += 1
        return failed

    def _to_try(self, shard: Shard, at: int | None, reason: str) -> Shard | None:
        """How a shard that a worker died of is tried next; ``None``: not again."""
        deadly = dict(shard.deadly)
        if at is None:
            self._attempts[shard.key] += 1
        else:
            strikes = self._strikes.setdefault(shard.key, Counter())
            strikes[at] += 1
            if strikes[at] >= STRIKES:
                deadly[at] = reason
            elif len(strikes) > 2 * MAX_DEADLY:  # of another text each time: of none
                return None
        if self._attempts[shard.key] >= ATTEMPTS or len(deadly) > MAX_DEADLY:
            return None
        return shard.tried_alone(deadly)

    def _idlest(self) -> _Worker | None:
        free = [w for w in self._workers if w.ready and len(w.held) < QUEUED]
        return min(free, key=lambda w: len(w.held), default=None)

    def _hand_out(self) -> None:
        while not self._stopping and self._again and (worker := self._idlest()) is not None:
            shard = self._again.popleft()
            worker.held.append(shard)
            # A worker that died meanwhile is found, and its shards taken back, by wait().
            with contextlib.suppress(OSError):
                worker.connection.send(shard)

    def stop(self) -> None:
        """Ask each worker to finish the shard in hand, drop those that wait, and end.

        Go on calling :meth:`wait` while :attr:`alive` to hear of what they finish.
        """
        self._stopping = True
        self._again.clear()
        for worker in self._workers:
            with contextlib.suppress(OSError):
                worker.connection.send(None)
            if not worker.held:  # idle, or still loading the model
                worker.process.kill()

    def close(self) -> None:
        """End all workers at once; what they had in hand is not finished."""
        for worker in self._workers:
            worker.process.kill()
        for worker in self._workers:
            worker.process.join()
            worker.connection.close()

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
