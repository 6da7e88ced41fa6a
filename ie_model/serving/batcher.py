"""Requests that arrive together share batches: a queue in front of one model.

All of it lives in the event loop, except the model's own work, which runs in a few threads.
While no thread is at work a request goes to the model at once. While one is, documents are
collected: until they fill a batch, for a few milliseconds at most, or until a thread is free.
A batch takes one document of each waiting request in turn, so that a small request does
not wait for a large one to be through.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

from ie_model.documents import Document
from ie_model.serving.limits import Refusal

Answer = Callable[[list[Document]], list[Document]]
Finish = Callable[[Document], Document]

PER_DOCUMENT = 32
"""Characters that a document counts in addition to its own, so that empty ones are not free."""

_RETRY_AFTER = (1, 60)  # seconds, at least and at most


@dataclass(eq=False)
class _Waiting:
    """One request: its documents, and those of them that are answered."""

    documents: Sequence[Document]
    finish: Finish
    future: asyncio.Future[list[Document]]
    arrived: float = field(default_factory=time.perf_counter)
    next: int = 0
    left: int = 0
    answers: list[Document | None] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.left = len(self.documents)
        self.answers = [None] * self.left

    @property
    def size(self) -> int:
        """Characters not handed to the model yet."""
        return sum(_size(d) for d in self.documents[self.next :])


_Piece = tuple[_Waiting, int]


def _size(document: Document) -> int:
    return len(document.text) + PER_DOCUMENT


class Batcher:
    """Answers requests with one model, in batches over all that are waiting.

    To be made and used in one running event loop.

    Args:
        answer: documents to documents, in order; called in threads, several at a time.
        batch_characters: of one batch (a longer document is a batch of its own).
        queue_characters: waiting at most.
        wait_ms: how long documents are collected while the model is at work.
        threads: batches at work at a time; a second one is tokenised and decoded while the
            first is computed.
        seen: told the number of documents of each batch.
    """

    def __init__(
        self, answer: Answer, *, batch_characters: int, queue_characters: int,
        wait_ms: float = 3.0, threads: int = 2, seen: Callable[[int], None] = lambda _: None,
    ) -> None:  # fmt: skip
        self._answer, self._seen = answer, seen
        self._batch_characters, self._queue_characters = batch_characters, queue_characters
        self._wait, self._threads = wait_ms / 1000, threads
        self._loop = asyncio.get_running_loop()
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="batch")
        self._queue: deque[_Waiting] = deque()
        self._timer: asyncio.Handle | None = None
        self._running: set[asyncio.Future[None]] = set()
        self._closed = False
        self._rate = 0.0  # characters a second while busy, a running mean
        self.waiting_characters = 0

    async def submit(self, documents: Sequence[Document], finish: Finish) -> list[Document]:
        """The documents' answers, in order, each passed through ``finish`` (in a thread).

        Cancelling gives the places in the queue back.

        Raises:
            Refusal: 503, the queue is full or the server is being stopped.
        """
        if self._closed:
            raise Refusal(503, "stopping", "The server is being stopped.", _RETRY_AFTER[0])
        waiting = _Waiting(documents, finish, self._loop.create_future())
        size = waiting.size
        # What fits the limits of a request is taken by an empty queue, whatever its own limit.
        if self._queue and self.waiting_characters + size > self._queue_characters:
            raise Refusal(
                503, "queue_full", "Too many requests are waiting; try again later.",
                self._retry_after(),
            )  # fmt: skip
        if not documents:
            return []
        self._queue.append(waiting)
        self.waiting_characters += size
        self._consider()
        try:
            return await waiting.future
        finally:
            if waiting.next < len(documents):  # who asked has gone
                self._queue.remove(waiting)
                self.waiting_characters -= waiting.size

    async def close(self) -> None:
        """Finish what is in hand, refuse everything else."""
        self._closed = True
        while self._queue or self._running:
            if self._running:
                await asyncio.wait(self._running)
            await asyncio.sleep(0)
        self._pool.shutdown()

    def _retry_after(self) -> int:
        least, most = _RETRY_AFTER
        seconds = self.waiting_characters / self._rate if self._rate else least
        return min(max(math.ceil(seconds), least), most)

    def _consider(self) -> None:
        """Start a batch now, or set the time for it, or leave it to a thread that ends."""
        if not self._queue or len(self._running) >= self._threads:
            return
        full = self.waiting_characters >= self._batch_characters
        if self._timer is not None:
            if not full:
                return
            self._timer.cancel()
        if full or not self._running:
            # Not right here: what else this turn of the loop brings shall be in it.
            self._timer = self._loop.call_soon(self._dispatch)
        else:
            late = self._queue[0].arrived + self._wait - time.perf_counter()
            self._timer = self._loop.call_later(max(late, 0), self._dispatch)

    def _dispatch(self) -> None:
        self._timer = None
        pieces, size = self._take()
        if not pieces:
            return
        self._seen(len(pieces))
        task = self._loop.run_in_executor(self._pool, self._work, pieces)
        began = time.perf_counter()
        self._running.add(task)
        task.add_done_callback(lambda done: self._done(done, pieces, size, began))
        self._consider()

    def _take(self) -> tuple[list[_Piece], int]:
        pieces: list[_Piece] = []
        total = 0
        while self._queue:
            waiting = self._queue[0]
            size = _size(waiting.documents[waiting.next])
            if pieces and total + size > self._batch_characters:
                break
            self._queue.popleft()
            pieces.append((waiting, waiting.next))
            total += size
            waiting.next += 1
            if waiting.next < len(waiting.documents):
                self._queue.append(waiting)
        self.waiting_characters -= total
        return pieces, total

    def _work(self, pieces: list[_Piece]) -> None:
        """In a thread: the answers, put into their places."""
        documents = [waiting.documents[index] for waiting, index in pieces]
        answers = self._answer(documents)
        for (waiting, index), answer in zip(pieces, answers, strict=True):
            if waiting.future.done():  # nobody reads it
                continue
            try:
                waiting.answers[index] = waiting.finish(answer)
            except Exception as error:  # one request's failure is not the others'
                failed = f"document {answer.id!r}: {type(error).__name__}: {error}"
                waiting.answers[index] = replace(answer, entities=(), error=failed)

    def _done(
        self, task: asyncio.Future[None], pieces: list[_Piece], size: int, began: float
    ) -> None:
        self._running.discard(task)
        seconds = time.perf_counter() - began
        rate = size * (1 + len(self._running)) / max(seconds, 1e-4)
        self._rate = rate if not self._rate else 0.9 * self._rate + 0.1 * rate
        error = task.exception()
        for waiting, _ in pieces:
            waiting.left -= 1
            if waiting.future.done():
                continue
            if error is not None:
                waiting.future.set_exception(error)
            elif not waiting.left:
                waiting.future.set_result([a for a in waiting.answers if a is not None])
        self._consider()
