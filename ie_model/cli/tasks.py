"""``ie-model next``: tasks for annotators."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ie_model import corpus, evaluation, inference
from ie_model.cli.results import check_result
from ie_model.cli.vocabulary import Engine, From, Lines, Options, TextDir, To, read_options
from ie_model.display.excerpts import counted


def next_(
    model: Annotated[Path, typer.Argument(help="Model directory, best a calibrated one.")],
    documents: Annotated[Path, typer.Argument(help="Unlabelled documents: file, folder or glob.")],
    count: Annotated[int, typer.Option("--count", "-n", help="How many to choose.")] = 10,
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", help="Task file, in the form of its ending, or a folder (brat)."
        ),
    ] = Path("annotate_next.jsonl"),
    annotated: Annotated[
        Path | None, typer.Option(help="Documents annotated already, not to be repeated.")
    ] = None,
    from_: From = None,
    to: To = None,
    text_dir: TextDir = None,
    option: Options = None,
    engine: Engine = "auto",
    lines: Lines = None,
) -> None:
    """Choose the unlabelled documents that would teach the model most, pre-annotated.

    Example: ie-model next runs/default news/ -n 20 --annotated annotations/demo -o tasks.jsonl
    """

    form = to or corpus.format_for_writing(output)
    options = read_options(option, text_dir)
    check_result(output, [documents], from_, text_dir)
    check_result(output, [annotated] if annotated else [])
    known = list(corpus.read_documents(annotated)) if annotated else []
    # The doubtful spans are what is looked for, so no threshold leaves them out.
    extractor = inference.Extractor.from_pretrained(model, engine, min_score=0, lines=lines)
    predicted = extractor.pipe(corpus.read_documents(documents, from_, **options), on_error="yield")
    chosen = evaluation.rank_documents(predicted, count, known)
    evaluation.write_tasks(chosen, output, form)  # before anything is printed, which may fail
    for rank, c in enumerate(chosen, 1):
        typer.echo(
            f"{rank:3} {c.document.id}: {c.uncertainty:.2f} doubtful spans in 100 words, "
            f"novelty {c.novelty:.2f}"
        )
    typer.echo(f"{counted(len(chosen), 'document')} written to {output}")
