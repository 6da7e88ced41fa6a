"""Weight averaging: the mean of the weights after each of the last updates.

The end of a training path scatters around a good region; its mean lies inside (Izmailov and
others 2018, "Averaging Weights Leads to Wider Optima and Better Generalization").
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from transformers import TrainerCallback

from ie_model.files import whole_path

FILE = "average.safetensors"  # in each checkpoint, so that a resumed run has the same mean


class WeightAverage(TrainerCallback):
    """Keeps the mean over the last ``share`` of ``steps`` updates, in fp32 beside the model."""

    def __init__(self, model: Any, share: float, steps: int) -> None:
        self._model = model
        self._first = steps - max(1, round(share * steps))  # the last update that does not count
        self._count = 0
        self._mean: dict[str, torch.Tensor] = {}

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        file = Path(args.output_dir) / f"checkpoint-{state.global_step}" / FILE
        if file.is_file():
            device = self._model.device
            self._mean = {name: mean.to(device) for name, mean in load_file(file).items()}
            self._count = state.global_step - self._first

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if state.global_step <= self._first:
            return
        self._count += 1
        for name, parameter in self._model.named_parameters():
            value = parameter.detach().float()
            if name in self._mean:
                self._mean[name].lerp_(value, 1 / self._count)
            else:
                self._mean[name] = value.clone()

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        folder = Path(args.output_dir) / f"checkpoint-{state.global_step}"
        if self._mean and state.is_world_process_zero and folder.is_dir():
            with whole_path(folder / FILE) as file:
                save_file({name: mean.cpu() for name, mean in self._mean.items()}, file)

    def apply(self) -> bool:
        """Put the mean into the model; false: no update was averaged, nothing changed."""
        with torch.no_grad():
            for name, parameter in self._model.named_parameters():
                if name in self._mean:
                    parameter.copy_(self._mean[name])
        return bool(self._mean)
