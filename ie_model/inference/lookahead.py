"""Documents of a stream in chunks: small at first, large in the long run, soon from a slow source.

Large chunks make good batches. But the first answers must not wait until one is full, and what a
slow source has given so far must not wait for what it will give. So chunks grow, and one is cut
short when the model has nothing to do and the oldest document in it has waited long enough.
"""

from __future__ import annotations

import contextvars
import math
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial

from ie_model.documents import Document

LARGEST = 128
"""Batches that a chunk of a long stream fills, about; sorted by length, they pad little."""

GROWTH = 4
"""The first chunk is one batch, and each may be so many times the one before, up to the largest."""

CHARACTERS_PER_TOKEN = 4
"""A rough figure for news in English; only the size of chunks depends on it."""

MAX_DOCUMENTS = 4096
"""A chunk holds no more, however short they are."""

PATIENCE = 0.1
"""Seconds a document waits for company when the model has nothing to do; see ``max_wait``."""

_LOOK = 0.5  # seconds between looks at whether anybody still wants what is waited for


@dataclass(frozen=True)
class Chunk:
    """Documents that go through the model together.

    ``last`` when surely none come after; ``early`` when it was cut short.
    """

    documents: list[Document]
    last: bool = False
    early: bool = False


class Lookahead:
    """Iterates over the chunks of one stream, and over None where there is nothing to add yet.

    None asks the caller to hand out whatever is finished, and to come again. The caller says
    with :meth:`job_done` that a chunk is finished; this may happen in another thread.

    Args:
        documents: the stream. One that is longer than a chunk comes alone.
        batch_tokens: padded tokens of one batch at most.
        soon: whether answers are wanted as soon as they can be had. Otherwise the first chunk
            is one growth from the largest, and none is cut short.
        max_wait: seconds that a document waits at most for others while the model has nothing
            to do. The stream is then read in a thread of its own. With None it is read in the
            caller's thread, which cannot know how long the next document will take: one that
            took long is answered before the next is asked for, if the model is quick.
    """

    def __init__(
        self,
        documents: Iterable[Document],
        batch_tokens: int,
        soon: bool = True,
        max_wait: float | None = None,
    ) -> None:
        self._documents, self._soon = documents, soon
        batch = CHARACTERS_PER_TOKEN * batch_tokens
        self._limit = LARGEST * batch
        self._size = batch if soon else self._limit // GROWTH
        self._max_wait = max_wait
        self._bell = threading.Condition()
        self._working = 0  # chunks given out and not finished
        self._finished = False  # since the caller was last asked to look
        # Of the thread that reads the stream, where there is one:
        self._waiting: deque[tuple[Document, float]] = deque()
        self._characters = 0
        self._ended = self._stopped = False
        self._error: BaseException | None = None

    def __iter__(self) -> Iterator[Chunk | None]:
        return self._in_this_thread() if self._max_wait is None else self._from_a_thread()

    def job_done(self) -> None:
        """A chunk that was given out is finished."""
        with self._bell:
            self._working -= 1
            self._finished = True
            self._bell.notify_all()

    def _give(self, documents: list[Document], last: bool = False, early: bool = False) -> Chunk:
        with self._bell:
            self._working += 1
        if not early:
            self._size = min(self._size * GROWTH, self._limit)
        return Chunk(documents, last, early)

    def _in_this_thread(self) -> Iterator[Chunk | None]:
        chunk: list[Document] = []
        total = 0
        source = iter(self._documents)
        begun = asked = time.perf_counter()
        while (document := next(source, None)) is not None:
            arrived = time.perf_counter()
            if chunk and self._is_full(len(chunk), total + len(document.text)):
                yield self._give(chunk)
                chunk, total, begun = [], 0, asked
            chunk.append(document)
            total += len(document.text)
            if self._soon and arrived - begun > PATIENCE and not self._working:
                yield self._give(chunk, early=True)
                chunk, total = [], 0
                # The next one may take as long: a small part of that is well spent here.
                with self._bell:
                    self._bell.wait_for(lambda: not self._working, (arrived - asked) / GROWTH)
            if self._finished:
                self._finished = False
                yield None
            asked = time.perf_counter()
            if not chunk:
                begun = asked
        if chunk:
            yield self._give(chunk, last=True)

    def _is_full(self, count: int, characters: int) -> bool:
        return characters > self._size or count >= MAX_DOCUMENTS

    def _from_a_thread(self) -> Iterator[Chunk | None]:
        work = partial(contextvars.copy_context().run, self._read)
        # A daemon: a source that never gives anything again holds up nobody's end.
        threading.Thread(target=work, name="ie_model source", daemon=True).start()
        try:
            while True:
                with self._bell:
                    self._wait()
                    self._finished = False
                    full = self._fills_a_chunk()
                    documents = self._take()
                    last = self._ended and not self._waiting
                if documents:
                    # After the last chunk nobody asks again, and an error would be lost.
                    yield self._give(documents, last and self._error is None, early=not full)
                if last:
                    break
                if not documents:
                    yield None
        finally:
            with self._bell:
                self._stopped = True
                self._bell.notify_all()
        if self._error is not None:
            raise self._error

    def _read(self) -> None:
        try:
            for document in self._documents:
                with self._bell:
                    self._bell.wait_for(self._has_room)
                    if self._stopped:
                        return
                    self._waiting.append((document, time.perf_counter()))
                    self._characters += len(document.text)
                    # Waking the caller for each document would cost more than reading it.
                    if len(self._waiting) == 1 or self._fills_a_chunk():
                        self._bell.notify_all()
        except BaseException as error:  # it belongs to the caller, whatever it is
            self._error = error
        finally:
            with self._bell:
                self._ended = True
                self._bell.notify_all()

    def _has_room(self) -> bool:
        room = self._characters <= self._limit and len(self._waiting) < MAX_DOCUMENTS
        return room or self._stopped

    def _fills_a_chunk(self) -> bool:
        return self._is_full(len(self._waiting), self._characters)

    def _wait(self) -> None:
        until = time.perf_counter() + _LOOK
        while not (self._finished or self._ended or self._fills_a_chunk()):
            left = min(until, self._due()) - time.perf_counter()
            if left <= 0:
                break
            self._bell.wait(left)

    def _due(self) -> float:
        """When the oldest document has waited long enough for a model with nothing to do."""
        if not self._waiting or self._working:
            return math.inf
        assert self._max_wait is not None
        return self._waiting[0][1] + self._max_wait

    def _take(self) -> list[Document]:
        """A full chunk, or what is there where that is all or due."""
        due = self._due() <= time.perf_counter()
        if not (due or self._ended or self._fills_a_chunk()):
            return []
        taken: list[Document] = []
        total = 0
        while self._waiting:
            size = len(self._waiting[0][0].text)
            if taken and self._is_full(len(taken), total + size):
                break
            taken.append(self._waiting.popleft()[0])
            total += size
        self._characters -= total
        self._bell.notify_all()
        return taken
