"""How far a job is: a bar on a terminal, now and then a line anywhere else."""

from __future__ import annotations

import sys
import time
from typing import Protocol

from ie_model.scoring.shards import ShardRecord

_LINE_EVERY = 30.0


class Reporter(Protocol):
    """Shows the pace of a run."""

    def show(self) -> None:
        """A shard is done: show it."""
        ...

    def close(self) -> None:
        """The run is over."""
        ...


class Pace:
    """Counts of one run, its speed, and the time left where the input's size is known."""

    def __init__(self, total_bytes: int, resumed_rows: int, resumed_bytes: int) -> None:
        self.total_bytes, self.bytes = total_bytes, resumed_bytes
        self.resumed_rows = resumed_rows
        self.rows = self.tokens = self.rejected = self._new_bytes = 0
        self._started = time.monotonic()

    def add(self, record: ShardRecord) -> None:
        """Count a finished shard."""
        self.rows += record.rows
        self.tokens += record.tokens
        self.rejected += record.rejected
        self.bytes += record.bytes
        self._new_bytes += record.bytes

    @property
    def seconds(self) -> float:
        """Seconds since the run began."""
        return time.monotonic() - self._started

    @property
    def fraction(self) -> float | None:
        """The share of the input that is done, or ``None`` where its size is unknown."""
        return min(1.0, self.bytes / self.total_bytes) if self.total_bytes else None

    @property
    def seconds_left(self) -> float | None:
        """At this run's speed; ``None`` while nothing can be said."""
        if not self.total_bytes or not self._new_bytes:
            return None
        return max(0, self.total_bytes - self.bytes) * self.seconds / self._new_bytes

    def __str__(self) -> str:
        seconds = max(self.seconds, 1e-9)
        parts = [f"{self.resumed_rows + self.rows:,} documents", f"{self.rows / seconds:,.0f}/s"]
        if self.tokens:
            parts.append(f"{self.tokens / seconds:,.0f} tokens/s")
        parts.append(f"{self.rejected:,} rejected")
        left = self.seconds_left
        if left is not None:
            parts.append(f"{_clock(left)} left")
        return ", ".join(parts)


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}"


class Silent:
    """Reports nothing."""

    def show(self) -> None:
        """Nothing to show."""

    def close(self) -> None:
        """Nothing to end."""


class Lines:
    """A line on standard error every half minute, for logs."""

    def __init__(self, pace: Pace) -> None:
        self._pace, self._last = pace, time.monotonic()

    def show(self) -> None:
        """Write a line if the last one is old enough."""
        if time.monotonic() - self._last >= _LINE_EVERY:
            self._last = time.monotonic()
            print(f"score: {self._pace}", file=sys.stderr, flush=True)

    def close(self) -> None:
        """Nothing to end."""


class Bar:
    """A bar that moves, on a terminal."""

    def __init__(self, pace: Pace) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn

        self._pace = pace
        self._bar = Progress(
            SpinnerColumn(), BarColumn(), TextColumn("{task.description}"),
            console=Console(stderr=True), transient=True,
        )  # fmt: skip
        self._task = self._bar.add_task("starting", total=1 if pace.total_bytes else None)
        self._bar.start()

    def show(self) -> None:
        """Move the bar."""
        self._bar.update(
            self._task, completed=self._pace.fraction or 0, description=str(self._pace)
        )

    def close(self) -> None:
        """Take the bar off the terminal."""
        self._bar.stop()


def reporter(wanted: bool, pace: Pace) -> Reporter:
    """A bar on a terminal, lines elsewhere, nothing when not wanted."""
    if not wanted or sys.stderr is None:  # closed: print() would take standard output instead
        return Silent()
    return Bar(pace) if sys.stderr.isatty() else Lines(pace)
