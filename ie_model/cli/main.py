"""The `ie-model` command: each command is the thin face of one plain function.

Only light imports stand at the top, so that help comes at once.
"""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ie_model.cli import annotations as cli_annotations
from ie_model.cli import backbones as cli_backbones
from ie_model.cli import engines as cli_serving
from ie_model.cli import evaluation as cli_evaluation
from ie_model.cli import scoring as cli_scoring
from ie_model.errors import InputError, RunError

if TYPE_CHECKING:
    from ie_model.config.schema import Config
    from ie_model.training.run import TrainResult

app = typer.Typer(
    name="ie-model",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Overrides = Annotated[list[str] | None, typer.Argument(help="Settings to change, as KEY=VALUE.")]
Resume = Annotated[
    bool, typer.Option("--resume", help="Go on from the last checkpoint of the same run.")
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Show the resolved config, data and steps; stop.")
]
Beside = Annotated[
    list[Path] | None,
    typer.Option(
        "--with", help="Another model, averaged in; no stored thresholds then. Repeatable."
    ),
]

app.add_typer(cli_annotations.app, name="annotations")
app.add_typer(cli_backbones.app, name="backbones")


@app.callback()
def options(
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Only warnings and errors.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of errors.")] = False,
    version: Annotated[bool, typer.Option("--version", help="Show the version and exit.")] = False,
) -> None:
    """Train, evaluate and serve span extraction for security news.

    Exit codes: 0 done, 1 something failed, 2 a mistake in the input or the options.
    """
    if version:
        from ie_model import __version__

        typer.echo(__version__)
        raise typer.Exit
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    logging.getLogger("ie_model").setLevel(logging.WARNING if quiet else logging.INFO)


@app.command()
def train(
    config: Annotated[Path, typer.Argument(help="YAML configuration.")],
    overrides: Overrides = None,
    resume: Resume = False,
    dry_run: DryRun = False,
) -> None:
    """Fine-tune a model as a configuration says.

    Example: ie-model train configs/default.yaml training.epochs=1 output_dir=runs/quick
    """
    from ie_model.config.loading import load_config

    settings = load_config(config, overrides or [])
    if dry_run:
        _dry_run(settings)
        return
    from ie_model.training import run as training

    _show(training.train(settings, resume=resume))


@app.command()
def distill(
    overrides: Overrides = None,
    teacher: Annotated[
        list[Path] | None,
        typer.Option(help="Trained model directory; several are averaged. Repeatable."),
    ] = None,
    student: Annotated[Path, typer.Option(help="YAML configuration of the student.")] = Path(
        "configs/distilled.yaml"
    ),
    unlabelled: Annotated[
        list[Path] | None,
        typer.Option(help="Texts to learn from beside the annotated ones. Repeatable."),
    ] = None,
    resume: Resume = False,
    dry_run: DryRun = False,
) -> None:
    """Train a small model on what larger ones say of annotated and of plain text.

    Example: ie-model distill --teacher runs/accurate --student configs/distilled.yaml
    --unlabelled news/
    """
    from ie_model.training.distillation import read_student

    settings = read_student(student, overrides or [], teacher or [], unlabelled or [])
    if dry_run:
        _dry_run(settings)
        return
    from ie_model.training import run as training

    _show(training.train(settings, resume=resume))


def _show(result: TrainResult) -> None:
    for part in ("dev", "test"):
        if part in result.metrics:
            from ie_model.metrics.spans import format_table

            typer.echo(f"\n{part} documents:\n{format_table(result.metrics[part])}")
    typer.echo(
        f"{result.model_dir}: trained in {result.seconds:.0f} s, {result.steps} updates, "
        f"{result.tokens_per_second:,.0f} tokens/s"
    )


def _dry_run(settings: Config) -> None:
    import json

    from ie_model.training.preparation import prepare

    typer.echo(settings.to_yaml())
    ready = prepare(settings)
    typer.echo(json.dumps(ready.describe(), indent=2, ensure_ascii=False))
    ready.discard()


@app.command()
def evaluate(
    model: Annotated[Path, typer.Argument(help="Model directory.")],
    gold: Annotated[Path, typer.Argument(help="Annotated documents: a file, folder or glob.")],
    format: Annotated[str | None, typer.Option(help="Format; by content if not given.")] = None,
    text_dir: Annotated[
        Path | None, typer.Option(help="Where the .txt files of brat annotations are.")
    ] = None,
    output: Annotated[Path | None, typer.Option("--json", help="Write the metrics here.")] = None,
    engine: Annotated[str, typer.Option(help="auto, torch, openvino or onnx.")] = "auto",
    precision: Annotated[str, typer.Option(help="auto, fp32, bf16 or int8.")] = "auto",
    beside: Beside = None,
) -> None:
    """Score a model on annotated documents.

    Example: ie-model evaluate runs/default annotations/demo
    """
    import json

    from ie_model.corpus.reading import check_output
    from ie_model.inference import gold as evaluation
    from ie_model.inference.extractor import Extractor
    from ie_model.metrics.spans import format_table
    from ie_model.models.directory import write_text

    check_output(output, [gold], format, text_dir)
    models = [model, *beside] if beside else model
    extractor = Extractor.from_pretrained(models, engine, precision=precision)
    metrics = evaluation.evaluate(extractor, gold, format=format, text_dir=text_dir)
    typer.echo(format_table(metrics))
    ledger = metrics["ledger"]
    typer.echo(
        f"gold entities: {ledger['gold_seen']} seen, {ledger['gold_representable']} "
        f"representable, {ledger['gold_lost']} lost; truncated {ledger['truncated']}"
    )
    if output is not None:
        write_text(output, json.dumps(metrics, indent=2, ensure_ascii=False) + "\n")
        typer.echo(f"metrics written to {output}")


@app.command()
def predict(
    model: Annotated[Path, typer.Argument(help="Model directory.")],
    files: Annotated[
        list[Path] | None,
        typer.Argument(help="Texts or documents in any format; - is standard input."),
    ] = None,
    text: Annotated[str | None, typer.Option(help="A text given right here.")] = None,
    from_: cli_annotations.From = None,
    to: Annotated[str, typer.Option(help="table, jsonl or html.")] = "table",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write here, not to standard output.")
    ] = None,
    min_score: Annotated[
        float | None,
        typer.Option(help="Leave out entities scored lower [default: the model's thresholds]."),
    ] = None,
    normalise: Annotated[
        bool, typer.Option("--normalise", help="Add ISO dates and numbers to the entities.")
    ] = False,
    engine: Annotated[str, typer.Option(help="auto, torch, openvino or onnx.")] = "auto",
    precision: Annotated[str, typer.Option(help="auto, fp32, bf16 or int8.")] = "auto",
    beside: Beside = None,
) -> None:
    """Extract entities from a text, from files or from standard input.

    Example: ie-model predict runs/default article.txt --to html -o article.html
    """
    from ie_model.cli.prediction import read_texts, render
    from ie_model.corpus.reading import check_output
    from ie_model.inference.extractor import Extractor

    if to not in ("table", "jsonl", "html"):
        raise InputError(f"--to {to!r}: use table, jsonl or html")
    check_output(output, [f for f in files or [] if str(f) != "-"], from_)
    documents = read_texts(files or [], text, from_)
    models = [model, *beside] if beside else model
    extractor = Extractor.from_pretrained(
        models, engine, precision=precision, min_score=min_score, normalise=normalise
    )
    rendered = render(extractor.pipe(documents), to)
    if output is None:
        for part in rendered:
            typer.echo(part)
        return
    from ie_model.models.directory import write_text

    write_text(output, "\n".join(rendered) + "\n")
    typer.echo(f"written to {output}", err=True)


cli_evaluation.register(app)
for _command in (cli_scoring.score, cli_serving.export, cli_serving.bench):
    app.command()(_command)


def main() -> None:
    """Run the command line; turn every failure into one clear message and an exit code."""
    arguments = sys.argv[1:]
    debug = "--debug" in arguments  # wherever it stands
    arguments = [a for a in arguments if a != "--debug"]
    try:
        code = app(arguments, standalone_mode=False)
    except InputError as error:
        code = _fail(error, 2, debug)
    except RunError as error:
        code = _fail(error, 1, debug)
    except (KeyboardInterrupt, typer.Abort):
        typer.echo("interrupted", err=True)
        code = 130
    except BrokenPipeError:  # the reader of our output, such as head, has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except Exception as error:
        if hasattr(error, "show") and hasattr(error, "exit_code"):  # a usage error of click
            error.show()
            code = 2
        else:
            message = f"{type(error).__name__}: {error} (unexpected; --debug shows where)"
            code = _fail(RunError(message), 1, debug, error)
    sys.exit(code if isinstance(code, int) else 0)


def _fail(error: Exception, code: int, debug: bool, cause: Exception | None = None) -> int:
    if debug:
        raise cause or error
    typer.echo(f"error: {error}", err=True)
    return code


if __name__ == "__main__":
    main()
