"""Several models that answer as one: their probabilities averaged, through characters.

The models may have different encoders and tokenizers. The first one's units are those that
the answer is given in, so put the model with the finest tokenizer, or the best one, first.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ie_model.documents import Document
from ie_model.encoding.projection import Answers, mean_on_units, require_same_labels
from ie_model.encoding.windows import EncodedText
from ie_model.errors import InputError
from ie_model.inference.engines.interface import Engine
from ie_model.inference.lookahead import Chunk
from ie_model.inference.model import LoadedModel
from ie_model.inference.pipeline import Job
from ie_model.labels import LabelSet

Floats = NDArray[np.float32]

_LEAST = 1e-12  # below this a probability is rounding; its logarithm must stay finite


class JointJob:
    """One chunk of documents after every member has worked on it; speaks like a :class:`Job`."""

    def __init__(
        self, jobs: Sequence[Job], members: Sequence[LoadedModel], labels: LabelSet
    ) -> None:
        self._jobs, self._members, self._labels = jobs, members, labels

    @property
    def documents(self) -> list[Document]:
        """The documents of the chunk."""
        return self._jobs[0].documents

    @property
    def encoded(self) -> list[EncodedText]:
        """The documents' units, the first member's."""
        return self._jobs[0].encoded

    @property
    def error(self) -> Exception | None:
        """The first thing that went wrong in any member."""
        return next((job.error for job in self._jobs if job.error is not None), None)

    def logits(self, tags: int) -> list[Floats]:
        """Per document the logarithm of the mean probability, float32 ``[units, tags]``."""
        answers = (
            Answers(
                zip(job.encoded, job.logits(len(member.settings.tags)), strict=True),
                member.settings.label_set, member.settings.temperature,
            )
            for job, member in zip(self._jobs, self._members, strict=True)
        )  # fmt: skip
        means = mean_on_units(answers, self.encoded, self._labels)
        return [np.log(np.maximum(mean, _LEAST)) for mean in means]


class Ensemble:
    """Models that work one after the other on each chunk; speaks like a :class:`LoadedModel`.

    Scores are those of the averaged probabilities: thresholds and calibrators that were
    fitted to one member are not used, its temperature is. ``engine``, ``encoder`` and
    ``folder`` are the first member's.

    Args:
        members: loaded models with the same labels.

    Raises:
        InputError: no models, or models with different labels.
    """

    def __init__(self, members: Sequence[LoadedModel]) -> None:
        if not members:
            raise InputError("an ensemble needs at least one model directory")
        first = members[0]
        for member in members[1:]:
            require_same_labels(str(member.folder), member.settings.labels, first.settings.labels)
        self._labels = LabelSet.declare(first.settings.labels)
        touching = any(member.settings.touching for member in members)
        self.settings = replace(
            first.settings, tags=self._labels.tags, touching=touching, temperature=1.0,
            calibration={}, thresholds={}, sure_score=0.0,
            origin={"members": [str(m.folder) for m in members]},
        )  # fmt: skip
        self.engine, self.encoder, self.folder = first.engine, first.encoder, first.folder
        self.batch_tokens = first.batch_tokens
        self.members = tuple(members)
        self.closed = False

    def __str__(self) -> str:
        return f"[{', '.join(f'({member})' for member in self.members)}]"

    @property
    def fingerprint(self) -> str:
        """SHA-256 over the members' weights."""
        return hashlib.sha256("".join(m.fingerprint for m in self.members).encode()).hexdigest()

    @property
    def computed(self) -> tuple[int, int]:
        """Tokens given to the members' engines so far, and the places they took with padding."""
        tokens, places = zip(*(member.computed for member in self.members), strict=True)
        return sum(tokens), sum(places)

    def run_one(self, documents: list[Document]) -> JointJob:
        """One chunk taken through every member."""
        # One member after the other, so that none disturbs another.
        jobs = [member.run_one(documents) for member in self.members]
        return JointJob(jobs, self.members, self._labels)

    def run(
        self, chunks: Iterable[Chunk | None], on_done: Callable[[], None] | None = None
    ) -> Iterator[JointJob]:
        """Finished chunks in order."""
        for chunk in chunks:
            if chunk is not None:
                job = self.run_one(chunk.documents)
                if on_done is not None:
                    on_done()
                yield job

    def with_engine(self, engine: Engine, batch_tokens: int | None = None) -> LoadedModel:
        """Refuse: an engine runs one model.

        Raises:
            InputError: always.
        """
        raise InputError("an ensemble has an engine for each member; choose it when loading")

    def close(self) -> None:
        """Free the members."""
        self.closed = True
        for member in self.members:
            member.close()
