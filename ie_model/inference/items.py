"""What callers give to an extractor: texts and documents, one by one or in a stream."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sized
from dataclasses import replace
from os import PathLike
from typing import Any

from ie_model.documents import Document
from ie_model.errors import InputError
from ie_model.given import many

Item = str | Document

GO_ON = "to go on past such items use pipe(..., on_error='yield'), which marks them with error"
"""How a stream survives a bad item."""


def check_stream(items: Any, on_error: str = "raise", max_wait: float | None = None) -> None:
    """Refuse what is no stream of items, before any of it is read.

    Raises:
        InputError: ``items`` is one text, one document, a mapping or nothing to iterate over;
            or an option has a value it does not know.
    """
    if not many(items):
        raise InputError(
            f"expected an iterable of str or Document, such as a list, found "
            f"{_kind_of(items)}; predict() also takes one str or Document"
        )
    if on_error not in ("raise", "yield"):
        raise InputError(f"on_error is {on_error!r}: use 'raise' or 'yield'")
    if max_wait is not None and not max_wait >= 0:
        raise InputError(f"max_wait is {max_wait!r}: give seconds, 0 or more, or None")


def as_document(item: object, number: int) -> Document:
    """An item as a document to work on; one that cannot be read carries ``error``."""
    if isinstance(item, str):
        document = Document(item, id=str(number))
    elif isinstance(item, Document):
        document = replace(item, entities=(), error=None)
    else:
        message = f"item {number}: expected a str or Document, found {_kind_of(item)}"
        return Document("", id=str(number), error=message)
    if not isinstance(document.text, str):
        kind = type(document.text).__name__
        message = f"document {document.id!r}: its text is no str but {kind}"
        return replace(document, text="", error=message)
    try:
        document.text.encode("utf-8")
    except UnicodeEncodeError as error:
        where = f"document {document.id!r}: lone surrogate at offset {error.start}"
        return replace(document, error=f"{where} is not valid Unicode")
    return document


def _kind_of(given: object) -> str:
    """The type of what was given and, where that is known, how to make texts of it."""
    kind = type(given).__name__
    if hasattr(given, "columns"):
        return f"a table, {kind} (give its column of texts)"
    if isinstance(given, Mapping):
        return f"{kind} (give its text, or Document(text, id=..., meta=...))"
    if isinstance(given, bytes | bytearray):
        return f"{kind} (decode it first)"
    return f"{kind} (read it first)" if isinstance(given, PathLike) else kind


def with_bar(stream: Iterator[Document], items: Iterable[Item]) -> Iterator[Document]:
    """The stream of answers to ``items``, counted by a bar in the terminal or the notebook."""
    from tqdm.auto import tqdm

    total = len(items) if isinstance(items, Sized) else None
    with tqdm(total=total, unit=" documents") as bar:
        for document in stream:
            bar.update()
            yield document
