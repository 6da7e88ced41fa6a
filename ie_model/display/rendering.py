"""Predicted documents as what one reads: a table, JSON lines, a page."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from ie_model.display.excerpts import counted, visible
from ie_model.display.highlight import render_page
from ie_model.documents import Document
from ie_model.highlights import shown_value


def render(documents: Iterable[Document], to: str) -> Iterator[str]:
    """Predicted documents as ``table``, ``jsonl`` or ``html``, in printable pieces."""
    if to == "jsonl":
        for document in documents:
            yield json.dumps(document.to_dict(), ensure_ascii=False)
    elif to == "html":
        yield render_page(documents, title="Extracted entities")
    else:
        for document in documents:
            yield table(document)


def table(document: Document) -> str:
    """One document's entities as an aligned table, without colour."""
    import io

    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    out = Console(file=io.StringIO(), width=110, color_system=None, highlight=False)
    count = len(document.entities)
    rows = Table(title=None, box=None, pad_edge=False, header_style="")
    for name, justify in (("start", "right"), ("end", "right"), ("label", "left"),
                          ("score", "right"), ("text", "left")):  # fmt: skip
        rows.add_column(name, justify=justify)  # type: ignore[arg-type]
    if any({"value", "name"} & e.meta.keys() for e in document.entities):
        rows.add_column("value")
    for e in document.entities:
        score = "" if e.score is None else f"{e.score:.2f}"
        cells: list[Any] = [
            Text(visible(e.label)),
            score,
            Text(visible(e.text)),
            Text(visible(shown_value(e.meta))),
        ]
        rows.add_row(str(e.start), str(e.end), *cells[: len(rows.columns) - 2])
    out.print(Text(f"{visible(document.id)}: {counted(count, 'entity')}"))
    if count:
        out.print(rows)
    assert isinstance(out.file, io.StringIO)
    return "\n".join(line.rstrip() for line in out.file.getvalue().splitlines())
