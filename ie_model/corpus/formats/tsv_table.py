"""TSV: :mod:`~ie_model.corpus.formats.csv_table` with tabs between the fields."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ie_model.corpus.formats.csv_table import read as read, write as write_csv
from ie_model.documents import Document


def write(
    documents: Iterable[Document],
    path: Path,
    rows: str = "documents",
    bom: bool = False,
    decimal: str = ".",
) -> None:
    """Write a table with tabs; fields with tabs or line breaks stand in quotes.

    Raises:
        InputError: as :func:`ie_model.corpus.formats.csv_table.write`.
    """
    write_csv(documents, path, rows, "\t", bom, decimal)
