"""Scores of spans as a table for the terminal."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from typing import Any

from ie_model.metrics.matching import ERROR_KINDS


def format_table(metrics: Mapping[str, Any]) -> str:
    """What :func:`ie_model.metrics.spans.score_documents` gives as a table without colour.

    Percentages; with ``intervals`` in the metrics (see :mod:`ie_model.metrics.bootstrap`), the 95 %
    interval of each F1 stands beside it.
    """
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    out = Console(file=io.StringIO(), width=100, color_system=None, highlight=False)
    intervals = metrics.get("intervals") or {}
    table = Table(box=None, pad_edge=False, header_style="")
    for name in ("", "precision", "recall", "F1", *(["95 %"] if intervals else [])):
        table.add_column(name, justify="right" if name else "left")
    for name in ("gold", "predicted", "correct"):
        table.add_column(name, justify="right")

    def add(name: str, scores: Mapping[str, Any], interval: Mapping[str, Any] | None) -> None:
        cells = [f"{100 * scores[k]:.1f}" for k in ("precision", "recall", "f1")]
        if intervals:
            cells.append(" - ".join(f"{100 * x:.1f}" for x in interval["f1"]) if interval else "")
        # Means over several seeds need not be whole.
        counts = [scores.get(k) for k in ("support", "predicted", "correct")]
        cells += ["" if n is None else f"{n:.1f}".removesuffix(".0") for n in counts]
        table.add_row(Text(name), *cells)

    span = metrics["span"]
    for label, scores in span["labels"].items():
        add(label, scores, (intervals.get("labels") or {}).get(label))
    table.add_row()
    add("micro", span["micro"], intervals.get("micro"))
    add("macro", span["macro"], intervals.get("macro"))
    out.print(table)
    partial = metrics["partial"]
    out.print()
    if len(metrics.get("protocol", {}).get("seeds", ())) > 1:
        spread = metrics["seeds"]["micro"]
        low, high = 100 * spread["low"], 100 * spread["high"]
        out.print(
            f"means over the seeds; micro F1 {low:.1f} to {high:.1f}, standard deviation "
            f"{100 * spread['sd']:.1f}; of the first seed alone:"
        )
    out.print("partial (MUC F1): " + _line((s, partial[s]["f1"]) for s in partial))
    seqeval = metrics["seqeval"]
    out.print(
        f"seqeval strict IOB2 F1 over words: {100 * seqeval['f1']:.1f} "
        f"({seqeval['widened']} spans widened to words, {seqeval['lost']} lost)"
    )
    total = metrics["errors"]["total"]
    out.print("errors: " + ", ".join(f"{total[k]} {k.replace('_', ' ')}" for k in ERROR_KINDS))
    failed = f", {metrics['failed']} failed" if metrics["failed"] else ""
    out.print(f"documents: {metrics['documents']}{failed}")
    assert isinstance(out.file, io.StringIO)
    return "\n".join(line.rstrip() for line in out.file.getvalue().splitlines())


def _line(items: Iterable[tuple[str, float]]) -> str:
    return ", ".join(f"{name} {100 * value:.1f}" for name, value in items)
