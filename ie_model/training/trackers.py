"""What experiment trackers are told: TensorBoard, Weights & Biases, MLflow.

All get the same scalars through the Trainer's log: loss, gradient norm, learning rate and
tokens/s as the run goes, and at each dev evaluation precision, recall and F1, in all and of each
label. And the resolved config, once.
"""

from __future__ import annotations

import contextlib
import importlib
import itertools
import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from transformers import TrainerCallback
from transformers.integrations import TensorBoardCallback

from ie_model.config.schema import Config
from ie_model.files import writing


def events_parent(output_dir: Path, log_dir: Path | None) -> Path:
    """Where TensorBoard finds a folder for each run; they outlive the runs.

    ``log_dir``, else ``TENSORBOARD_LOGGING_DIR``, else ``NAME.tensorboard`` beside the model.
    """
    configured = os.environ.get("TENSORBOARD_LOGGING_DIR")
    beside = output_dir.with_name(f"{output_dir.name}.tensorboard")
    return log_dir or (Path(configured).expanduser() if configured else beside)


def with_lasting_events(config: Config, beside: Path) -> Config:
    """The config of a run whose model goes again, with events that stay ``beside`` something."""
    training = config.training
    if "tensorboard" not in training.loggers:
        return config
    kept = training.model_copy(update={"log_dir": events_parent(beside, training.log_dir)})
    return config.model_copy(update={"training": kept})


def _new_folder(parent: Path) -> Path:
    """A folder for one run, named by its time: another run may begin in the same second."""
    time = datetime.now().strftime("%Y-%m-%d-%H%M%S")
    for number in itertools.count(1):
        folder = parent / (time if number == 1 else f"{time}-{number}")
        with writing(folder), contextlib.suppress(FileExistsError):
            folder.mkdir(parents=True)
            break
    return folder


def dev_scalars(metrics: Mapping[str, Any]) -> dict[str, float]:
    """``eval_f1``, ``eval_ACTOR_recall`` and so on of dev scores, as the Trainer logs them."""
    span = metrics["span"]
    rows = {"": span["micro"], **{f"{label}_": row for label, row in span["labels"].items()}}
    names = ("precision", "recall", "f1")
    return {f"eval_{key}{name}": float(row[name]) for key, row in rows.items() for name in names}


@contextlib.contextmanager
def tracking(config: Config) -> Iterator[list[TrainerCallback]]:
    """The callbacks of the first process, beside those that the Trainer makes itself.

    Runs of W&B and MLflow that begin in the block end with it, however it ends: those of the
    Trainer stay open, and the next training of the same process would go on in them.

    Raises:
        InputError: TensorBoard's folder cannot be made.
    """
    loggers = config.training.loggers
    if not loggers:
        yield []
        return
    text = config.to_yaml()
    found: list[TrainerCallback] = []
    if "tensorboard" in loggers:
        parent = events_parent(config.output_dir, config.training.log_dir)
        found.append(_TensorBoard(_new_folder(parent), text))
    others = [name for name in loggers if name != "tensorboard"]
    found.append(_ConfigToTrackers(others, config.model_dump(mode="json"), text))
    callers = {name for name in others if _has_run(name)}  # a run that the caller began is theirs
    failed = True
    try:
        yield found
        failed = False
    finally:
        for name in others:
            if name not in callers and _has_run(name):
                _end_run(name, failed)


def _has_run(name: str) -> bool:
    tracker = importlib.import_module(name)
    return (tracker.run if name == "wandb" else tracker.active_run()) is not None


def _end_run(name: str, failed: bool) -> None:
    tracker = importlib.import_module(name)
    if name == "wandb":
        tracker.finish(exit_code=int(failed))
    else:
        tracker.end_run("FAILED" if failed else "FINISHED")


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
        for name in filter(_has_run, self._loggers):
            tracker = importlib.import_module(name)
            if name == "wandb":
                tracker.config.update({"ie_model": dict(self._values)}, allow_val_change=True)
            else:
                tracker.log_text(self._text, "config.yaml")
