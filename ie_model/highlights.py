"""A text with its entities marked, as HTML: for the pages of `display`, and for notebooks.

Every string from the data is escaped. Entities may overlap; those outside the text are left out,
so whoever shows them says how many there are.
"""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ie_model.documents import Document, Entity

_SEED = 567  # with it the labels of the shipped configs get hues that are far apart


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of text with the entities that cover all of it, outermost first.

    ``ending`` are those of them that end with it.
    """

    text: str
    entities: tuple[Entity, ...]
    ending: tuple[Entity, ...]


def segments(document: Document) -> Iterator[Segment]:
    """Cut a text at every edge of an entity; overlapping and nested ones are allowed.

    Entities outside the text are left out.
    """
    size = len(document.text)
    entities = sorted(
        (e for e in document.entities if 0 <= e.start < e.end <= size),
        key=lambda e: (e.start, -e.end, e.label),
    )
    edges = sorted({0, size, *(edge for e in entities for edge in (e.start, e.end))})
    open_entities: list[Entity] = []
    following = 0
    for start, end in itertools.pairwise(edges):
        open_entities = [e for e in open_entities if e.end > start]
        while following < len(entities) and entities[following].start == start:
            open_entities.append(entities[following])
            following += 1
        ending = tuple(e for e in open_entities if e.end == end)
        yield Segment(document.text[start:end], tuple(open_entities), ending)


def shown_value(meta: Mapping[str, Any]) -> str:
    """``start 2017-05-03, end 2017-05-03``, ``name Iraq``, ``unresolved: no number is said``;
    empty where an entity has none of them."""
    value = meta.get("value")
    if isinstance(value, Mapping):
        fields = ((k, v) for k, v in value.items() if v is not None and v is not False)
        return ", ".join(k if v is True else f"{k} {_plain(v)}" for k, v in fields)
    if meta.get("unresolved"):
        return f"unresolved: {meta['unresolved']}"
    return f"name {meta['name']}" if meta.get("name") else ""


def brief_value(meta: Mapping[str, Any]) -> str:
    """The value in few words, to stand beside a mention: ``2017-05-03``, ``about 500 people``,
    ``at least 20 km``, a name; empty where an entity has none."""
    value = meta.get("value")
    if not isinstance(value, Mapping):
        return str(meta.get("name") or "")
    words = ["about"] if value.get("approximate") else []
    low, high = value.get("low"), value.get("high")
    start, end = value.get("start"), value.get("end")
    if low is not None and high is not None:
        words.append(_number(low) if low == high else f"{_number(low)}–{_number(high)}")
    elif low is not None or high is not None:
        words += ["at least" if high is None else "at most", _number(high if low is None else low)]
    if value.get("percent"):
        words.append("%")
    words += [str(value["unit"])] if value.get("unit") else []
    words += [f"per {value['rate']}"] if value.get("rate") else []
    if start or end:
        words.append(str(start) if start == end else f"{start or '…'} to {end or '…'}")
    if duration := value.get("duration"):
        words.append(f"({duration})" if start or end else str(duration))
    return " ".join(words)


def tag_text(entity: Entity) -> str:
    """What stands behind a mention: ``DATE 0.87 · 2017-05-03``; a score of 1.00 says nothing."""
    score = "" if entity.score is None else f" {entity.score:.2f}"
    value = brief_value(entity.meta)
    value = f" · {value}" if value not in ("", entity.text) else ""
    return f"{entity.label}{score if score != ' 1.00' else ''}{value}"


def _number(value: Any) -> str:
    """With thousands apart: ``28,000``."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    return f"{value:,.6f}".rstrip("0").rstrip(".")


def _plain(value: Any) -> str:
    """Numbers as people write them: ``28000``, not ``28000.0``."""
    return f"{value:.6f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)


def marked_text(document: Document, look: Callable[[str], str], tag: str) -> str:
    """The text as HTML, each mention in a ``mark`` with :func:`tag_text` behind it.

    Args:
        document: its text and entities.
        look: the attributes of the ``mark`` of a label, as HTML (``class="l0"``).
        tag: the attributes of what stands behind a mention.
    """
    out = []
    for piece in segments(document):
        out += [f'<mark {look(e.label)} title="{_title(e)}">' for e in piece.entities]
        out.append(escape(piece.text))
        for e in reversed(piece.entities):
            if e in piece.ending:
                out.append(f"<span {tag}>{escape(tag_text(e))}</span>")
            out.append("</mark>")
    return "".join(out)


def _title(entity: Entity) -> str:
    score = "" if entity.score is None else f" {entity.score:.3f}"
    value = shown_value(entity.meta)
    place = f"{entity.label} [{entity.start}, {entity.end}){score}"
    return escape(f"{place}: {value}" if value else place)


def notebook_html(document: Document) -> str:
    """One document as a fragment of HTML that carries its own colours, without scripts.

    A label has the same colour in every document. The colours are right on a light page and a
    dark one.
    """
    outside = sum(not 0 <= e.start < e.end <= len(document.text) for e in document.entities)
    notes = []
    if document.error is not None:
        notes.append(f"This document failed: {document.error}")
    if outside:
        notes.append(f"{outside} of its entities lie outside the text or are empty, and not shown.")
    head = f'<div style="font-size:0.85em;opacity:0.75">{escape(document.id)}</div>'
    remarks = "".join(f'<div style="color:#c0392b">{escape(note)}</div>' for note in notes)
    text = marked_text(document, _look, _TAG)
    body = f'<div style="white-space:pre-wrap;line-height:1.7;max-width:60em">{text}</div>'
    return f"<div>{head if document.id else ''}{remarks}{body}</div>"


_TAG = 'style="font-size:0.7em;font-weight:650;padding-left:0.4em;opacity:0.75"'


def _look(label: str) -> str:
    hue = zlib.crc32(label.encode("utf-8", "surrogatepass"), _SEED) % 360
    return (
        f'style="background:hsl({hue},75%,82%);color:#111;border-radius:3px;padding:0.1em 0.25em"'
    )
