"""``ie-model evaluate`` and ``ie-model predict``."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from ie_model import corpus, display, evaluation, inference, metrics
from ie_model.annotation.losses import losses
from ie_model.cli.results import (
    as_json,
    check_distinct,
    check_result,
    put,
    records_table,
    table_lines,
)
from ie_model.cli.vocabulary import (
    Engine,
    From,
    Lines,
    MinScore,
    Model,
    Normalise,
    OldJson,
    Options,
    Output,
    Precision,
    TextDir,
    WriteOptions,
    form_of,
    read_options,
    renamed,
)
from ie_model.corpus.formats import FORMATS
from ie_model.display.excerpts import counted
from ie_model.documents import Document
from ie_model.errors import InputError
from ie_model.files import write_text

_SCORES = ("table", "json", "csv", "tsv")
_PRINTED = ("table", "html", "json", "jsonl", "csv", "tsv")
_PREDICTIONS = (*_PRINTED, *(name for name in FORMATS if name not in (*_PRINTED, "text", "lines")))

Beside = Annotated[
    list[Path] | None,
    typer.Option(
        "--with", help="Another model, averaged in; no stored thresholds then. Repeatable."
    ),
]


def evaluate(
    model: Model,
    gold: Annotated[Path, typer.Argument(help="Annotated documents: a file, folder or glob.")],
    from_: From = None,
    text_dir: TextDir = None,
    option: Options = None,
    format: Annotated[
        str | None, typer.Option(help="table, json, csv or tsv; by the ending if not given.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Write the metrics here, in the form of its ending."),
    ] = None,
    old_json: OldJson = None,
    engine: Engine = "auto",
    precision: Precision = "auto",
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
    output = renamed("--json", old_json, "-o", output)
    if format in FORMATS and format not in _SCORES:  # what it was called before
        from_, format = renamed("--format", format, "--from", from_), None
    form = "json" if old_json and not format else form_of(output, format, _SCORES)
    check_result(output, [gold], from_, text_dir)
    check_result(errors, [gold], from_, text_dir)
    if errors is not None:
        evaluation.check_ending(errors)
        check_distinct(output, errors)
    options = read_options(option, text_dir)
    members = [model, *beside] if beside else model
    extractor = inference.Extractor.from_pretrained(
        members, engine, precision=precision, lines=lines
    )
    judged = inference.evaluate_in_full(extractor, gold, format=from_, **options)
    scores = judged.metrics
    if errors is not None:
        count = evaluation.write_errors(errors, judged.gold, judged.predicted)
        typer.echo(f"{counted(count, 'error')} written to {errors}", err=True)
    if output is None and form != "table":
        put(_scores(scores, form), None)
        return
    if output is not None:  # before anything is printed, which may fail
        put(_scores(scores, form), output)
    typer.echo(metrics.format_table(scores))
    drawn = scores["intervals"]
    typer.echo(
        f"95 %: interval of F1, {drawn['resamples']:,} resamples of "
        f"{counted(drawn['units'], drawn['unit'])}"
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


def _scores(scores: Mapping[str, Any], form: str) -> str:
    """Metrics as JSON, as the table that is printed, or as a table with a row a label."""
    if form == "json":
        return as_json(scores)
    if form == "table":
        return metrics.format_table(scores)
    span = scores["span"]
    rows = [{"label": label, **row} for label, row in span["labels"].items()]
    rows += [{"label": name, **span[name]} for name in ("micro", "macro")]
    columns = ("label", "precision", "recall", "f1", "support", "predicted", "correct")
    return records_table(rows, columns, form)


def predict(
    model: Model,
    files: Annotated[
        list[Path] | None,
        typer.Argument(help="Texts or documents in any format; - is standard input."),
    ] = None,
    text: Annotated[str | None, typer.Option(help="A text given right here.")] = None,
    from_: From = None,
    text_dir: TextDir = None,
    option: Options = None,
    to: Annotated[
        str | None,
        typer.Option(
            help="table, html, or a format of documents (json, jsonl, csv, brat, ...); by "
            "the ending if not given."
        ),
    ] = None,
    write_option: WriteOptions = None,
    output: Output = None,
    min_score: MinScore = None,
    normalise: Normalise = False,
    lines: Lines = None,
    engine: Engine = "auto",
    precision: Precision = "auto",
    beside: Beside = None,
) -> None:
    """Extract entities from a text, from files or from standard input.

    Example: ie-model predict runs/default article.txt -o article.html
    """

    form = form_of(output, to, _PREDICTIONS, "--to")
    written = read_options(write_option)
    if written and form not in FORMATS:
        raise InputError(f"--write-option: {form} has no options; name a format with --to")
    if output is None and (written or form not in _PRINTED):
        raise InputError(f"--to {form}: goes to a file or folder; name it with -o")
    options = read_options(option, text_dir)
    check_result(output, [f for f in files or [] if str(f) != "-"], from_, text_dir)
    documents = read_texts(files or [], text, from_, **options)
    members = [model, *beside] if beside else model
    extractor = inference.Extractor.from_pretrained(
        members, engine, precision=precision, min_score=min_score, normalise=normalise, lines=lines
    )
    predicted = extractor.pipe(documents)
    if output is None:
        for part in _rendered(predicted, form):
            typer.echo(part)
        return
    if form in FORMATS:
        lost: Counter[str] = Counter()
        corpus.write_documents(_counted(predicted, form, written, lost), output, form, **written)
        for kind, number in lost.items():
            typer.echo(f"no place in {form}: {kind}, {number}", err=True)
    else:
        write_text(output, "\n".join(_rendered(predicted, form)) + "\n")
    typer.echo(f"written to {output}", err=True)


def _rendered(documents: Iterable[Document], form: str) -> Iterator[str]:
    """Predicted documents in printable pieces."""
    if form in ("csv", "tsv"):
        return table_lines(corpus.table_rows(documents), form)
    if form == "json":
        return iter([as_json([document.to_dict() for document in documents])])
    return display.render(documents, form)


def _counted(
    documents: Iterable[Document], form: str, options: dict[str, Any], lost: Counter[str]
) -> Iterator[Document]:
    """The documents, what the format has no place for counted."""
    for document in documents:
        document, gone = corpus.settle_references(document)
        lost.update({f"{kind} of the entities read": number for kind, number in gone.items()})
        lost.update(losses(document, form, options))
        yield corpus.settle_references(document, form)[0]


def read_texts(
    files: Sequence[Path], text: str | None, format: str | None = None, **options: Any
) -> Iterator[Document]:
    """Documents of a literal text, of files in any format, or of standard input (``-``).

    ``format`` is that of the files and of standard input, which is one plain text if it is
    not given.

    Raises:
        InputError: nothing to read, or a file that cannot be.
    """
    if text is None and not files:
        raise InputError("nothing to extract from: give --text, files, or - for standard input")
    for file in map(str, files):
        if " " in file and not corpus.is_pattern(file) and not os.path.exists(file):  # noqa: PTH110 - any length
            raise InputError(f"{file:.60}: no such file or folder; --text takes a text itself")
    return _read(files, text, format, options)


def _read(
    files: Sequence[Path], text: str | None, format: str | None, options: dict[str, Any]
) -> Iterator[Document]:
    if text is not None:
        yield Document(text, id="text")
    for file in files:
        if str(file) != "-":
            yield from corpus.read_documents(file, format, **options)
        else:
            yield from _standard_input(format or "text", options)


def _standard_input(format: str, options: dict[str, Any]) -> Iterator[Document]:
    """What comes in, read by its format once it is all there: formats read files."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "stdin"
        with file.open("wb") as copy:
            shutil.copyfileobj(sys.stdin.buffer, copy)
        try:
            yield from corpus.read_documents(file, format, **options)
        except InputError as error:
            raise InputError(str(error).replace(str(file), "standard input")) from None
