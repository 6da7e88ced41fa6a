"""``ie-model tune``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from ie_model import evaluation
from ie_model.cli.results import (
    as_json,
    check_distinct,
    check_result,
    json_lines,
    put,
    records_table,
    text_page,
)
from ie_model.cli.vocabulary import ConfigName, Folds, form_of
from ie_model.errors import InputError


def tune(
    config: ConfigName,
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
    table: Annotated[
        Path | None,
        typer.Option(help="Write the table here, too: .txt, .html, .json (all), .jsonl, .csv."),
    ] = None,
) -> None:
    """Search better settings for a configuration, and say whether they are surely better.

    An interrupted search goes on when the same command is given again.

    Example: ie-model tune default space.yaml data.dev_fraction=0.2 --trials 20 --jobs 2
    """
    if by not in ("dev", "crossval"):
        raise InputError(f"--by {by!r}: give dev or crossval")
    inputs = [path for path in (config, space) if path.is_file()]
    form = form_of(table, None, ("table", "html", "json", "jsonl", "csv", "tsv"))
    if output is not None and output.suffix not in (".yaml", ".yml"):
        raise InputError(f"{output}: -o is the config to write; use .yaml (--table: the table)")
    check_distinct(output, table, study)
    for file in (output, table):
        check_result(file, inputs)
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
    if table is not None:  # before anything is printed, which may fail
        put(_written(found, form, f"{config}: search"), table)
    typer.echo(found.table())
    written = f"{found.config_file}: written; "
    if found.values:
        typer.echo(f"{written}train it with ie-model train {found.config_file}")
    else:
        typer.echo(f"{written}it is the config that the search began with")


def _progress(trial: Any, done: int, trials: int) -> None:
    if trial.state.name == "COMPLETE":  # one that was pruned has a value, too
        how = f"F1 {100 * trial.value:.1f}"
    else:
        how = trial.user_attrs.get("reason") or trial.state.name.lower()
    typer.echo(f"[{done}/{trials}] trial {trial.number}: {how}", err=True)


def _written(found: evaluation.Outcome, form: str, title: str) -> str:
    if form == "json":
        return as_json({**asdict(found), "config_file": str(found.config_file)})
    if form == "jsonl":
        return json_lines(found.rows)
    if form in ("csv", "tsv"):
        columns = ("number", "f1", "interval", "state", "stopped", "start", "values")
        return records_table(found.rows, columns, form)
    text = found.table(len(found.rows))
    return text_page(text, title) if form == "html" else text
