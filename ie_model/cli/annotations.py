"""``ie-model annotations``: check, describe, convert, compare and show annotated documents."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ie_model import annotation, corpus, display
from ie_model.cli.results import (
    as_json,
    check_distinct,
    check_result,
    json_lines,
    put,
    records_table,
    text_page,
)
from ie_model.cli.streams import until_reader_leaves
from ie_model.cli.vocabulary import (
    Corpus,
    From,
    Options,
    Output,
    ReportForm,
    TextDir,
    To,
    WriteOptions,
    form_of,
    read_options,
)
from ie_model.display.excerpts import counted
from ie_model.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console

app = typer.Typer(
    help="Annotated documents in every tool's format: check, describe, convert, compare, show.",
    no_args_is_help=True,
)

Every = Annotated[bool, typer.Option("--all", help="Print every finding, not the first ten.")]
Flatten = Annotated[
    str | None,
    typer.Option(help="Keep one of overlapping entities: the longest, first or by confidence."),
]


@app.command()
def check(
    paths: Annotated[
        list[Path],
        typer.Argument(help="Files, folders or quoted globs; together they are one corpus."),
    ],
    labels: Annotated[
        str | None, typer.Option(help="Declared labels, by comma; any if not given.")
    ] = None,
    backbone: Annotated[
        str | None, typer.Option(help="Also find spans that cut its tokens (minilm, a folder).")
    ] = None,
    format: ReportForm = None,
    output: Output = None,
    fix: Annotated[
        Path | None,
        typer.Option(help="Write the mended documents here; what is left is then reported."),
    ] = None,
    flatten: Flatten = None,
    to: To = None,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings count as errors.")] = False,
    every: Every = False,
    from_: From = None,
    text_dir: TextDir = None,
    option: Options = None,
) -> None:
    """Find what is wrong with annotations; the exit code is 1 when there are errors.

    Example: ie-model annotations check gold.jsonl --labels ACTOR,DATE -o check.html
    """

    form = form_of(output, format, ("table", "html", "json", "jsonl", "csv", "tsv"))
    if fix is None and (flatten or to):
        raise InputError("--flatten and --to say how --fix writes; give --fix NEW as well")
    if fix is not None and len(paths) > 1:
        raise InputError(f"--fix {fix}: mends one corpus; found {len(paths)} paths: mend each")
    check_result(output, paths, from_, text_dir)
    check_distinct(output, fix)
    options = read_options(option, text_dir)
    declared = None
    if labels is not None:
        declared = [label.strip() for label in labels.split(",") if label.strip()]
        if not declared:
            raise InputError(f"--labels {labels!r}: names no label; give them by comma")
    units = None if backbone is None else annotation.backbone_units(backbone)
    if fix is not None:
        changes = corpus.Changes(flatten=_rule(flatten), fix=True)
        mended = annotation.convert(paths[0], fix, from_, to, changes, options)
        for line in annotation.conversion_lines(mended):
            typer.echo(line, err=True)
        paths, from_, options = [fix], mended.format, {}
    located = itertools.chain.from_iterable(
        corpus.read_located(path, from_, **options) for path in paths
    )
    report = annotation.check_documents(located, declared, units)
    if form == "json":
        put(as_json(report.to_dict()), output)
    elif form == "html":
        put(annotation.check_page(report, f"Check of {', '.join(map(str, paths))}"), output)
    elif form == "jsonl":
        put(json_lines(finding.to_dict() for finding in report.findings), output)
    elif form in ("csv", "tsv"):
        rows = [finding.to_dict() for finding in report.findings]
        put(records_table(rows, annotation.FINDING_COLUMNS, form), output)
    else:
        _print(lambda console: annotation.check_table(report, console, every), output)
    if report.number("error") or (strict and report.number("warning")):
        raise typer.Exit(1)


@app.command()
def stats(
    paths: Annotated[
        list[Path], typer.Argument(help="Corpora; later ones are compared with the first.")
    ],
    format: ReportForm = None,
    output: Output = None,
    from_: From = None,
    text_dir: TextDir = None,
    option: Options = None,
) -> None:
    """Count labels, lengths, surfaces and repetition, and what corpora share.

    Example: ie-model annotations stats train.jsonl dev.jsonl
    """

    form = form_of(output, format, ("table", "html", "json", "jsonl", "csv", "tsv"))
    check_result(output, paths, from_, text_dir)
    options = read_options(option, text_dir)
    result = annotation.corpus_stats(
        {
            name: list(corpus.read_documents(path, from_, **options))
            for name, path in zip(_names(paths), paths, strict=True)
        }
    )
    if form == "json":
        put(as_json(result), output)
    elif form == "html":
        text = annotation.to_text(lambda console: annotation.stats_table(result, console))
        put(text_page(text, f"Statistics of {', '.join(map(str, paths))}"), output)
    elif form in ("jsonl", "csv", "tsv"):
        rows = [
            {"corpus": name, "label": label, **values}
            for name, described in result["corpora"].items()
            for label, values in described["labels"].items()
        ]
        columns = ("corpus", "label", "entities", "share", "documents", "surfaces")
        text = json_lines(rows) if form == "jsonl" else records_table(rows, columns, form)
        put(text, output)
    else:
        _print(lambda console: annotation.stats_table(result, console), output)


@app.command()
def convert(
    source: Corpus,
    target: Annotated[Path, typer.Argument(help="A file, or a new folder for brat and others.")],
    from_: From = None,
    to: To = None,
    map_: Annotated[
        list[str] | None, typer.Option("--map", help="Rename a label, OLD=NEW; repeatable.")
    ] = None,
    drop: Annotated[list[str] | None, typer.Option(help="Leave out a label; repeatable.")] = None,
    keep: Annotated[
        list[str] | None, typer.Option(help="Leave out all labels but this; repeatable.")
    ] = None,
    min_confidence: Annotated[
        float, typer.Option(help="Leave out entities whose score or confidence is lower.")
    ] = 0.0,
    flatten: Flatten = None,
    fix: Annotated[bool, typer.Option("--fix", help="First mend what needs no judgement.")] = False,
    text_dir: TextDir = None,
    option: Options = None,
    write_option: WriteOptions = None,
) -> None:
    """Turn one annotation format into another, streaming, and say what was lost.

    Example: ie-model annotations convert export.json gold.jsonl --map Organisation=ACTOR
    """

    changes = corpus.Changes(
        corpus.parse_mapping(map_ or [], drop or [], keep or []),
        frozenset(keep or []),
        min_confidence,
        _rule(flatten),
        fix,
    )
    result = annotation.convert(
        source,
        target,
        from_,
        to,
        changes,
        read_options(option, text_dir),
        read_options(write_option),
    )
    for line in annotation.conversion_lines(result):
        typer.echo(line, err=True)


@app.command()
def split(
    source: Corpus,
    train: Annotated[Path, typer.Argument(help="Where the larger part goes.")],
    test: Annotated[Path, typer.Argument(help="Where the smaller part goes.")],
    fraction: Annotated[float, typer.Option(help="Share of the documents held out.")] = 0.2,
    seed: Annotated[int, typer.Option(help="Another seed, another split.")] = 0,
    from_: From = None,
    to: To = None,
    text_dir: TextDir = None,
    option: Options = None,
) -> None:
    """Split a corpus by document at random; near-duplicates stay together.

    Example: ie-model annotations split all.jsonl train.jsonl test.jsonl --fraction 0.2 --seed 1
    """

    check_distinct(train, test)
    for target in (train, test):
        check_result(target, [source], from_, text_dir)
    formats = [to or corpus.format_for_writing(target) for target in (train, test)]
    documents = list(corpus.read_documents(source, from_, **read_options(option, text_dir)))
    parts = corpus.split_documents(documents, fraction, seed)
    for part, target, name in zip(parts, (train, test), formats, strict=True):
        corpus.write_documents(part, target, name)
        typer.echo(f"{counted(len(part), 'document')} written to {target}", err=True)


@app.command()
def agree(
    paths: Annotated[list[Path], typer.Argument(help="The same documents by two or more people.")],
    format: Annotated[
        str | None, typer.Option(help="table, html or json; by the ending if not given.")
    ] = None,
    output: Output = None,
    every: Every = False,
    from_: From = None,
    text_dir: TextDir = None,
    option: Options = None,
) -> None:
    """Measure agreement between annotators and list where they differ.

    Example: ie-model annotations agree ann.jsonl ben.jsonl -o agreement.html
    """

    form = form_of(output, format, ("table", "html", "json"))
    check_result(output, paths, from_, text_dir)
    options = read_options(option, text_dir)
    result = annotation.agreement(
        {
            name: corpus.read_documents(path, from_, **options)
            for name, path in zip(_names(paths), paths, strict=True)
        }
    )
    if form == "json":
        put(as_json(result), output)
    elif form == "html":
        put(annotation.agreement_page(result, "Agreement between annotators"), output)
    else:
        _print(lambda console: annotation.agreement_table(result, console, every), output)


@app.command()
def show(
    path: Corpus,
    id_: Annotated[
        list[str] | None, typer.Option("--id", help="Only the document of this id; repeatable.")
    ] = None,
    label: Annotated[
        list[str] | None, typer.Option(help="Only entities of this label; repeatable.")
    ] = None,
    limit: Annotated[int, typer.Option(min=0, help="At most so many documents; 0 is all.")] = 10,
    format: Annotated[
        str | None, typer.Option(help="text, html, json or jsonl; by the ending if not given.")
    ] = None,
    output: Output = None,
    from_: From = None,
    text_dir: TextDir = None,
    option: Options = None,
) -> None:
    """Show documents with their entities marked, in the terminal or as a page.

    Example: ie-model annotations show annotations/seeds --text-dir seeds -o s.html
    """
    form = form_of(output, format, ("text", "html", "json", "jsonl"))
    check_result(output, [path], from_, text_dir)
    changes = corpus.Changes(keep=frozenset(label or []))
    documents = (
        document
        for document in corpus.read_documents(path, from_, **read_options(option, text_dir))
        if not id_ or document.id in id_
    )
    found = list(itertools.islice(documents, limit or None))
    if not found:
        raise InputError(f"{path}: no document to show" + (" under this id" if id_ else ""))
    for warning in changes.unused(e.label for document in found for e in document.entities):
        typer.echo(f"warning: {warning}", err=True)
    shown = [changes.apply(document) for document in found]
    if form == "html":
        put(display.render_page(shown, title=path.name or str(path)), output)
    elif form == "json":
        put(as_json([document.to_dict() for document in shown]), output)
    elif form == "jsonl":
        put(json_lines(document.to_dict() for document in shown), output)
    else:
        _print(lambda console: annotation.documents_text(shown, console), output)


def _rule(name: str | None) -> Any:
    form_of(None, name, ("longest", "first", "confidence"), "--flatten")
    return name


def _names(paths: list[Path]) -> list[str]:
    """Short names where they differ, else the paths."""
    names = [path.stem or str(path) for path in paths]
    return names if len(set(names)) == len(names) else [str(path) for path in paths]


def _print(draw: Callable[[Console], None], output: Path | None) -> None:
    from rich.console import Console

    if output is not None:
        put(annotation.to_text(draw), output)
        return
    console = Console(markup=False, highlight=False)
    if not console.is_terminal:  # a pipe has no width of its own; tables need room
        console.width = 120
    with until_reader_leaves():
        draw(console)
