"""Training: one function from a configuration to a model directory."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import platform
import shutil
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from ie_model.config.schema import Config
from ie_model.corpus.reading import fingerprint
from ie_model.documents import Document
from ie_model.errors import InputError, RunError
from ie_model.models.directory import (
    ModelSettings,
    new_directory,
    read_settings,
    weights_fingerprint,
    write_settings,
    write_text,
)
from ie_model.training.batches import world_size
from ie_model.training.inputs import WeightedDocuments
from ie_model.training.preparation import Preparation, new_model, prepare, remove_scratch, work_dir
from ie_model.training.refusals import trained_backbone

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrainResult:
    """What :func:`train` leaves behind.

    ``losses`` are ``(step, mean loss since the last entry)``; ``metrics`` is the content of
    ``metrics.json``; ``seconds`` is the time of the updates alone.
    """

    model_dir: Path
    metrics: dict[str, Any]
    losses: list[tuple[float, float]]
    steps: int
    seconds: float
    tokens_per_second: float


def train(
    config: Config,
    *,
    documents: WeightedDocuments | None = None,
    dev: Sequence[Document] | None = None,
    resume: bool = False,
) -> TrainResult:
    """Fine-tune the configured backbone and write a model directory.

    Args:
        config: from :func:`ie_model.load_config`.
        documents: ``(weight, document)`` pairs to train on instead of ``data.train``.
        dev: documents for early stopping instead of ``data.dev``.
        resume: go on from the last checkpoint of an interrupted run of the same config
            (``training.checkpoint_every`` writes them). The weights come out as if the run
            had never been interrupted.

    Returns:
        Where the model is and how training went.

    Raises:
        InputError: faulty data or settings, a missing backbone, nothing to resume.
        RunError: the loss became NaN, or the model could not be saved.
    """
    import torch
    import transformers

    from ie_model.models.devices import resolve_device
    from ie_model.training.averaging import WeightAverage
    from ie_model.training.checkpoints import DevEvaluation, MarkWhole, last_checkpoint
    from ie_model.training.compact_embeddings import compact, restore
    from ie_model.training.trainer import (
        Progress,
        SpanTrainer,
        resolve_precision,
        training_arguments,
    )

    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    chosen = resolve_device(config.training.device, "training.device")
    precision, device = resolve_precision(config.training, chosen), chosen.type
    if device == "cuda":  # before teachers are loaded: each process has a GPU of its own
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    work = work_dir(config)
    remove_scratch(work)
    ready = prepare(config, documents, dev)
    if device == "cuda":
        torch.cuda.empty_cache()  # what teachers held
    run_key = _run_key(ready)
    try:
        checkpoint = last_checkpoint(work, run_key, resume)
    except InputError:
        ready.discard()
        raise
    args = training_arguments(config.training, work, device, precision, ready.steps)
    transformers.set_seed(config.training.seed)
    model = new_model(ready)

    pad_id = ready.tokenizer.pad_token_id or 0
    compact(model, np.union1d(ready.windows.token_ids(), [pad_id]).astype(np.int64))
    progress = Progress()
    evaluation = DevEvaluation(ready, model, work) if ready.dev else None
    share = config.training.average_last
    average = WeightAverage(model, share, ready.steps) if share else None
    trainer = SpanTrainer(
        model, args, config=config.training, labels=ready.labels, windows=ready.windows,
        batches=ready.batches, pad_id=pad_id, temperature=config.distillation.temperature,
        callbacks=[c for c in (progress, average, evaluation, MarkWhole()) if c is not None],
    )  # fmt: skip
    progress.trainer = trainer
    if trainer.is_world_process_zero():
        log.info("%s", _summary(ready, device, precision))
    began = time.monotonic()
    try:
        trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    except torch.cuda.OutOfMemoryError as error:
        raise RunError(
            f"the GPU ran out of memory ({error}); lower training.batch_tokens, or set "
            "training.gradient_checkpointing"
        ) from None
    finally:
        ready.discard()
    seconds = time.monotonic() - began
    averaged = average is not None and average.apply()
    if average and not averaged and trainer.is_world_process_zero():
        log.warning("training.average_last: the run stopped before its last updates came")
    if evaluation:
        if averaged:
            evaluation.consider_average(trainer.state)
        evaluation.load_best()
    restore(model)

    losses = [(h["step"], h["loss"]) for h in trainer.state.log_history if "loss" in h]
    result = TrainResult(
        config.output_dir, {}, losses, trainer.state.global_step, seconds,
        progress.tokens_per_second,
    )  # fmt: skip
    if trainer.is_world_process_zero():
        result.metrics.update(_finish(ready, model, result, evaluation))
        shutil.rmtree(work, ignore_errors=True)
        if ready.test:
            _evaluate_test(config, result.metrics, ready.test)
    trainer.accelerator.wait_for_everyone()
    return result


def _run_key(ready: Preparation) -> str:
    """What must be equal for a checkpoint to be resumed."""
    values = ready.config.model_dump(mode="json", exclude={"output_dir"})
    data = [ready.windows.fingerprint, fingerprint(ready.dev)]
    # A model directory may be trained anew in its place, and not all of it is in a checkpoint.
    if backbone := trained_backbone(ready.config):
        data.append(weights_fingerprint(backbone))
    told = [values, data, versions(), world_size()]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()


def _summary(ready: Preparation, device: str, precision: str) -> str:
    ledger = ready.windows.ledger
    lines = [
        f"{ready.config.model.backbone} on {device} in {precision}, {ready.steps} updates",
        "data: " + ", ".join(f"{k} {v:,}" for k, v in ledger.to_dict().items()),
        "entities: " + ", ".join(f"{k} {ledger.entities[k]:,}" for k in ready.labels.labels),
    ]
    for id_, entity in ledger.lost[:10]:
        lines.append(
            f"  masked: {id_} [{entity.start}, {entity.end}) {entity.label} {entity.text!r}"
        )
    return "\n".join(lines)


def _finish(ready: Preparation, model: Any, result: TrainResult, evaluation: Any) -> dict[str, Any]:
    """Write the model directory; returns what went into ``metrics.json``."""
    config = ready.config
    metrics: dict[str, Any] = {
        "training": {
            "steps": result.steps,
            "seconds": round(result.seconds, 2),
            "tokens_per_second": round(result.tokens_per_second),
            "final_loss": result.losses[-1][1] if result.losses else None,
            "losses": result.losses,
            **ready.describe(),
        }
    }
    if evaluation:
        metrics["dev"] = evaluation.best_metrics
    with new_directory(config.output_dir) as folder:
        model.cpu().save_pretrained(folder)
        ready.tokenizer.save_pretrained(folder)
        (folder / "config.yaml").write_text(config.to_yaml(), encoding="utf-8")
        settings = replace(
            ready.settings(),
            origin={
                "backbone": config.model.backbone,
                "seed": config.training.seed,
                "data_fingerprint": ready.windows.fingerprint,
                "weights_fingerprint": weights_fingerprint(folder),
                "ledger": ready.windows.ledger.to_dict(),
                "teachers": [weights_fingerprint(d) for d in config.distillation.teachers],
                "versions": versions(),
            },
        )
        write_settings(folder, settings)
        _write_metrics(folder, config, settings, metrics)
    return metrics


def _evaluate_test(config: Config, metrics: dict[str, Any], test: Sequence[Document]) -> None:
    """Add the scores on ``data.test`` to a model directory; a fault here leaves it as it is."""
    from ie_model.inference.gold import evaluate

    folder = config.output_dir
    log.info("%s: saved; evaluating it on %d test documents", folder, len(test))
    metrics["test"] = evaluate(folder, test)
    _write_metrics(folder, config, read_settings(folder), metrics)


def _write_metrics(
    folder: Path, config: Config, settings: ModelSettings, metrics: dict[str, Any]
) -> None:
    from ie_model.models.card import write_card

    text = json.dumps(metrics, indent=2, ensure_ascii=False)
    write_text(folder / "metrics.json", text + "\n")
    write_card(folder, config, settings, metrics)


def versions() -> dict[str, str]:
    """The versions that a set of weights depends on."""
    names: Iterable[str] = ("ie-model", "torch", "transformers", "accelerate", "tokenizers")
    return {"python": platform.python_version(), "numpy": np.__version__} | {
        name: metadata.version(name) for name in names
    }
