"""The same words annotated in different ways: contradictions within the gold itself.

A surface is the exact sequence of words and marks of a mention, upper and lower case told
apart (``May`` is not ``may``). Its other occurrences are looked up in every document:
annotated with another label, not annotated, or annotated with other boundaries. An
occurrence inside a longer span is no contradiction (``ISIS`` in ``ISIS fighters``).
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ie_model.display.excerpts import Excerpt, excerpt
from ie_model.documents import Document, Entity

UNLABELLED = "not annotated"
OTHER_BOUNDARY = "other boundary"

_UNIT = re.compile(r"\w+|[^\w\s]")
_LINE_END = re.compile(r"[\r\n]")
Surface = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """An occurrence: where, and what the annotation says there.

    ``says`` is a label, ``UNLABELLED`` or ``OTHER_BOUNDARY``.
    """

    document: str
    start: int
    end: int
    says: str
    excerpt: Excerpt


@dataclass(frozen=True, slots=True)
class Contradiction:
    """A surface that is annotated in more than one way.

    ``counts`` says how often it is what; ``usual`` is the most frequent label, and
    ``places`` are the occurrences that say something else. ``share`` is the share of
    occurrences with the usual label: the higher, the likelier the others are slips.
    """

    surface: str
    usual: str
    share: float
    counts: dict[str, int]
    places: tuple[Place, ...]


def find_contradictions(documents: Sequence[Document]) -> list[Contradiction]:
    """Contradictions within the gold, likely slips first.

    Two labels for one surface come out whatever their shares; a surface that is not
    annotated elsewhere only if it is annotated at least as often as not (number words and
    common nouns are rightly unannotated in most places).
    """
    surfaces, longest = _annotated_surfaces(documents)
    places: dict[Surface, list[Place]] = defaultdict(list)
    for document in documents:
        for surface, start, end, says in _occurrences(document, surfaces, longest):
            places[surface].append(
                Place(document.id, start, end, says, excerpt(document.text, start, end))
            )
    found = []
    for here in places.values():
        counts = Counter(p.says for p in here)
        labelled = {k: n for k, n in counts.items() if k not in (UNLABELLED, OTHER_BOUNDARY)}
        if len(counts) < 2 or not labelled:
            continue
        usual, most = max(labelled.items(), key=lambda item: (item[1], item[0]))
        share = most / len(here)
        if len(labelled) < 2 and share < 0.5:
            continue
        others = tuple(p for p in here if p.says != usual)
        mention = next(p.excerpt.mention for p in here if p.says == usual)
        found.append(Contradiction(mention, usual, share, dict(counts.most_common()), others))
    return sorted(found, key=lambda c: (-c.share, -sum(c.counts.values()), c.surface))


def _annotated_surfaces(documents: Sequence[Document]) -> tuple[set[Surface], dict[str, int]]:
    """Surfaces of all gold spans; per first word the length of the longest one."""
    surfaces: set[Surface] = set()
    longest: dict[str, int] = {}
    for document in documents:
        for e in document.entities:
            surface = tuple(_UNIT.findall(document.text[e.start : e.end]))
            if surface:
                surfaces.add(surface)
                longest[surface[0]] = max(longest.get(surface[0], 0), len(surface))
    return surfaces, longest


def _occurrences(
    document: Document, surfaces: set[Surface], longest: dict[str, int]
) -> Iterator[tuple[Surface, int, int, str]]:
    """Every place where the document has one of the surfaces, and what gold says there."""
    units = [(m.group(), m.start(), m.end()) for m in _UNIT.finditer(document.text)]
    words = [unit[0] for unit in units]
    entities = sorted(document.entities, key=lambda e: e.key)
    behind = 0  # entities that end before the current unit
    for i, (word, start, _) in enumerate(units):
        while behind < len(entities) and entities[behind].end <= start:
            behind += 1
        for size in range(1, longest.get(word, 0) + 1):
            surface = tuple(words[i : i + size])
            if len(surface) == size and surface in surfaces:
                end = units[i + size - 1][2]
                says = _says(entities, behind, start, end)
                # Words joined over a line end may be no mention, unless they are marked as one.
                unmarked = says in (UNLABELLED, OTHER_BOUNDARY)
                if says is None or (unmarked and _LINE_END.search(document.text, start, end)):
                    continue
                yield surface, start, end, says


def _says(entities: list[Entity], first: int, start: int, end: int) -> str | None:
    """What gold says about ``[start, end)``; ``None`` inside a longer span."""
    for entity in entities[first:]:
        if entity.start >= end:
            break
        if (entity.start, entity.end) == (start, end):
            return entity.label
        if entity.start <= start and entity.end >= end:
            return None
        if entity.end > start:
            return OTHER_BOUNDARY
    return UNLABELLED
