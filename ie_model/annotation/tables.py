"""What the annotation commands print: tables for people, pages for browsers."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from ie_model.annotation.checks import KINDS, CheckReport
from ie_model.annotation.conversion import Conversion
from ie_model.annotation.losses import COUNTED_IN
from ie_model.display.excerpts import counted
from ie_model.display.highlight import environment, printable, render_terminal
from ie_model.documents import Document

_COLOURS = {"error": "red", "warning": "yellow", "note": "cyan"}
_EXAMPLES = 10  # findings shown of each kind, unless all are asked for


def check_table(report: CheckReport, console: Console, every: bool = False) -> None:
    """Print findings kind by kind, errors first, then the counts."""
    for kind, count in report.counts.items():
        severity, meaning = KINDS[kind]
        title = Text.assemble(
            (severity, f"bold {_COLOURS[severity]}"), f" {kind}: {meaning} ({count})"
        )
        console.print(title)
        findings = [f for f in report.findings if f.kind == kind]
        shown = findings if every else findings[:_EXAMPLES]
        for f in shown:
            place = f"  {f.where}: {f.document} [{f.start}, {f.end}) {f.label}".rstrip()
            console.print(Text(printable(place), "dim"), soft_wrap=True)
            console.print(_excerpt(asdict(f.excerpt), console), soft_wrap=True)
            console.print(Text(f"    {printable(f.message)}"), soft_wrap=True)
        if len(shown) < count:
            console.print(f"  … {count - len(shown)} more (--all shows them)")
        console.print()
    console.print(summary(report), soft_wrap=True)


def summary(report: CheckReport) -> str:
    """One line: what was checked and how much was found."""
    numbers = [
        counted(report.number(severity), severity) for severity in ("error", "warning", "note")
    ]
    size = f"{counted(report.documents, 'document')}, {counted(report.entities, 'entity')}"
    return f"{size}: {', '.join(numbers)}"


def check_page(report: CheckReport, title: str) -> str:
    """All findings as one HTML page."""
    return (
        environment().get_template("check.html.j2").render(title=title, report=report, kinds=KINDS)
    )


def agreement_page(result: Mapping[str, Any], title: str) -> str:
    """The result of :func:`ie_model.annotation.annotators.agreement` as one HTML page."""
    return environment().get_template("agreement.html.j2").render(title=title, result=result)


def agreement_table(result: Mapping[str, Any], console: Console, every: bool = False) -> None:
    """Print coefficients, confusion and the first disagreements."""
    names = result["annotators"]
    console.print(
        f"{', '.join(names)}: {counted(result['documents'], 'document')} matched by "
        f"{result['matched_by']}, "
        f"{result['words']['all']} words, {result['words']['labelled']} labelled by anybody",
        soft_wrap=True,
    )
    for name in names:
        if result["flattened"][name]:
            console.print(f"{name}: {result['flattened'][name]} overlapping entities left out")
        if result["only"][name]:
            console.print(
                f"{name}: {len(result['only'][name])} documents that not all have, not compared"
            )
    table = _table("label", "F1 exact", "F1 partial", "Fleiss κ", "Krippendorff α")
    labels = list(result["alpha"]["labels"])
    for label in ["all", *labels]:
        picked = [
            branch["all"] if label == "all" else branch["labels"][label]
            for branch in (
                result["spans"]["exact"],
                result["spans"]["partial"],
                result["fleiss"],
                result["alpha"],
            )
        ]
        table.add_row(
            Text(printable(label)), *map(_share, picked[:2]), *map(_coefficient, picked[2:])
        )
    console.print(table)
    for pair in result["pairs"]:
        _pair(pair, console)
    _disagreements(result["disagreements"], console, every)


def _pair(pair: Mapping[str, Any], console: Console) -> None:
    first, second = pair["names"]
    console.print(
        f"{first} and {second}: F1 exact {_share(pair['exact']['all'])}, "
        f"partial {_share(pair['partial']['all'])}, Cohen κ {_coefficient(pair['cohen']['all'])} "
        f"({_coefficient(pair['cohen']['labelled'])} over labelled words)",
        soft_wrap=True,
    )
    confusion = pair["confusion"]
    table = _table(f"{first} \\ {second}", *map(printable, confusion["labels"]))
    for label, row in zip(confusion["labels"], confusion["counts"], strict=True):
        table.add_row(Text(printable(label)), *(str(count or "") for count in row))
    console.print(table)


def _disagreements(rows: Sequence[Mapping[str, Any]], console: Console, every: bool) -> None:
    console.print(f"{len(rows)} disagreements")
    shown = rows if every else rows[: 2 * _EXAMPLES]
    for row in shown:
        sides = ", ".join(
            f"{name}: {_side(row[side])}"
            for name, side in zip(row["annotators"], ("first", "second"), strict=True)
        )
        console.print(Text(printable(f"  {row['document']}: {sides}"), "dim"), soft_wrap=True)
        console.print(_excerpt(row["excerpt"], console), soft_wrap=True)
    if len(shown) < len(rows):
        console.print(f"  … {len(rows) - len(shown)} more (--all shows them)")


def stats_table(result: Mapping[str, Any], console: Console) -> None:
    """Print the statistics of each corpus and the overlap of later ones with the first."""
    for name, corpus in result["corpora"].items():
        words = corpus["document_words"]
        console.print(Text(name, "bold"), soft_wrap=True)
        console.print(
            f"  {counted(corpus['documents'], 'document')} "
            f"({corpus['empty_documents']} without entities, "
            f"{corpus['near_duplicates']} near-duplicates), {corpus['words']:,} words "
            f"({words['min']} to {words['max']} a document, median {words['median']:.0f})\n"
            f"  {counted(corpus['entities'], 'entity')}, {corpus['density']:.1f} per 100 words, "
            f"{corpus['overlapping']} overlapping",
            soft_wrap=True,
        )
        table = _table("label", "entities", "share", "documents", "surfaces", "words", "longest")
        room = max(20, console.width - 78)
        table.add_column("most frequent", overflow="ellipsis", no_wrap=True, max_width=room)
        for label, row in corpus["labels"].items():
            top = ", ".join(f"{surface} {count}" for surface, count in row["top"])
            table.add_row(
                Text(printable(label)),
                str(row["entities"]),
                f"{100 * row['share']:.1f} %",
                str(row["documents"]),
                str(row["surfaces"]),
                f"{row['words']['mean']:.1f}",
                str(row["words"]["max"]),
                Text(printable(top.replace("\n", "⏎"))),
            )
        console.print(table)
    first = next(iter(result["corpora"]))
    for name, overlap in result["overlap"].items():
        documents = result["corpora"][name]["documents"]
        console.print(
            f"{name}: {overlap['documents']} of {documents} documents are near-duplicates of one "
            f"in {first}",
            soft_wrap=True,
        )
        table = _table("label", "entities", f"seen in {first}")
        for label, row in overlap["labels"].items():
            share = f"{row['seen']} ({100 * row['seen'] / row['entities']:.1f} %)"
            table.add_row(Text(printable(label)), str(row["entities"]), share)
        console.print(table)


def conversion_lines(result: Conversion) -> list[str]:
    """What a conversion did, for standard error."""
    labels = ", ".join(f"{label} {count}" for label, count in result.labels.most_common())
    lines = [
        f"{counted(result.documents, 'document')}, {counted(result.labels.total(), 'entity')}"
        + (f" ({labels})" if labels else "")
        + f" written as {result.format}"
    ]
    changes = {what: n for what, n in result.changes.items() if what != "kept" and n}
    lines += [f"{what}: {count}" for what, count in sorted(changes.items())]
    lines += [f"set aside, {e.kind}: {e.number}, first at {e.first}" for e in result.aside]
    kinds: dict[str, dict[str, int]] = {}
    for what, count in sorted(result.lost.items()):
        kind, _, key = what.partition(": ")
        kinds.setdefault(kind, {})[key] = count
    for kind, keys in kinds.items():
        unit = COUNTED_IN.get(kind)
        what = f"{kind} ({', '.join(keys)})" if any(keys) else kind
        number = max(keys.values())
        lost = f"lost in {counted(number, unit)}" if unit else f"{number} lost"
        lines.append(f"{result.format} has no place for {what}: {lost}")
    return lines + [f"warning: {warning}" for warning in result.warnings]


def documents_text(documents: Sequence[Document], console: Console) -> None:
    """Print documents with their entities marked."""
    labels = sorted({e.label for d in documents for e in d.entities})
    for i, document in enumerate(documents):
        title = f"{document.id}: {counted(len(document.entities), 'entity')}"
        console.print(Text(("\n" if i else "") + printable(title), "bold underline"))
        if document.error is not None:
            console.print(Text(printable(f"failed: {document.error}"), "red"))
        console.print(render_terminal(document, labels, colour=console.color_system is not None))


def to_text(draw: Any) -> str:
    """What ``draw(console)`` prints, as plain text."""
    console = Console(
        file=io.StringIO(), width=120, color_system=None, markup=False, highlight=False
    )
    draw(console)
    assert isinstance(console.file, io.StringIO)
    return "\n".join(line.rstrip() for line in console.file.getvalue().splitlines()) + "\n"


def _excerpt(cut: Mapping[str, str], console: Console) -> Text:
    """The mention reversed, or in brackets where there is no colour."""
    mention = printable(cut["mention"].replace("\n", "⏎"))
    plain = console.color_system is None
    return Text.assemble(
        f"    {printable(cut['before'])}",
        f"[{mention}]" if plain else (mention, "reverse"),
        printable(cut["after"]),
    )


def _table(first: str, *numbers: str) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column(Text(first))
    for name in numbers:
        table.add_column(Text(name), justify="right")
    return table


def _share(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f}"


def _coefficient(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _side(span: Sequence[Any] | None) -> str:
    return f"{span[2]} [{span[0]}, {span[1]})" if span else "nothing"
