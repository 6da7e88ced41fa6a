"""`Extractor`: a model directory that answers; texts in, documents with entities out."""

from __future__ import annotations

import json
import os
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal, overload

import numpy as np
from numpy.typing import NDArray

from ie_model.documents import Document
from ie_model.encoding.windows import EncodedText, Encoder
from ie_model.errors import InputError
from ie_model.inference.batching import chunks_by_size
from ie_model.inference.decoding import decode
from ie_model.inference.engines import Engine, load_engine
from ie_model.inference.pipeline import Job, Pipeline
from ie_model.inference.thresholds import apply_calibration, check_min_score
from ie_model.labels import LabelSet
from ie_model.models.directory import (
    ModelSettings,
    read_settings,
    tokenizer_file,
    weights_fingerprint,
)
from ie_model.models.plan import load_plan

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from ie_model.inference.ensemble import JointJob, JointPipeline

LOOKAHEAD_BATCHES = 32
"""Documents are read ahead until they fill about this many batches, then sorted by length."""

CHARACTERS_PER_TOKEN = 4
"""A rough figure for news in English; only the size of the look-ahead depends on it."""

Item = str | Document


class Extractor:
    """Predicts the entities of texts with one trained model.

    Make one with :meth:`from_pretrained`. It may be called from several threads.
    """

    def __init__(
        self,
        engine: Engine,
        encoder: Encoder,
        settings: ModelSettings,
        pad_id: int,
        model_dir: Path,
        *,
        batch_tokens: int | None = None,
        multiple: int | None = None,
        min_score: float | Mapping[str, float] | None = None,
        normalise: bool = False,
    ) -> None:
        check_min_score(min_score, settings.labels)
        self.engine, self.encoder, self.settings = engine, encoder, settings
        self.model_dir = model_dir
        self.min_score, self.normalise = min_score, normalise
        self.label_set: LabelSet = settings.label_set
        budget = batch_tokens or engine.batch_tokens
        self._pipeline: Pipeline | JointPipeline = Pipeline(
            encoder, engine, pad_id, budget, multiple or engine.multiple
        )
        self._lookahead = LOOKAHEAD_BATCHES * CHARACTERS_PER_TOKEN * budget

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
    ) -> Extractor:
        """Load a model directory written by :func:`ie_model.train`.

        Args:
            model_dir: the folder; or several, whose probabilities are averaged: see
                :mod:`ie_model.inference.ensemble`.
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

        Raises:
            InputError: not a model directory, an engine or precision it cannot run in, or a
                ``min_score`` outside 0 to 1.
        """
        if not isinstance(model_dir, str | os.PathLike):
            from ie_model.inference.ensemble import Ensemble

            members = [
                Extractor.from_pretrained(
                    one, engine, precision=precision, threads=threads, device=device,
                    batch_tokens=batch_tokens, multiple=multiple, streams=streams,
                    compile=compile, lines=lines,
                )
                for one in model_dir
            ]  # fmt: skip
            return Ensemble(members, min_score=min_score, normalise=normalise)
        settings = read_settings(model_dir)
        folder = Path(model_dir)
        tokenizer, pad_id = _read_tokenizer(folder, len(settings.tags))
        encoder = Encoder(
            tokenizer, settings.window, settings.overlap, lines or settings.lines,
            whole_words=settings.whole_words,
        )  # fmt: skip
        chosen = load_plan(folder) if engine == precision == "auto" else None
        # What the caller says comes before what was measured.
        if chosen is not None and device in ("auto", chosen.device):
            engine, precision, device = chosen.engine, chosen.precision, chosen.device
            batch_tokens = batch_tokens or chosen.batch_tokens
            multiple, streams = multiple or chosen.multiple, streams or chosen.streams
        loaded = load_engine(
            folder, engine, precision,
            threads=threads, device=device, compile=compile, streams=streams,
        )  # fmt: skip
        # Where the model has the CPUs, the tokenizer's threads would only be in its way.
        encoder.parallel = str(getattr(loaded, "device", "cpu")) != "cpu"
        return Extractor(
            loaded, encoder, settings, pad_id, folder,
            batch_tokens=batch_tokens, multiple=multiple, min_score=min_score,
            normalise=normalise,
        )  # fmt: skip

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}({str(self.model_dir)!r}, engine={self.engine.name!r}, "
            f"precision={self.engine.precision!r})"
        )

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels the model predicts."""
        return self.settings.labels

    @property
    def fingerprint(self) -> str:
        """SHA-256 over the weights."""
        return weights_fingerprint(self.model_dir)

    @property
    def computed(self) -> tuple[int, int]:
        """Tokens given to the engine so far, and the token places they took with padding.

        Approximate while several threads use the extractor.
        """
        return self._pipeline.tokens, self._pipeline.places

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
        job = self._pipeline.run_one([Document(text) for text in texts])
        if job.error is not None:
            raise job.error
        rows = job.logits(len(self.label_set.tags))
        return list(zip(job.encoded, rows, strict=True))

    def with_engine(self, engine: Engine, *, batch_tokens: int | None = None) -> Extractor:
        """The same model run by another engine, or in batches of another size."""
        return Extractor(
            engine, self.encoder, self.settings, self._pipeline.pad_id, self.model_dir,
            batch_tokens=batch_tokens, min_score=self.min_score, normalise=self.normalise,
        )  # fmt: skip

    @property
    def batch_tokens(self) -> int:
        """Padded tokens of one batch at most."""
        return self._pipeline.batch_tokens

    def close(self) -> None:
        """Free the model; the extractor cannot be used afterwards."""
        self.engine.close()

    def _extract(self, chunks: Iterable[list[Document]], keep_errors: bool) -> Iterator[Document]:
        waiting: deque[list[Document]] = deque()

        def sound() -> Iterator[list[Document]]:
            for chunk in chunks:
                waiting.append(chunk)
                yield [d for d in chunk if d.error is None]

        for job in self._pipeline.run(sound()):
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
            from ie_model.normalise import normalise_document

            documents = [normalise_document(document) for document in documents]
        return documents

    def _one_by_one(self, job: Job | JointJob) -> list[Document]:
        """After a failed chunk: each document alone, so that only the culprit is marked."""
        results = []
        for document in job.documents:
            alone = self._pipeline.run_one([document])
            if alone.error is None:
                results += self._decode(alone)
            else:
                where = f"document {document.id!r}"
                results.append(replace(document, error=f"{where}: {alone.error}"))
        return results


def _read_tokenizer(folder: Path, tags: int) -> tuple[Tokenizer, int]:
    """The Rust tokenizer of a model directory, and its padding id.

    Read without the transformers package, whose import alone takes a second.

    Raises:
        InputError: a file is missing or damaged, or the model has another number of tags.
    """
    from tokenizers import Tokenizer

    file = tokenizer_file(folder)
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{folder}/config.json: cannot be read: {error}") from None
    outputs = len(config.get("id2label") or ())
    if outputs and outputs != tags:
        raise InputError(
            f"{folder}: ie_model.json names {tags} tags, config.json {outputs}; the files belong "
            "to different models"
        )
    try:
        tokenizer = Tokenizer.from_file(str(file))
    except Exception as error:  # the Rust library raises nothing more special
        raise InputError(f"{file}: damaged: {error}") from None
    return tokenizer, config.get("pad_token_id") or 0


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
