"""One trial: a config in, its counts on documents that it did not learn from out."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ie_model.config.schema import Config
from ie_model.corpus.splits import fingerprint, split_documents
from ie_model.documents import Document
from ie_model.errors import InputError
from ie_model.evaluation.crossval import cross_validate, read_data
from ie_model.evaluation.out_of_fold import OofRun
from ie_model.inference.extractor import Extractor
from ie_model.inference.gold import check_annotated
from ie_model.metrics.bootstrap import Counts, unit_counts
from ie_model.metrics.spans import CORRECT, GOLD, PREDICTED
from ie_model.models.directory import weights_fingerprint
from ie_model.training.backbone import trained_backbone
from ie_model.training.inputs import read_sources
from ie_model.training.refusals import check_cross_validation, refuse
from ie_model.training.run import train
from ie_model.training.trackers import with_lasting_events

By = Literal["dev", "crossval"]
Report = Callable[[int, float], None]
"""Told how far a trial is (percent of its updates or folds) and its F1; may end it."""


@dataclass(frozen=True)
class Judge:
    """What every trial of a search is measured on.

    ``dev`` holds the documents where the search goes by dev F1; ``split`` the documents to train
    on where they are what a ``dev_fraction`` leaves.
    """

    by: By
    folds: int | None
    dev: tuple[Document, ...]
    split: tuple[tuple[float, Document], ...] | None
    facts: dict[str, Any]

    @classmethod
    def prepare(cls, config: Config, by: By, folds: int | None) -> Judge:
        """Read and divide the documents, once for all trials. ``data.test`` is never opened.

        Raises:
            InputError: nothing to judge by, or faulty documents.
        """
        facts: dict[str, Any] = {"by": by, "folds": folds}
        if backbone := trained_backbone(config.model.backbone):
            facts["backbone"] = weights_fingerprint(backbone)
        if by == "crossval":
            check_cross_validation(config)
            data = read_data(config, folds)
            everything = [d for _, d in (*data.testable, *data.train_only)]
            dev = [d for _, d in read_sources(config.data.dev, config.labels)]
            return cls(by, folds, (), None, {
                **facts, "documents": fingerprint(everything), "dev": fingerprint(dev),
            })  # fmt: skip
        if folds is not None:
            raise InputError("folds are of cross-validation; judge by crossval")
        data_config = config.data
        if not (data_config.dev or data_config.dev_fraction):
            raise InputError(
                "tune: there are no dev documents to judge by; set data.dev or data.dev_fraction, "
                "or judge by cross-validation (--by crossval)"
            )
        refuse(without_test(config))
        pairs = list(read_sources(data_config.train, config.labels))
        facts["documents"] = fingerprint([d for _, d in pairs])
        split = None
        if data_config.dev:
            held_out = [d for _, d in read_sources(data_config.dev, config.labels)]
        else:  # once: another seed would hold out other documents
            seed = config.training.seed
            fraction = data_config.dev_fraction
            _, held_out = split_documents([d for _, d in pairs], fraction, seed)
            out = {id(d) for d in held_out}
            split = tuple((w, d) for w, d in pairs if id(d) not in out)
        check_annotated(held_out, "data.dev")
        return cls(by, None, tuple(held_out), split, {**facts, "dev": fingerprint(held_out)})

    def measure(self, config: Config, report: Report, scratch: Path) -> Counts:
        """Train as the config says and count: int64 ``[units, labels, 3]``, see
        :func:`ie_model.metrics.bootstrap.unit_counts`. Models lie in a folder of ``scratch``
        meanwhile.

        Raises:
            InputError: settings that do not fit one another.
            RunError: the loss became NaN, or the disk is full.
        """
        scratch.mkdir(exist_ok=True)
        config = with_lasting_events(config, config.output_dir)
        with tempfile.TemporaryDirectory(dir=scratch) as folder:
            if self.by == "crossval":
                return self._cross_validate(config, Path(folder) / "run", report)
            return self._on_dev(config, Path(folder) / "model", report)

    def _on_dev(self, config: Config, model_dir: Path, report: Report) -> Counts:
        trial = without_test(config).model_copy(update={"output_dir": model_dir})
        if self.split is not None:
            data = trial.data.model_copy(update={"dev_fraction": 0.0})
            trial = trial.model_copy(update={"data": data})
        train(
            trial,
            documents=self.split,
            dev=self.dev,
            progress=False,
            watch=lambda share, f1: report(round(100 * share), f1),
        )
        training = config.training
        extractor = Extractor.from_pretrained(
            model_dir, "torch", threads=training.threads, device=training.device
        )
        with extractor:
            found = extractor.predict(list(self.dev))
        return unit_counts(self.dev, found, config.labels)[0]

    def _cross_validate(self, config: Config, run_dir: Path, report: Report) -> Counts:
        def progress(done: int, total: int, _: str) -> None:
            if 0 < done < total:
                run = OofRun(run_dir)
                parts = [p for p in run.protocol.parts if p not in run.missing]
                scores = [run.part_metrics(p)["span"]["micro"]["f1"] for p in parts]
                report(100 * done // total, float(np.mean(scores)))

        cross_validate(
            config, run_dir, seeds=[config.training.seed], folds=self.folds, progress=progress
        )
        return OofRun(run_dir).counts()[0][0]


def without_test(config: Config) -> Config:
    """The config without test documents, so that no trial can see them."""
    return config.model_copy(update={"data": config.data.model_copy(update={"test": []})})


def micro_f1(counts: Counts) -> float:
    """Micro F1 (fraction) of counts; 0 where nothing is found."""
    sums = counts.sum(axis=(0, 1))
    return float(2 * sums[CORRECT] / max(1, sums[PREDICTED] + sums[GOLD]))
