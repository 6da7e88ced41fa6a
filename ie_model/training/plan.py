"""How large an update is, how many there are, and the learning rate that goes with it.

A learning rate and a number of epochs were chosen for updates of a certain size,
``training.reference_batch``. Several processes, or accumulation, would make updates larger and
fewer; so the batch is divided among them instead, and an update stays as large as it was.
Where it cannot be divided any further (a batch holds one window at least), updates are larger
by some factor k: learning rates are multiplied by the square root of k (Malladi, Lyu, Panigrahi
and Arora 2022, "On the SDEs and Scaling Rules for Adaptive Gradient Algorithms"), and the
warm-up takes as many updates as before. Above ``LARGEST_FACTOR`` no rule holds, and the run is
refused.
"""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass
from typing import Any

from ie_model.config.schema import TrainingConfig
from ie_model.errors import InputError
from ie_model.inference.batching import padding_waste
from ie_model.training.batches import LengthGroupedBatches
from ie_model.training.encoded import TrainingWindows
from ie_model.training.processes import is_first_process, world_size

log = logging.getLogger(__name__)

LARGEST_FACTOR = 2.0
"""How many times as large as in the recipe an update may be."""

_UNCHANGED = 1.1  # a factor that batches of whole windows have anyway
_FEW = 50  # updates in which no recipe of this package was seen to learn


@dataclass(frozen=True)
class BatchSize:
    """One batch of one process, and how many of them each process adds to an update."""

    tokens: int
    windows: int | None
    accumulation: int


@dataclass(frozen=True)
class Plan:
    """The batches of every epoch and the updates that are made of them.

    An update is made of ``size.accumulation`` batches of every process. ``factor`` says how
    many times as large it is as in the recipe.
    """

    batches: LengthGroupedBatches
    size: BatchSize
    processes: int
    steps: int
    factor: float
    padding_waste: float

    @property
    def updates_per_epoch(self) -> int:
        """Updates of a whole epoch."""
        return self.batches.updates(self.size.accumulation)

    @property
    def update_tokens(self) -> int:
        """Padded tokens of an update at most, windows longer than a batch apart."""
        return self.size.tokens * self.size.accumulation * self.processes

    def describe(self) -> dict[str, Any]:
        """The plan in plain values."""
        return {
            "batches_per_epoch": len(self.batches),
            "steps": self.steps,
            "update_tokens": self.update_tokens,
            "padding_waste": round(self.padding_waste, 4),
        }


def batch_size(training: TrainingConfig, processes: int) -> BatchSize:
    """The configured update, divided among processes and accumulation.

    ``batch_windows`` are those of the update (without a ``reference_batch``, of one batch), and
    divided in the same proportion.
    """
    accumulation = training.gradient_accumulation
    update = training.reference_batch or training.batch_tokens * accumulation
    accumulation = max(accumulation, math.ceil(update / (processes * training.batch_tokens)))
    tokens = math.ceil(update / (processes * accumulation))
    return BatchSize(tokens, _windows(training, tokens), accumulation)


def plan_batches(windows: TrainingWindows, training: TrainingConfig) -> Plan:
    """The batches, the same number in every epoch there will be, and the updates in all.

    Raises:
        InputError: no window has a weight above 0, or there would be too few updates.
    """
    processes = world_size()
    size = batch_size(training, processes)

    def batches(size: BatchSize, epochs: int, world: int) -> LengthGroupedBatches:
        return LengthGroupedBatches(
            windows.lengths, windows.weights, tokens=size.tokens, windows=size.windows,
            epochs=epochs, seed=training.seed, world=world,
        )  # fmt: skip

    epochs = math.ceil(training.epochs)
    planned = batches(size, epochs, processes)
    updates = planned.updates(size.accumulation)
    steps = training.max_steps or math.ceil(updates * training.epochs)
    if steps > updates * epochs:
        planned = batches(size, -(-steps // updates), processes)

    factor = 1.0
    parts = processes * size.accumulation
    if parts > 1 and (processes > 1 or training.reference_batch):
        whole = training.reference_batch or training.batch_tokens * training.gradient_accumulation
        recipe = batches(BatchSize(whole, _windows(training, whole), 1), epochs, 1)
        factor = max(1.0, recipe.updates(1) / updates)
        chosen = math.ceil(recipe.updates(1) * training.epochs)
        if factor > LARGEST_FACTOR and training.max_steps is None:
            named = "1 process" if processes == 1 else f"{processes} processes"
            raise InputError(
                f"training: {steps:,} updates, where the rates and epochs were chosen for "
                f"{chosen:,} (training.reference_batch {whole:,} tokens): {named} "
                f"with {size.accumulation} batches each cannot divide so small an update; use "
                "fewer of them, or choose reference_batch, learning_rate and epochs anew"
            )
    if steps < _FEW and training.max_steps is None and is_first_process():
        log.warning(
            "training: only %d updates, in which little is learned; more epochs, or a smaller "
            "training.reference_batch or batch_tokens, make more",
            steps,
        )
    waste = padding_waste(windows.lengths.tolist(), planned.batches(0), 1)
    return Plan(planned, size, processes, steps, factor, waste)


def adapted(training: TrainingConfig, plan: Plan) -> TrainingConfig:
    """The settings with the accumulation, the rates and the warm-up of the plan."""
    changes: dict[str, Any] = {"gradient_accumulation": plan.size.accumulation}
    if plan.factor > _UNCHANGED:
        root = math.sqrt(plan.factor)
        changes["learning_rate"] = training.learning_rate * root
        if training.head_learning_rate:
            changes["head_learning_rate"] = training.head_learning_rate * root
        changes["warmup"] = min(0.5, training.warmup * plan.factor)
        if is_first_process():
            log.info(
                "updates are %.2f times as large as training.reference_batch: learning rates "
                "times %.2f", plan.factor, root,
            )  # fmt: skip
    return training.model_copy(update=changes)


def _windows(training: TrainingConfig, tokens: int) -> int | None:
    if training.batch_windows is None:
        return None
    whole = training.reference_batch or training.batch_tokens
    return max(1, round(training.batch_windows * tokens / whole))
