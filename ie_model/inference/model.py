"""One model, loaded: documents in, unit logits out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from ie_model.documents import Document
from ie_model.encoding.windows import Encoder
from ie_model.inference.engines.interface import Engine
from ie_model.inference.lookahead import Chunk
from ie_model.inference.pipeline import Job, Pipeline
from ie_model.models.directory import ModelSettings, weights_fingerprint


class LoadedModel:
    """A model directory with its encoder and an engine.

    Args:
        engine: windows to logits.
        encoder: texts to windows.
        settings: what ``ie_model.json`` says.
        pad_id: fills batches up to their longest window.
        folder: the model directory.
        batch_tokens: padded tokens of one batch at most; by default the engine's choice.
        multiple: padded lengths are multiples of this; by default the engine's choice.
    """

    def __init__(
        self,
        engine: Engine,
        encoder: Encoder,
        settings: ModelSettings,
        pad_id: int,
        folder: Path,
        *,
        batch_tokens: int | None = None,
        multiple: int | None = None,
    ) -> None:
        self.engine, self.encoder, self.settings, self.folder = engine, encoder, settings, folder
        self.batch_tokens = batch_tokens or engine.batch_tokens
        self._pad_id = pad_id
        self.closed = False
        self._pipeline = Pipeline(
            encoder, engine, pad_id, self.batch_tokens, multiple or engine.multiple
        )

    def __str__(self) -> str:
        return (
            f"{str(self.folder)!r}, engine={self.engine.name!r}, "
            f"precision={self.engine.precision!r}"
        )

    @property
    def fingerprint(self) -> str:
        """SHA-256 over the weights."""
        return weights_fingerprint(self.folder)

    @property
    def computed(self) -> tuple[int, int]:
        """Tokens given to the engine so far, and the token places they took with padding."""
        return self._pipeline.tokens, self._pipeline.places

    def run_one(self, documents: list[Document]) -> Job:
        """One chunk taken to its logits, or its ``error``, in the caller's thread."""
        return self._pipeline.run_one(documents)

    def run(
        self, chunks: Iterable[Chunk | None], on_done: Callable[[], None] | None = None
    ) -> Iterator[Job]:
        """Finished chunks in order; see :meth:`ie_model.inference.pipeline.Pipeline.run`."""
        return self._pipeline.run(chunks, on_done)

    def with_engine(self, engine: Engine, batch_tokens: int | None = None) -> LoadedModel:
        """The same model run by another engine, or in batches of another size."""
        return LoadedModel(
            engine, self.encoder, self.settings, self._pad_id, self.folder,
            batch_tokens=batch_tokens,
        )  # fmt: skip

    def close(self) -> None:
        """Free the engine."""
        self.closed = True
        self.engine.close()
