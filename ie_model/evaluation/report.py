"""The report: one HTML page about a cross-validation, complete in itself.

No script and nothing fetched; every string from data goes through the template's escaping.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from ie_model.config.schema import differences
from ie_model.display.highlight import environment
from ie_model.documents import Document
from ie_model.errors import InputError
from ie_model.evaluation.calibration import calibrate_run
from ie_model.evaluation.comparison import compare_runs
from ie_model.evaluation.contradictions import find_contradictions
from ie_model.evaluation.curve import learning_curve
from ie_model.evaluation.out_of_fold import OofRun
from ie_model.evaluation.report_plots import curve_plot, reliability_plot
from ie_model.evaluation.summary import summarise
from ie_model.evaluation.suspects import find_suspects
from ie_model.evaluation.wrong_spans import wrong_lines, wrong_spans
from ie_model.files import write_text
from ie_model.metrics.matching import ERROR_KINDS
from ie_model.metrics.spans import document_counts, span_scores

WORST_DOCUMENTS = 10
LINES_SHOWN = 12
SUSPECTS_SHOWN = 40
CONTRADICTIONS_SHOWN = 25


def write_report(
    run: str | Path | OofRun, output: str | Path, against: str | Path | OofRun | None = None
) -> None:
    """Write the report of a complete run.

    Args:
        run: the run folder.
        output: the HTML file.
        against: another run, to show what differs in config and, where both tested the same
            documents, in scores.

    Raises:
        InputError: not a run, or an incomplete one.
        RunError: the file could not be written.
    """
    opened = run if isinstance(run, OofRun) else OofRun(run)
    other = against if isinstance(against, OofRun) or against is None else OofRun(against)
    write_text(Path(output), render_report(opened, other))


def render_report(run: OofRun, against: OofRun | None = None) -> str:
    """The page as a string; see :func:`write_report`."""
    return environment().get_template("report.html.j2").render(**_context(run, against))


def _context(run: OofRun, against: OofRun | None) -> dict[str, Any]:
    metrics = summarise(run)
    gold, predicted = run.pairs()
    curve = learning_curve(run) if len(run.protocol.fractions) > 1 else None
    try:
        calibration = calibrate_run(run)
    except InputError:  # no span was predicted: the rest of the page says so
        calibration = None
    return {
        "name": run.path.resolve().name,
        "labels": run.labels,
        "metrics": metrics,
        "kinds": ERROR_KINDS,
        "confusion": _confusion(metrics["confusion"]),
        "calibration": calibration,
        "reliability": reliability_plot(calibration["before"], calibration["after"])
        if calibration
        else None,
        "curve": curve,
        "curve_plot": curve_plot(curve["points"]) if curve else None,
        "worst": _worst(gold, predicted, run.labels),
        "suspects": [s for s in find_suspects(run) if s.doubted or s.confidence >= 0.5][
            :SUSPECTS_SHOWN
        ],
        "contradictions": find_contradictions(gold)[:CONTRADICTIONS_SHOWN],
        "data": run.protocol.data,
        "protocol": run.protocol,
        "config": yaml.safe_dump(dict(run.protocol.config), sort_keys=False, allow_unicode=True),
        "against": _against(run, against) if against else None,
    }


def _confusion(confusion: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Rows of the confusion table; ``tint`` (0 to 100) is the share of the row."""
    rows = []
    for name, counts in zip((*confusion["labels"], "spurious"), confusion["counts"], strict=True):
        total = sum(counts) or 1
        cells = [
            {"count": n, "tint": round(100 * n / total), "right": name == column}
            for n, column in zip(counts, (*confusion["labels"], "missed"), strict=True)
        ]
        rows.append({"name": name, "cells": cells})
    return rows


def _worst(
    gold: Sequence[Document], predicted: Sequence[Document], labels: Sequence[str]
) -> list[dict[str, Any]]:
    """The documents of lowest F1 that have an error, with the lines in which they err."""
    counts = document_counts(gold, predicted, labels, checked=True)
    rows = []
    for g, p, c in zip(gold, predicted, counts, strict=True):
        f1 = span_scores(c[None], labels)["micro"]["f1"]
        errors = len(wrong_spans(g, p))
        if errors:
            rows.append((f1, -errors, g, p))
    rows.sort(key=lambda row: row[:2])
    worst = []
    for f1, errors, g, p in rows[:WORST_DOCUMENTS]:
        lines = wrong_lines(g, p)
        worst.append(
            {
                "id": g.id,
                "f1": f1,
                "errors": -errors,
                "support": len(g.entities),
                "lines": lines[:LINES_SHOWN],
                "more": max(0, len(lines) - LINES_SHOWN),
            }
        )
    return worst


def _against(run: OofRun, other: OofRun) -> dict[str, Any]:
    """What differs from another run: config values, and F1 where the documents are the same."""
    config = [
        {"key": key, "there": there, "here": here}
        for key, there, here in differences(other.protocol.config, run.protocol.config)
    ]
    facts: dict[str, Any] = {"name": other.path.resolve().name, "config": config, "why": None}
    try:
        facts["differences"] = compare_runs(other, run).differences
    except InputError as error:
        facts["differences"], facts["why"] = None, str(error)
    return facts
