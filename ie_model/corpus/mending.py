"""Mending annotations where it needs no judgement."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace

from ie_model.corpus.overlaps import Rule, flatten
from ie_model.documents import Document, Entity, visible_part


def fix_document(document: Document, rule: Rule | None = None) -> tuple[Document, Counter[str]]:
    """Mend what can be mended without judgement; counts what was done, by kind.

    An entity whose mention is not at its offsets moves to the nearest place where the
    mention stands; white space and characters without width at edges are cut off; the second
    of two equal entities goes, as does one of nothing but white space (``blank``); with
    ``rule`` overlaps are flattened. What cannot be mended stays, for ``check`` to find again.
    """
    done: Counter[str] = Counter()
    kept: dict[tuple[int, int, str], Entity] = {}
    for entity in document.entities:
        mended = _mend(document.text, entity, done)
        if mended is None:
            continue
        if mended.key in kept:
            done["duplicate-span"] += 1
        kept.setdefault(mended.key, mended)
    fixed = replace(document, entities=tuple(kept.values()))
    if rule is not None:
        fixed, dropped = flatten(fixed, rule)
        done["overlap"] += len(dropped)
    return fixed, +done


def _mend(text: str, entity: Entity, done: Counter[str]) -> Entity | None:
    held = text[max(entity.start, 0) : max(entity.end, 0)]
    if entity.text and held != entity.text:
        place = nearest_place(text, entity)
        if place is None:
            return entity
        done["surface"] += 1
        held = text[place[0] : place[1]]
        entity = replace(entity, start=place[0], end=place[1], text=held)
    first, last = visible_part(held)
    trimmed = held[first:last]
    if trimmed == held or not 0 <= entity.start < entity.end <= len(text):
        return entity
    if not trimmed:
        done["blank"] += 1
        return None
    done["edge"] += 1
    start = entity.start + first
    return replace(entity, start=start, end=start + len(trimmed), text=trimmed)


def nearest_place(text: str, entity: Entity) -> tuple[int, int] | None:
    """Where the entity's own mention stands, nearest to its offsets, as half-open offsets.

    A blank in the mention may be any white space of the text; where it stands nowhere in
    that way, its words may have other punctuation between them (typographic quotes, dashes).
    """
    for split, between in ((r"\s+", r"\s+"), (r"[\W_]+", r"[\W_]+")):
        words = [word for word in re.split(split, entity.text) if word]
        if words:
            pattern = re.compile(between.join(map(re.escape, words)))
            places = [match.span() for match in pattern.finditer(text)]
            if places:
                return min(places, key=lambda p: (abs(p[0] - entity.start), p[0]))
    return None
