"""``ie-model serve``: models over HTTP."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from ie_model import serving
from ie_model.cli.vocabulary import Engine, Lines, Port, Precision, Threads
from ie_model.errors import InputError

KEY_VARIABLE = "IE_MODEL_API_KEY"


def serve(
    models: Annotated[list[str], typer.Argument(help="Model directories, as PATH or NAME=PATH.")],
    host: Annotated[
        str, typer.Option(help="Address to listen at; 0.0.0.0 opens it to other machines.")
    ] = "127.0.0.1",
    port: Port = 8000,
    api_key_file: Annotated[
        Path | None,
        typer.Option(
            help=f"Keys, one a line, of which a request must bring one [default: ${KEY_VARIABLE}]."
        ),
    ] = None,
    cors_origin: Annotated[
        list[str] | None,
        typer.Option(help="A site whose pages may ask, as https://HOST. Repeatable."),
    ] = None,
    max_body: Annotated[float, typer.Option(help="MiB in one request.")] = 4,
    max_documents: Annotated[int, typer.Option(min=1, help="In one request.")] = 256,
    max_chars: Annotated[int, typer.Option(min=1, help="In one request.")] = 500_000,
    queue_chars: Annotated[
        int, typer.Option(min=1, help="Waiting for a model; beyond them the answer is 503.")
    ] = 2_000_000,
    max_requests: Annotated[
        int, typer.Option(min=1, help="Under way at a time; beyond them the answer is 503.")
    ] = 512,
    timeout: Annotated[float, typer.Option(help="Seconds for a body, and for its answer.")] = 30,
    wait_ms: Annotated[
        float, typer.Option(help="Milliseconds to wait for company while the model is busy.")
    ] = 3,
    engine: Engine = "auto",
    precision: Precision = "auto",
    threads: Threads = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:N or mps.")] = "auto",
    lines: Lines = None,
) -> None:
    """Serve models over HTTP, with a page to try them at / and the interface at /docs.

    Example: ie-model serve runs/default
    """
    limits = serving.Limits(
        body_bytes=int(max_body * 2**20), documents=max_documents, characters=max_chars,
        queue_characters=queue_chars, requests=max_requests, timeout=timeout, wait_ms=wait_ms,
    )  # fmt: skip
    serving.serve(
        models, host=host, port=port, limits=limits, keys=_keys(api_key_file),
        cors_origins=cors_origin or (), engine=engine, precision=precision, threads=threads,
        device=device, lines=lines,
        listening=lambda address: typer.echo(f"serving at {address}", err=True),
    )  # fmt: skip


def _keys(file: Path | None) -> list[str]:
    if file is None:
        key = os.environ.get(KEY_VARIABLE, "")
        return [key] if key else []
    try:
        keys = file.read_text(encoding="utf-8").split()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{file}: cannot be read: {error}") from None
    if not keys:
        raise InputError(f"{file}: holds no key; write one a line")
    return keys
