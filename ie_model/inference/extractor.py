"""`Extractor`: a model directory that answers; texts in, documents with entities out."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal, Self, overload

import numpy as np
from numpy.typing import NDArray

from ie_model import normalise
from ie_model.documents import Document
from ie_model.encoding.windows import EncodedText
from ie_model.errors import IEModelError, InputError, RunError
from ie_model.given import several
from ie_model.inference.decoding import decode
from ie_model.inference.engines.interface import Engine
from ie_model.inference.ensemble import Ensemble, JointJob
from ie_model.inference.items import GO_ON, Item, as_document, check_stream, with_bar
from ie_model.inference.loading import load_model
from ie_model.inference.lookahead import Chunk, Lookahead
from ie_model.inference.model import LoadedModel
from ie_model.inference.pipeline import Job
from ie_model.inference.recipe import Recipe
from ie_model.inference.thresholds import apply_calibration, check_min_score


class Extractor:
    """Predicts the entities of texts with one trained model, or with several as one.

    Make one with :meth:`from_pretrained`. It may be called from several threads. Pickled or
    deep-copied, it loads its model anew, from the same path with the same options; a model that
    changed or never lay on disk is refused. A ``with`` block closes it at its end.

    Args:
        model: a loaded model, or an ensemble of them.
        min_score: leave out entities scored lower: a number, or one by label; takes the
            place of the thresholds stored with the model.
        normalise: put values into ``entity.meta["value"]``.

    Raises:
        InputError: the model is a path or a name; a ``min_score`` outside 0 to 1, or for a label
            the model does not have.
    """

    def __init__(
        self,
        model: LoadedModel | Ensemble,
        *,
        min_score: float | Mapping[str, float] | None = None,
        normalise: bool = False,
    ) -> None:
        if not isinstance(model, LoadedModel | Ensemble):
            raise InputError(
                f"Extractor() takes a loaded model, found {type(model).__name__}; to load a model "
                "by its folder or its name: Extractor.from_pretrained(...)"
            )
        check_min_score(min_score, model.settings.labels)
        self._model = model
        self.engine, self.encoder, self.settings = model.engine, model.encoder, model.settings
        self.model_dir = model.folder
        self.label_set = model.settings.label_set
        self.min_score, self.normalise = min_score, normalise
        self._recipe: Recipe | None = None

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

        options: dict[str, Any] = {
            "engine": engine, "precision": precision, "threads": threads, "device": device,
            "batch_tokens": batch_tokens, "multiple": multiple, "streams": streams,
            "compile": compile, "lines": lines,
        }  # fmt: skip

        def load(folder: str | os.PathLike[str]) -> LoadedModel:
            return load_model(folder, allow_download=allow_download, revision=revision, **options)

        model: LoadedModel | Ensemble
        if isinstance(model_dir, str | os.PathLike):
            model = load(model_dir)
        else:
            folders = several(model_dir, "model_dir", "model directories")
            model = Ensemble([load(folder) for folder in folders])
        made = cls(model, min_score=min_score, normalise=normalise)
        made._recipe = Recipe.of(model, options)
        return made

    def __repr__(self) -> str:
        return f"Extractor({self._model}{', closed' if self.closed else ''})"

    def __reduce__(self) -> tuple[Any, ...]:
        self._check_open()
        if self._recipe is None:
            raise InputError(
                f"{self!r} was made in memory, with an engine or a model of its own, so a copy "
                "cannot load itself: pickle or copy one made by Extractor.from_pretrained"
            )
        recipe = self._recipe.to_travel()
        return _load_anew, (type(self), recipe, self.min_score, self.normalise)

    def __enter__(self) -> Self:
        self._check_open()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

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
                ``Document``, or not valid Unicode; or the extractor is closed.
        """
        self._check_open()
        if isinstance(items, str | Document):
            return next(self._stream([items], soon=False))
        check_stream(items)
        return list(self._stream(items, soon=False))

    def pipe(
        self,
        items: Iterable[Item],
        *,
        on_error: Literal["raise", "yield"] = "raise",
        max_wait: float | None = None,
        progress: bool = False,
    ) -> Iterator[Document]:
        """Extract from a stream: in order, in memory that does not grow.

        The first answers come after about one batch has been read. A source that is slower
        than the model is not read far ahead.

        Args:
            items: texts or documents; a document's own entities are replaced, its id and
                meta kept. A text's id is its number in the stream.
            on_error: with ``"yield"`` an item that fails comes back in its place with
                ``error`` set and no entities; with ``"raise"`` it ends the stream, after
                the items before it.
            max_wait: for a queue, a socket and the like: seconds that an item waits at most
                for others to share a batch with while the model has nothing to do. ``items``
                is then read in a thread of its own; by default in the caller's thread.
            progress: show a bar (tqdm); with a total where ``items`` has a length.

        Raises:
            InputError: ``items`` is not an iterable of texts; the extractor is closed, also
                where that happens under way; or see ``on_error``.
        """
        self._check_open()
        check_stream(items, on_error, max_wait)
        stream = self._stream(items, on_error == "yield", max_wait)
        return with_bar(stream, items) if progress else stream

    def _stream(
        self,
        items: Iterable[Item],
        keep_errors: bool = False,
        max_wait: float | None = None,
        *,
        soon: bool = True,
    ) -> Iterator[Document]:
        failure: list[Exception] = []

        def documents() -> Iterator[Document]:
            try:
                for number, item in enumerate(items):
                    document = as_document(item, number)
                    if document.error is not None and not keep_errors:
                        raise InputError(f"{document.error}; {GO_ON}")
                    yield document
            except Exception as error:  # raised when what came before it has been answered
                failure.append(error)

        ahead = Lookahead(documents(), self.batch_tokens, soon, max_wait)
        yield from self._extract(ahead, keep_errors)
        if failure:
            raise failure[0]

    def logits(self, texts: Sequence[str]) -> list[tuple[EncodedText, NDArray[np.float32]]]:
        """Each text's units and their logits, float32 ``[units, tags]``, before decoding."""
        self._check_open()
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
        self._check_open()
        other = self._model.with_engine(engine, batch_tokens)
        return Extractor(other, min_score=self.min_score, normalise=self.normalise)

    @property
    def batch_tokens(self) -> int:
        """Padded tokens of one batch at most."""
        return self._model.batch_tokens

    @property
    def closed(self) -> bool:
        """Whether :meth:`close` was called."""
        return self._model.closed

    def close(self) -> None:
        """Free the model; whatever is asked of the extractor afterwards raises InputError.

        So does a stream that is under way, at its next item. A second call does nothing.
        """
        self._model.close()

    def _check_open(self) -> None:
        if self.closed:
            raise InputError(
                f"the extractor of {str(self.model_dir)!r} is closed: load the model again with "
                "Extractor.from_pretrained"
            )

    def _extract(self, chunks: Lookahead, keep_errors: bool) -> Iterator[Document]:
        waiting: deque[list[Document]] = deque()

        def sound() -> Iterator[Chunk | None]:
            for chunk in chunks:
                self._check_open()
                if chunk is not None:
                    waiting.append(chunk.documents)
                    chunk = replace(chunk, documents=[d for d in chunk.documents if not d.error])
                yield chunk

        self._check_open()
        for job in self._model.run(sound(), chunks.job_done):
            self._check_open()
            failed = job.error is not None
            done = self._one_by_one(job, keep_errors) if failed else iter(self._decode(job))
            for document in waiting.popleft():
                yield document if document.error is not None else next(done)
                self._check_open()

    def _decode(self, job: Job | JointJob) -> list[Document]:
        found = decode(
            job.logits(len(self.label_set.tags)), job.encoded,
            [d.text for d in job.documents], self.label_set, self.settings.temperature,
        )  # fmt: skip
        settings = self.settings
        found = apply_calibration(
            found, settings.calibration, settings.thresholds, self.min_score, settings.sure_score
        )
        documents = [
            replace(document, entities=entities)
            for document, entities in zip(job.documents, found, strict=True)
        ]
        if self.normalise:
            documents = [normalise.normalise_document(document) for document in documents]
        return documents

    def _one_by_one(self, job: Job | JointJob, keep_errors: bool) -> Iterator[Document]:
        """After a failed chunk: each document alone, so that the culprit is found."""
        for document in job.documents:
            alone = self._model.run_one([document])
            if alone.error is None:
                yield from self._decode(alone)
                continue
            self._check_open()  # that is no fault of the document's
            message = f"document {document.id!r}: {alone.error}"
            if not keep_errors:
                kind = type(alone.error) if isinstance(alone.error, IEModelError) else RunError
                raise kind(f"{message}; {GO_ON}") from alone.error
            yield replace(document, error=message)


def _load_anew(
    cls: type[Extractor],
    recipe: Recipe,
    min_score: float | Mapping[str, float] | None,
    normalise: bool,
) -> Extractor:
    """What unpickling calls."""
    model = recipe.load()
    made = cls(model, min_score=min_score, normalise=normalise)
    made._recipe = Recipe.of(model, recipe.options)
    return made
