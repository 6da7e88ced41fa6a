"""Results as text, and to where they belong: a file that is whole, or standard output."""

from __future__ import annotations

import csv
import html
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import typer

from ie_model import corpus, models
from ie_model.cli.streams import until_reader_leaves
from ie_model.errors import InputError
from ie_model.files import whole_text


def as_json(value: Any) -> str:
    """A value as indented JSON."""
    return json.dumps(value, ensure_ascii=False, indent=2)


def json_lines(rows: Iterable[Any]) -> str:
    """One JSON value a line."""
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def table_lines(rows: Iterable[Sequence[Any]], form: str) -> Iterator[str]:
    """Rows of cells as lines of ``csv`` or ``tsv``, each without its last line end."""
    for cells in rows:
        line = io.StringIO()
        csv.writer(line, delimiter="\t" if form == "tsv" else ",").writerow(cells)
        yield line.getvalue().removesuffix("\r\n")


def records_table(records: Sequence[Mapping[str, Any]], columns: Sequence[str], form: str) -> str:
    """Mappings as a table with a header; lists and objects in a cell are JSON."""
    rows = [[_cell(record.get(name)) for name in columns] for record in records]
    return "\n".join(table_lines([columns, *rows], form))


def text_page(text: str, title: str) -> str:
    """A text as an HTML page that keeps its lines, everything escaped."""
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}'
        "</title><style>:root{color-scheme:light dark}body{margin:2rem}pre{overflow-x:auto}</style>"
        f"</head>\n<body><h1>{html.escape(title)}</h1>\n<pre>{html.escape(text)}</pre></body></html>"
    )


def check_result(
    output: Path | None,
    sources: Iterable[str | Path],
    format: str | None = None,
    text_dir: Path | None = None,
) -> None:
    """Refuse, before the work, a result that would replace what is read, or a file of a model.

    Raises:
        InputError: as :func:`ie_model.corpus.check_output` and
            :func:`ie_model.models.check_no_model_file` say.
    """
    models.check_no_model_file(output)
    corpus.check_output(output, sources, format, text_dir)


def check_distinct(*outputs: Path | None) -> None:
    """Refuse one file for two outputs, by whatever path or link; ``None`` is no file.

    Raises:
        InputError: the second would replace the first.
    """
    seen: set[Path] = set()
    for output in outputs:
        if output is not None and output.resolve() in seen:
            raise InputError(f"{output}: named for two outputs; give each a file of its own")
        if output is not None:
            seen.add(output.resolve())


def put(text: str, output: Path | None) -> None:
    """Write a text whole to a file, or to standard output where there is none.

    Raises:
        InputError: the file cannot be written.
    """
    if output is None:
        with until_reader_leaves():
            typer.echo(text.rstrip("\n"))
        return
    with whole_text(output) as file:
        file.write(text.rstrip("\n") + "\n")
    typer.echo(f"written to {output}", err=True)


def _cell(value: Any) -> Any:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else value
