"""``ie-model score``: batch scoring from the command line."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from ie_model import scoring
from ie_model.cli.vocabulary import Engine, Lines, MinScore, Model, Normalise, Precision, renamed
from ie_model.corpus.formats import FORMATS
from ie_model.errors import InputError
from ie_model.scoring.options import INPUT_FORMATS


def score(
    model: Model,
    inputs: Annotated[
        list[str],
        typer.Argument(help="Files, folders, 'patterns', or - for standard input."),
    ],
    output: Annotated[
        str,
        typer.Option(
            "--output",
            "-o",
            help="A .jsonl, .jsonl.gz, .jsonl.zst or .parquet file, a folder/ of parts, or -.",
        ),
    ],
    from_: Annotated[
        str | None,
        typer.Option(
            "--from",
            help="Format of the rows read: jsonl, csv, tsv, parquet, text (a document a file) or "
            "lines (one a line); by the names of the files if not given.",
        ),
    ] = None,
    old_format: Annotated[str | None, typer.Option("--format", hidden=True)] = None,
    text_column: Annotated[str, typer.Option(help="The column with the text.")] = "text",
    id_column: Annotated[
        str | None,
        typer.Option(help="The column with the id [default: id if there is one, else FILE:ROW]."),
    ] = None,
    keep: Annotated[
        list[str] | None,
        typer.Option(help="A column to carry through, or '*' for all; repeatable."),
    ] = None,
    delimiter: Annotated[
        str | None,
        typer.Option(
            help="What stands between the fields of CSV [default: a comma, in TSV a tab]."
        ),
    ] = None,
    max_row_lines: Annotated[
        int, typer.Option(help="CSV: set aside rows that span more lines, as after a lost quote.")
    ] = 1000,
    max_chars: Annotated[int, typer.Option(help="Reject longer texts.")] = 1_000_000,
    max_rejected: Annotated[
        int | None, typer.Option(help="Stop after more rejected rows than this.")
    ] = None,
    to: Annotated[
        str | None,
        typer.Option(
            help="Format written: jsonl, jsonl.gz, jsonl.zst or parquet; by the ending of the "
            "output if not given."
        ),
    ] = None,
    old_output_format: Annotated[str | None, typer.Option("--output-format", hidden=True)] = None,
    per_entity: Annotated[
        bool, typer.Option("--per-entity", help="Parquet: one row an entity.")
    ] = False,
    text: Annotated[bool, typer.Option(help="Repeat the texts in the output.")] = True,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Begin anew, whatever is there.")
    ] = False,
    engine: Engine = "auto",
    precision: Precision = "auto",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    min_score: MinScore = None,
    normalise: Normalise = False,
    date_column: Annotated[
        str | None,
        typer.Option(
            help="With --normalise: the column with a row's day, from which 'yesterday' is seen "
            "[default: date where there is one]."
        ),
    ] = None,
    lines: Lines = None,
    workers: Annotated[
        int | None,
        typer.Option(
            help="Processes [default: one a GPU, or one a CPU core]; 0: none besides this one, "
            "which a text that kills it takes along."
        ),
    ] = None,
    threads: Annotated[
        int | None, typer.Option(help="CPU threads a worker [default: a fair share].")
    ] = None,
    shard_rows: Annotated[
        int | None, typer.Option(help="Rows of a shard, the unit of resuming.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")] = False,
    ray: Annotated[bool, typer.Option("--ray", help="Work on a Ray cluster.")] = False,
    ray_address: Annotated[
        str | None, typer.Option(help="Where it is [default: $RAY_ADDRESS, else a new local one].")
    ] = None,
    actors: Annotated[
        int | None, typer.Option(help="Models to load [default: as many as fit].")
    ] = None,
    actor_cpus: Annotated[int, typer.Option(help="CPUs of each.")] = 1,
    actor_gpus: Annotated[float, typer.Option(help="GPUs of each.")] = 0,
) -> None:
    """Extract from millions of documents, each exactly once.

    Stop it, kill it, pull the plug: the same command goes on where it was, and the output
    is the same, byte for byte. Rows that cannot be read are set aside, each with its file,
    line and reason, in OUTPUT.rejected.jsonl; counts and speeds are in OUTPUT.summary.json.

    Example: ie-model score runs/default corpus/ -o entities.jsonl.gz --keep date
    """

    if ray and (workers is not None or threads is not None or device != "auto"):
        raise InputError("--workers, --threads and --device are for one machine: with --ray, "
                         "use --actors, --actor-cpus and --actor-gpus")  # fmt: skip
    if not ray and (ray_address, actors, actor_cpus, actor_gpus) != (None, None, 1, 0):
        raise InputError("--ray-address, --actors, --actor-cpus and --actor-gpus are for a "
                         "cluster: add --ray, or use --workers and --threads")  # fmt: skip
    from_ = renamed("--format", old_format, "--from", from_)
    to = renamed("--output-format", old_output_format, "--to", to)
    if from_ in FORMATS and from_ not in INPUT_FORMATS:
        raise InputError(
            f"--from {from_}: score reads rows ({', '.join(INPUT_FORMATS)}); first make "
            f"some: ie-model annotations convert SOURCE rows.jsonl --from {from_}"
        )
    options: dict[str, Any] = {
        "engine": engine,
        "precision": precision,
        "min_score": min_score,
        "normalise": normalise,
        "lines": lines,
        "read": scoring.ReadOptions(
            from_ or "auto",
            text_column,
            id_column,
            tuple(keep or ()),
            max_chars,
            {"\\t": "\t", "tab": "\t"}.get(delimiter or "", delimiter),
            max_row_lines,
            date_column,
        ),
        "write": scoring.WriteOptions(to or "auto", per_entity, text),
        "cut": None if shard_rows is None else scoring.CutOptions(rows=shard_rows),
        "max_rejected": max_rejected,
        "overwrite": overwrite,
        "progress": not quiet,
    }
    try:
        if ray:
            summary = scoring.score_on_ray(
                inputs, output, model, address=ray_address, actors=actors,
                actor_cpus=actor_cpus, actor_gpus=actor_gpus, **options,
            )  # fmt: skip
        else:
            summary = scoring.score(
                inputs, output, model, device=device, workers=workers, threads=threads, **options
            )  # fmt: skip
    except scoring.Interrupted as stopped:
        typer.echo(f"score: {stopped}", err=True)
        raise typer.Exit(128 + stopped.signal) from None
    typer.echo(_in_words(summary, output), err=True)
    if summary["rows"] and not summary["documents"]:
        anew = "" if output == "-" else " with --overwrite"
        raise InputError(
            f"{output}: not one row became a document ({summary['first_rejected']}); correct the "
            f"options or the input and give the command again{anew}"
        )


def _in_words(summary: dict[str, Any], output: str) -> str:
    """The counts of a job in one line."""
    speed = f"{summary['run']['documents_per_second']:,.0f} documents/s"
    if summary.get("already_complete"):
        speed = "finished before, nothing to do"
    where = "standard error" if output == "-" else f"{summary['output']}.rejected.jsonl"
    longest = summary["longest_row"]
    spans = f"; {longest['row']} spans {longest['lines']:,} lines" if longest else ""
    return (
        f"score: {summary['rows']:,} rows in = {summary['documents']:,} documents out + "
        f"{summary['rejected']:,} rejected{_kinds(summary, where)}{spans}; "
        f"{summary['entities']:,} entities; {speed}"
    )


def _kinds(summary: dict[str, Any], where: str) -> str:
    """Why rows were rejected, and where they are: `` (2 json, 1 missing: FILE)``."""
    counts = [f"{count:,} {kind}" for kind, count in summary["rejected_by_kind"].items()]
    return f" ({', '.join(counts)}: {where})" if counts else ""
