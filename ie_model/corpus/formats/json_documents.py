"""One JSON array of documents in the native form; JSON Lines are read as well."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ie_model.corpus.formats.json_array import write_array
from ie_model.corpus.formats.jsonl import read as read
from ie_model.documents import Document


def write(documents: Iterable[Document], path: Path) -> None:
    """Write one array, a document a line; the file appears only when complete.

    Raises:
        InputError: the folder cannot be written.
    """
    write_array((document.to_dict() for document in documents), path)
