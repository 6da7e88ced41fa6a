"""The updates: a model and planned batches in, a fitted model out."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import TrainerCallback

from ie_model.config.schema import TrainingConfig
from ie_model.errors import RunError
from ie_model.labels import LabelSet
from ie_model.training.averaging import WeightAverage
from ie_model.training.checkpoints import MarkWhole
from ie_model.training.compact_embeddings import compact, restore
from ie_model.training.dev_evaluation import DevEvaluation
from ie_model.training.dropout import quicken_dropout
from ie_model.training.encoded import TrainingWindows
from ie_model.training.packed_layers import pack, unpack
from ie_model.training.plan import Plan, adapted
from ie_model.training.progress import Progress
from ie_model.training.trainer import SpanTrainer, training_arguments

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Fitted:
    """How the updates went.

    ``losses`` are ``(step, mean loss since the last entry)``; ``seconds`` is the time of the
    updates alone; ``dev`` holds the scores of the weights that were kept, if there was a dev
    evaluation.
    """

    losses: list[tuple[float, float]]
    steps: int
    seconds: float
    tokens_per_second: float
    dev: dict[str, Any] | None = None


def fit(
    model: Any,
    windows: TrainingWindows,
    plan: Plan,
    labels: LabelSet,
    pad_id: int,
    settings: TrainingConfig,
    work: Path,
    *,
    device: str,
    precision: str,
    temperature: float = 1.0,
    evaluation: DevEvaluation | None = None,
    checkpoint: Path | None = None,
    progress: bool | None = None,
    callbacks: Sequence[TrainerCallback] = (),
) -> Fitted:
    """Train the model in place, from a checkpoint if one is given.

    Args:
        model: of :func:`ie_model.training.model.make_model`.
        windows: what it learns.
        plan: in which batches, and for how long.
        labels: what the columns of its logits mean.
        pad_id: what batches are filled up with.
        settings: how the weights are found.
        work: where checkpoints are kept.
        device: ``cpu``, ``cuda`` or ``mps``.
        precision: ``fp32``, ``bf16`` or ``fp16``.
        temperature: of the student, where there are teachers.
        evaluation: judges the model as it goes; its best weights are put into the model.
        checkpoint: of :func:`ie_model.training.checkpoints.last_checkpoint`.
        progress: whether to show a bar; by default where someone watches.
        callbacks: others who want to know of the updates.

    Raises:
        RunError: the loss became NaN, or the GPU ran out of memory.
    """
    settings = adapted(settings, plan)
    compact(model, np.union1d(windows.token_ids(), [pad_id]).astype(np.int64))
    packed = False
    if device == "cpu":
        quicken_dropout(model)
        dtype = torch.bfloat16 if precision == "bf16" else torch.float32
        packed = not settings.gradient_checkpointing and pack(model, dtype)
    bar = Progress(progress)
    share = settings.average_last
    average = WeightAverage(model, share, plan.steps) if share else None
    trainer = SpanTrainer(
        model,
        training_arguments(settings, work, device, "fp32" if packed else precision, plan.steps),
        config=settings,
        labels=labels, windows=windows, batches=plan.batches, pad_id=pad_id,
        temperature=temperature,
        callbacks=[c for c in (bar, average, evaluation, *callbacks, MarkWhole()) if c],
    )  # fmt: skip
    bar.trainer = trainer
    if evaluation:
        evaluation.tell = trainer.log_beside
    began = time.monotonic()
    try:
        trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    except torch.cuda.OutOfMemoryError as error:
        raise RunError(
            f"the GPU ran out of memory ({error}); lower training.batch_tokens, or set "
            "training.gradient_checkpointing"
        ) from None
    finally:
        bar.close()
    seconds = time.monotonic() - began
    if evaluation:
        evaluation.tell = None  # the Trainer has told its trackers that all is over
    averaged = average is not None and average.apply()
    if average and not averaged and trainer.is_world_process_zero():
        log.warning("training.average_last: the run stopped before its last updates came")
    if evaluation:
        if averaged:
            evaluation.consider_average(trainer.state)
        evaluation.load_best()
    unpack(model)
    restore(model)
    return Fitted(
        [(h["step"], h["loss"]) for h in trainer.state.log_history if "loss" in h],
        trainer.state.global_step,
        seconds,
        bar.tokens_per_second,
        evaluation.best_metrics if evaluation else None,
    )
