"""``ie-model train`` and ``ie-model distill``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import ie_model
from ie_model import config, metrics, training
from ie_model.cli.vocabulary import ConfigName, From, Options, Overrides, TextDir, read_options
from ie_model.errors import InputError

if TYPE_CHECKING:
    from ie_model.config.schema import Config
    from ie_model.training.run import TrainResult

Resume = Annotated[
    bool, typer.Option("--resume", help="Go on from the last checkpoint of the same run.")
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Show the data, the updates and the time; stop.")
]
Verbose = Annotated[
    bool, typer.Option("--verbose", help="With --dry-run: also every setting and count.")
]


def train(
    config: ConfigName,
    overrides: Overrides = None,
    resume: Resume = False,
    dry_run: DryRun = False,
    verbose: Verbose = False,
) -> None:
    """Fine-tune a model as a configuration says.

    Example: ie-model train default training.epochs=1 output_dir=runs/quick
    """

    settings = ie_model.load_config(config, overrides or [])
    if dry_run:
        _dry_run(settings, verbose)
        return

    _show(training.train(settings, resume=resume))


def distill(
    overrides: Overrides = None,
    teacher: Annotated[
        list[Path] | None,
        typer.Option(help="Trained model directory; several are averaged. Repeatable."),
    ] = None,
    student: Annotated[
        Path, typer.Option(help="YAML configuration of the student, or a shipped one.")
    ] = Path("distilled"),
    unlabelled: Annotated[
        list[Path] | None,
        typer.Option(help="Texts to learn from beside the annotated ones. Repeatable."),
    ] = None,
    from_: From = None,
    text_dir: TextDir = None,
    option: Options = None,
    resume: Resume = False,
    dry_run: DryRun = False,
    verbose: Verbose = False,
) -> None:
    """Train a small model on what larger ones say of annotated and of plain text.

    Example: ie-model distill --teacher runs/accurate --student distilled
    --unlabelled news/
    """

    if unlabelled is None and (from_ or text_dir or option):
        raise InputError("--from, --text-dir and --option say how --unlabelled is read; name it")
    options = read_options(option, text_dir)
    texts = [config.SourceConfig(path=p, format=from_, options=options) for p in unlabelled or []]
    settings = training.read_student(student, overrides or [], teacher or [], texts)
    if dry_run:
        _dry_run(settings, verbose)
        return

    _show(training.train(settings, resume=resume))


def _show(result: TrainResult) -> None:
    if not training.is_first_process():
        return
    for part in ("dev", "test"):
        if part in result.metrics:
            typer.echo(f"\n{part} documents:\n{metrics.format_table(result.metrics[part])}")
    typer.echo(
        f"{result.model_dir}: trained in {result.seconds:.0f} s, {result.steps} updates, "
        f"{result.tokens_per_second:,.0f} tokens/s"
    )


def _dry_run(settings: Config, verbose: bool) -> None:
    ready = training.prepare(settings)
    if training.is_first_process():
        typer.echo(f"{settings.output_dir}: {settings.model.backbone}")
        typer.echo(ready.overview())
    time = training.in_words(training.estimate_seconds(settings, ready))
    if not training.is_first_process():
        return
    more = ", and the evaluations on dev documents" if ready.dev else ""
    typer.echo(f"time: about {time} on this machine as it is now{more}")
    if verbose:
        typer.echo(f"\n{settings.to_yaml()}")
        typer.echo(json.dumps(ready.describe(), indent=2, ensure_ascii=False))
