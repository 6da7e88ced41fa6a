"""What tools said of entities (relations, notes, attributes) goes with them, and is counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from ie_model.corpus.formats import FORMATS, brat, doccano, labelstudio, prodigy_relations
from ie_model.documents import Document

# The key of meta: the format at home, and what leaves out of its value what lost its entity.
_REFERRING: dict[str, tuple[str, Callable[[Any, Document], tuple[Any, int]]]] = {
    brat.ASIDE: ("brat", brat.still_meant),
    labelstudio.ASIDE: ("labelstudio", labelstudio.still_meant),
    "doccano": ("doccano", doccano.still_meant),
    "prodigy": ("prodigy", prodigy_relations.still_meant),
}


def settle_references(
    document: Document, target: str | None = None
) -> tuple[Document, Counter[str]]:
    """The document without what refers to entities that it lacks, and how much of it there was.

    Kinds are those of :func:`ie_model.annotation.losses.losses`.

    Args:
        document: after entities were dropped.
        target: the format it is written in; one without a place for the names that a tool
            gives to its entities loses what refers to them.
    """
    gone: Counter[str] = Counter()
    for key in _REFERRING.keys() & document.meta.keys():
        home, still_meant = _REFERRING[key]
        if not isinstance(document.meta[key], Mapping if key == home else list):
            continue  # a key of that name, and not the tool's
        # Prodigy's relations say where their spans stand, and need no names.
        named = target in (None, home) or FORMATS[str(target)].entity_meta is None
        known = document if named or home == "prodigy" else _without_names(document)
        try:
            value, number = still_meant(document.meta[key], known)
        except (TypeError, ValueError, KeyError, AttributeError):
            continue  # a list for an id, say: no tool wrote that, and it stays what it is
        if number:
            kind = "relations" if key == home else f"{home} annotations that are no entities"
            gone[kind] += number
            document = replace(document, meta={**document.meta, key: value})
    return document, gone


def _without_names(document: Document) -> Document:
    return replace(document, entities=tuple(replace(e, meta={}) for e in document.entities))
