"""What lets a run be judged while it goes on, and resumed after it was interrupted."""

from __future__ import annotations

import json
import logging
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from transformers import TrainerCallback

from ie_model.errors import InputError
from ie_model.inference.engines.interface import Done, Ids, Logits
from ie_model.inference.extractor import Extractor
from ie_model.inference.model import LoadedModel
from ie_model.metrics.spans import score_documents
from ie_model.models.directory import write_text
from ie_model.training.batches import is_first_process

if TYPE_CHECKING:
    from ie_model.training.preparation import Preparation

log = logging.getLogger(__name__)

WHOLE = "whole"
"""An empty file in every checkpoint that is complete."""


def last_checkpoint(work: Path, run_key: str, resume: bool) -> Path | None:
    """The checkpoint to go on from, or ``None`` for a fresh start in an empty ``work``.

    Raises:
        InputError: ``resume`` was asked for and there is no complete checkpoint of the same
            config, data, backbone, versions and number of processes.
    """
    key_file = work / "run.key"
    if resume:
        # A run killed while it wrote one leaves a checkpoint that lacks something.
        whole = [f.parent for f in work.glob(f"checkpoint-*/{WHOLE}")]
        if not whole:
            raise InputError(
                f"{work}: no checkpoint to resume from; start the run without --resume, with "
                "training.checkpoint_every set"
            )
        if key_file.read_text(encoding="utf-8") != run_key:
            raise InputError(
                f"{work}: the checkpoint belongs to another config, other data, another backbone, "
                "other versions of the packages or another number of processes; restore them, or "
                "start the run without --resume"
            )
        return max(whole, key=lambda folder: int(folder.name.partition("-")[2]))
    if is_first_process():
        for old in work.glob("checkpoint-*"):
            log.info("%s: removed, this run starts from the beginning", old)
            shutil.rmtree(old)
        (work / DevEvaluation.HISTORY).unlink(missing_ok=True)
        write_text(key_file, run_key)
    return None


class MarkWhole(TrainerCallback):
    """Says of a checkpoint that all of it was written; the last callback to be told of it."""

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if state.is_world_process_zero:
            write_text(Path(args.output_dir) / f"checkpoint-{state.global_step}" / WHOLE, "")


class _LiveEngine:
    """The model in training as an engine, for dev evaluations."""

    name = "torch"
    precision = "training"
    multiple = 1
    batch_tokens = 2048
    streams = 1
    in_flight = 1
    remembers_shapes = False

    def __init__(self, model: Any) -> None:
        self._model = model

    def forward(self, input_ids: Ids, attention_mask: Ids) -> Logits:
        device = self._model.device
        with torch.inference_mode():
            output = self._model(
                input_ids=torch.from_numpy(input_ids).to(device),
                attention_mask=torch.from_numpy(attention_mask).to(device),
            )
            return np.asarray(output.logits.float().cpu().numpy())

    def submit(self, input_ids: Ids, attention_mask: Ids) -> Done:
        return Done(self.forward(input_ids, attention_mask))

    def close(self) -> None:
        pass


class DevEvaluation(TrainerCallback):
    """Scores the dev documents, keeps the best weights, stops early.

    The history is on disk, so a resumed run decides as an undisturbed one would.
    """

    HISTORY = "dev.json"
    BEST = "best.safetensors"

    def __init__(self, ready: Preparation, model: Any, work: Path) -> None:
        self._ready, self._model, self._work = ready, model, work
        training = ready.config.training
        epoch = ready.batches.updates(training.gradient_accumulation)
        self._every = training.evaluate_every or epoch
        self._patience = training.early_stopping
        self._history: list[tuple[int, float]] = []
        self.best_metrics: dict[str, Any] = {}
        pad = ready.tokenizer.pad_token_id or 0
        live = LoadedModel(_LiveEngine(model), ready.encoder, ready.settings(), pad, work)
        self._extractor = Extractor(live)

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        file = self._work / self.HISTORY
        if state.global_step and file.is_file():
            stored = json.loads(file.read_text(encoding="utf-8"))
            self._history = [(s, f) for s, f in stored["history"] if s <= state.global_step]
            self.best_metrics = stored["metrics"]
            self._stop_when_over(control)

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        # Not at the end of an epoch: the checkpoint of its last step comes before that.
        if state.global_step % self._every == 0 or state.global_step == state.max_steps:
            self._evaluate(state, control)

    def _evaluate(self, state: Any, control: Any) -> None:
        if any(step == state.global_step for step, _ in self._history):
            return
        f1 = self._score(state) if state.is_world_process_zero else 0.0
        # Every process must stop at the same step.
        from accelerate.utils import broadcast_object_list

        (f1,) = broadcast_object_list([f1])
        self._history.append((state.global_step, f1))
        self._stop_when_over(control)

    def _stop_when_over(self, control: Any) -> None:
        best_at = max(range(len(self._history)), key=lambda i: self._history[i][1], default=0)
        if self._patience and len(self._history) - 1 - best_at >= self._patience:
            control.should_training_stop = True

    def _score(self, state: Any, at_least: float | None = None) -> float:
        self._model.eval()
        predicted = self._extractor.predict(self._ready.dev)
        self._model.train()
        metrics = score_documents(self._ready.dev, predicted, self._ready.labels.labels)
        f1 = float(metrics["span"]["micro"]["f1"])
        best = max((f for _, f in self._history), default=-1.0)
        if f1 > best or (at_least is not None and f1 >= at_least):
            self.best_metrics = {"step": state.global_step, **metrics}
            weights = {n: p.detach().cpu() for n, p in self._model.named_parameters()}
            partial = self._work / f"{self.BEST}.partial"
            save_file(weights, partial)
            partial.replace(self._work / self.BEST)
        # An average is no moment of the run, so early stopping must not count it.
        entry = [(state.global_step, f1)] if at_least is None else []
        stored = {"history": [*self._history, *entry], "metrics": self.best_metrics}
        write_text(self._work / self.HISTORY, json.dumps(stored))
        log.info("step %d: dev F1 %.1f", state.global_step, 100 * f1)
        return f1

    def consider_average(self, state: Any) -> None:
        """Score the averaged model when training is over; it is kept unless another was better."""
        if state.is_world_process_zero:
            best = max((f for _, f in self._history), default=-1.0)
            kept = self._score(state, at_least=best) >= best
            log.info(
                "the averaged weights are %s", "kept" if kept else "not kept, a dev F1 was better"
            )

    def load_best(self) -> None:
        """Put the best weights into the model."""
        file = self._work / self.BEST
        if file.is_file():
            weights = load_file(file)
            with torch.no_grad():
                for name, parameter in self._model.named_parameters():
                    parameter.copy_(weights[name])
