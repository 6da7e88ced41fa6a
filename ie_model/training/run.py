"""Training: one function from a configuration to a model directory."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from ie_model.config.schema import Config
from ie_model.corpus.splits import fingerprint
from ie_model.documents import Document
from ie_model.models.devices import resolve_device
from ie_model.models.directory import ModelSettings, weights_fingerprint
from ie_model.models.hardware import advise_passive_waiting
from ie_model.training.checkpoints import last_checkpoint, run_identity, versions
from ie_model.training.dev_evaluation import DevEvaluation, live_extractor
from ie_model.training.fitting import Fitted, fit
from ie_model.training.inputs import GivenDocuments
from ie_model.training.model import make_model
from ie_model.training.preparation import Preparation, read_and_plan
from ie_model.training.processes import is_first_process, take_own_gpu, wait_for_all
from ie_model.training.refusals import refuse
from ie_model.training.trackers import tracking
from ie_model.training.trainer import resolve_precision
from ie_model.training.workspace import scratch_folder, workspace
from ie_model.training.writing import write_model, write_test_scores

if TYPE_CHECKING:
    from datasets import Dataset

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrainResult:
    """What :func:`train` leaves behind.

    ``losses`` are ``(step, mean loss since the last entry)``; ``metrics`` is the content of
    ``metrics.json``; ``seconds`` is the time of the updates alone.
    """

    model_dir: Path
    metrics: dict[str, Any] = field(repr=False)
    losses: list[tuple[float, float]] = field(repr=False)
    steps: int
    seconds: float
    tokens_per_second: float


def train(
    config: Config,
    *,
    documents: GivenDocuments | Dataset | None = None,
    dev: Sequence[Document] | Dataset | None = None,
    resume: bool = False,
    progress: bool | None = None,
    watch: Callable[[float, float], None] | None = None,
) -> TrainResult:
    """Fine-tune the configured backbone and write a model directory.

    Args:
        config: from :func:`ie_model.load_config`.
        documents: what to train on instead of ``data.train``: documents, ``(weight, document)``
            pairs, or a ``datasets.Dataset`` of either shape that the package reads.
        dev: documents for early stopping instead of ``data.dev``, or such a ``Dataset``.
        resume: go on from the last checkpoint of an interrupted run of the same config
            (``training.checkpoint_every`` writes them). The weights come out as if the run
            had never been interrupted.
        progress: whether to show a progress bar; by default in notebooks and terminals.
        watch: called after each dev evaluation with the share of the updates that are done and
            the F1 (fractions); an exception it raises ends the run, and no model is written.

    Returns:
        Where the model is and how training went.

    Raises:
        InputError: faulty data or settings, a missing backbone, nothing to resume.
        RunError: the loss became NaN, or the model could not be saved.
    """
    if is_first_process():
        advise_passive_waiting()
    refuse(config, dev, given=documents is not None)
    settings = config.training
    device = resolve_device(settings.device, "training.device")
    precision = resolve_precision(settings, device)
    if device.type == "cuda":  # before teachers are loaded
        take_own_gpu()
    with workspace(config.output_dir) as work:
        ready = read_and_plan(config, documents, dev, scratch_folder(work))
        if device.type == "cuda":
            torch.cuda.empty_cache()  # what teachers held
        checkpoint = last_checkpoint(work, _identity(config, ready), resume)
        model = make_model(
            config.model, ready.labels, ready.vocabulary, seed=settings.seed,
            letter_case=ready.encoder.letter_case,
            gradient_checkpointing=settings.gradient_checkpointing,
        )  # fmt: skip
        if is_first_process():
            facts = (config.model.backbone, device.type, precision, ready.plan.steps)
            log.info("%s on %s in %s, %d updates", *facts)
            log.info("%s", ready.summary())
        directory = _directory_settings(config, ready)
        tracked = tracking(config) if is_first_process() else nullcontext(())
        with tracked as callbacks:
            fitted = fit(
                model, ready.windows, ready.plan, ready.labels, ready.vocabulary.pad_id, settings,
                work, device=device.type, precision=precision,
                temperature=config.distillation.temperature,
                evaluation=_evaluation(config, ready, model, directory, work, watch),
                checkpoint=checkpoint, progress=progress, callbacks=callbacks,
            )  # fmt: skip
        metrics = _metrics(fitted, ready)
        if is_first_process():
            write_model(model, ready.vocabulary.tokenizer, directory, config, metrics)
    if ready.test and is_first_process():
        write_test_scores(config, metrics, ready.test)
    wait_for_all()
    return TrainResult(
        config.output_dir, metrics, fitted.losses, fitted.steps, fitted.seconds,
        fitted.tokens_per_second,
    )  # fmt: skip


def _identity(config: Config, ready: Preparation) -> dict[str, Any]:
    values = config.model_dump(mode="json", exclude={"output_dir"})
    dev = fingerprint(ready.dev)
    return run_identity(values, config.model.backbone, ready.windows.fingerprint, dev)


def _directory_settings(config: Config, ready: Preparation) -> ModelSettings:
    """What the model directory will say of itself."""
    encoding, floor, labels = config.encoding, config.min_score, ready.labels
    return ModelSettings(
        labels=labels.labels,
        tags=labels.tags,
        window=encoding.window,
        overlap=encoding.overlap,
        lines=encoding.lines,
        touching=labels.touching,
        whole_words=encoding.whole_words,
        letter_case=ready.encoder.letter_case,
        context=encoding.context,
        thresholds=dict.fromkeys(labels.labels, floor) if floor else {},
        sure_score=config.sure_score,
        origin={
            "backbone": config.model.backbone,
            "seed": config.training.seed,
            "data_fingerprint": ready.windows.fingerprint,
            "ledger": ready.windows.ledger.to_dict(),
            "teachers": [weights_fingerprint(d) for d in config.distillation.teachers],
            "versions": versions(),
        },
    )


def _evaluation(
    config: Config,
    ready: Preparation,
    model: Any,
    directory: ModelSettings,
    work: Path,
    watch: Callable[[float, float], None] | None,
) -> DevEvaluation | None:
    """The dev evaluation, once an epoch unless the config says otherwise."""
    if not ready.dev:
        return None
    settings = config.training
    extractor = live_extractor(model, ready.encoder, directory, ready.vocabulary.pad_id, work)
    every = settings.evaluate_every or ready.plan.updates_per_epoch
    patience = settings.early_stopping
    evaluation = DevEvaluation(model, extractor, ready.dev, work, every=every, patience=patience)
    evaluation.watch = watch
    return evaluation


def _metrics(fitted: Fitted, ready: Preparation) -> dict[str, Any]:
    """The content of ``metrics.json``."""
    metrics: dict[str, Any] = {
        "training": {
            "steps": fitted.steps,
            "seconds": round(fitted.seconds, 2),
            "tokens_per_second": round(fitted.tokens_per_second),
            "final_loss": fitted.losses[-1][1] if fitted.losses else None,
            "losses": fitted.losses,
            **ready.describe(),
        }
    }
    if fitted.dev is not None:
        metrics["dev"] = fitted.dev
    return metrics
