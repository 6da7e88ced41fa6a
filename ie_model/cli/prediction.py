"""``ie-model evaluate`` and ``ie-model predict``."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer

from ie_model import corpus, display, evaluation, inference, metrics
from ie_model.cli.annotations import From
from ie_model.documents import Document
from ie_model.errors import InputError
from ie_model.files import write_json, write_text

Lines = Annotated[
    str | None,
    typer.Option(
        help="What is read on its own: line, paragraph, document, or auto (lines, but for the "
        "breaks inside hard-wrapped text) [default: as the model was trained]."
    ),
]
Beside = Annotated[
    list[Path] | None,
    typer.Option(
        "--with", help="Another model, averaged in; no stored thresholds then. Repeatable."
    ),
]


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
    lines: Lines = None,
    beside: Beside = None,
    errors: Annotated[
        Path | None,
        typer.Option(help="Write each error, gold over prediction: a page (.html) or .jsonl."),
    ] = None,
) -> None:
    """Score a model on annotated documents, with 95 % intervals by bootstrap over them.

    Example: ie-model evaluate runs/default annotations/demo --errors errors.html
    """
    corpus.check_output(output, [gold], format, text_dir)
    corpus.check_output(errors, [gold], format, text_dir)
    if errors is not None:
        evaluation.check_ending(errors)
        if output is not None and errors.resolve() == output.resolve():
            raise InputError(f"{errors}: --json and --errors need a file each")
    members = [model, *beside] if beside else model
    extractor = inference.Extractor.from_pretrained(
        members, engine, precision=precision, lines=lines
    )
    judged = inference.evaluate_in_full(extractor, gold, format=format, text_dir=text_dir)
    scores = judged.metrics
    typer.echo(metrics.format_table(scores))
    drawn = scores["intervals"]
    typer.echo(
        f"95 %: interval of F1, {drawn['resamples']:,} resamples of {drawn['units']:,} "
        f"{drawn['unit']}s"
    )
    ledger = scores["ledger"]
    typer.echo(
        f"gold entities: {ledger['gold_seen']} seen, {ledger['gold_representable']} "
        f"representable, {ledger['gold_lost']} lost; truncated {ledger['truncated']}"
    )
    if whole := scores.get("whole_mentions"):
        typer.echo(
            f"{whole['joined']} gold entities go on behind a soft line break; with these mentions "
            f"made whole F1 is {100 * whole['micro']['f1']:.1f} (--lines line reads line by line)"
        )
    if output is not None:
        write_json(output, scores)
        typer.echo(f"metrics written to {output}")
    if errors is not None:
        count = evaluation.write_errors(errors, judged.gold, judged.predicted)
        typer.echo(f"{count:,} errors written to {errors}")


def predict(
    model: Annotated[Path, typer.Argument(help="Model directory.")],
    files: Annotated[
        list[Path] | None,
        typer.Argument(help="Texts or documents in any format; - is standard input."),
    ] = None,
    text: Annotated[str | None, typer.Option(help="A text given right here.")] = None,
    from_: From = None,
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
    lines: Lines = None,
    engine: Annotated[str, typer.Option(help="auto, torch, openvino or onnx.")] = "auto",
    precision: Annotated[str, typer.Option(help="auto, fp32, bf16 or int8.")] = "auto",
    beside: Beside = None,
) -> None:
    """Extract entities from a text, from files or from standard input.

    Example: ie-model predict runs/default article.txt --to html -o article.html
    """

    if to not in ("table", "jsonl", "html"):
        raise InputError(f"--to {to!r}: use table, jsonl or html")
    corpus.check_output(output, [f for f in files or [] if str(f) != "-"], from_)
    documents = read_texts(files or [], text, from_)
    members = [model, *beside] if beside else model
    extractor = inference.Extractor.from_pretrained(
        members, engine, precision=precision, min_score=min_score, normalise=normalise, lines=lines
    )
    rendered = display.render(extractor.pipe(documents), to)
    if output is None:
        for part in rendered:
            typer.echo(part)
        return

    write_text(output, "\n".join(rendered) + "\n")
    typer.echo(f"written to {output}", err=True)


def read_texts(
    files: Sequence[Path], text: str | None, format: str | None = None
) -> Iterator[Document]:
    """Documents of a literal text, of files in any format, or of standard input (``-``).

    ``format`` is that of the files; by content if not given. Standard input is plain text.

    Raises:
        InputError: nothing to read, or a file that cannot be.
    """
    if text is None and not files:
        raise InputError("nothing to extract from: give --text, files, or - for standard input")
    return _read(files, text, format)


def _read(files: Sequence[Path], text: str | None, format: str | None) -> Iterator[Document]:
    if text is not None:
        yield Document(text, id="text")
    for file in files:
        if str(file) != "-":
            yield from corpus.read_documents(file, format)
            continue
        data = sys.stdin.buffer.read()
        try:
            yield Document(data.decode("utf-8"), id="stdin")
        except UnicodeDecodeError as error:
            raise InputError(
                f"standard input: not UTF-8 at byte {error.start}; convert it first, for "
                "example with iconv -t utf-8"
            ) from None
