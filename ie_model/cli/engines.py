"""``ie-model export`` and ``ie-model bench``: faster forms of a model, and how fast they are."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ie_model import corpus, export as exporting, models
from ie_model.cli.results import check_distinct, check_result
from ie_model.cli.vocabulary import (
    From,
    Model,
    OldJson,
    Options,
    Result,
    TextDir,
    Threads,
    form_of,
    read_options,
    renamed,
)
from ie_model.documents import Document
from ie_model.files import write_json


def export(
    model: Model,
    engine: Annotated[str, typer.Option(help="openvino or onnx.")] = "openvino",
    precision: Annotated[str, typer.Option(help="fp32, bf16 (openvino) or int8.")] = "int8",
    documents: Annotated[
        Path | None,
        typer.Option(
            help="Annotated documents to judge the export by [default: the config's dev documents, "
            "or a part of its training documents]."
        ),
    ] = None,
    calibration: Annotated[
        Path | None,
        typer.Option(
            help="Documents to calibrate int8 on [default: the config's training documents]."
        ),
    ] = None,
    from_: From = None,
    text_dir: TextDir = None,
    option: Options = None,
    agreement: Annotated[
        float,
        typer.Option(
            min=0, max=1, help="Share of the fp32 entities that int8 aims at; more is slower."
        ),
    ] = 0.99,
    reduce_range: Annotated[
        bool,
        typer.Option("--reduce-range", help="7-bit weights, right on CPUs without VNNI as well."),
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Keep an export that fails the quality gate.")
    ] = False,
) -> None:
    """Convert a model for another engine, or to int8, if it still gives the same answers.

    The export is refused when span F1 falls by more than 0.5 points, or when less than 98.5 %
    of the entities are those of fp32. Its figures go into the model card.

    Example: ie-model export runs/default --engine openvino --precision int8
    """

    options = read_options(option, text_dir)
    result = exporting.export(
        model,
        engine,
        precision,
        calibration=None if calibration is None else _documents(calibration, from_, options),
        gate=None if documents is None else corpus.load_gold(documents, from_, **options),
        target=agreement,
        reduce_range=reduce_range or None,
        force=force,
    )
    typer.echo(f"{result.path}: {result.verdict or 'gives the logits of torch'}")


def _documents(path: Path, format: str | None, options: dict[str, Any]) -> list[Document]:
    return list(corpus.read_documents(path, format, **options))


def bench(
    model: Model,
    files: Annotated[
        list[Path] | None,
        typer.Argument(help="Your own texts or documents [default: the authored sample]."),
    ] = None,
    from_: From = None,
    text_dir: TextDir = None,
    option: Options = None,
    engine: Annotated[
        list[str] | None, typer.Option(help="torch, openvino, onnx; may be repeated.")
    ] = None,
    precision: Annotated[
        list[str] | None, typer.Option(help="fp32, bf16, int8; may be repeated.")
    ] = None,
    batch_tokens: Annotated[
        list[int] | None, typer.Option(min=16, help="Padded tokens a batch; may be repeated.")
    ] = None,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    threads: Threads = None,
    rounds: Annotated[int, typer.Option(min=1, help="How often each is measured.")] = 3,
    limit: Annotated[int, typer.Option(min=1, help="Use at most so many documents.")] = 600,
    plan: Annotated[
        bool,
        typer.Option("--plan", help="Save the fastest that keeps 99.5 % of the fp32 entities."),
    ] = False,
    no_baseline: Annotated[
        bool, typer.Option("--no-baseline", help="Leave out the Hugging Face pipeline.")
    ] = False,
    output: Result = None,
    old_json: OldJson = None,
    plot: Annotated[Path | None, typer.Option(help="Write a bar chart (PNG) here.")] = None,
) -> None:
    """Measure engines, precisions and batch sizes on this machine, beside the HF pipeline.

    Example: ie-model bench runs/default --plan -o bench.json --plot bench.png
    """
    import itertools

    # Now, not after minutes of measuring.
    if plot is not None:
        exporting.check_plot(plot)
    if old_json is None:
        form_of(output, None, ("json",))
    output = renamed("--json", old_json, "-o", output)
    options = read_options(option, text_dir)
    check_distinct(output, plot)
    for file in (output, plot):
        check_result(file, files or [], from_, text_dir)
    if files:
        documents = itertools.chain.from_iterable(
            corpus.read_documents(file, from_, **options) for file in files
        )
        texts = [d.text for d in itertools.islice(documents, limit)]
    else:
        texts = exporting.sample_texts()[:limit]
    report = exporting.bench(
        model, texts, engines=engine, precisions=precision, budgets=batch_tokens,
        device=device, threads=threads, rounds=rounds, baseline=not no_baseline,
    )  # fmt: skip
    if output is not None:  # before anything is printed, which may fail
        write_json(output, report)
    if plot is not None:
        exporting.write_plot(report, plot)
    output_lines = [exporting.format_table(report)]
    if plan:
        best, measured = exporting.best_plan(report)
        output_lines.append(f"plan {best.name} saved in {models.save_plan(model, best, measured)}")
    typer.echo("\n".join(output_lines))
