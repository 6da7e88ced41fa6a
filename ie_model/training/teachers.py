"""Soft targets: what trained models say of texts, for a smaller one to learn from.

The logits of each teacher are kept on disk, a file for each chunk of texts named by what is
in it. Nothing but the chunk in hand is in memory, an interrupted run goes on where it was,
and another student, weight or temperature costs no second forward pass.
"""

from __future__ import annotations

import hashlib
import json
import logging
import time
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from ie_model.config.schema import DistillationConfig
from ie_model.encoding.projection import Answers, mean_on_units, require_same_labels
from ie_model.encoding.units import RULES
from ie_model.encoding.windows import EncodedText
from ie_model.errors import InputError
from ie_model.files import whole_file
from ie_model.inference.extractor import Extractor
from ie_model.labels import LabelSet
from ie_model.models.devices import native_precision, resolve_device
from ie_model.models.directory import read_settings, tokenizer_file, weights_fingerprint
from ie_model.training.inputs import WeightedDocuments, read_texts

log = logging.getLogger(__name__)

Floats = NDArray[np.float32]

_SECONDS_BETWEEN_REPORTS = 10


def check_teachers(model_dirs: Sequence[Path], labels: LabelSet) -> None:
    """Refuse teachers that cannot teach these labels.

    Raises:
        InputError: not a model directory, one with other labels or without a tokenizer, or a
            student that is not in BIO.
    """
    if model_dirs and labels.scheme != "BIO":
        raise InputError(
            f"scheme: distillation needs a student in BIO, found {labels.scheme}; set "
            "scheme: BIO in its config"
        )
    for model_dir in model_dirs:
        require_same_labels(str(model_dir), read_settings(model_dir).labels, labels.labels)
        tokenizer_file(model_dir)


class _Teacher:
    """One trained model with a folder of its answers; loaded when it is first needed."""

    def __init__(self, model_dir: Path, cache_dir: Path, device: str, threads: int | None) -> None:
        self.model_dir, self._device, self._threads = model_dir, device, threads
        settings = read_settings(model_dir)
        self.label_set = settings.label_set
        # Always this engine, never a measured plan: the same run has the same targets.
        self._precision = native_precision(resolve_device(device))
        encoding = [
            settings.window, settings.overlap, settings.lines, settings.whole_words,
            settings.context, settings.letter_case, settings.tags, RULES,
        ]  # fmt: skip
        tokenizer = hashlib.sha256(tokenizer_file(model_dir).read_bytes()).hexdigest()
        identity = json.dumps(
            [weights_fingerprint(model_dir), tokenizer, self._precision, *encoding]
        )
        self.key = hashlib.sha256(identity.encode()).hexdigest()
        self._folder = cache_dir / "teachers" / self.key[:32]

    @cached_property
    def _extractor(self) -> Extractor:
        return Extractor.from_pretrained(
            self.model_dir, "torch", precision=self._precision, device=self._device,
            threads=self._threads,
        )  # fmt: skip

    def logits(self, texts: Sequence[str]) -> list[tuple[EncodedText, Floats]]:
        """Each text's units and logits, float32 ``[units, tags]``, from disk where they are."""
        name = hashlib.sha256(json.dumps(list(texts)).encode()).hexdigest()
        file = self._folder / f"{name}.npz"
        self._folder.mkdir(parents=True, exist_ok=True)
        # Processes that train together ask for the same chunk: one computes, the others read.
        # Sixteen locks, so that runs that only share a cache seldom wait for each other.
        with FileLock(self._folder / f"{name[0]}.lock"):
            stored = _load(file)
            if stored is None:
                answers = self._extractor.logits(texts)
                _store(file, answers)
                stored = _load(file)
        assert stored is not None
        return stored


def _store(file: Path, answers: Sequence[tuple[EncodedText, Floats]]) -> None:
    with whole_file(file) as stream:
        np.savez(
            stream,
            units=np.array([len(e.starts) for e, _ in answers], np.int64),
            starts=np.concatenate([e.starts for e, _ in answers]),
            ends=np.concatenate([e.ends for e, _ in answers]),
            logits=np.concatenate([x for _, x in answers]).astype(np.float16),
        )


def _load(file: Path) -> list[tuple[EncodedText, Floats]] | None:
    """What :func:`_store` wrote, or ``None`` where there is nothing whole to read."""
    try:
        with np.load(file, allow_pickle=False) as arrays:
            cuts = np.cumsum(arrays["units"])[:-1]
            starts, ends = np.split(arrays["starts"], cuts), np.split(arrays["ends"], cuts)
            rows = np.split(arrays["logits"].astype(np.float32), cuts)
    except (FileNotFoundError, zipfile.BadZipFile, EOFError, ValueError, KeyError):
        return None
    nothing = np.empty(0, np.int32)
    return [(EncodedText(s, e, nothing, ()), r) for s, e, r in zip(starts, ends, rows, strict=True)]


class Teachers:
    """Soft targets from one or several trained models, their probabilities averaged.

    Args:
        model_dirs: model directories that passed :func:`check_teachers`; any tokenizer.
        labels: the student's labels and tags, in BIO.
        temperature: divides the teachers' logits before the softmax; above 1 it shows more
            of what a teacher thinks of the tags it did not choose (Hinton, Vinyals and Dean
            2015, "Distilling the Knowledge in a Neural Network").
        cache_dir: where logits are kept.
        device: where the teachers run.
        threads: CPU threads they may use; by default those of the process.
    """

    def __init__(
        self,
        model_dirs: Sequence[Path],
        labels: LabelSet,
        temperature: float,
        cache_dir: Path,
        device: str = "auto",
        threads: int | None = None,
    ) -> None:
        self._labels, self._temperature = labels, temperature
        self._teachers = [_Teacher(Path(d), cache_dir, device, threads) for d in model_dirs]
        self.keys = [teacher.key for teacher in self._teachers]
        self._texts = 0
        self._reported = time.monotonic()

    def soft_targets(self, texts: Sequence[str], encoded: Sequence[EncodedText]) -> list[Floats]:
        """What the teachers think of each text, on the student's units.

        Args:
            texts: a chunk of texts, small enough to be in memory.
            encoded: the same texts, encoded for the student.

        Returns:
            Per text float32 ``[units, tags]``, rows summing to 1.
        """
        answers = (
            Answers(teacher.logits(texts), teacher.label_set, self._temperature)
            for teacher in self._teachers
        )
        result = mean_on_units(answers, encoded, self._labels)
        self._texts += len(texts)
        if time.monotonic() - self._reported > _SECONDS_BETWEEN_REPORTS:
            self._reported = time.monotonic()
            log.info("soft targets: %s texts so far", f"{self._texts:,}")
        return result


@dataclass(frozen=True)
class SoftTargets:
    """What teachers add to the training windows.

    ``share`` is their part of the loss on annotated text. On ``unlabelled`` text, whose
    entities are ignored, there is nothing else.
    """

    teachers: Teachers
    share: float
    unlabelled: WeightedDocuments = ()


def soft_targets(
    settings: DistillationConfig, labels: LabelSet, cache: Path, device: str, threads: int | None
) -> SoftTargets | None:
    """What the configured teachers will add; ``None`` where there are none."""
    if not settings.teachers:
        return None
    teachers = Teachers(settings.teachers, labels, settings.temperature, cache, device, threads)
    return SoftTargets(teachers, settings.weight, read_texts(settings.unlabelled))
