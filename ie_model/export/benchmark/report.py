"""A benchmark's figures as a table and as a plot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ie_model.errors import InputError
from ie_model.files import whole_path, writing


def format_table(report: dict[str, Any]) -> str:
    """The report as lines of plain text, fastest last."""
    machine = report["machine"]
    peaks = [f"{name} {value / 1e9:,.0f}" for name, value in report["peaks"].items()]
    lines = [
        f"{machine.get('gpu') or machine['cpu']}, {report['threads']} threads; "
        f"{report['documents']} documents, {report['tokens']:,} tokens, "
        f"median of {report['rounds']} rounds",
        *_aligned(_cells(report)),
        f"measured matrix peak, 10^9 operations/s: {', '.join(peaks)}",
    ]
    if report.get("other_work") is not None:
        lines.append(
            f"all but the forward passes: {report['other_work']:.1%} of the fastest's CPU time"
        )
    for start in report["starts"]:
        name = f"{start['engine']} {start['precision']}"
        if "error" in start:
            lines.append(f"{name}: could not be started by itself: {start['error']}")
        else:
            lines.append(
                f"{name}: first answer after {start['first_answer_seconds']:.2f} s, one sentence "
                f"{start['sentence_milliseconds']:.1f} ms, {start['peak_memory_mb']:,.0f} MB"
            )
    return "\n".join(lines)


def _cells(report: dict[str, Any]) -> list[list[str]]:
    """The table's head and a row for each plan."""
    baselines = [row["name"] for row in report["rows"] if row["plan"] is None]
    times = [f"x {b}" for b in baselines]
    head = ["", "tokens/s", "docs/s", "tokens/CPU s", *times, "agreement", "padding", "peak"]
    return [
        head,
        *(
            [
                row["name"],
                f"{row['tokens_per_second']:,.0f}",
                f"{row['documents_per_second']:,.1f}",
                f"{row['tokens_per_cpu_second']:,.0f}",
                *(f"{row[f'times {b}']:.2f}" for b in baselines),
                _percent(row["agreement"], 2),
                _percent(row.get("padding_waste"), 1),
                _percent(row.get("peak_share"), 0),
            ]
            for row in report["rows"]
        ),
    ]


def _aligned(rows: list[list[str]]) -> list[str]:
    """Rows as lines of columns, the first to the left and the others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for first, *others in rows:
        cells = [first.ljust(widths[0])]
        cells += [c.rjust(w) for c, w in zip(others, widths[1:], strict=True)]
        lines.append("  ".join(cells).rstrip())
    return lines


def _percent(value: float | None, digits: int) -> str:
    return "" if value is None else f"{100 * value:.{digits}f} %"


def check_plot(path: str | Path) -> None:
    """Refuse a name for the plot that says another format.

    Raises:
        InputError: it does not end in ``.png``.
    """
    if Path(path).suffix.lower() != ".png":
        raise InputError(f"{path}: the plot is a PNG: give a name that ends in .png")


def write_plot(report: dict[str, Any], path: str | Path) -> None:
    """A bar chart of tokens per second as PNG, written whole or not at all.

    Raises:
        InputError: as :func:`check_plot`, or matplotlib is not installed.
    """
    check_plot(path)
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise InputError("a plot needs matplotlib: pip install 'ie-model[bench]'") from error
    rows = report["rows"]
    figure = Figure(figsize=(8, 1.2 + 0.32 * len(rows)), layout="constrained")
    axes = figure.subplots()
    colours = ["#9a9a9a" if row["plan"] is None else "#2b6cb0" for row in rows]
    bars = axes.barh(
        [r["name"] for r in rows], [r["tokens_per_second"] for r in rows], color=colours
    )
    axes.bar_label(bars, fmt="{:,.0f}", padding=3, fontsize=8)
    axes.margins(x=0.12)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_xlabel("tokens per second, strings in, entities out")
    machine = report["machine"]
    axes.set_title(f"{machine.get('gpu') or machine['cpu']}, {machine['cpus']} CPUs", fontsize=10)
    with writing(Path(path)), whole_path(Path(path)) as temporary:
        figure.savefig(temporary, format="png", dpi=150)
