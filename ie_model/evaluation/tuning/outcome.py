"""What a search found: how the best trial compares with the starting point, and its config."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from ie_model.config.loading import load_config
from ie_model.config.schema import SOURCES, Config
from ie_model.config.shipped import shipped_names
from ie_model.errors import InputError
from ie_model.evaluation.tuning.course import TENTHS
from ie_model.files import write_text
from ie_model.metrics.bootstrap import (
    Counts,
    intervals,
    paired_differences,
    quantile_tails,
)
from ie_model.metrics.spans import CORRECT, GOLD, PREDICTED


@dataclass(frozen=True)
class Outcome:
    """The end of a search; figures are fractions.

    ``best`` is the number of the best trial, ``values`` its settings (empty: the start was not
    beaten), ``difference`` the paired row of :func:`ie_model.metrics.bootstrap.paired_differences`
    and ``unseen`` the interval of :func:`unseen_gain`. ``rows`` hold the trials, best first, those
    that were ended early with the share and the F1 at which they were ``stopped``.
    """

    best: int
    values: dict[str, Any]
    difference: dict[str, Any]
    unseen: tuple[float, float, float] | None
    seeds: int
    by: str
    rows: list[dict[str, Any]]
    killed: int
    config_file: Path | None = None

    @property
    def sure(self) -> bool:
        """Whether both intervals lie above 0."""
        low = self.difference["interval"][0]
        return bool(self.values) and low > 0 and self.unseen is not None and self.unseen[1] > 0

    def table(self, most: int = 20) -> str:
        """Trials with intervals, and in words whether the winner is sure."""
        lines = [f"{'trial':>5}  {'F1':>5}  {'95 % interval':13}  settings"]
        for row in self.rows[:most]:
            score = f"{100 * row['f1']:5.1f}" if row["f1"] is not None else "    -"
            bounds = " to ".join(f"{100 * x:.1f}" for x in row["interval"] or ())
            settings = "the starting point" if row["start"] else in_a_line(row["values"])
            note = "" if row["state"] == "complete" else f"  ({row['state']})"
            if row["stopped"]:
                share, f1 = row["stopped"]
                note = f"  ({row['state']} at {share:.0%}, F1 {100 * f1:.1f} then)"
            lines.append(f"{row['number']:5}  {score}  {bounds:13}  {settings}{note}")
        if len(self.rows) > most:
            lines.append(f"       and {len(self.rows) - most} more")
        if self.killed:
            lines.append(f"{self.killed} interrupted trials do not count")
        return "\n".join([*lines, "", *self._verdict()])

    def _verdict(self) -> list[str]:
        if not self.values:
            return ["no trial is better than the starting point"]
        d = self.difference
        low, high = (100 * x for x in d["interval"])
        seeds = f"means over {self.seeds} other seeds" if self.seeds else "one seed"
        lines = [
            f"trial {self.best} against the starting point ({seeds}): F1 {100 * d['before']:.1f} "
            f"to {100 * d['after']:.1f}, {100 * d['difference']:+.1f} ({low:+.1f} to {high:+.1f})"
        ]
        if self.unseen is not None:
            mean, low, high = (100 * x for x in self.unseen)
            lines.append(
                "on documents that did not choose (best of all trials on resampled documents, "
                f"judged on the others): {mean:+.1f} ({low:+.1f} to {high:+.1f})"
            )
        if self.sure:
            return [*lines, "sure: both intervals lie above 0"]
        reason = "an interval reaches below 0"
        if self.unseen is None:
            reason = "there are too few trials or documents"
        return [*lines, f"not sure: {reason}; more documents or seeds would tell"]


def conclude(
    trials: Sequence[Any],
    labels: Sequence[str],
    by: str,
    confirmed: Mapping[str, Counts] | None,
    killed: int,
) -> Outcome:
    """Judge the trials of a study.

    Args:
        trials: of :attr:`ie_model.evaluation.tuning.study.Study.trials`.
        labels: the declared labels.
        by: ``dev`` or ``crossval``.
        confirmed: counts ``[seeds, units, labels, 3]`` of ``start`` and ``best`` under other
            seeds; without them those of the search are compared.
        killed: how many trials were interrupted.
    """
    done = [t for t in trials if t.state.name == "COMPLETE"]
    start, best = starting_trial(done), best_trial(done)
    counts = {t.number: np.array(t.user_attrs["counts"]) for t in done}
    sides = confirmed or {"start": counts[start.number], "best": counts[best.number]}
    rows = [
        {
            "number": t.number,
            "f1": t.value if t in done else None,
            "interval": intervals(counts[t.number], labels)["micro"]["f1"] if t in done else None,
            "values": t.user_attrs.get("values", {}),
            "start": bool(t.user_attrs.get("start")),
            "state": t.user_attrs.get("reason") or t.state.name.lower(),
            "stopped": last_told(t) if t.state.name == "PRUNED" else None,
        }
        for t in sorted(trials, key=lambda t: (t not in done, -(t.value or 0), t.number))
    ]
    return Outcome(
        best.number,
        {} if best is start else best.user_attrs["values"],
        paired_differences(sides["start"], sides["best"], labels)["micro"],
        unseen_gain(counts[start.number], list(counts.values())),
        0 if confirmed is None else len(sides["best"]),
        by,
        rows,
        killed,
    )


def last_told(trial: Any) -> tuple[float, float] | None:
    """The share of a trial after which it was judged last, and its F1 then."""
    reported = trial.intermediate_values
    return (max(reported) / TENTHS, reported[max(reported)]) if reported else None


def starting_trial(done: Sequence[Any]) -> Any:
    """The trial of the config itself."""
    return next(t for t in done if t.user_attrs.get("start"))


def best_trial(done: Sequence[Any]) -> Any:
    """The trial with the highest F1; of equal ones the starting point, else the first."""
    return max(done, key=lambda t: (t.value, bool(t.user_attrs.get("start")), -t.number))


def unseen_gain(
    start: Counts, trials: Sequence[Counts], resamples: int = 1000
) -> tuple[float, float, float] | None:
    """What choosing among the trials gains on units that did not choose: mean, low, high.

    For each resample of the units the trial with the best F1 on it is compared with the start on
    the units that were not drawn ("bootstrap bias corrected", Tsamardinos, Greasidou and
    Borboudakis, Machine Learning 107, 2018). ``None`` with one trial or fewer than 2 units.
    """
    stacked = np.stack(trials).sum(axis=2).astype(np.float64)  # [trials, units, 3]
    units = stacked.shape[1]
    if len(trials) < 2 or units < 2:
        return None
    base = start.sum(axis=1).astype(np.float64)
    rng = np.random.default_rng(0)
    gains = []
    for _ in range(resamples):
        weights = np.bincount(rng.integers(units, size=units), minlength=units)
        out = weights == 0
        if not out.any() or not base[out].any():
            continue
        chosen = int(np.argmax(_f1(np.einsum("u,tuk->tk", weights, stacked))))
        gains.append(float(_f1(stacked[chosen][out].sum(axis=0)) - _f1(base[out].sum(axis=0))))
    if not gains:
        return None
    low, high = np.quantile(gains, quantile_tails(units, 0.95))
    return float(np.mean(gains)), float(low), float(high)


def _f1(sums: Any) -> Any:
    """F1 of ``[..., 3]`` sums of counts; 0 where nothing is there."""
    both = sums[..., GOLD] + sums[..., PREDICTED]
    return 2 * sums[..., CORRECT] / np.maximum(both, 1)


def write_winner(file: Path, given: str | Path, changed: Mapping[str, Any], config: Config) -> None:
    """Write the best config: it extends the one given, with the changed keys alone.

    Where that would be another config, since a section replaces its base key by key and an
    element of a list cannot be named, all of it is written.

    Args:
        file: the YAML file to write.
        given: the config that was searched from, a file or the name of a shipped one.
        changed: dotted keys, those of the command line included.
        config: the resolved best config.
    """
    path = Path(given)
    named = not path.is_file() and str(given).removesuffix(".yaml") in shipped_names()
    base = str(given) if named else os.path.relpath(path.resolve(), file.resolve().parent)
    resolved = yaml.safe_load(config.to_yaml())
    values: dict[str, Any] = {"extends": base}
    for key, value in changed.items():
        parts = key.split(".")
        source = tuple(parts[:2]) in SOURCES or parts[:2] == ["distillation", "teachers"]
        at, found = values, resolved
        for depth, part in enumerate(parts):
            if (source and depth == 1) or depth == len(parts) - 1:
                at[part] = found[part] if source else value
                break
            found = found[part]
            at = at.setdefault(part, {})
    head = "# The best settings that ie-model tune found.\n"
    write_text(file, head + yaml.safe_dump(values, sort_keys=False, allow_unicode=True))
    whole = config.to_yaml()
    try:
        same = load_config(file).to_yaml() == whole
    except InputError:
        same = False
    if not same:
        write_text(file, head + whole)


def in_a_line(values: Mapping[str, Any]) -> str:
    """Settings in a line: ``training.epochs=3 training.learning_rate=0.0001``."""
    return " ".join(
        f"{key}={value:.3g}" if isinstance(value, float) else f"{key}={value}"
        for key, value in values.items()
    )
