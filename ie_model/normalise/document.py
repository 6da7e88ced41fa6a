"""A document with the values of its dates and quantities, and the names of its actors and
places, in the ``meta`` of its entities."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any

from ie_model.documents import SOFT_BREAK, Document, Entity
from ie_model.normalise.dates import DateValue, normalise_date, unresolved_date
from ie_model.normalise.names import name_document
from ie_model.normalise.quantities import QuantityValue, normalise_quantity, unresolved_quantity
from ie_model.normalise.tense import bare_direction, direction, sentence_around

_QUOTED = re.compile(r"\s*[\r\n]\s*(?:>\s*)+")
_PARTED = re.compile(rf"(?<=[a-z])-{SOFT_BREAK}(?=[a-z])")


def normalise_document(
    document: Document,
    reference: date | str | None = None,
    date_label: str = "DATE",
    quantity_label: str = "QUANTITY",
    names: Mapping[str, str] | None = None,
    hemisphere: str = "north",
) -> Document:
    """A copy with a value in ``meta["value"]`` of each date and quantity, and a name in
    ``meta["name"]`` of each actor and place.

    The value is the JSON form of a :class:`DateValue` or :class:`QuantityValue`, or ``None``
    where it cannot be resolved; then ``meta["unresolved"]`` says why. Relative dates are seen
    from ``reference``, or else from the document's own date (see :func:`document_date`). Bare
    weekdays and months go the way that their sentence's tense shows; where it shows none they
    are the latest, ``approximate`` and ``assumed`` to be past. Names are those of
    :func:`name_document`, with the table ``names``. Entities of other labels stay as they are.

    Raises:
        InputError: ``reference`` is no day, or one of the extra's libraries is not installed.
    """
    today = reference or document_date(document.meta)
    named = name_document(document, names)
    entities = []
    for entity in named.entities:
        if entity.label == date_label:
            entity = _dated(document.text, entity, today, hemisphere)
        elif entity.label == quantity_label:
            entity = _measured(document.text, entity)
        entities.append(entity)
    return replace(named, entities=tuple(entities))


def _dated(text: str, entity: Entity, today: date | str | None, hemisphere: str) -> Entity:
    mention = text[entity.start : entity.end]
    tense = None
    if today and bare_direction(mention):
        sentence, at = sentence_around(text, entity.start, entity.end)
        tense = direction(sentence, at)
    read = (normalise_date(m, today, tense, hemisphere) for m in _spellings(mention))
    value = next((value for value in read if value), None)
    if value and value.assumed and value.assumed.startswith("past"):
        value = replace(value, approximate=True)
    return _with_value(entity, value, None if value else unresolved_date(mention, today))


def _measured(text: str, entity: Entity) -> Entity:
    mention = text[entity.start : entity.end]
    before = _QUOTED.sub(" ", text[max(0, entity.start - 60) : entity.start])
    behind = _QUOTED.sub(" ", text[entity.end : entity.end + 60])
    read = (normalise_quantity(m, before, behind) for m in _spellings(mention))
    # "3 thou-" is 3 of something; with "sand" it is more.
    value = max((value for value in read if value), key=lambda v: v.low or 0.0, default=None)
    return _with_value(entity, value, None if value else unresolved_quantity(mention))


def _spellings(mention: str) -> list[str]:
    """A mention as it stands, and without hyphens at line ends: they may have parted a word."""
    whole = _PARTED.sub("", mention)
    return [mention] if whole == mention else [mention, whole]


def _with_value(
    entity: Entity, value: DateValue | QuantityValue | None, reason: str | None
) -> Entity:
    meta = {key: old for key, old in entity.meta.items() if key != "unresolved"}
    meta["value"] = value.to_dict() if value else None
    if reason:
        meta["unresolved"] = reason
    return replace(entity, meta=meta)


def document_date(meta: Mapping[str, Any]) -> date | None:
    """The day in ``meta["date"]``: ISO 8601 or any single written day, else ``None``."""
    said = str(meta.get("date") or "")
    value = normalise_date(re.split(r"(?<=[0-9])T(?=[0-9])", said)[0])  # not that of "Tuesday"
    if value is None or value.start is None or value.start != value.end:
        return None
    return date.fromisoformat(value.start[:10])
