"""Values behind the words: DATE mentions to ISO intervals, QUANTITY mentions to numbers.

An option on top of extraction (``pip install 'ie-model[normalise]'``): offsets and texts
are never touched, and what cannot be resolved has the value ``None``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any

from ie_model.documents import Document
from ie_model.normalise.dates import DateValue, normalise_date
from ie_model.normalise.quantities import QuantityValue, normalise_quantity

__all__ = [
    "DateValue",
    "QuantityValue",
    "document_date",
    "normalise_date",
    "normalise_document",
    "normalise_quantity",
]


def normalise_document(
    document: Document,
    reference: date | str | None = None,
    date_label: str = "DATE",
    quantity_label: str = "QUANTITY",
) -> Document:
    """A copy with a value in ``meta["value"]`` of each date and quantity.

    The value is the JSON form of a :class:`DateValue` or :class:`QuantityValue`, or ``None``
    where it cannot be resolved. Relative dates are seen from ``reference``, or else from
    the document's own date (see :func:`document_date`); entities of other labels are kept as
    they are.

    Raises:
        InputError: ``reference`` is no day, or pint or dateparser is not installed.
    """
    today = reference or document_date(document.meta)
    entities = []
    for entity in document.entities:
        mention = document.text[entity.start : entity.end]
        value: DateValue | QuantityValue | None
        if entity.label == date_label:
            value = normalise_date(mention, today)
        elif entity.label == quantity_label:
            value = normalise_quantity(mention)
        else:
            entities.append(entity)
            continue
        meta = {**entity.meta, "value": value.to_dict() if value else None}
        entities.append(replace(entity, meta=meta))
    return replace(document, entities=tuple(entities))


def document_date(meta: Mapping[str, Any]) -> date | None:
    """The day in ``meta["date"]``: ISO 8601 or any single written day, else ``None``."""
    said = str(meta.get("date") or "")
    value = normalise_date(said.partition("T")[0])
    if value is None or value.start is None or value.start != value.end:
        return None
    return date.fromisoformat(value.start[:10])
