"""``ie-model init``: a project to begin with, wherever the package was installed from."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from ie_model import config


def init(
    folder: Annotated[Path, typer.Argument(help="Folder to write into [default: here].")] = Path(),
) -> None:
    """Write the shipped configs, commented, and the text they train on.

    Example: ie-model init news && cd news && ie-model train configs/default.yaml
    """
    for name in config.write_project(folder):
        typer.echo(folder / name)
    there = "" if folder == Path() else f"cd {shlex.quote(str(folder))} && "
    typer.echo(f"next: {there}ie-model train configs/default.yaml (README.md says more)")
