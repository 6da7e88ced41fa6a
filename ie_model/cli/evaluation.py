"""The commands made from out-of-fold predictions: crossval, compare, report, suspects and
calibrate."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import ie_model
from ie_model import corpus, evaluation, inference, metrics, models
from ie_model.cli.results import check_result
from ie_model.cli.streams import until_reader_leaves
from ie_model.cli.vocabulary import (
    ConfigName,
    Folds,
    From,
    Lines,
    OldJson,
    Options,
    Overrides,
    Result,
    TextDir,
    form_of,
    read_options,
    renamed,
)
from ie_model.errors import InputError
from ie_model.files import write_json

if TYPE_CHECKING:
    from ie_model.documents import Document
    from ie_model.evaluation.comparison import Comparison

Run = Annotated[Path, typer.Argument(help="Run folder of ie-model crossval.")]


def crossval(
    config: ConfigName,
    overrides: Overrides = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="Run folder [default: the config's output_dir-crossval]."
        ),
    ] = None,
    old_run: Annotated[Path | None, typer.Option("--run", hidden=True)] = None,
    folds: Folds = None,
    seeds: Annotated[
        str, typer.Option(help="How many seeds, or which: 5, or 3,7,11, or '7,' alone.")
    ] = "1",
    fractions: Annotated[
        str,
        typer.Option(help="Percents of the training data for the learning curve: 25,50,75."),
    ] = "",
    keep_models: Annotated[
        bool, typer.Option("--keep-models", help="Keep every trained model in RUN/models.")
    ] = False,
) -> None:
    """Train on some articles and test on the others, until each was tested once a seed.

    An interrupted run goes on where it stopped when the same command is given again.

    Example: ie-model crossval default --seeds 5 -o runs/loo
    """

    settings = ie_model.load_config(config, overrides or [])
    output = renamed("--run", old_run, "-o", output)
    target = output or settings.output_dir.with_name(f"{settings.output_dir.name}-crossval")
    found = evaluation.cross_validate(
        settings,
        target,
        seeds=_seeds(seeds),
        folds=folds,
        fractions=_fractions(fractions),
        keep_models=keep_models,
        progress=_progress,
    )
    typer.echo(metrics.format_table(found))
    bounds = found["intervals"]
    typer.echo(f"95 % intervals: {bounds['resamples']} resamples of {bounds['units']} "
               f"{bounds['unit']}s")  # fmt: skip
    if bounds["unit"] == "paragraph":
        typer.echo("fewer than 10 documents: the uncertainty about another article is larger")
    for name in ("seen", "unseen"):
        scores = found[name]["micro"]
        typer.echo(f"{name} surfaces: F1 {100 * scores['f1']:.1f} on {scores['support']:g} spans")
    typer.echo(f"{target}: complete; see ie-model report {target}")


def compare(
    a: Annotated[Path, typer.Argument(help="Run folder, predictions (JSONL), or model directory.")],
    b: Annotated[Path, typer.Argument(help="The same, of the model that is to replace A.")],
    gold: Annotated[
        Path | None, typer.Option(help="Annotated documents; needed unless A and B are runs.")
    ] = None,
    from_: From = None,
    text_dir: TextDir = None,
    option: Options = None,
    old_format: Annotated[str | None, typer.Option("--format", hidden=True)] = None,
    max_drop: Annotated[
        float | None,
        typer.Option(
            min=0, help="Exit with 1 if the F1 of a label falls by more points than this."
        ),
    ] = None,
    most: Annotated[int, typer.Option(min=0, help="Changes shown of each kind.")] = 20,
    lines: Lines = None,
    output: Result = None,
    old_json: OldJson = None,
) -> None:
    """Show what changed from one model to another, and whether it is chance.

    Example: ie-model compare runs/old runs/new --gold annotations/demo --max-drop 2
    """

    output = _json_file(output, old_json)
    from_ = renamed("--format", old_format, "--from", from_)
    drop = None if max_drop is None else max_drop / 100
    if gold is None:
        if lines is not None:
            raise InputError("--lines says how a model reads; runs hold predictions already")
        check_result(output, [])
        for path in (a, b):
            if not (path / evaluation.PROTOCOL_FILE).is_file():
                raise InputError(
                    f"{path}: not a cross-validation run; give --gold to compare models or "
                    "prediction files on annotated documents"
                )
        found = evaluation.compare_runs(evaluation.OofRun(a), evaluation.OofRun(b), max_drop=drop)
    else:
        options = read_options(option, text_dir)
        check_result(output, [gold], from_, text_dir)
        check_result(output, [path for path in (a, b) if path.is_file()])
        documents = corpus.load_gold(gold, from_, **options)
        sides = [_predictions(path, documents, lines) for path in (a, b)]
        if lines is not None and not any((p / models.SETTINGS_FILE).is_file() for p in (a, b)):
            raise InputError("--lines says how a model reads; both sides are predictions already")
        labels = sorted({e.label for side in (documents, *sides) for d in side for e in d.entities})
        found = evaluation.compare(
            documents, [sides[0]], [sides[1]], labels, max_drop=drop, names=(str(a), str(b))
        )
    if output is not None:  # before anything is printed, which may fail
        _write_json(output, _comparison(found))
    with until_reader_leaves():
        typer.echo(evaluation.format_comparison(found, most))
    if found.regressions:
        raise typer.Exit(1)


def report(
    run: Run,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="HTML file [default: RUN/report.html].")
    ] = None,
    against: Annotated[
        Path | None, typer.Option(help="Another run: show what differs in config and scores.")
    ] = None,
) -> None:
    """Write one HTML page about a cross-validation, readable without a network.

    Example: ie-model report runs/default-crossval --against runs/seeds_only-crossval
    """

    form_of(output, None, ("html",))
    target = output or run / "report.html"
    evaluation.write_report(run, target, against)
    typer.echo(f"report written to {target}")


def suspects(
    run: Run,
    most: Annotated[int, typer.Option(min=0, help="How many to show of each list.")] = 30,
    output: Result = None,
    old_json: OldJson = None,
) -> None:
    """List annotations to look at again: models disagree, or the gold contradicts itself.

    Example: ie-model suspects runs/default-crossval --most 50
    """
    from dataclasses import asdict

    output = _json_file(output, old_json)
    check_result(output, run.glob("*.json"))
    opened = evaluation.OofRun(run)
    found = evaluation.find_suspects(opened)
    contradictions = evaluation.find_contradictions(opened.pairs()[0])
    if output is not None:  # before anything is printed, which may fail
        rows = {
            "suspects": [asdict(s) for s in found],
            "contradictions": [asdict(c) for c in contradictions],
        }
        _write_json(output, rows)
    typer.echo(f"{len(found)} disagreements, likeliest slips first (! doubted)")
    for s in found[:most]:
        entities = [(e.label if e else "-") for e in (s.gold, s.predicted)]
        start = min(e.start for e in (s.gold, s.predicted) if e)
        if s.gold and s.predicted and s.gold.key[:2] != s.predicted.key[:2]:
            # The excerpt marks what they have together.
            cut = [
                s.excerpt.mention[e.start - start : e.end - start] for e in (s.gold, s.predicted)
            ]
            entities = [f"{label} {text!r}" for label, text in zip(entities, cut, strict=True)]
        typer.echo(
            f"{'!' if s.doubted else ' '} {s.confidence:.2f} {s.kind.replace('_', ' ')}: gold "
            f"{entities[0]}, models {entities[1]}  {s.document} {start}: "
            f"{s.excerpt.before}[{s.excerpt.mention}]{s.excerpt.after}"
        )
    typer.echo(f"\n{len(contradictions)} surfaces annotated in more than one way")
    for c in contradictions[:most]:
        counts = ", ".join(f"{says} {n}" for says, n in c.counts.items())
        typer.echo(f"{c.surface}: {counts}")
        for p in c.places[:3]:
            typer.echo(
                f"    {p.says}  {p.document} {p.start}: "
                f"{p.excerpt.before}[{p.excerpt.mention}]{p.excerpt.after}"
            )


def calibrate(
    run: Run,
    model: Annotated[Path, typer.Argument(help="Model directory that gets the calibration.")],
    precision: Annotated[
        float | None,
        typer.Option(
            min=0, max=1, help="Thresholds for this precision (0 to 1) instead of the best F1."
        ),
    ] = None,
    review_precision: Annotated[
        float, typer.Option(min=0, max=1, help="Spans this precise need no review (0 to 1).")
    ] = 0.95,
    keep_all: Annotated[
        bool, typer.Option("--keep-all", help="Calibrate the scores but set no thresholds.")
    ] = False,
    output: Result = None,
    old_json: OldJson = None,
) -> None:
    """Make a model's scores probabilities, and set the lowest score to keep of each label.

    Example: ie-model calibrate runs/default-crossval runs/default --precision 0.9
    """

    if keep_all and precision is not None:
        raise InputError(
            "--keep-all sets no thresholds and --precision sets them: give one of the two"
        )
    output = _json_file(output, old_json)
    check_result(output, run.glob("*.json"))
    opened = evaluation.OofRun(run)
    evaluation.warn_of_other_origin(opened, model)
    fitted = evaluation.calibrate_run(
        opened, precision=precision, review_precision=review_precision
    )
    evaluation.store_calibration(model, fitted, keep_all=keep_all)
    if output is not None:  # before anything is printed, which may fail
        _write_json(output, fitted)
    before, after = fitted["before"], fitted["after"]
    typer.echo(
        f"{fitted['spans']} out-of-fold spans, temperature {fitted['temperature']:.2f}\n"
        f"expected calibration error {before['ece']:.3f} before, {after['ece']:.3f} after "
        f"(perfect scores would show {after['floor']:.3f} by chance)\n"
        f"Brier score {before['brier']:.3f} before, {after['brier']:.3f} after"
    )
    for label, row in fitted["thresholds"].items():
        if label in fitted["review"]:
            notes = "" if row["own"] else "  (few spans: threshold of all labels)"
            notes += "" if row["reached"] else "  (this precision is not reached)"
            kept = (
                f"keep from {row['threshold']:.2f}: precision {100 * row['precision']:.1f}, "
                f"recall {100 * row['recall']:.1f}, "
            )
            review = f"review below {fitted['review'][label][1]:.2f}"
            typer.echo(f"{label:12} {review}" if keep_all else f"{label:12} {kept}{review}{notes}")
    typer.echo(f"{model}: calibrated" + (", all spans kept" if keep_all else ""))


def _json_file(output: Path | None, old: Path | None) -> Path | None:
    """The file for every figure; only the old spelling took any ending for JSON."""
    if old is None:
        form_of(output, None, ("json",))
    return renamed("--json", old, "-o", output)


def _seeds(given: str) -> list[int]:

    numbers = _numbers(given, "--seeds")
    if any(number < 0 or number % 1 for number in numbers):
        raise InputError(f"--seeds {given!r}: expected whole numbers from 0, such as 5 or 3,7,11")
    if len(numbers) == 1 and "," not in given:
        return list(range(int(numbers[0])))
    return [int(n) for n in numbers]


def _fractions(given: str) -> list[float]:

    percents = _numbers(given, "--fractions")
    if any(not 1 <= percent <= 100 for percent in percents):
        raise InputError(
            f"--fractions {given!r}: expected percents from 1 to 100, such as 25,50,75"
        )
    return [percent / 100 for percent in percents] or [1.0]


def _numbers(given: str, option: str) -> list[float]:

    try:
        return [float(part) for part in given.split(",") if part.strip()]
    except ValueError:
        raise InputError(f"{option} {given!r}: expected numbers separated by commas") from None


def _progress(done: int, total: int, part: str) -> None:
    if part:
        typer.echo(f"[{done + 1}/{total}] {part}", err=True)


def _predictions(path: Path, gold: list[Document], lines: str | None) -> list[Document]:
    """Predictions for the gold documents: a model's, or those of a file, matched by id."""

    if (path / evaluation.PROTOCOL_FILE).is_file():
        raise InputError(
            f"{path}: a cross-validation run; --gold is for a model directory (such as those that "
            "crossval --keep-models leaves in RUN/models) or a file of predictions. Two runs are "
            "compared without --gold"
        )
    if (path / models.SETTINGS_FILE).is_file():
        return inference.Extractor.from_pretrained(path, lines=lines).predict(gold)
    by_id = {d.id: d for d in corpus.read_documents(path)}
    absent = [d.id for d in gold if d.id not in by_id]
    if absent:
        raise InputError(
            f"{path}: no prediction for {len(absent)} gold documents, the first is {absent[0]!r}"
        )
    return [by_id[d.id] for d in gold]


def _comparison(found: Comparison) -> dict[str, object]:
    from dataclasses import asdict

    return {
        "differences": found.differences,
        "regressions": found.regressions,
        "changes": [asdict(c) for c in found.changes],
    }


def _write_json(file: Path, values: object) -> None:
    write_json(file, values, indent=1)
    typer.echo(f"written to {file}")
