"""The counts of an :class:`Aggregate` as one table: CSV, Parquet, or a page with a plot."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from datetime import date, timedelta
from itertools import islice
from pathlib import Path

from markupsafe import Markup

from ie_model.display.highlight import environment
from ie_model.errors import InputError
from ie_model.files import check_writable, whole_path, writing
from ie_model.scoring.aggregation import NO_DAY, Aggregate, Count, Totals
from ie_model.scoring.sources import find_sources

FORMATS = (".csv", ".parquet", ".html")
COLUMNS = ("day", "label", "name", "mentions", "documents")
PAGE_NAMES = 500
"""Names on the page, those with most mentions; the tables have all."""
_ROWS = 10_000
_WIDTH, _HEIGHT, _LEFT, _TOP, _BOTTOM = 900, 260, 50, 12, 30


def check_table(path: Path, inputs: Sequence[str | Path] = ()) -> None:
    """Refuse a table that could not be written, or would take the place of what is counted.

    Raises:
        InputError: its suffix is none of ``FORMATS``, it is one of the files of ``inputs``, or
            its folder cannot be written to.
    """
    if path.suffix.lower() not in FORMATS:
        raise InputError(f"{path}: end the name in .csv, .parquet or .html")
    check_writable(path)
    if inputs and path.exists():
        for file in (Path(s.path) for s in find_sources(inputs) if not s.stream):
            if file.samefile(path):
                raise InputError(f"{path}: is read from and cannot be written to; name another")


def write_table(counts: Aggregate, path: Path) -> int:
    """Write the table its name asks for, all at once or not at all; returns its rows.

    Raises:
        InputError: another suffix, or the file cannot be written.
    """
    check_table(path)
    with writing(path), whole_path(path) as partial:
        return _writer(path)(counts, partial)


def _writer(path: Path) -> Callable[[Aggregate, Path], int]:
    return {".csv": _csv, ".parquet": _parquet, ".html": _html}[path.suffix.lower()]


def _csv(counts: Aggregate, path: Path) -> int:
    rows = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for rows, count in enumerate(counts.counts(), 1):  # noqa: B007 (counted after the loop)
            writer.writerow(count)
    return rows


def _parquet(counts: Aggregate, path: Path) -> int:
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema(
        [("day", pa.date32()), ("label", pa.string()), ("name", pa.string()),
         ("mentions", pa.int64()), ("documents", pa.int64())]
    )  # fmt: skip
    total = 0
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for some in _slices(counts.counts()):
            total += len(some)
            days = [date.fromisoformat(c.day) if c.day else None for c in some]
            columns = [days, *([c[k] for c in some] for k in range(1, 5))]
            arrays = [pa.array(c, f.type) for c, f in zip(columns, schema, strict=True)]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema))
    return total


def _slices(rows: Iterator[Count]) -> Iterator[list[Count]]:
    while some := list(islice(rows, _ROWS)):
        yield some


def _html(counts: Aggregate, path: Path) -> int:
    names = counts.names(PAGE_NAMES)
    page = environment().get_template("aggregate.html.j2").render(
        title="Names by day", totals=counts.totals, names=names, limit=PAGE_NAMES,
        plots=[(label, _plot(rows, label)) for label, rows in _by_label(counts.days())],
    )  # fmt: skip
    path.write_text(page, encoding="utf-8")
    return len(names)


def _by_label(days: Sequence[Count]) -> Iterator[tuple[str, list[Count]]]:
    for label in sorted({c.label for c in days}):
        dated = [c for c in days if c.label == label and c.day != NO_DAY]
        if dated:
            yield label, dated


def _plot(days: Sequence[Count], label: str) -> Markup:
    """Mentions a day as bars over the whole time; days without any leave a gap."""
    first, last = (date.fromisoformat(days[k].day) for k in (0, -1))
    span = (last - first).days + 1
    highest = max(c.mentions for c in days)
    step = (_WIDTH - _LEFT - 10) / span
    room = _HEIGHT - _TOP - _BOTTOM
    bar = Markup(
        '<rect x="{:.2f}" y="{:.2f}" width="{:.2f}" height="{:.2f}"><title>{}: {:,}</title></rect>'
    )
    bars = []
    for count in days:
        height = room * count.mentions / highest
        x = _LEFT + step * (date.fromisoformat(count.day) - first).days
        top = _TOP + room - height
        bars.append(bar.format(x, top, max(step * 0.9, 0.5), height, count.day, count.mentions))
    text = Markup('<text x="{:.1f}" y="{:.1f}" text-anchor="{}">{}</text>')
    ticks = sorted({0, span // 2, span - 1})
    for at in ticks:
        anchor = "start" if at == 0 else "end" if at == span - 1 else "middle"
        place = _LEFT + step * (at + (at == span - 1))
        bars.append(text.format(place, _HEIGHT - 10, anchor, first + timedelta(days=at)))
    bars.append(text.format(_LEFT - 6, _TOP + 10, "end", f"{highest:,}"))
    bars.append(text.format(_LEFT - 6, _TOP + room, "end", "0"))
    return Markup('<svg viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>').format(
        _WIDTH, _HEIGHT, f"Mentions of {label} a day", Markup("").join(bars)
    )


def described(totals: Totals) -> str:
    """What was read, in one sentence."""
    undated = f"; {totals.undated:,} without a day" if totals.undated else ""
    failed = f"; {totals.failed:,} failed in scoring" if totals.failed else ""
    return f"{totals.mentions:,} mentions in {totals.documents:,} documents{undated}{failed}"
