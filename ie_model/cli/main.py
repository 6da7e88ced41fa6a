"""The `ie-model` command: each command is the thin face of one plain function.

The rooms load what they export on first use, so help comes at once.
"""

import logging
import sys
from typing import Annotated

import typer

import ie_model
from ie_model.cli import (
    aggregation,
    annotate,
    annotations,
    backbones,
    engines,
    evaluation,
    prediction,
    projects,
    scoring,
    serve,
    sharing,
    tasks,
    training,
    tuning,
)
from ie_model.cli.streams import guard_streams, settle_streams, silence_output
from ie_model.display.excerpts import visible
from ie_model.errors import InputError, RunError

app = typer.Typer(
    name="ie-model",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

app.add_typer(annotations.app, name="annotations")
app.add_typer(backbones.app, name="backbones")


def _version(asked: bool) -> None:
    if asked:  # looked at before anything else, so no command need follow
        typer.echo(ie_model.__version__)
        raise typer.Exit


@app.callback()
def options(
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Only warnings and errors.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of errors.")] = False,
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    """Train, evaluate and serve span extraction for security news.

    Exit codes: 0 done, 1 something failed, 2 a mistake in the input or the options.
    """
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    logging.getLogger("ie_model").setLevel(logging.WARNING if quiet else logging.INFO)


for _command in (
    projects.init,
    training.train,
    training.distill,
    prediction.evaluate,
    prediction.predict,
    evaluation.crossval,
    tuning.tune,
    evaluation.compare,
    evaluation.report,
    evaluation.suspects,
    evaluation.calibrate,
    scoring.score,
    aggregation.aggregate,
    serve.serve,
    annotate.annotate,
    engines.export,
    engines.bench,
    sharing.package,
    sharing.push,
):
    app.command()(_command)
app.command("next")(tasks.next_)


def main() -> None:
    """Run the command line; turn every failure into one clear message and an exit code."""
    guard_streams()
    arguments = sys.argv[1:]
    debug = "--debug" in arguments  # wherever it stands
    code = _run([a for a in arguments if a != "--debug"], debug)
    try:
        written = settle_streams()
    except (OSError, RunError) as error:
        written = False
        code = code or _fail(error, 1, debug)
    sys.exit(code if written else code or 1)


def _run(arguments: list[str], debug: bool) -> int:
    """The exit code of a command line."""
    try:
        code = app(arguments, standalone_mode=False)
    except InputError as error:
        return _fail(error, 2, debug)
    except RunError as error:
        return _fail(error, 1, debug)
    except (KeyboardInterrupt, typer.Abort):
        typer.echo("interrupted", err=True)
        return 130
    except SystemExit as stop:
        # The reader of our output, such as head, has gone: click makes an exit of that.
        if not isinstance(stop.__context__, BrokenPipeError):
            raise
        silence_output()
        return 0
    except Exception as error:
        if hasattr(error, "show") and hasattr(error, "exit_code"):  # a usage error of click
            error.show()
            command = getattr(error, "cmd", None) if hasattr(error, "option_name") else None
            if command and any(p.name == "overrides" for p in command.params):
                typer.echo("Settings of a config have no dashes: training.epochs=3", err=True)
            return 2
        message = f"{type(error).__name__}: {error} (unexpected; --debug shows where)"
        return _fail(RunError(message), 1, debug, error)
    return code if isinstance(code, int) else 0


def _fail(error: Exception, code: int, debug: bool, cause: Exception | None = None) -> int:
    if debug:
        raise cause or error
    typer.echo(f"error: {visible(str(error))}", err=True)
    return code


if __name__ == "__main__":
    main()
