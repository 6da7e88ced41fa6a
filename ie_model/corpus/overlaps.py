"""Flattening overlapping entities by a stated rule; nothing is dropped uncounted."""

from __future__ import annotations

import bisect
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Literal, TypeAlias

from ie_model.documents import Document, Entity
from ie_model.errors import InputError

Rule: TypeAlias = Literal["longest", "first", "confidence"]

_Order: TypeAlias = Callable[[Entity], tuple[float, ...]]
_ORDERS: dict[str, _Order] = {
    "longest": lambda e: (e.start - e.end, e.start),
    "first": lambda e: (e.start, -e.end),
    "confidence": lambda e: (-(confidence_of(e) or 0.0), e.start - e.end, e.start),
}


def flatten(document: Document, rule: Rule | str) -> tuple[Document, list[Entity]]:
    """Keep a set of entities that do not overlap, and list the others.

    Entities are taken one after the other, each unless it overlaps one already taken:

    - ``longest``: longer ones first, then the one that starts earlier;
    - ``first``: the one that starts earlier first, then the longer one;
    - ``confidence``: the higher score (or ``meta["confidence"]``) first, then as ``longest``.

    Remaining ties go by label, so that the result does not depend on the order given.

    Raises:
        InputError: no such rule.
    """
    if rule not in _ORDERS:
        raise InputError(f"unknown rule {rule!r} for overlaps; one of: {', '.join(_ORDERS)}")
    order = _ORDERS[rule]
    kept: list[Entity] = []  # by offset
    dropped: list[Entity] = []
    for entity in sorted(document.entities, key=lambda e: (*order(e), e.label)):
        at = bisect.bisect_left(kept, entity.start, key=lambda e: e.start)
        clear_before = at == 0 or kept[at - 1].end <= entity.start
        clear_after = at == len(kept) or entity.end <= kept[at].start
        if clear_before and clear_after:
            kept.insert(at, entity)
        else:
            dropped.append(entity)
    return replace(document, entities=tuple(kept)), sorted(dropped, key=lambda e: e.key)


def overlapping(entities: Sequence[Entity]) -> list[tuple[Entity, Entity]]:
    """Every entity with one before it that it overlaps, in the order of offsets.

    Of several, the one that reaches farthest; an entity with the offsets of another one
    overlaps it.
    """
    found: list[tuple[Entity, Entity]] = []
    holder: Entity | None = None
    for entity in sorted(entities, key=lambda e: (e.start, -e.end, e.label)):
        if holder is not None and entity.start < holder.end:
            found.append((holder, entity))
        if holder is None or entity.end > holder.end:
            holder = entity
    return found


def confidence_of(entity: Entity) -> float | None:
    """The entity's score, or the confidence that its annotation carries in ``meta``."""
    if entity.score is not None:
        return entity.score
    value = entity.meta.get("confidence")
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    return None
