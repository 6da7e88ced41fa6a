"""The spaCy component ``ie_model``: Docs in, the same Docs with entities or a span group out.

    nlp = spacy.blank("en")
    nlp.add_pipe("ie_model", config={"model": "runs/default"})

spaCy finds it by its entry point. Entities are spans of tokens there, so they reach to the ends
of the tokens they touch; ``doc._.ie_entities`` holds every one with its exact offsets.
"""

from __future__ import annotations

import tempfile
import warnings
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Dict, List, Optional, Union  # noqa: UP035 (spaCy reads annotations)

import numpy as np
import srsly
from spacy.language import Language
from spacy.pipeline import Pipe
from spacy.tokens import Doc, Span

from ie_model.documents import Document
from ie_model.errors import InputError
from ie_model.inference.extractor import Extractor
from ie_model.models.directory import read_settings
from ie_model.models.names import find_model

_SUFFIXES = {".safetensors", ".json", ".txt", ".model", ".jinja", ".yaml", ".md"}
_EXPORTS = ("openvino/int8.*", "onnx/int8.*")
_OF_THIS_MACHINE = {"plan.json"}

for _owner, _names in (
    (Span, ("ie_score", "ie_value", "ie_name")),
    (Doc, ("ie_entities", "ie_date")),
):
    for _name in _names:
        if not _owner.has_extension(_name):
            _owner.set_extension(_name, default=None)


class EntityComponent(Pipe):
    """Finds entities with an :class:`ie_model.Extractor`, which is loaded when first needed.

    ``doc.ents`` gets the entities; of other components' those stay that touch none of ours.
    With ``spans_key`` they go to ``doc.spans[spans_key]`` instead, with their scores in its
    ``attrs["scores"]``. ``span._.ie_score`` is the probability that a span is right,
    ``span._.ie_value`` and ``span._.ie_name`` are the normalised value and name. Relative
    dates are seen from ``doc._.ie_date``, set before.

    Args:
        name: of the component in its pipeline.
        models: model directories or names; several answer as an ensemble.
        spans_key: a span group in place of ``doc.ents``.
        options: for :meth:`ie_model.Extractor.from_pretrained`.
    """

    def __init__(
        self, name: str, models: Sequence[str], spans_key: str | None, options: Mapping[str, Any]
    ) -> None:
        self.name, self.spans_key = name, spans_key
        self._models, self._options = list(models), dict(options)
        self._extractor: Extractor | None = None
        self._unpacked: tempfile.TemporaryDirectory[str] | None = None

    @property
    def extractor(self) -> Extractor:
        """The loaded model.

        Raises:
            InputError: there is no such model, or it cannot be loaded with these options.
        """
        if self._extractor is None:
            models = self._models if len(self._models) > 1 else self._models[0]
            self._extractor = Extractor.from_pretrained(models, **self._options)
        return self._extractor

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels the model predicts; none while the model cannot be found."""
        if self._extractor is not None:
            return self._extractor.labels
        folder = find_model(self._models[0])
        return read_settings(folder).labels if folder.is_dir() else ()

    def __call__(self, doc: Doc) -> Doc:
        """Set the entities of one document."""
        return self._set(doc, self.extractor.predict(_document(doc)))

    def pipe(self, stream: Iterable[Doc], *, batch_size: int = 128) -> Iterator[Doc]:
        """Set the entities of a stream, in the extractor's own batches.

        A document that fails goes to the error handler of the pipeline, which raises unless
        it was told otherwise. ``batch_size`` does not matter: batches are cut by tokens.
        """
        under_way: deque[Doc] = deque()

        def documents() -> Iterator[Document]:
            for doc in stream:
                under_way.append(doc)
                yield _document(doc)

        for found in self.extractor.pipe(documents(), on_error="yield"):
            doc = under_way.popleft()
            if found.error is None:
                yield self._set(doc, found)
            else:
                self.get_error_handler()(self.name, self, [doc], InputError(found.error))

    def _set(self, doc: Doc, found: Document) -> Doc:
        doc._.ie_entities = found.to_dict()["entities"]
        spans: list[Span] = []
        scores: list[float] = []
        for e in found.entities:
            span = doc.char_span(e.start, e.end, label=e.label, alignment_mode="expand")
            assert span is not None  # some token holds every character that is no space
            span._.ie_score, span._.ie_value = e.score, e.meta.get("value")
            span._.ie_name = e.meta.get("name")
            spans.append(span)
            scores.append(e.score or 0.0)
        if self.spans_key is not None:
            doc.spans[self.spans_key] = spans
            doc.spans[self.spans_key].attrs["scores"] = np.array(scores, np.float32)
            return doc
        order = sorted(range(len(spans)), key=lambda k: -scores[k])
        kept = _apart([spans[k] for k in order])
        if len(kept) < len(spans):
            warnings.warn(
                f"{len(spans) - len(kept)} of {len(spans)} entities share a token with a surer"
                " one: doc.ents cannot hold them, doc._.ie_entities and span groups do",
                stacklevel=2,
            )
        doc.ents = _apart([*kept, *doc.ents])
        return doc

    def to_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> None:
        """Copy the model into the folder ``path``, so that the pipeline holds all it needs."""
        for name, file in self._files():
            target = Path(path) / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(file.read_bytes())

    def from_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> EntityComponent:
        """Use the model in the folder ``path``; options stay those of the pipeline's config."""
        folders = sorted(Path(path).absolute().iterdir(), key=lambda folder: int(folder.name))
        self._models, self._extractor = [str(folder) for folder in folders], None
        return self

    def to_bytes(self, *, exclude: Iterable[str] = ()) -> bytes:
        """The model's files as one string of bytes."""
        packed: bytes = srsly.msgpack_dumps({n: file.read_bytes() for n, file in self._files()})
        return packed

    def from_bytes(self, data: bytes, *, exclude: Iterable[str] = ()) -> EntityComponent:
        """Use the model in ``data``; it lies in a temporary folder while the component lives."""
        unpacked = tempfile.TemporaryDirectory(prefix="ie_model-spacy-")
        for name, content in srsly.msgpack_loads(data).items():
            target = Path(unpacked.name) / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        self.from_disk(unpacked.name)
        self._unpacked = unpacked
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        """Where the model lies, or its files where that is a temporary folder of this process."""
        models = [str(find_model(model).absolute()) for model in self._models]
        state: bytes | Extractor | None = self._extractor  # refuses if the model has changed
        if self._unpacked is not None:
            state = self.to_bytes()
        return type(self), (self.name, models, self.spans_key, self._options), state

    def __setstate__(self, state: bytes | Extractor) -> None:
        if isinstance(state, bytes):
            self.from_bytes(state)
        else:
            self._extractor = state

    def _files(self) -> Iterator[tuple[str, Path]]:
        """What a copy of the models needs: a name such as ``0/config.json``, and the file."""
        for number, model in enumerate(self._models):
            folder = find_model(model)
            read_settings(folder)  # refuses what is no model, before anything is written
            files = [f for f in folder.iterdir() if f.suffix in _SUFFIXES and f.is_file()]
            files += [f for pattern in _EXPORTS for f in folder.glob(pattern)]
            for file in sorted(files):
                if file.name not in _OF_THIS_MACHINE:
                    yield f"{number}/{file.relative_to(folder).as_posix()}", file


@Language.factory(
    "ie_model",
    assigns=["doc.ents", "doc.spans"],
    default_config={
        "engine": "auto", "precision": "auto", "threads": None, "min_score": None,
        "normalise": False, "spans_key": None,
    },
)  # fmt: skip
def make_component(
    nlp: Language,
    name: str,
    model: Union[str, List[str]],  # noqa: UP006, UP007
    engine: str,
    precision: str,
    threads: Optional[int],  # noqa: UP045
    min_score: Optional[Union[float, Dict[str, float]]],  # noqa: UP006, UP007, UP045
    normalise: bool,
    spans_key: Optional[str],  # noqa: UP045
) -> EntityComponent:
    """What ``nlp.add_pipe("ie_model", config={"model": ...})`` makes.

    A model that is not there is an error when the first text comes, not here: spaCy makes
    the component before it reads the copy of the model that was saved with the pipeline.
    """
    options = {
        "engine": engine, "precision": precision, "threads": threads, "min_score": min_score,
        "normalise": normalise,
    }  # fmt: skip
    return EntityComponent(name, [model] if isinstance(model, str) else model, spans_key, options)


def _document(doc: Doc) -> Document:
    return Document(doc.text, meta={"date": doc._.ie_date} if doc._.ie_date else {})


def _apart(spans: Iterable[Span]) -> list[Span]:
    """The spans without those that share a token with an earlier one."""
    taken: set[int] = set()
    kept = []
    for span in spans:
        tokens = set(range(span.start, span.end))
        if not tokens & taken:
            taken |= tokens
            kept.append(span)
    return kept
