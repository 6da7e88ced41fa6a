"""How long a run will take: a few updates of it, timed."""

from __future__ import annotations

import math
import time
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from transformers import TrainerCallback

from ie_model.config.schema import Config
from ie_model.models.devices import resolve_device
from ie_model.training.fitting import fit
from ie_model.training.model import make_model
from ie_model.training.preparation import Preparation
from ie_model.training.trainer import resolve_precision

_UPDATES = 6
"""Updates that are made; the first one, in which memory is laid out, is not counted."""


def estimate_seconds(config: Config, ready: Preparation) -> float:
    """Seconds that the updates of a run will take on this machine, as busy as it is now.

    Makes the run's first updates with a model that is thrown away. Evaluations on dev
    documents come on top.

    Raises:
        InputError: the backbone cannot be loaded.
        RunError: as the run itself would raise.
    """
    steps = min(_UPDATES, ready.plan.steps)
    settings = config.training.model_copy(
        update={
            "max_steps": steps, "loggers": [], "checkpoint_every": None, "average_last": 0.0
        }
    )  # fmt: skip
    device = resolve_device(settings.device, "training.device")
    model = make_model(
        config.model, ready.labels, ready.vocabulary, seed=settings.seed,
        letter_case=ready.encoder.letter_case,
        gradient_checkpointing=settings.gradient_checkpointing,
    )  # fmt: skip
    clock = _Clock()
    with TemporaryDirectory(prefix="ie-model-") as work:
        fit(
            model, ready.windows, replace(ready.plan, steps=steps), ready.labels,
            ready.vocabulary.pad_id, settings, Path(work), device=device.type,
            precision=resolve_precision(settings, device),
            temperature=config.distillation.temperature, progress=False, callbacks=[clock],
        )  # fmt: skip
    tokens = _update_tokens(ready)
    first = 0 if steps == 1 else 1
    timed = sum(tokens[i % len(tokens)] for i in range(first, steps))
    seconds = clock.ends[steps] - clock.ends[first]
    whole, rest = divmod(ready.plan.steps, len(tokens))
    return seconds / timed * (whole * sum(tokens) + sum(tokens[:rest]))


def _update_tokens(ready: Preparation) -> list[int]:
    """Padded tokens of each update of the first epoch."""
    plan, lengths = ready.plan, ready.windows.lengths
    sizes = [int(max(lengths[batch])) * len(batch) for batch in plan.batches.batches(0)]
    parts = plan.size.accumulation * plan.processes
    return [sum(sizes[i : i + parts]) for i in range(0, len(sizes), parts)]


class _Clock(TrainerCallback):
    """When the updates began, and when each of them ended."""

    def __init__(self) -> None:
        self.ends: list[float] = []

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.ends.append(time.monotonic())

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.ends.append(time.monotonic())


def in_words(seconds: float) -> str:
    """``40 s``, ``3 min``, ``2.5 h``: two digits at most."""
    if seconds < 90:
        return f"{math.ceil(seconds)} s"
    if seconds < 90 * 60:
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3600:.1f} h"
