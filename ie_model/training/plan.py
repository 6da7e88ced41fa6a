"""How many batches and updates a run makes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from ie_model.config.schema import TrainingConfig
from ie_model.inference.batching import padding_waste
from ie_model.training.batches import LengthGroupedBatches
from ie_model.training.encoded import TrainingWindows
from ie_model.training.processes import world_size


@dataclass(frozen=True)
class Plan:
    """The batches of every epoch and the updates that are made of them.

    ``accumulation`` batches of every process make an update.
    """

    batches: LengthGroupedBatches
    accumulation: int
    steps: int
    padding_waste: float

    @property
    def updates_per_epoch(self) -> int:
        """Updates of a whole epoch."""
        return self.batches.updates(self.accumulation)

    def describe(self) -> dict[str, Any]:
        """The plan in plain values."""
        return {
            "batches_per_epoch": len(self.batches),
            "steps": self.steps,
            "padding_waste": round(self.padding_waste, 4),
        }


def plan_batches(windows: TrainingWindows, training: TrainingConfig) -> Plan:
    """The batches, the same number in every epoch there will be, and the updates in all.

    Raises:
        InputError: no window has a weight above 0.
    """

    def planned(epochs: int) -> LengthGroupedBatches:
        return LengthGroupedBatches(
            windows.lengths, windows.weights, tokens=training.batch_tokens,
            windows=training.batch_windows, epochs=epochs, seed=training.seed,
            world=world_size(),
        )  # fmt: skip

    accumulation = training.gradient_accumulation
    epochs = math.ceil(training.epochs)
    batches = planned(epochs)
    updates = batches.updates(accumulation)
    steps = training.max_steps or math.ceil(updates * training.epochs)
    if steps > updates * epochs:
        batches = planned(-(-steps // updates))
    waste = padding_waste(windows.lengths.tolist(), batches.batches(0), 1)
    return Plan(batches, accumulation, steps, waste)
