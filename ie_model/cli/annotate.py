"""``ie-model annotate``: a local page to mark documents with a model's help."""

from __future__ import annotations

import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ie_model import annotating, corpus
from ie_model.cli.vocabulary import (
    Engine,
    From,
    Lines,
    Options,
    Port,
    TextDir,
    Threads,
    read_options,
)
from ie_model.errors import InputError

if TYPE_CHECKING:
    from ie_model.annotating.review import Review


def annotate(
    documents: Annotated[Path, typer.Argument(help="What to annotate: file, folder, quoted glob.")],
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o",
            help="Annotations: a JSONL file or a brat folder; what is there is gone on with.",
        ),
    ] = Path("annotated.jsonl"),
    model: Annotated[
        Path | None, typer.Option(help="Model directory whose answers are suggested.")
    ] = None,
    labels: Annotated[
        str | None,
        typer.Option(help="Labels by comma [default: the model's, else those of the documents]."),
    ] = None,
    order: Annotated[
        str | None,
        typer.Option(help="next (what teaches most first) or file [default: next with a model]."),
    ] = None,
    suspects: Annotated[
        Path | None,
        typer.Option(help="Review what `ie-model suspects RUN -o FILE` wrote."),
    ] = None,
    against: Annotated[
        Path | None,
        typer.Option(help="The same documents by somebody else: settle where the two differ."),
    ] = None,
    guidelines: Annotated[
        Path | None,
        typer.Option(help="Markdown to show beside the text [default: GUIDELINES.md where found]."),
    ] = None,
    port: Port = 8100,
    open_: Annotated[
        bool, typer.Option("--open", help="Open the page in the browser as well.")
    ] = False,
    engine: Engine = "auto",
    threads: Threads = None,
    lines: Lines = None,
    from_: From = None,
    to: Annotated[
        str | None, typer.Option(help="Format of the output, jsonl or brat; by what it is.")
    ] = None,
    text_dir: TextDir = None,
    option: Options = None,
) -> None:  # fmt: skip
    """Annotate documents on a local page, with a model's suggestions; every change is saved.

    Example: ie-model annotate news/ --model runs/default -o annotated.jsonl
    """
    try:
        serve_page = annotating.annotate
    except ModuleNotFoundError as error:
        raise InputError(
            f"ie-model annotate needs {error.name}: pip install 'ie-model[serve]'"
        ) from None
    if order not in (None, "next", "file"):
        raise InputError(f"--order {order!r}: expected next or file")
    if suspects is not None and against is not None:
        raise InputError("--suspects and --against are two reviews: give one at a time")
    same = output.exists() and documents.exists() and output.samefile(documents)
    options = read_options(option, text_dir)
    review: Review | None = None
    if against is None:
        # The output has the newest of what both hold.
        found = [] if same else list(corpus.read_documents(documents, from_, **options))
    else:
        for source in (documents, against):
            if output.exists() and source.exists() and output.samefile(source):
                raise InputError(f"{output}: is one of the two that are compared; name another")
        sides = [list(corpus.read_documents(p, from_, **options)) for p in (documents, against)]
        names = tuple(_name(path) for path in (documents, against))
        if names[0] == names[1]:
            names = (str(documents), str(against))
        found, review = annotating.adjudication(sides[0], sides[1], (names[0], names[1]))
    if guidelines is None:
        beside = documents if documents.is_dir() else documents.parent
        guidelines = annotating.find_guidelines((beside, Path()))
    serve_page(
        found, output, labels=_labels(labels), model=model, engine=engine, threads=threads,
        lines=lines, order=order, suspects=suspects, review=review, guidelines=guidelines,
        text_dir=text_dir if same else None, format=to, port=port,
        listening=lambda address: _tell(address, output, open_),
    )  # fmt: skip


def _tell(address: str, output: Path, open_: bool) -> None:
    typer.echo(f"annotate at {address}", err=True)
    typer.echo(f"saved at once in {output}; stop with Ctrl+C", err=True)
    if open_:
        webbrowser.open(address)


def _labels(given: str | None) -> list[str]:
    if given is None:
        return []
    labels = list(dict.fromkeys(label.strip() for label in given.split(",") if label.strip()))
    if not labels:
        raise InputError(f"--labels {given!r}: names no label; give them by comma")
    return labels


def _name(path: Path) -> str:
    return path.stem or str(path)
