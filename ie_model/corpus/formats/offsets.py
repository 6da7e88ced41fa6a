"""Offsets counted in other units, brought to code points.

Annotation tools count what their language counts: JavaScript and Java count UTF-16 units,
web pages and brat count ``\\r\\n`` as one character, old tools count bytes. The surface that
an export repeats beside its offsets tells which; nothing is converted on a guess.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeAlias

from ie_model.documents import Entity, in_one_line

Span: TypeAlias = tuple[int, int]

CODE_POINTS = "code points"
UTF16 = "UTF-16 units"


def _plain(text: str) -> Iterator[int]:
    yield from range(len(text) + 1)


def _utf16(text: str) -> Iterator[int]:
    count = 0
    for character in text:
        yield count
        count += 2 if character > "\uffff" else 1
    yield count


def _crlf_as_one(text: str) -> Iterator[int]:
    count = 0
    for i, character in enumerate(text):
        yield count
        count += not (character == "\r" and text[i + 1 : i + 2] == "\n")
    yield count


def _utf16_crlf_as_one(text: str) -> Iterator[int]:
    for units, lines, i in zip(_utf16(text), _crlf_as_one(text), _plain(text), strict=True):
        yield units - (i - lines)


def _bytes(text: str) -> Iterator[int]:
    count = 0
    for character in text:
        yield count
        count += len(character.encode("utf-8", "surrogatepass"))
    yield count


def _behind_mark(text: str) -> Iterator[int]:
    marked = text.startswith("\ufeff")
    yield from range(-marked, len(text) + 1 - marked)


# How each unit counts the characters before every position, in order of preference.
_UNITS: dict[str, Callable[[str], Iterator[int]]] = {
    CODE_POINTS: _plain,
    UTF16: _utf16,
    "code points, with a line end of two characters as one": _crlf_as_one,
    "UTF-16 units, with a line end of two characters as one": _utf16_crlf_as_one,
    "UTF-8 bytes": _bytes,
    "code points behind the byte order mark": _behind_mark,
}


def convert_spans(text: str, spans: Iterable[Span], unit: str) -> list[Span]:
    """Spans counted in ``unit`` as code points; an offset inside a character stays as it is."""
    if unit == CODE_POINTS:
        return list(spans)
    # Reversed, so that of two positions with one count (around a line end) the first wins.
    places = list(_UNITS[unit](text))
    table = {count: i for i, count in reversed(list(enumerate(places)))}
    return [(table.get(start, start), table.get(end, end)) for start, end in spans]


def settle_unit(text: str, spans: Sequence[Span], surfaces: Sequence[str | None]) -> str:
    """The unit in which most spans hold the surface given beside them.

    Code points, when they agree as well as any other or no surface is given.
    """
    known = [i for i, surface in enumerate(surfaces) if surface]
    best, most = CODE_POINTS, -1
    for unit in _UNITS:
        converted = convert_spans(text, [spans[i] for i in known], unit)
        right = sum(
            same_surface(text[start:end], surfaces[i] or "")
            for i, (start, end) in zip(known, converted, strict=True)
        )
        if right > most:
            best, most = unit, right
        if right == len(known):
            break
    return best


def settle_entities(text: str, entities: Sequence[Entity]) -> tuple[str, tuple[Entity, ...]]:
    """The unit that agrees best with the entities' own text, and the entities in code points.

    A surface that differs from its place in white space alone is replaced by what stands
    there: tools fold line breaks and double blanks when they show a text.
    """
    spans = [(e.start, e.end) for e in entities]
    unit = settle_unit(text, spans, [e.text for e in entities])
    settled = []
    for entity, (start, end) in zip(entities, convert_spans(text, spans, unit), strict=True):
        held = text[start:end] if 0 <= start < end else ""
        surface = held if same_surface(held, entity.text) else entity.text
        settled.append(Entity(start, end, entity.label, entity.score, surface, entity.meta))
    return unit, tuple(settled)


def same_surface(held: str, surface: str) -> bool:
    """Are the two equal when runs of white space count as one blank, and in one line?"""
    return (
        held == surface
        or held.split() == surface.split() != []
        or in_one_line(held) == in_one_line(surface) != ""
    )
