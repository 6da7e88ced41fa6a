"""``tune``: a search from a config over a space, to its outcome."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ie_model.config.loading import load_config, overridden
from ie_model.config.schema import without_places
from ie_model.errors import InputError, RunError
from ie_model.evaluation.tuning.judge import By, Judge
from ie_model.evaluation.tuning.outcome import Outcome, best_trial, conclude, write_winner
from ie_model.evaluation.tuning.space import read_space, with_values
from ie_model.evaluation.tuning.study import Study, opened, optuna
from ie_model.files import check_writable

log = logging.getLogger(__name__)


def tune(
    config: str | Path,
    space: str | Path,
    overrides: Sequence[str] = (),
    *,
    trials: int = 20,
    jobs: int = 1,
    by: By = "dev",
    folds: int | None = None,
    seeds: int = 0,
    prune: bool = True,
    study: str | Path | None = None,
    output: str | Path | None = None,
    progress: Callable[[Any, int, int], None] | None = None,
) -> Outcome:
    """Search better settings for a config, and write them as a config of their own.

    The first trial is the config itself. ``data.test`` is never opened. A search that was
    interrupted goes on from its file when it is called again; more trials or seeds may then be
    asked for.

    Args:
        config: a YAML file, or the name of a shipped config.
        space: see :mod:`ie_model.evaluation.tuning.space`.
        overrides: settings to change beforehand, as in :func:`ie_model.load_config`.
        trials: how many count: finished, stopped early, or failed by themselves.
        jobs: trials at a time, each in a process with its share of the CPUs. More than one
            start fresh processes: a script keeps its own work under
            ``if __name__ == "__main__"``.
        by: ``dev``: F1 on the dev documents; ``crossval``: of all folds.
        folds: of ``crossval``; see :func:`ie_model.evaluation.cross_validate`.
        seeds: train the best and the starting config once more with so many other seeds each, and
            compare their means.
        prune: stop a trial whose F1 on the way is below the median of those before it.
        study: the SQLite file; by default ``NAME-tune.sqlite`` beside the config's output.
        output: the config to write; by default ``NAME-tuned.yaml`` there.
        progress: called after each trial with it, how many count, and how many are wanted.

    Raises:
        InputError: a faulty config, space or argument, or a study of something else.
        RunError: every trial failed, the starting config did, or a process died.
    """
    optuna()
    for name, number, least in (("trials", trials, 2), ("jobs", jobs, 1), ("seeds", seeds, 0)):
        if number < least:
            raise InputError(f"tune: {name} must be at least {least}, found {number}")
    start = load_config(config, overrides)
    beside = start.output_dir
    file = Path(study) if study else beside.with_name(f"{beside.name}-tune.sqlite")
    target = Path(output) if output else beside.with_name(f"{beside.name}-tuned.yaml")
    if target.resolve() == Path(config).resolve():
        raise InputError(f"{target}: is the config that is searched from; name another")
    if target.resolve() == file.resolve():
        raise InputError(f"{target}: named for the best config and for the study; name another")
    check_writable(target)  # not found out at the end of a long search
    parameters = read_space(space, start)
    with start.named():
        judge = Judge.prepare(start, by, folds)
    settings = without_places(start.model_dump(mode="json", exclude={"output_dir": True}))
    settings["data"].pop("test")
    with opened(file, prune=prune, seed=start.training.seed) as kept:
        kept.agree({"config": settings, "space": parameters.describe(), "data": judge.facts})
        kept.bury()
        for trial in kept.search(start, parameters, judge, trials, jobs):
            if progress:
                progress(trial, len(kept.trials), trials)
        best = _best(kept, file)
        values = {} if best.user_attrs.get("start") else best.user_attrs["values"]
        winner = with_values(start, values)
        confirmed = None
        if seeds and values:
            first = start.training.seed + 1
            configs = {"start": start, f"trial {best.number}": winner}
            found = kept.with_seeds(configs, list(range(first, first + seeds)), judge, jobs)
            confirmed = {"start": found["start"], "best": found[f"trial {best.number}"]}
        outcome = conclude(kept.trials, start.labels, by, confirmed, kept.killed)
    write_winner(target, config, {**overridden(overrides), **values}, winner)
    return replace(outcome, config_file=target)


def _best(kept: Study, file: Path) -> Any:
    if not any(t.user_attrs.get("start") for t in kept.finished):
        reasons = [t.user_attrs["reason"] for t in kept.trials if "reason" in t.user_attrs]
        raise RunError(f"{file}: the starting config itself failed: {reasons[0]}")
    return best_trial(kept.finished)
