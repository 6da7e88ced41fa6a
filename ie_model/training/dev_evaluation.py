"""Dev scores while a run goes on: the best weights are kept, and the run stops early."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate.utils import broadcast_object_list
from safetensors.torch import load_file, save_file
from transformers import TrainerCallback

from ie_model.documents import Document
from ie_model.encoding.windows import Encoder
from ie_model.errors import InputError
from ie_model.files import read_json, whole_path, write_text
from ie_model.inference.engines.interface import Done, Ids, Logits
from ie_model.inference.extractor import Extractor
from ie_model.inference.model import LoadedModel
from ie_model.metrics.spans import score_documents
from ie_model.models.directory import ModelSettings
from ie_model.training.trackers import dev_scalars

log = logging.getLogger(__name__)

HISTORY = "dev.json"
"""The file of the scores so far, in the work folder."""


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

    def detach(self) -> None:
        pass

    def close(self) -> None:
        pass


def live_extractor(
    model: Any, encoder: Encoder, settings: ModelSettings, pad_id: int, folder: Path
) -> Extractor:
    """An extractor that answers with the model in training, as it is at the time."""
    return Extractor(LoadedModel(_LiveEngine(model), encoder, settings, pad_id, folder))


class DevEvaluation(TrainerCallback):
    """Scores the dev documents, keeps the best weights, stops early.

    The history is on disk, so a resumed run decides as an undisturbed one would.

    Args:
        model: the model in training.
        extractor: of :func:`live_extractor`.
        dev: annotated documents.
        work: the folder of the history and the best weights.
        every: updates between evaluations.
        patience: evaluations without a better F1 before the run stops; ``None`` is for ever.

    ``tell`` is given the scores of every evaluation, for trackers; ``watch`` the share of the
    updates that are done and the F1, and may end the run by an exception.
    """

    BEST = "best.safetensors"

    def __init__(
        self,
        model: Any,
        extractor: Extractor,
        dev: Sequence[Document],
        work: Path,
        *,
        every: int,
        patience: int | None,
    ) -> None:
        self._model, self._extractor, self._dev, self._work = model, extractor, dev, work
        self._every, self._patience = every, patience
        self._history: list[tuple[int, float]] = []
        self.best_metrics: dict[str, Any] = {}
        self.tell: Callable[[dict[str, float]], None] | None = None
        self.watch: Callable[[float, float], None] | None = None

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        file = self._work / HISTORY
        if state.global_step and file.is_file():
            try:
                stored = read_json(file)
                self._history = [(s, f) for s, f in stored["history"] if s <= state.global_step]
                self.best_metrics = dict(stored["metrics"])
            except (OSError, ValueError, KeyError, TypeError) as error:
                raise InputError(
                    f"{file}: damaged ({error}); start the run without --resume"
                ) from None
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
        (f1,) = broadcast_object_list([f1])
        self._history.append((state.global_step, f1))
        if self.watch is not None:
            self.watch(state.global_step / state.max_steps, f1)
        self._stop_when_over(control)

    def _stop_when_over(self, control: Any) -> None:
        best_at = max(range(len(self._history)), key=lambda i: self._history[i][1], default=0)
        if self._patience and len(self._history) - 1 - best_at >= self._patience:
            control.should_training_stop = True

    def _score(self, state: Any, at_least: float | None = None) -> float:
        self._model.eval()
        predicted = self._extractor.predict(self._dev)
        self._model.train()
        metrics = score_documents(self._dev, predicted, self._extractor.label_set.labels)
        f1 = float(metrics["span"]["micro"]["f1"])
        if self.tell is not None:
            self.tell(dev_scalars(metrics))
        best = max((f for _, f in self._history), default=-1.0)
        if f1 > best or (at_least is not None and f1 >= at_least):
            self.best_metrics = {"step": state.global_step, **metrics}
            weights = {n: p.detach().cpu() for n, p in self._model.named_parameters()}
            with whole_path(self._work / self.BEST) as file:
                save_file(weights, file)
        # An average is no moment of the run, so early stopping must not count it.
        entry = [(state.global_step, f1)] if at_least is None else []
        stored = {"history": [*self._history, *entry], "metrics": self.best_metrics}
        write_text(self._work / HISTORY, json.dumps(stored))
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
