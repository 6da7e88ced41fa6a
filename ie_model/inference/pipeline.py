"""Tokenising, the engine's work and decoding side by side, over chunks of documents.

A :class:`Job` is one look-ahead buffer of documents on its way through the stations. One
thread encodes, one feeds the engine and collects its answers, and the caller's own thread
reads the input and decodes; all three mostly run outside Python's lock. The caller puts
in a new job only when it has taken an old one out, so memory is bounded by ``DEPTH`` jobs.
"""

from __future__ import annotations

import itertools
import queue
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from ie_model.documents import Document
from ie_model.encoding.windows import EncodedText, Encoder
from ie_model.errors import RunError
from ie_model.inference.batching import (
    even_batches,
    first_occurrences,
    next_step,
    pad_batch,
    padded_tokens,
    round_up,
    stepped_batches,
    token_budget_batches,
)
from ie_model.inference.engines.interface import Done, Engine, Pending
from ie_model.inference.lookahead import Chunk

DEPTH = 3
"""Jobs under way at a time: one being encoded, one at the engine, one being decoded."""

_OURS = (KeyboardInterrupt, SystemExit, GeneratorExit)
"""What ends the caller's own thread, and is for nobody in between."""

Floats = NDArray[np.float32]


class Job:
    """The documents of one look-ahead buffer and what is known of them so far.

    ``done`` is set when every window has its logits, or when ``error`` says what went
    wrong; ``on_done`` is called then. A job that nobody waits for any longer is ``abandoned``.
    """

    def __init__(
        self, documents: list[Document], on_done: Callable[[], None] | None = None
    ) -> None:
        self.documents = documents
        self._on_done = on_done
        self.early = False  # cut short, since the engine had nothing to do
        self.done = threading.Event()
        self.error: Exception | None = None
        self.abandoned = False
        self.encoded: list[EncodedText] = []
        self.lengths: list[int] = []
        self.batches: list[list[int]] = []
        self._rows: list[NDArray[np.int32]] = []
        self._slots: list[int] = []
        self._logits: list[Floats] = []
        self._left = 0

    def encode(self, encoder: Encoder) -> None:
        """Cut the texts into windows, of which the distinct ones are to be computed."""
        self.encoded = encoder.encode([d.text for d in self.documents])
        windows = [w.input_ids for e in self.encoded for w in e.windows]
        # Wire copy repeats itself: equal windows have equal answers.
        firsts, self._slots = first_occurrences(ids.tobytes() for ids in windows)
        self._rows = [windows[i] for i in firsts]
        self.lengths = [len(ids) for ids in self._rows]
        self._logits = [np.empty((0, 0), np.float32)] * len(self._rows)

    def cut(self, batches: list[list[int]]) -> None:
        """Compute the windows in these batches; without any, the job is done."""
        self.batches, self._left = batches, len(batches)
        if not batches:
            self._finish()

    def padded(
        self, batch: Sequence[int], pad_id: int, multiple: int, budget: int = 0
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The ids and mask of one batch, int64 ``[rows, padded length]``.

        With a ``budget``, rows of a single token are added up to the next of its
        :func:`~ie_model.inference.batching.steps`.
        """
        rows = [self._rows[i] for i in batch]
        if budget:
            wanted = next_step(len(rows), round_up(len(rows[0]), multiple), budget)
            rows += [rows[0][:1]] * (wanted - len(rows))
        return pad_batch(rows, pad_id, multiple)

    def take(self, batch: Sequence[int], pending: Pending) -> None:
        """Wait for a batch's logits and keep them; the last batch sets ``done``."""
        try:
            logits = pending.result()
            for row, index in enumerate(batch):
                self._logits[index] = logits[row]
        except BaseException as error:
            self.fail(error)
            return
        self._left -= 1
        if self._left == 0:
            self._finish()

    def fail(self, error: BaseException) -> None:
        """Set ``done`` with the first thing that went wrong.

        What libraries in other languages throw when they panic is no ``Exception``, and
        would end the thread it comes up in while the caller waits for ever.
        """
        if not isinstance(error, Exception):
            panic = RunError(f"{type(error).__name__}: {error}")
            panic.__cause__ = error
            error = panic
        self.error = self.error or error
        self._finish()

    def _finish(self) -> None:
        """Set ``done``, after a failure perhaps more than once; say so the first time."""
        first = not self.done.is_set()
        self.done.set()
        if first and self._on_done is not None:
            self._on_done()

    def logits(self, tags: int) -> list[Floats]:
        """Per document one float32 ``[units, tags]``: the windows' answers end to end."""
        slots = iter(self._slots)
        joined = []
        for encoded in self.encoded:
            parts = [self._logits[next(slots)][w.positions] for w in encoded.windows]
            empty = np.empty((0, tags), np.float32)
            joined.append(parts[0] if len(parts) == 1 else np.concatenate([empty, *parts]))
        return joined


class Pipeline:
    """Runs jobs through one encoder and one engine.

    Args:
        encoder: texts to windows.
        engine: windows to logits.
        pad_id: fills batches up to their longest window.
        batch_tokens: padded tokens of one batch at most.
        multiple: padded lengths are multiples of this.
    """

    def __init__(
        self, encoder: Encoder, engine: Engine, pad_id: int, batch_tokens: int, multiple: int
    ) -> None:
        self.encoder, self.engine = encoder, engine
        self.pad_id, self.batch_tokens, self.multiple = pad_id, batch_tokens, multiple
        self.tokens = self.places = 0  # given to the engine so far, without and with padding

    def batches(self, lengths: Sequence[int]) -> list[list[int]]:
        """The batches of windows of these lengths, where others come after."""
        cut = stepped_batches if self.engine.remembers_shapes else token_budget_batches
        return cut(lengths, self.batch_tokens, self.multiple)

    def padded(self, job: Job, batch: Sequence[int]) -> tuple[NDArray[np.int64], ...]:
        """The ids and mask of one batch, as the engine is to have them."""
        budget = self.batch_tokens if self.engine.remembers_shapes else 0
        ids, mask = job.padded(batch, self.pad_id, self.multiple, budget)
        self.tokens += sum(job.lengths[i] for i in batch)
        self.places += ids.size
        return ids, mask

    def run_one(self, documents: list[Document]) -> Job:
        """One chunk taken to its logits, or its ``error``, in the caller's thread."""
        job = Job(documents)
        self._finish(job)
        return job

    def _finish(self, job: Job) -> None:
        try:
            job.encode(self.encoder)
            job.cut(self.batches(job.lengths))
        except _OURS:
            raise
        except BaseException as error:
            job.fail(error)
            return
        if padded_tokens(job.lengths, job.batches, self.multiple) <= self.batch_tokens:
            # Nothing worth overlapping: every thread on one batch after the other.
            try:
                for batch in job.batches:
                    ids, mask = self.padded(job, batch)
                    job.take(batch, Done(self.engine.forward(ids, mask)))
            except _OURS:
                raise
            except BaseException as error:
                job.fail(error)
        else:
            job.cut(
                even_batches(
                    job.lengths, self.batch_tokens, self.multiple, self.engine.streams,
                    stepped=self.engine.remembers_shapes,
                )
            )  # fmt: skip
            inbox: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
            inbox.put(job)
            inbox.put(None)
            self._feed_engine(inbox)
            # In a thread of its own it must not end by these; in the caller's it must.
            if job.error is not None and isinstance(job.error.__cause__, _OURS):
                raise job.error.__cause__

    def run(
        self, chunks: Iterable[Chunk | None], on_done: Callable[[], None] | None = None
    ) -> Iterator[Job]:
        """Finished jobs in order; each one's ``done`` says how it went.

        ``chunks`` is read in the caller's thread; None in it asks for what is finished. With
        a first chunk that is the last no thread is started. ``on_done`` is called, in some
        thread, when a chunk is finished.
        """
        source = iter(chunks)
        first = next((chunk for chunk in source if chunk is not None), None)
        if first is None:
            return
        if first.last:
            job = Job(first.documents, on_done)
            self._finish(job)
            yield job
            return
        to_encode: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        to_engine: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        stages = (
            threading.Thread(target=self._encode_all, args=(to_encode, to_engine), daemon=True),
            threading.Thread(target=self._feed_engine, args=(to_engine,), daemon=True),
        )
        for stage in stages:
            stage.start()
        under_way: deque[Job] = deque()
        try:
            for chunk in itertools.chain([first], source):
                if chunk is not None:
                    job = Job(chunk.documents, on_done)
                    job.early = chunk.early
                    under_way.append(job)
                    to_encode.put(job)
                while len(under_way) == DEPTH or (under_way and under_way[0].done.is_set()):
                    under_way[0].done.wait()
                    yield under_way.popleft()
            while under_way:
                under_way[0].done.wait()
                yield under_way.popleft()
        finally:
            for job in under_way:  # the caller has gone: do not compute what nobody reads
                job.abandoned = True
            to_encode.put(None)
            for stage in stages:
                stage.join()

    def _encode_all(
        self, inbox: queue.SimpleQueue[Job | None], outbox: queue.SimpleQueue[Job | None]
    ) -> None:
        while (job := inbox.get()) is not None:
            try:
                if not job.abandoned:
                    job.encode(self.encoder)
                    job.cut(self.batches(job.lengths))
            except BaseException as error:
                job.fail(error)
            outbox.put(job)
        outbox.put(None)

    def _feed_engine(self, inbox: queue.SimpleQueue[Job | None]) -> None:
        """Keep the engine's batches in flight, across jobs, until ``inbox`` gives None."""
        flying: deque[tuple[Job, list[int], Pending]] = deque()

        def land() -> None:
            job, batch, pending = flying.popleft()
            job.take(batch, pending)

        while True:
            try:
                job = inbox.get(block=not flying)
            except queue.Empty:  # nothing to add: collect, one batch at a time
                land()
                continue
            if job is None:
                break
            try:
                alone = job.early and len(job.batches) == 1 and not flying
                for batch in job.batches:
                    if job.abandoned or job.error:
                        break
                    if alone:  # every thread on this batch
                        ids, mask = self.padded(job, batch)
                        job.take(batch, Done(self.engine.forward(ids, mask)))
                        continue
                    while len(flying) >= self.engine.in_flight:
                        land()
                    ids, mask = self.padded(job, batch)
                    flying.append((job, batch, self.engine.submit(ids, mask)))
            except BaseException as error:
                job.fail(error)
        while flying:
            land()
