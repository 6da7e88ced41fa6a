"""A loaded model under a name, ready to answer questions."""

from __future__ import annotations

import asyncio
import math
import re
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ie_model.documents import Document, Entity
from ie_model.errors import InputError
from ie_model.inference.batching import steps
from ie_model.inference.engines import installed
from ie_model.inference.extractor import Extractor
from ie_model.inference.lookahead import CHARACTERS_PER_TOKEN
from ie_model.inference.thresholds import check_min_score, lowest_scores
from ie_model.normalise import document_date, normalise_document
from ie_model.serving.batcher import Batcher, Finish
from ie_model.serving.limits import Limits, Refusal
from ie_model.serving.metrics import Metrics
from ie_model.serving.questions import Question

BATCHES = 2
"""Engine batches in one dispatch: enough to sort by length, few enough to answer soon."""

_MEETING = 10.0  # seconds at most, before the first request is taken

_NORMALISED = Document(
    "500 people left on Tuesday.",
    entities=(
        Entity(0, 10, "QUANTITY", 1.0, "500 people"),
        Entity(19, 26, "DATE", 1.0, "Tuesday"),
    ),
)

_NAME = re.compile(r"[\w.-]+")


class Served:
    """One model of a server.

    ``extractor`` must have been loaded with ``min_score=0.0``, so that each question can
    choose its own. It is ``ready`` from the end of :meth:`warm_up` on.
    """

    def __init__(self, name: str, extractor: Extractor) -> None:
        self.name, self.extractor = name, extractor
        self.ready = False
        self._batcher: Batcher | None = None
        self.description: dict[str, Any] = {
            "name": name,
            "labels": list(extractor.labels),
            "engine": extractor.engine.name,
            "precision": extractor.engine.precision,
            "thresholds": dict(extractor.settings.thresholds),
            "fingerprint": extractor.fingerprint,
        }

    def start(self, limits: Limits, metrics: Metrics) -> None:
        """Open the queue; to be called in the event loop."""
        budget = CHARACTERS_PER_TOKEN * self.extractor.batch_tokens
        self._batcher = Batcher(
            self._answer, batch_characters=BATCHES * budget,
            queue_characters=limits.queue_characters, wait_ms=limits.wait_ms,
            seen=metrics.batch_documents.labels(self.name).observe,
        )  # fmt: skip

    @property
    def waiting_characters(self) -> int:
        """Characters in the queue."""
        return self._batcher.waiting_characters if self._batcher else 0

    async def warm_up(self) -> None:
        """Take the weights into memory, and answer from one short line to several full batches.

        No request then pays for what the engine does once, and the memory for its largest
        batches is taken before the first of them.
        """
        assert self._batcher is not None
        loop = asyncio.get_running_loop()
        try:
            # A model that is overwritten in place must neither change answers nor end the process.
            await loop.run_in_executor(None, self.extractor.engine.detach)
        except Exception as error:  # each engine's library has its own for a damaged file
            raise InputError(f"model {self.name!r} does not answer: {error}") from error
        budget = CHARACTERS_PER_TOKEN * self.extractor.batch_tokens
        # One batch alone and several at a time: engines treat the two differently.
        for characters in (1, budget // 2, 3 * budget // 4, budget, 2 * BATCHES * budget):
            sentences: list[str] = []
            while sum(map(len, sentences)) < characters:
                sentences.append(f"{len(sentences)} policemen cleared Hawija on Tuesday. ")
            text = "".join(sentences)
            # Equal ones would be computed once.
            texts = [Document(text[i : i + budget]) for i in range(0, len(text), budget)]
            for answer in await self._batcher.submit(texts, lambda d: d):
                if answer.error is not None:
                    raise InputError(f"model {self.name!r} does not answer: {answer.error}")
        await loop.run_in_executor(None, _meet_shapes, self.extractor)
        if normalises():  # its libraries are slow to load
            await loop.run_in_executor(None, normalise_document, _NORMALISED, "2018-12-05")
        self.ready = True

    async def answer(self, question: Question) -> list[Document]:
        """The question's documents with their entities.

        Raises:
            Refusal: 422 for options this model cannot take; 503, see :class:`Batcher`.
        """
        assert self._batcher is not None
        return await self._batcher.submit(question.as_documents(), self._finish(question))

    def _finish(self, question: Question) -> Finish:
        try:
            check_min_score(question.min_score, self.extractor.labels)
        except InputError as error:
            raise Refusal(422, "invalid", f"{error}.") from None
        if question.normalise and not normalises():
            raise Refusal(
                422, "invalid",
                "This server cannot normalise: its extra `normalise` is not installed.",
            )  # fmt: skip
        floors, floor = lowest_scores(self.extractor.settings.thresholds, question.min_score)

        def finish(document: Document) -> Document:
            kept = tuple(
                e for e in document.entities if (e.score or 0.0) >= floors.get(e.label, floor)
            )
            document = replace(document, entities=kept)
            if not question.normalise:
                return document
            own = question.date is None or document_date(document.meta)
            return normalise_document(document, None if own else question.date)

        return finish

    def _answer(self, documents: list[Document]) -> list[Document]:
        try:
            return self.extractor.predict(documents)  # as one piece: a stream would start small
        except Exception:  # which of them is at fault, the stream finds out
            return list(self.extractor.pipe(documents, on_error="yield"))

    async def close(self) -> None:
        """Finish what is in hand, then free the model."""
        self.ready = False
        if self._batcher is not None:
            await self._batcher.close()
        self.extractor.close()


def _meet_shapes(extractor: Extractor) -> None:
    """Give the engine batches of every shape it can meet, the small ones first, if time allows.

    One that keeps memory for each shape takes it now, not while it serves. It is about as much
    for a small shape as for a large one, so as many as possible are met.
    """
    engine, budget = extractor.engine, extractor.batch_tokens
    if not engine.remembers_shapes:
        return
    until = time.perf_counter() + _MEETING
    lengths = range(engine.multiple, extractor.encoder.window + 1, engine.multiple)
    shapes = [(rows, length) for length in lengths for rows in steps(length, budget)]
    for rows, length in sorted(shapes, key=math.prod):
        if time.perf_counter() > until:
            break
        ids = np.ones((rows, length), np.int64)
        engine.forward(ids, ids)
        for pending in [engine.submit(ids, ids) for _ in range(engine.streams)]:
            pending.result()


def normalises() -> bool:
    """Whether the extra ``normalise`` is installed."""
    return installed("pint") and installed("dateparser")


def load_models(
    models: Sequence[str], engine: str = "auto", precision: str = "auto",
    threads: int | None = None, device: str = "auto", lines: str | None = None,
) -> list[Served]:  # fmt: skip
    """Load model directories, each given as ``PATH`` or ``NAME=PATH``.

    The name is by default that of the folder.

    Raises:
        InputError: no model, one that cannot be loaded, or two of one name.
    """
    if not models:
        raise InputError("no model to serve: give the path of a model directory")
    named: dict[str, Path] = {}
    for model in models:
        name, path = _split(model)
        if name in named:
            raise InputError(
                f"two models are named {name!r}: give one of them a name of its own, as "
                f"in NAME={path}"
            )
        named[name] = path
    return [
        Served(
            name,
            Extractor.from_pretrained(
                path,
                engine,
                precision=precision,
                threads=threads,
                device=device,
                min_score=0.0,
                lines=lines,
            ),
        )
        for name, path in named.items()
    ]


def _split(model: str) -> tuple[str, Path]:
    name, equals, path = model.partition("=")
    if equals and _NAME.fullmatch(name) and not Path(model).exists():
        return name, Path(path)
    return Path(model).resolve().name, Path(model)
