"""What a person has done to one document: entities, rejections, decisions, and whether it is done.

In a file, work that is not done says that nobody has looked at the whole text yet
(``meta["unannotated"]``), so that training learns nothing from half of an annotation. What was
rejected and decided stands in ``meta["annotate"]``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from ie_model.documents import Document, Entity
from ie_model.errors import InputError

KEY = "annotate"
"""The key of a document's ``meta`` that holds rejections and decisions."""

UNANNOTATED = "unannotated"

Span: TypeAlias = tuple[int, int, str]


@dataclass(frozen=True, slots=True)
class Work:
    """The state of one document.

    ``rejected`` are suggestions that were turned down; ``decided`` names the points of a review
    that were settled (:class:`ie_model.annotating.review.Point`).
    """

    entities: tuple[Entity, ...] = ()
    rejected: tuple[Span, ...] = ()
    decided: tuple[str, ...] = ()
    done: bool = False

    def to_dict(self) -> dict[str, Any]:
        """The work as the page gets it."""
        return {
            "entities": [e.to_dict() for e in self.entities],
            "rejected": [list(span) for span in self.rejected],
            "decided": list(self.decided),
            "done": self.done,
        }


def work_of(document: Document) -> Work:
    """The work that a document of the output holds.

    Raises:
        InputError: its ``meta`` is not of the form that :func:`with_work` gives it.
    """
    kept = document.meta.get(KEY)
    kept = kept if isinstance(kept, Mapping) else {}
    whole = [0, len(document.text)]
    try:
        return Work(
            document.with_entities(document.entities).entities,
            tuple((int(s), int(e), str(label)) for s, e, label in kept.get("rejected", ())),
            tuple(str(name) for name in kept.get("decided", ())),
            not any(list(stretch) == whole for stretch in document.unannotated),
        )
    except (TypeError, ValueError):
        raise InputError(
            f"document {document.id!r}: meta[{KEY!r}] or meta[{UNANNOTATED!r}] is not as ie-model "
            "annotate writes it; mend or remove it"
        ) from None


def with_work(document: Document, work: Work, marks_open: bool = True) -> Document:
    """The document as it is written.

    Args:
        document: where text, id and ``meta`` come from.
        work: what was done.
        marks_open: whether unfinished work counts as text that nobody looked at; not so where
            finished annotations are looked at once more.
    """
    meta = {k: v for k, v in document.meta.items() if k not in (KEY, UNANNOTATED)}
    kept: dict[str, Any] = {}
    if work.rejected and not work.done:
        kept["rejected"] = [list(span) for span in work.rejected]
    if work.decided:
        kept["decided"] = list(work.decided)
    if kept:
        meta[KEY] = kept
    if marks_open and not work.done:
        meta[UNANNOTATED] = [[0, len(document.text)]]
    return replace(document, entities=(), meta=meta).with_entities(work.entities)
