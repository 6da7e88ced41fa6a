"""`Extractor`: a model directory that answers; texts in, documents with entities out."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Literal, overload

import numpy as np
from numpy.typing import NDArray

from ie_model import normalise
from ie_model.documents import Document
from ie_model.encoding.windows import EncodedText
from ie_model.errors import InputError
from ie_model.inference.batching import chunks_by_size
from ie_model.inference.decoding import decode
from ie_model.inference.engines.interface import Engine
from ie_model.inference.ensemble import Ensemble, JointJob
from ie_model.inference.loading import load_model
from ie_model.inference.model import LoadedModel
from ie_model.inference.pipeline import Job
from ie_model.inference.thresholds import apply_calibration, check_min_score

LOOKAHEAD_BATCHES = 32
"""Documents are read ahead until they fill about this many batches, then sorted by length."""

CHARACTERS_PER_TOKEN = 4
"""A rough figure for news in English; only the size of the look-ahead depends on it."""

Item = str | Document


class Extractor:
    """Predicts the entities of texts with one trained model, or with several as one.

    Make one with :meth:`from_pretrained`. It may be called from several threads.

    Args:
        model: a loaded model, or an ensemble of them.
        min_score: leave out entities scored lower: a number, or one by label; takes the
            place of the thresholds stored with the model.
        normalise: put values into ``entity.meta["value"]``.

    Raises:
        InputError: a ``min_score`` outside 0 to 1, or for a label the model does not have.
    """

    def __init__(
        self,
        model: LoadedModel | Ensemble,
        *,
        min_score: float | Mapping[str, float] | None = None,
        normalise: bool = False,
    ) -> None:
        check_min_score(min_score, model.settings.labels)
        self._model = model
        self.engine, self.encoder, self.settings = model.engine, model.encoder, model.settings
        self.model_dir = model.folder
        self.label_set = model.settings.label_set
        self.min_score, self.normalise = min_score, normalise
        self._lookahead = LOOKAHEAD_BATCHES * CHARACTERS_PER_TOKEN * model.batch_tokens

    @classmethod
    def from_pretrained(
        cls,
        model_dir: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
        engine: str = "auto",
        *,
        precision: str = "auto",
        threads: int | None = None,
        device: str = "auto",
        batch_tokens: int | None = None,
        multiple: int | None = None,
        streams: int | None = None,
        compile: bool = False,
        min_score: float | Mapping[str, float] | None = None,
        normalise: bool = False,
        lines: str | None = None,
        allow_download: bool = False,
        revision: str | None = None,
    ) -> Extractor:
        """Load a model directory written by :func:`ie_model.train`, or a model by its name.

        Args:
            model_dir: the folder, the name of an installed model (``ie-model package`` makes
                them), or ``organisation/model`` of the Hugging Face hub; or several,
                whose probabilities are averaged: see :mod:`ie_model.inference.ensemble`.
            engine: ``auto``, ``torch``, ``openvino`` or ``onnx``.
            precision: ``auto``, ``fp32``, ``bf16`` or ``int8``. With engine and precision
                both ``auto``, the plan that ``ie-model bench --plan`` measured for these
                weights on this machine is used where there is one.
            threads: CPU threads; by default those the process may use.
            device: ``auto``, ``cpu``, ``cuda`` or ``mps``.
            batch_tokens: padded tokens of one batch at most; by default the engine's choice.
            multiple: padded lengths are multiples of this; by default the engine's choice.
            streams: batches OpenVINO works on side by side; by default its own choice.
            compile: use ``torch.compile`` (slow first batches; torch engine only).
            min_score: leave out entities scored lower: a number, or one by label; takes the
                place of the thresholds stored with the model.
            normalise: put values into ``entity.meta["value"]``: ISO intervals for dates,
                numbers and units for quantities (extra ``normalise``).
            lines: what is read on its own, ``auto``, ``line``, ``paragraph`` or ``document``;
                takes the place of what is stored with the model.
            allow_download: fetch a hub model; without it only the hub's cache is looked into.
            revision: branch, tag or commit of a hub model.

        Raises:
            InputError: not a model directory, an engine or precision it cannot run in, or a
                ``min_score`` outside 0 to 1.
        """

        def load(folder: str | os.PathLike[str]) -> LoadedModel:
            return load_model(
                folder, engine, precision, threads=threads, device=device,
                batch_tokens=batch_tokens, multiple=multiple, streams=streams, compile=compile,
                lines=lines, allow_download=allow_download, revision=revision,
            )  # fmt: skip

        model: LoadedModel | Ensemble
        if isinstance(model_dir, str | os.PathLike):
            model = load(model_dir)
        else:
            model = Ensemble([load(folder) for folder in model_dir])
        return cls(model, min_score=min_score, normalise=normalise)

    def __repr__(self) -> str:
        return f"Extractor({self._model})"

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels the model predicts."""
        return self.settings.labels

    @property
    def fingerprint(self) -> str:
        """SHA-256 over the weights, of all models together."""
        return self._model.fingerprint

    @property
    def computed(self) -> tuple[int, int]:
        """Tokens given to the engine so far, and the token places they took with padding.

        Approximate while several threads use the extractor.
        """
        return self._model.computed

    @overload
    def predict(self, items: Item) -> Document: ...  # type: ignore[overload-overlap]
    @overload
    def predict(self, items: Sequence[Item]) -> list[Document]: ...

    def predict(self, items: Item | Sequence[Item]) -> Document | list[Document]:
        """Extract from one text or document, or from a list of them.

        Args:
            items: a ``str`` or :class:`Document` gives one :class:`Document`; a list gives
                a list, each element a text of its own (a list of words is a list of texts).

        Raises:
            InputError: ``items`` is no such thing, or an item is neither ``str`` nor
                ``Document``, or not valid Unicode.
        """
        if isinstance(items, str | Document):
            return next(self.pipe([items]))
        return list(self.pipe(items))

    def pipe(
        self, items: Iterable[Item], *, on_error: Literal["raise", "yield"] = "raise"
    ) -> Iterator[Document]:
        """Extract from a stream: in order, in memory that does not grow.

        Args:
            items: texts or documents; a document's own entities are replaced, its id and
                meta kept. A text's id is its number in the stream.
            on_error: with ``"yield"`` an item that fails comes back in its place with
                ``error`` set and no entities; with ``"raise"`` it ends the stream, after
                the items before it.

        Raises:
            InputError: ``items`` is not an iterable of texts; or see ``on_error``.
        """
        # A string would be taken for its letters, a mapping for its keys.
        one = isinstance(items, str | bytes | Mapping | Document)
        if one or not isinstance(items, Iterable):
            raise InputError(
                f"expected an iterable of str or Document, such as a list, found "
                f"{type(items).__name__}; predict() also takes one str or Document"
            )
        if on_error not in ("raise", "yield"):
            raise InputError(f"on_error is {on_error!r}: use 'raise' or 'yield'")
        return self._stream(items, keep_errors=on_error == "yield")

    def _stream(self, items: Iterable[Item], keep_errors: bool) -> Iterator[Document]:
        failure: list[Exception] = []

        def documents() -> Iterator[Document]:
            try:
                for number, item in enumerate(items):
                    document = _document(item, number)
                    if document.error is not None and not keep_errors:
                        raise InputError(document.error)
                    yield document
            except Exception as error:  # raised when what came before it has been answered
                failure.append(error)

        chunks = chunks_by_size(documents(), lambda d: len(d.text), self._lookahead, 4096)
        yield from self._extract(chunks, keep_errors)
        if failure:
            raise failure[0]

    def logits(self, texts: Sequence[str]) -> list[tuple[EncodedText, NDArray[np.float32]]]:
        """Each text's units and their logits, float32 ``[units, tags]``, before decoding."""
        job = self._model.run_one([Document(text) for text in texts])
        if job.error is not None:
            raise job.error
        rows = job.logits(len(self.label_set.tags))
        return list(zip(job.encoded, rows, strict=True))

    def with_engine(self, engine: Engine, *, batch_tokens: int | None = None) -> Extractor:
        """The same model run by another engine, or in batches of another size.

        Raises:
            InputError: there are several models; an engine runs one.
        """
        other = self._model.with_engine(engine, batch_tokens)
        return Extractor(other, min_score=self.min_score, normalise=self.normalise)

    @property
    def batch_tokens(self) -> int:
        """Padded tokens of one batch at most."""
        return self._model.batch_tokens

    def close(self) -> None:
        """Free the model; the extractor cannot be used afterwards."""
        self._model.close()

    def _extract(self, chunks: Iterable[list[Document]], keep_errors: bool) -> Iterator[Document]:
        waiting: deque[list[Document]] = deque()

        def sound() -> Iterator[list[Document]]:
            for chunk in chunks:
                waiting.append(chunk)
                yield [d for d in chunk if d.error is None]

        for job in self._model.run(sound()):
            chunk = waiting.popleft()
            if job.error is not None and not keep_errors:
                raise job.error
            done = iter(self._decode(job) if job.error is None else self._one_by_one(job))
            for document in chunk:
                yield document if document.error is not None else next(done)

    def _decode(self, job: Job | JointJob) -> list[Document]:
        found = decode(
            job.logits(len(self.label_set.tags)), job.encoded,
            [d.text for d in job.documents], self.label_set, self.settings.temperature,
        )  # fmt: skip
        settings = self.settings
        found = apply_calibration(found, settings.calibration, settings.thresholds, self.min_score)
        documents = [
            replace(document, entities=entities)
            for document, entities in zip(job.documents, found, strict=True)
        ]
        if self.normalise:
            documents = [normalise.normalise_document(document) for document in documents]
        return documents

    def _one_by_one(self, job: Job | JointJob) -> list[Document]:
        """After a failed chunk: each document alone, so that only the culprit is marked."""
        results = []
        for document in job.documents:
            alone = self._model.run_one([document])
            if alone.error is None:
                results += self._decode(alone)
            else:
                where = f"document {document.id!r}"
                results.append(replace(document, error=f"{where}: {alone.error}"))
        return results


def _document(item: object, number: int) -> Document:
    """An item as a document to work on; one that cannot be read carries ``error``."""
    if isinstance(item, str):
        document = Document(item, id=str(number))
    elif isinstance(item, Document):
        document = replace(item, entities=(), error=None)
    else:
        kind = type(item).__name__
        message = f"item {number}: expected a str or Document, found {kind}"
        return Document("", id=str(number), error=message)
    try:
        document.text.encode("utf-8")
    except UnicodeEncodeError as error:
        where = f"document {document.id!r}: lone surrogate at offset {error.start}"
        return replace(document, error=f"{where} is not valid Unicode")
    return document
