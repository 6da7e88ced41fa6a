"""``ie-model tune``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from ie_model import corpus, evaluation
from ie_model.cli.vocabulary import Folds
from ie_model.errors import InputError
from ie_model.files import write_json


def tune(
    config: Annotated[
        Path, typer.Argument(help="YAML configuration, or the name of a shipped one.")
    ],
    space: Annotated[Path, typer.Argument(help="YAML file of dotted keys with ranges or choices.")],
    overrides: Annotated[
        list[str] | None, typer.Argument(help="Settings to change beforehand, as KEY=VALUE.")
    ] = None,
    trials: Annotated[int, typer.Option(min=2, help="Trials, the config itself among them.")] = 20,
    jobs: Annotated[int, typer.Option(min=1, help="Trials at a time, on CPUs of their own.")] = 1,
    by: Annotated[str, typer.Option(help="Judge by: dev (documents) or crossval.")] = "dev",
    folds: Folds = None,
    seeds: Annotated[
        int,
        typer.Option(
            "--fresh-seeds", min=0, help="Other seeds to train the best and the first config with."
        ),
    ] = 0,
    prune: Annotated[
        bool, typer.Option("--prune/--no-prune", help="Stop trials early that fall behind.")
    ] = True,
    study: Annotated[
        Path | None, typer.Option(help="SQLite file of the search [default: beside the output].")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Config to write [default: NAME-tuned.yaml]."),
    ] = None,
    json: Annotated[Path | None, typer.Option("--json", help="Write the result here, too.")] = None,
) -> None:
    """Search better settings for a configuration, and say whether they are surely better.

    An interrupted search goes on when the same command is given again.

    Example: ie-model tune default space.yaml data.dev_fraction=0.2 --trials 20 --jobs 2
    """
    if by not in ("dev", "crossval"):
        raise InputError(f"--by {by!r}: give dev or crossval")
    inputs = [path for path in (config, space) if path.is_file()]
    for file in (output, json):
        corpus.check_output(file, inputs)
    found = evaluation.tune(
        config,
        space,
        overrides or [],
        trials=trials,
        jobs=jobs,
        by=by,  # type: ignore[arg-type]
        folds=folds,
        seeds=seeds,
        prune=prune,
        study=study,
        output=output,
        progress=_progress,
    )
    typer.echo(found.table())
    if json is not None:
        write_json(json, {**asdict(found), "config_file": str(found.config_file)}, indent=1)
    typer.echo(f"{found.config_file}: written; train it with ie-model train {found.config_file}")


def _progress(trial: Any, done: int, trials: int) -> None:
    how = f"F1 {100 * trial.value:.1f}" if trial.value is not None else trial.state.name.lower()
    typer.echo(f"[{done}/{trials}] trial {trial.number}: {how}", err=True)
