"""How a trial does on its way, and whether it is worth its end."""

from __future__ import annotations

from typing import Any

TENTHS = 10


class PrunedError(Exception):
    """A trial that is not worth its end."""


class Course:
    """F1 on the way, told to Optuna at tenths of a trial.

    Trials of other lengths are judged at other moments, and the pruner compares what was told at
    one and the same step. So at every tenth stands the F1 of the last judgement up to there,
    from the first one on.

    Args:
        trial: of Optuna.
        prune: whether a trial below the median of those before it is ended.
    """

    def __init__(self, trial: Any, prune: bool) -> None:
        self._trial, self._prune = trial, prune
        self._tenth = 0
        self._f1: float | None = None

    def judged(self, percent: int, f1: float) -> None:
        """Take an F1 (a fraction) after so much of the trial.

        Raises:
            PrunedError: it falls behind, and there is something left to save.
        """
        tenth = min(percent * TENTHS // 100, TENTHS)
        self._stays_until(tenth)
        self._f1 = f1
        if self._tenth < tenth < TENTHS:
            self._trial.report(f1, tenth)
            self._tenth = tenth
            if self._prune and self._trial.should_prune():
                raise PrunedError

    def over(self) -> None:
        """The trial is at its end, be it before its time."""
        self._stays_until(TENTHS)

    def _stays_until(self, tenth: int) -> None:
        if self._f1 is not None:
            for passed in range(self._tenth + 1, tenth):
                self._trial.report(self._f1, passed)
                self._tenth = passed
