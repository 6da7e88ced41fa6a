"""Several models that answer as one: their probabilities averaged, through characters.

The models may have different encoders and tokenizers. The first one's units are those that
the answer is given in, so put the model with the finest tokenizer, or the best one, first.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ie_model.documents import Document
from ie_model.encoding.windows import EncodedText
from ie_model.errors import InputError
from ie_model.inference.engines import Engine
from ie_model.inference.extractor import Extractor
from ie_model.inference.pipeline import Job, Pipeline
from ie_model.inference.projection import Answers, mean_on_units, require_same_labels
from ie_model.labels import LabelSet

Floats = NDArray[np.float32]

_LEAST = 1e-12  # below this a probability is rounding; its logarithm must stay finite


class JointJob:
    """One chunk of documents after every member has worked on it; speaks like a :class:`Job`."""

    def __init__(self, jobs: Sequence[Job], members: Sequence[Extractor], labels: LabelSet) -> None:
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
                zip(job.encoded, job.logits(len(member.label_set.tags)), strict=True),
                member.label_set, member.settings.temperature,
            )
            for job, member in zip(self._jobs, self._members, strict=True)
        )  # fmt: skip
        means = mean_on_units(answers, self.encoded, self._labels)
        return [np.log(np.maximum(mean, _LEAST)) for mean in means]


class JointPipeline:
    """The members' pipelines, one after the other on each chunk, so that none disturbs another."""

    def __init__(self, members: Sequence[Extractor], labels: LabelSet) -> None:
        self._members, self._labels = members, labels
        each = [member._pipeline for member in members]
        self._pipelines = [pipeline for pipeline in each if isinstance(pipeline, Pipeline)]
        self.pad_id: int = self._pipelines[0].pad_id
        self.batch_tokens: int = self._pipelines[0].batch_tokens

    @property
    def tokens(self) -> int:
        """Tokens given to the members' engines so far."""
        return sum(p.tokens for p in self._pipelines)

    @property
    def places(self) -> int:
        """The token places they took with padding."""
        return sum(p.places for p in self._pipelines)

    def run_one(self, documents: list[Document]) -> JointJob:
        """One chunk taken through every member."""
        jobs = [pipeline.run_one(documents) for pipeline in self._pipelines]
        return JointJob(jobs, self._members, self._labels)

    def run(self, chunks: Iterable[list[Document]]) -> Iterator[JointJob]:
        """Finished chunks in order."""
        for chunk in chunks:
            yield self.run_one(chunk)


class Ensemble(Extractor):
    """An :class:`Extractor` over several models; made by ``Extractor.from_pretrained([...])``.

    Scores are those of the averaged probabilities: thresholds and calibrators that were
    fitted to one member are not used, its temperature is.

    Args:
        members: loaded models with the same labels.
        min_score: leave out entities scored lower: a number, or one by label.
        normalise: put values into ``entity.meta["value"]``.

    Raises:
        InputError: no models, or models with different labels.
    """

    def __init__(
        self,
        members: Sequence[Extractor],
        *,
        min_score: float | Mapping[str, float] | None = None,
        normalise: bool = False,
    ) -> None:
        if not members:
            raise InputError("an ensemble needs at least one model directory")
        if any(isinstance(member, Ensemble) for member in members):
            raise InputError("an ensemble is made of models, not of other ensembles")
        first = members[0]
        for member in members[1:]:
            require_same_labels(str(member.model_dir), member.labels, first.labels)
        labels = LabelSet.declare(first.labels)
        touching = any(member.label_set.touching for member in members)
        settings = replace(
            first.settings, tags=labels.tags, touching=touching, temperature=1.0, calibration={},
            thresholds={}, origin={"members": [str(m.model_dir) for m in members]},
        )  # fmt: skip
        super().__init__(
            first.engine, first.encoder, settings, 0, first.model_dir,
            batch_tokens=first.batch_tokens, min_score=min_score, normalise=normalise,
        )  # fmt: skip
        self.members: tuple[Extractor, ...] = tuple(members)
        self._pipeline = JointPipeline(self.members, self.label_set)

    def __repr__(self) -> str:
        return f"Ensemble({list(self.members)!r})"

    @property
    def fingerprint(self) -> str:
        """SHA-256 over the members' weights."""
        return hashlib.sha256("".join(m.fingerprint for m in self.members).encode()).hexdigest()

    def with_engine(self, engine: Engine, *, batch_tokens: int | None = None) -> Extractor:
        """Refuse: an engine runs one model.

        Raises:
            InputError: always.
        """
        raise InputError("an ensemble has an engine for each member; choose it when loading")

    def close(self) -> None:
        """Free the members."""
        for member in self.members:
            member.close()
