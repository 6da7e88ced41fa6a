"""Documents as a data frame: one row an entity."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from ie_model.errors import InputError
from ie_model.given import several, strings

if TYPE_CHECKING:
    import pandas

    from ie_model.documents import Document

_COLUMNS = ("document", "start", "end", "label", "text", "score")
_VALUES = ("value", "name", "unresolved")


def to_frame(
    documents: Document | Iterable[Document], keep: Sequence[str] = ()
) -> pandas.DataFrame:
    """A pandas data frame with a row for each entity, in the order given.

    Args:
        documents: one document, or any iterable of them, such as ``extractor.pipe(texts)``.
        keep: keys of a document's ``meta`` that become columns of their own, empty where a
            document lacks one.

    Returns:
        Columns ``document`` (its id), ``start`` and ``end`` (code points, half open), ``label``,
        ``text``, ``score`` (0 to 1, empty for gold), then those of ``keep``; ``value``,
        ``name`` and ``unresolved`` where any entity was normalised; and ``error`` where any
        document failed: it has one row, without an entity. A document in which nothing was
        found has none.

    Raises:
        InputError: pandas is not installed, an item is no document, or ``keep`` names a column
            that is there already.
    """
    try:
        import pandas
    except ImportError:
        raise InputError("data frames need pandas: pip install 'ie-model[notebooks]'") from None
    keep = strings(keep, "keep")
    if taken := set(keep) & {*_COLUMNS, *_VALUES, "error"}:
        raise InputError(f"keep names {', '.join(sorted(taken))}, which is a column already")
    one = hasattr(documents, "entities")
    given = [documents] if one else several(documents, "to_frame")
    rows: list[dict[str, Any]] = []
    for number, document in enumerate(given):
        if not hasattr(document, "entities"):
            raise InputError(
                f"item {number}: expected a Document, found {type(document).__name__}; "
                "to_frame(extractor.pipe(texts)) makes them of texts"
            )
        kept = {key: document.meta.get(key) for key in keep}
        if document.error is not None:
            rows.append({"document": document.id, **kept, "error": document.error})
        for e in document.entities:
            text = e.text or document.text[max(e.start, 0) : max(e.end, 0)]
            row = dict(zip(_COLUMNS, (document.id, *e.key, text, e.score), strict=True))
            rows.append({**row, **kept, **{k: e.meta[k] for k in _VALUES if k in e.meta}})
    extra = [key for key in (*_VALUES, "error") if any(key in row for row in rows)]
    frame = pandas.DataFrame(rows, columns=[*_COLUMNS, *keep, *extra])
    # Rows without an entity have no offsets; plain integers would turn into fractions.
    return frame.astype({"start": "Int64", "end": "Int64", "score": "float64"})
