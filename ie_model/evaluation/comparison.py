"""Two models on the same gold: what got better, what got worse, and is it chance."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from ie_model.display.excerpts import Excerpt, excerpt
from ie_model.documents import Document
from ie_model.errors import InputError
from ie_model.evaluation.out_of_fold import OofRun
from ie_model.metrics.bootstrap import Counts, paired_differences, unit_counts
from ie_model.metrics.spans import Metrics, judged_spans

SpanKey = tuple[int, int, str]


@dataclass(frozen=True, slots=True)
class Change:
    """One span on which the two sides differ.

    ``kind``: ``gained`` (right now, was not), ``lost`` (was right), ``relabelled`` (same
    offsets, another label, right in neither), ``new_error`` and ``fixed_error`` (a wrong
    span that appeared or went). ``before`` and ``after`` are labels, ``None`` where nothing
    was predicted.
    """

    kind: str
    document: str
    start: int
    end: int
    gold: str | None
    before: str | None
    after: str | None
    excerpt: Excerpt


@dataclass(frozen=True)
class Comparison:
    """What :func:`compare` found; ``differences`` as from the paired bootstrap."""

    differences: Metrics
    changes: list[Change]
    unit: str
    names: tuple[str, str] = ("A", "B")
    regressions: dict[str, float] = field(default_factory=dict)


def compare(
    gold: Sequence[Document],
    before: Sequence[Sequence[Document]],
    after: Sequence[Sequence[Document]],
    labels: Sequence[str],
    *,
    max_drop: float | None = None,
    names: tuple[str, str] = ("A", "B"),
    resamples: int = 1000,
) -> Comparison:
    """Compare predictions of two models, or of two groups of models (one per seed).

    Args:
        gold: gold documents.
        before: predictions of A, one list per seed, each in the order of ``gold``.
        after: predictions of B.
        labels: the declared labels.
        max_drop: the greatest fall in F1 (fraction) that a label may have; labels that fall
            farther come out as ``regressions``. ``None`` allows any.
        names: of the two sides, for the table.
        resamples: of the documents.

    Returns:
        Differences in F1 with intervals, and the spans that changed. With several seeds a
        span counts as predicted when more than half of them predict it.

    Raises:
        InputError: documents that do not match, or a negative ``max_drop``.
    """
    if max_drop is not None and max_drop < 0:
        raise InputError(f"max_drop must not be negative, found {max_drop}")
    counts, unit = _stacked(gold, before, labels)
    differences = paired_differences(
        counts, _stacked(gold, after, labels)[0], labels, resamples=resamples
    )
    changes = [
        change
        for i, document in enumerate(gold)
        for change in _changes(
            document, _majority(document, before, i), _majority(document, after, i)
        )
    ]
    drops = {k: -row["difference"] for k, row in differences["labels"].items()}
    regressions = {
        label: drop for label, drop in drops.items() if max_drop is not None and drop > max_drop
    }
    return Comparison(differences, changes, unit, names, regressions)


def compare_runs(a: OofRun, b: OofRun, *, max_drop: float | None = None) -> Comparison:
    """Compare two cross-validations of the same documents, all seeds of each.

    Raises:
        InputError: other labels, other documents, or an incomplete run.
    """
    if set(a.labels) != set(b.labels):
        raise InputError(
            f"{a.path} has the labels {', '.join(a.labels)} but {b.path} has "
            f"{', '.join(b.labels)}; only runs over one label set can be compared"
        )
    gold, _ = a.pairs()
    order = {document.id: i for i, document in enumerate(gold)}
    sides = []
    for run in (a, b):
        side = []
        for seed in run.protocol.seeds:
            theirs, predicted = run.pairs(seed)
            if {d.id for d in theirs} != set(order):
                raise InputError(
                    f"{a.path} and {b.path} tested other documents; compare runs over one corpus"
                )
            for document in theirs:
                _same_gold(gold[order[document.id]], document, a, b)
            side.append(sorted(predicted, key=lambda d: order[d.id]))
        sides.append(side)
    names = (str(a.path), str(b.path))
    return compare(gold, sides[0], sides[1], a.labels, max_drop=max_drop, names=names)


def _same_gold(ours: Document, theirs: Document, a: OofRun, b: OofRun) -> None:
    if ours.text != theirs.text or [e.key for e in ours.entities] != [
        e.key for e in theirs.entities
    ]:
        raise InputError(
            f"document {ours.id!r}: text or annotation differ between {a.path} and {b.path}; "
            "run the older cross-validation again"
        )


def _stacked(
    gold: Sequence[Document], sides: Sequence[Sequence[Document]], labels: Sequence[str]
) -> tuple[Counts, str]:
    tables = [unit_counts(gold, predicted, labels) for predicted in sides]
    return np.stack([table for table, _ in tables]), tables[0][1]


def _majority(gold: Document, sides: Sequence[Sequence[Document]], i: int) -> set[SpanKey]:
    """Spans of document ``i`` that more than half of the seeds predict and ``gold`` can judge."""
    votes = Counter(e.key for side in sides for e in judged_spans(side[i], gold))
    return {key for key, n in votes.items() if 2 * n > len(sides)}


def _changes(gold: Document, before: set[SpanKey], after: set[SpanKey]) -> list[Change]:
    truth = {e.key for e in gold.entities}
    labels: dict[tuple[int, int], list[str | None]] = {}
    for side, keys in enumerate((truth, before, after)):
        for start, end, label in keys:
            labels.setdefault((start, end), [None, None, None])[side] = label
    found = []
    for (start, end), (right, was, now) in sorted(labels.items()):
        if was == now:
            continue
        if right is not None and now == right:
            kind = "gained"
        elif right is not None and was == right:
            kind = "lost"
        elif was is not None and now is not None:
            kind = "relabelled"
        else:
            kind = "new_error" if was is None else "fixed_error"
        context = excerpt(gold.text, start, end)
        found.append(Change(kind, gold.id, start, end, right, was, now, context))
    return found


def format_comparison(found: Comparison, most: int = 20) -> str:
    """The comparison as text for the terminal: a table, then up to ``most`` changes of a kind."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    out = Console(file=io.StringIO(), width=110, color_system=None, highlight=False)
    table = Table(box=None, pad_edge=False, header_style="")
    for i, name in enumerate(("F1", "A", "B", "B - A", "95 %", "B worse")):
        table.add_column(name, justify="right" if i else "left")
    rows: Mapping[str, Mapping] = {
        **found.differences["labels"],
        "micro": found.differences["micro"],
        "macro": found.differences["macro"],
    }
    for name, row in rows.items():
        low, high = row["interval"]
        table.add_row(
            Text(name),
            f"{100 * row['before']:.1f}",
            f"{100 * row['after']:.1f}",
            f"{100 * row['difference']:+.1f}",
            f"{100 * low:+.1f} to {100 * high:+.1f}",
            f"{100 * row['worse']:.0f} %",
        )
    out.print(Text(f"A: {found.names[0]}\nB: {found.names[1]}\n"))
    out.print(table)
    out.print(f"\n{found.differences['units']} {found.unit}s, resampled in pairs")
    for kind in ("gained", "lost", "relabelled", "fixed_error", "new_error"):
        rows_of_kind = [c for c in found.changes if c.kind == kind]
        if rows_of_kind:
            out.print(f"\n{kind.replace('_', ' ')}: {len(rows_of_kind)}")
        for c in rows_of_kind[:most]:
            labels = f"{c.before or '-'} > {c.after or '-'}"
            if kind == "relabelled" and c.gold:
                labels += f" (gold {c.gold})"
            line = f"  {c.document} {c.start} {labels}: "
            line += f"{c.excerpt.before}[{c.excerpt.mention}]{c.excerpt.after}"
            out.print(Text(line), soft_wrap=True)
        if len(rows_of_kind) > most:
            out.print(f"  and {len(rows_of_kind) - most} more")
    for label, drop in found.regressions.items():
        out.print(Text(f"\nREGRESSION {label}: F1 fell by {100 * drop:.1f} points"))
    assert isinstance(out.file, io.StringIO)
    return "\n".join(line.rstrip() for line in out.file.getvalue().splitlines())
