"""The `predict` command's ways in and out: texts to documents, documents to what one reads."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ie_model.corpus.reading import read_documents
from ie_model.documents import Document
from ie_model.errors import InputError


def read_texts(
    files: Sequence[Path], text: str | None, format: str | None = None
) -> Iterator[Document]:
    """Documents of a literal text, of files in any format, or of standard input (``-``).

    ``format`` is that of the files; by content if not given. Standard input is plain text.

    Raises:
        InputError: nothing to read, or a file that cannot be.
    """
    if text is None and not files:
        raise InputError("nothing to extract from: give --text, files, or - for standard input")
    return _read(files, text, format)


def _read(files: Sequence[Path], text: str | None, format: str | None) -> Iterator[Document]:
    if text is not None:
        yield Document(text, id="text")
    for file in files:
        if str(file) != "-":
            yield from read_documents(file, format)
            continue
        data = sys.stdin.buffer.read()
        try:
            yield Document(data.decode("utf-8"), id="stdin")
        except UnicodeDecodeError as error:
            raise InputError(
                f"standard input: not UTF-8 at byte {error.start}; convert it first, for "
                "example with iconv -t utf-8"
            ) from None


def render(documents: Iterable[Document], to: str) -> Iterator[str]:
    """Predicted documents as ``table``, ``jsonl`` or ``html``, in printable pieces."""
    if to == "jsonl":
        for document in documents:
            yield json.dumps(document.to_dict(), ensure_ascii=False)
    elif to == "html":
        from ie_model.display.highlight import render_page

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
    if any("value" in e.meta for e in document.entities):
        rows.add_column("value")
    for e in document.entities:
        score = "" if e.score is None else f"{e.score:.2f}"
        cells: list[Any] = [Text(e.label), score, Text(e.text), Text(_value(e.meta.get("value")))]
        rows.add_row(str(e.start), str(e.end), *cells[: len(rows.columns) - 2])
    out.print(Text(f"{document.id}: {count} entit{'y' if count == 1 else 'ies'}"))
    if count:
        out.print(rows)
    assert isinstance(out.file, io.StringIO)
    return "\n".join(line.rstrip() for line in out.file.getvalue().splitlines())


def _value(value: Mapping[str, Any] | None) -> str:
    parts = (value or {}).items()
    return ", ".join(f"{k} {v}" for k, v in parts if v is not None and v is not False)
