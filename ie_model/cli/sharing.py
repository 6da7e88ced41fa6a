"""``ie-model package`` and ``ie-model push``: a model for others, as a wheel or on the hub."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ie_model import models
from ie_model.cli.vocabulary import Model

License = Annotated[
    str | None, typer.Option(help="SPDX name, such as apache-2.0 [default: the config's].")
]


def package(
    model: Model,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder the wheel is written to.")
    ] = Path("dist"),
    name: Annotated[
        str | None, typer.Option(help="What the model is called [default: as its folder].")
    ] = None,
    model_version: Annotated[str, typer.Option(help="Version of the package.")] = "0.1.0",
    license: License = None,
) -> None:
    """Make an installable wheel of a model, which is then known by its name.

    Example: ie-model package runs/default --name news --model-version 1.0
    """
    wheel = models.package(model, output, name=name, version=model_version, license=license)
    called = name or model.resolve().name
    typer.echo(f"{wheel}: {wheel.stat().st_size / 1e6:.0f} MB")
    typer.echo(f'pip install it, then: Extractor.from_pretrained("{called}")')


def push(
    model: Model,
    hub_id: Annotated[str, typer.Argument(help="organisation/model on the Hugging Face hub.")],
    public: Annotated[bool, typer.Option("--public", help="A new repository is public.")] = False,
    license: License = None,
    message: Annotated[str, typer.Option(help="Commit message.")] = "Upload with ie-model push",
) -> None:
    """Upload a model to the Hugging Face hub (log in first: hf auth login).

    Example: ie-model push runs/default my-organisation/news --license apache-2.0
    """
    address = models.push(model, hub_id, private=not public, license=license, message=message)
    typer.echo(f"{hub_id}: uploaded, {address}")
