"""What experiment trackers are told: TensorBoard, Weights & Biases, MLflow.

All get the same scalars through the Trainer's log: loss, gradient norm, learning rate and
tokens/s as the run goes, and at each dev evaluation precision, recall and F1, in all and of each
label. And the resolved config, once.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from transformers import TrainerCallback
from transformers.integrations import TensorBoardCallback

from ie_model.config.schema import Config


def events_folder(output_dir: Path, log_dir: Path | None) -> Path:
    """Where this run's TensorBoard events go; they outlive the run.

    ``log_dir``, else ``TENSORBOARD_LOGGING_DIR``, else ``NAME.tensorboard`` beside the model; a
    folder in it for each run, named by its time.
    """
    told = os.environ.get("TENSORBOARD_LOGGING_DIR")
    beside = output_dir.with_name(f"{output_dir.name}.tensorboard")
    parent = log_dir or (Path(told).expanduser() if told else beside)
    return parent / datetime.now().strftime("%Y-%m-%d-%H%M%S")


def dev_scalars(metrics: Mapping[str, Any]) -> dict[str, float]:
    """``eval_f1``, ``eval_ACTOR_recall`` and so on of dev scores, as the Trainer logs them."""
    span = metrics["span"]
    rows = {"": span["micro"], **{f"{label}_": row for label, row in span["labels"].items()}}
    names = ("precision", "recall", "f1")
    return {f"eval_{key}{name}": float(row[name]) for key, row in rows.items() for name in names}


def trackers(config: Config) -> list[TrainerCallback]:
    """The callbacks of the first process, beside those that the Trainer makes itself."""
    loggers = config.training.loggers
    if not loggers:
        return []
    text = config.to_yaml()
    found: list[TrainerCallback] = []
    if "tensorboard" in loggers:
        found.append(_TensorBoard(events_folder(config.output_dir, config.training.log_dir), text))
    others = [name for name in loggers if name != "tensorboard"]
    return [*found, _ConfigToTrackers(others, config.model_dump(mode="json"), text)]


class _TensorBoard(TensorBoardCallback):
    """The Trainer's, with a folder that is not removed when the run is done."""

    def __init__(self, folder: Path, config: str) -> None:
        super().__init__()
        self.logging_dir = str(folder)
        self._config = config

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        super().on_train_begin(args, state, control, **kwargs)
        if self.tb_writer is not None:
            self.tb_writer.add_text("config", f"```yaml\n{self._config}\n```")


class _ConfigToTrackers(TrainerCallback):
    """Hands the resolved config to the trackers that the Trainer has started."""

    def __init__(self, loggers: Sequence[str], values: Mapping[str, Any], text: str) -> None:
        self._loggers, self._values, self._text = loggers, values, text

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if not state.is_world_process_zero:
            return
        for name in self._loggers:
            tracker = importlib.import_module(name)
            if name == "wandb" and tracker.run is not None:
                tracker.config.update({"ie_model": dict(self._values)}, allow_val_change=True)
            elif name == "mlflow" and tracker.active_run() is not None:
                tracker.log_text(self._text, "config.yaml")
