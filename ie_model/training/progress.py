"""How a run says how far it is."""

from __future__ import annotations

import logging
import math
import sys
import time
from typing import Any

from tqdm.auto import tqdm
from transformers import TrainerCallback

from ie_model.training.trainer import SpanTrainer, not_finite

log = logging.getLogger(__name__)

_SECONDS_BETWEEN_LINES = 10


def someone_watches() -> bool:
    """Whether standard error is a terminal, or this is a notebook."""
    return sys.stderr.isatty() or "ipykernel" in sys.modules


class Progress(TrainerCallback):
    """A progress bar with loss, tokens/s, dev F1 and time left; without one, lines in the log.

    Args:
        bar: whether there is a bar; by default where someone watches.
    """

    def __init__(self, bar: bool | None = None) -> None:
        self.trainer: SpanTrainer | None = None
        self._wanted = someone_watches() if bar is None else bar
        self._bar: Any = None
        self._loss, self._dev = float("nan"), ""
        self._began, self._printed, self._resumed_at = 0.0, 0.0, 0
        self.tokens_per_second = 0.0

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._began, self._resumed_at = time.monotonic(), state.global_step
        if state.is_world_process_zero and self._wanted:
            self._bar = tqdm(
                total=state.max_steps, initial=state.global_step, unit="step", desc="training"
            )

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if self._bar is not None:
            self._bar.update(1)

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
        if not logs or self.trainer is None:
            return
        if "eval_f1" in logs:  # in a notebook the log is not seen
            self._dev = f", dev F1 {100 * logs['eval_f1']:.1f}"
        if "loss" not in logs:
            self._describe()
            return
        self._loss = float(logs["loss"])
        if not math.isfinite(self._loss):
            raise not_finite(self._loss, state.global_step)
        self.tokens_per_second = self.trainer.tokens_per_second()
        elapsed = time.monotonic() - self._began
        self._describe()
        late = elapsed - self._printed > _SECONDS_BETWEEN_LINES
        if self._bar is None and state.is_world_process_zero and late:
            self._printed = elapsed
            done = state.global_step - self._resumed_at
            left = elapsed / done * (state.max_steps - state.global_step)
            log.info(
                "step %d of %d, loss %.3f, %s tokens/s, %d s left", state.global_step,
                state.max_steps, self._loss, f"{self.tokens_per_second:,.0f}", left,
            )  # fmt: skip

    def _describe(self) -> None:
        if self._bar is not None:
            speed = f"{self.tokens_per_second:,.0f} tokens/s"
            self._bar.set_postfix_str(f"loss {self._loss:.3f}, {speed}{self._dev}", refresh=False)

    def close(self) -> None:
        """Leave the bar as it is, also where the run did not come to its end."""
        if self._bar is not None:
            self._bar.close()
