"""``ie-model aggregate``: counts of names by label and day from scored files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ie_model import normalise, scoring
from ie_model.cli.results import check_distinct, check_result


def aggregate(
    inputs: Annotated[
        list[str],
        typer.Argument(help="Output of score: JSON lines or Parquet files, folders, 'patterns'."),
    ],
    output: Annotated[
        list[Path],
        typer.Option(
            "--output", "-o", help="The table: .csv, .parquet, or .html with a plot. Repeatable."
        ),
    ],
    date_column: Annotated[
        str, typer.Option(help="The column with a document's day, kept in scoring.")
    ] = "date",
    label: Annotated[
        list[str] | None, typer.Option(help="Count this label alone; repeatable [default: all].")
    ] = None,
    names: Annotated[
        Path | None,
        typer.Option(help="More names: lines of a spelling, a tab, the name that counts."),
    ] = None,
) -> None:
    """Count names by label and day, in as much memory for a million documents as for one.

    Example: ie-model aggregate entities.jsonl.gz -o names.csv -o names.html --label ACTOR
    """
    check_distinct(*output)
    for path in output:
        scoring.check_table(path, inputs)
        check_result(path, [names] if names else [], "csv")
    table = None if names is None else normalise.read_names(names)
    with scoring.Aggregate() as counts:
        totals = scoring.aggregate_files(inputs, counts, date_column, label, table)
        for path in output:
            rows = scoring.write_table(counts, path)
            typer.echo(f"{path}: {rows:,} rows", err=True)
    typer.echo(f"aggregate: {scoring.described(totals)}", err=True)
