"""`Entity` and `Document`: frozen values over half-open code-point offsets.

A document's text is the caller's own string and is never normalised, so
``text[entity.start:entity.end]`` is exactly the mention.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from numbers import Integral
from typing import TYPE_CHECKING, Any

from ie_model.errors import InputError
from ie_model.frames import to_frame
from ie_model.given import several, strings
from ie_model.highlights import notebook_html

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True, slots=True)
class Entity:
    """One labelled span, ``[start, end)`` in Unicode code points of its document's text.

    ``score`` is the probability that the span is right, or ``None`` for gold. ``text``
    repeats the mention; it is checked against the offsets and never used to find the span.
    ``meta`` holds whatever a foreign format said about the span (notes, confidence).
    """

    start: int
    end: int
    label: str
    score: float | None = None
    text: str = ""
    meta: Mapping[str, Any] = field(default_factory=dict, hash=False, compare=False)

    @property
    def key(self) -> tuple[int, int, str]:
        """``(start, end, label)``: what makes two entities the same in every metric."""
        return (self.start, self.end, self.label)

    def to_dict(self) -> dict[str, Any]:
        """The entity in the native JSON form; ``score`` and ``meta`` only where set."""
        row: dict[str, Any] = {
            "start": int(self.start),  # numpy's numbers are none of JSON
            "end": int(self.end),
            "label": self.label,
            "text": self.text,
        }
        if self.score is not None:
            row["score"] = round(float(self.score), 6)
        if self.meta:
            row["meta"] = dict(self.meta)
        return row


def misplaced(start: int, end: int, size: int) -> str:
    """Why ``[start, end)`` is no span of a text of ``size`` characters; empty if it is one."""
    if not (0 <= start <= size and 0 <= end <= size):
        return f"outside a text of {size} characters"
    if start < end:
        return ""
    return "an empty span" if start == end else "ends before it starts"


SOFT_BREAK = r"\s*[\r\n]\s*(?:>\s*)*"
"""What a line end adds inside a mention, with the marks of a mail's quoted line behind it."""

_WHITE = re.compile(rf"(?<=\w)-{SOFT_BREAK}(?=\w)(?!(?:to|or|and)\s)|{SOFT_BREAK}|\s+")


def in_one_line(mention: str) -> str:
    """A mention as it reads where its text is not wrapped: a blank for white space.

    The marks in front of a mail's quoted lines go, and so does the line end of ``twenty-`` and
    ``five``, not that of ``10-`` and ``to 15-mile``.
    """
    return _WHITE.sub(lambda m: "-" if m[0][0] == "-" else " ", mention).strip()


def visible_part(text: str) -> tuple[int, int]:
    """Where a text begins and ends without what cannot be seen: white space, and characters
    without width (Unicode category Cf, such as U+200B), as half-open offsets."""
    start, end = 0, len(text)
    while start < end and _is_unseen(text[start]):
        start += 1
    while end > start and _is_unseen(text[end - 1]):
        end -= 1
    return start, end


def unseen_at_edges(mention: str) -> str:
    """What is wrong at the edges of a mention, in words; empty if nothing is."""
    start, end = visible_part(mention)
    edges = mention[:start] + mention[end:]
    marks = sorted({f"U+{ord(c):04X}" for c in edges if not c.isspace()})
    if not edges:
        return ""
    if marks:
        return f"{', '.join(marks)}, which cannot be seen, at the edge of {mention!r}"
    return f"white space at the edge of {mention!r}"


def _is_unseen(char: str) -> bool:
    return char.isspace() or unicodedata.category(char) == "Cf"


@dataclass(frozen=True, slots=True)
class Problem:
    """What :meth:`Document.check` found: a ``kind``, a sentence, and the place."""

    kind: str
    message: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Document:
    """A text with its entities; ``error`` is set where a prediction failed.

    Entities are kept in the order given; :meth:`with_entities` sorts them and fills in
    their text. ``meta`` is carried through every step untouched.
    """

    text: str
    entities: tuple[Entity, ...] = ()
    id: str = ""
    meta: Mapping[str, Any] = field(default_factory=dict, hash=False)
    error: str | None = None

    @property
    def unannotated(self) -> Sequence[Sequence[int]]:
        """Stretches ``[start, end)`` of the text that nobody looked at, from ``meta``: nothing
        is learned from them, and nothing predicted there is an error."""
        found: Sequence[Sequence[int]] = self.meta.get("unannotated", ())
        return found

    def with_entities(self, entities: Iterable[Entity]) -> Document:
        """A copy with these entities, sorted by offset, each carrying its mention.

        Raises:
            InputError: they are none.
        """
        filled = []
        for number, e in enumerate(several(entities, "with_entities", "Entities")):
            if not isinstance(e, Entity):
                raise InputError(
                    f"with_entities, item {number}: expected Entity(start, end, label), found "
                    f"{e!r:.60}; Document.from_dict reads plain dicts"
                )
            mention = slice(max(e.start, 0), max(e.end, 0))
            filled.append(e if e.text else replace(e, text=self.text[mention]))
        return replace(self, entities=tuple(sorted(filled, key=lambda e: e.key)))

    def check(self, labels: Iterable[str] | None = None) -> list[Problem]:
        """List what is wrong with the entities; an empty list means a usable document.

        Kinds: ``bounds`` (outside the text or empty), ``surface`` (text differs from its
        offsets), ``edge`` (white space, or a character without width, at an edge), ``label``
        (not in ``labels``, when given), ``overlap`` (with an entity before it).
        """
        allowed = None if labels is None else set(strings(labels, "labels"))
        problems: list[Problem] = []

        def report(kind: str, message: str, entity: Entity) -> None:
            problems.append(Problem(kind, message, entity.start, entity.end))

        reach, holder = 0, None
        for entity in sorted(self.entities, key=lambda e: (e.start, e.end)):
            where = f"{entity.label} [{entity.start}, {entity.end})"
            if allowed is not None and entity.label not in allowed:
                known = ", ".join(sorted(allowed))
                report("label", f"{where}: label {entity.label!r} is not one of {known}", entity)
            if fault := misplaced(entity.start, entity.end, len(self.text)):
                report("bounds", f"{where}: {fault}", entity)
                continue
            mention = self.text[entity.start : entity.end]
            if entity.text and entity.text != mention:
                report(
                    "surface",
                    f"{where}: text is {entity.text!r} but the offsets hold {mention!r}",
                    entity,
                )
            if unseen := unseen_at_edges(mention):
                report("edge", f"{where}: {unseen}", entity)
            if holder is not None and entity.start < reach:
                other = f"{holder.label} [{holder.start}, {holder.end})"
                report("overlap", f"{where} {mention!r} overlaps {other}", entity)
            if entity.end > reach:
                reach, holder = entity.end, entity
        return problems

    def _repr_html_(self) -> str:
        """What a notebook shows: the text with its entities marked, everything escaped."""
        return notebook_html(self)

    def to_frame(self, keep: Sequence[str] = ()) -> pandas.DataFrame:
        """A data frame with a row for each entity; see :func:`ie_model.to_frame`."""
        return to_frame(self, keep)

    def to_dict(self) -> dict[str, Any]:
        """The document in the native JSON form (one object a line in a JSONL file).

        An entity without its mention gets it, unless its offsets hold none.
        """
        rows = [e.to_dict() for e in self.entities]
        for entity, e in zip(rows, self.entities, strict=True):
            if not e.text and not misplaced(e.start, e.end, len(self.text)):
                entity["text"] = self.text[e.start : e.end]
        row: dict[str, Any] = {"id": self.id, "text": self.text, "entities": rows}
        if self.meta:
            row["meta"] = dict(self.meta)
        if self.error is not None:
            row["error"] = self.error
        return row

    @classmethod
    def from_dict(cls, row: object, where: str = "document") -> Document:
        """Read the native JSON form; ``where`` (file and line) leads every error message.

        Raises:
            InputError: a field is missing or of the wrong type. Offsets are *not* judged
                here: :meth:`check` does that.
        """
        if not isinstance(row, Mapping):
            raise InputError(f"{where}: expected a JSON object, found {type(row).__name__}")
        text = row.get("text")
        if not isinstance(text, str):
            raise InputError(f"{where}: 'text' must be a string, found {type(text).__name__}")
        id_ = "" if row.get("id") is None else row["id"]
        if not isinstance(id_, str | int) or isinstance(id_, bool):
            raise InputError(f"{where}: 'id' must be a string, found {type(id_).__name__}")
        entities = row.get("entities") or ()
        if not isinstance(entities, list | tuple):
            raise InputError(f"{where}: 'entities' must be a list")
        meta = row.get("meta") or {}
        if not isinstance(meta, Mapping):
            raise InputError(f"{where}: 'meta' must be an object")
        error = row.get("error")
        read = tuple(_read_entity(e, f"{where}, entity {i}") for i, e in enumerate(entities))
        return cls(text, read, str(id_), dict(meta), None if error is None else str(error))


def given_documents(given: Iterable[Document], name: str) -> Iterator[Document]:
    """What a caller gives for documents, one by one; ``name`` leads every error message.

    Raises:
        InputError: see :func:`ie_model.given.several` and :func:`sound_document`.
    """
    for number, document in enumerate(several(given, name)):
        yield sound_document(document, f"{name}, item {number}")


def sound_document(given: object, where: str) -> Document:
    """A document as a caller gives it; ``where`` leads every error message.

    Raises:
        InputError: it is none, or its text or entities are of another type than they should be,
            as offsets out of a data frame are. :meth:`Document.check` judges the offsets.
    """
    if not isinstance(given, Document):
        raise InputError(f"{where}: expected a Document, found {type(given).__name__}")
    if not isinstance(given.text, str):
        raise InputError(f"{where}: its text must be a str, found {type(given.text).__name__}")
    if not isinstance(given.entities, tuple | list):
        kind = type(given.entities).__name__
        raise InputError(f"{where}: its entities must be a tuple of Entity, found {kind}")
    for entity in given.entities:
        if not isinstance(entity, Entity):
            raise InputError(
                f"{where}: expected Entity(start, end, label), found {entity!r:.60}; "
                "Document.from_dict reads plain dicts"
            )
        if not (isinstance(entity.start, Integral) and isinstance(entity.end, Integral)):
            offsets = f"[{entity.start!r}, {entity.end!r})"
            raise InputError(f"{where}: offsets must be whole numbers, found {offsets}")
        if not isinstance(entity.label, str):
            raise InputError(f"{where}: a label must be a str, found {entity.label!r}")
    return given


_ENTITY_FIELDS = frozenset(Entity.__dataclass_fields__)


def _is_number(value: object) -> bool:
    """Whether JSON gave a number that a float can hold; Python also reads ``NaN``."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) <= sys.float_info.max


def _read_entity(row: object, where: str) -> Entity:
    if not isinstance(row, Mapping):
        raise InputError(
            f"{where}: expected an object with start, end and label, found {row!r:.60}"
        )
    start, end, label = row.get("start"), row.get("end"), row.get("label")
    for name, value in (("start", start), ("end", end)):
        if not isinstance(value, int) or isinstance(value, bool):
            raise InputError(f"{where}: {name!r} must be an integer, found {value!r}")
    if not isinstance(label, str) or not label:
        raise InputError(f"{where}: 'label' must be a non-empty string, found {label!r}")
    score = row.get("score")
    if score is not None and not _is_number(score):
        raise InputError(f"{where}: 'score' must be a number, found {score!r}")
    text = row.get("text") or ""
    if not isinstance(text, str):
        raise InputError(f"{where}: 'text' must be a string, found {text!r}")
    given = row.get("meta") or {}
    if not isinstance(given, Mapping):
        raise InputError(f"{where}: 'meta' must be an object, found {given!r:.60}")
    meta = dict(given)
    meta.update({k: v for k, v in row.items() if k not in _ENTITY_FIELDS})
    assert isinstance(start, int)
    assert isinstance(end, int)
    return Entity(start, end, label, None if score is None else float(score), text, meta)
