"""Points to settle by a person: suspects of a corpus, or where two annotators differ."""

from __future__ import annotations

import json
import logging
import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ie_model.annotating.work import Span, work_of
from ie_model.corpus.formats.files import read_text
from ie_model.corpus.overlaps import overlapping
from ie_model.display.excerpts import counted
from ie_model.documents import Document, misplaced
from ie_model.errors import InputError
from ie_model.metrics.matching import kind_of, match_spans

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Point:
    """Two readings of one place: ``(start, end, label)`` each, or ``None`` for no span.

    ``note`` says in words what speaks for looking here; ``weight`` orders documents.
    """

    first: Span | None
    second: Span | None
    note: str = ""
    weight: float = 0.0

    @property
    def name(self) -> str:
        """The point in one word, the same in every session."""
        return "/".join(
            "-".join(map(str, side)) if side else "" for side in (self.first, self.second)
        )

    def to_dict(self) -> dict[str, Any]:
        """The point as the page gets it."""
        return {"name": self.name, **asdict(self)}


@dataclass(frozen=True)
class Review:
    """What is to be settled in each document.

    ``names`` call the first and the second reading. ``finished`` says that the documents were
    annotated already and are looked at once more.
    """

    kind: str
    names: tuple[str, str]
    finished: bool
    points: dict[str, list[Point]] = field(default_factory=dict)


def read_suspects(path: Path, documents: Iterable[Document]) -> Review:
    """The suspects that ``ie-model suspects RUN -o FILE`` wrote, for the documents they are of.

    Suspects whose annotation has been changed since are left out, and counted in the log.

    Raises:
        InputError: no such file, not one of that command, or of other documents.
    """
    known = {document.id: document for document in documents}
    try:
        rows = json.loads(read_text(path))["suspects"]
        found = [
            (
                str(row["document"]), _span(row["gold"]), _span(row["predicted"]),
                str(row["kind"]).replace("_", " "), _finite(row["confidence"]),
                _finite(row["votes"]), bool(row["doubted"]),
            )
            for row in rows
        ]  # fmt: skip
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError):
        raise InputError(
            f"{path}: expected the suspects that `ie-model suspects RUN -o FILE` writes"
        ) from None
    points: dict[str, list[Point]] = defaultdict(list)
    missing = changed = 0
    for id_, first, second, kind, confidence, votes, doubted in found:
        document = known.get(id_)
        if document is None:
            missing += 1
            continue
        size = len(document.text)
        keys = {e.key for e in document.entities}
        outside = any(side and misplaced(side[0], side[1], size) for side in (first, second))
        if outside:
            raise InputError(f"{path}: suspects of document {id_!r} do not fit its text")
        if (first and first not in keys) or second in keys:
            changed += 1
            continue
        note = f"{kind}, the models are {confidence:.0%} sure{', doubted' if doubted else ''}"
        points[id_].append(Point(first, second, note, confidence * votes + doubted))
    if found and missing == len(found):
        raise InputError(f"{path}: none of its suspects is of a document that is annotated here")
    if missing:
        log.warning("%s: %s of other documents left out", path, counted(missing, "suspect"))
    if changed:
        log.info("%s: %s settled already", path, counted(changed, "suspect"))
    for listed in points.values():
        listed.sort(key=_place)
    return Review("suspects", ("annotated", "models"), True, dict(points))


def adjudication(
    first: Sequence[Document], second: Sequence[Document], names: tuple[str, str]
) -> tuple[list[Document], Review]:
    """The documents that two people annotated, with what both agree on, and where they differ.

    Raises:
        InputError: no document is in both, a text differs, an id comes twice, or spans overlap.
    """
    mine, others = (_by_id(side, name) for side, name in zip((first, second), names, strict=True))
    unfinished = (
        {d.id for side in (mine, others) for d in side.values() if not work_of(d).done}
        & mine.keys()
        & others.keys()
    )
    if unfinished:
        log.warning("%s that one of the two has not done: left out",
                    counted(len(unfinished), "document"))  # fmt: skip
        mine = {id_: d for id_, d in mine.items() if id_ not in unfinished}
        others = {id_: d for id_, d in others.items() if id_ not in unfinished}
    if not (shared := mine.keys() & others.keys()):
        raise InputError(f"no finished document is in both {names[0]} and {names[1]}")
    if alone := len(mine) + len(others) - 2 * len(shared):
        log.warning("%s that only one of the two has: left out", counted(alone, "document"))
    documents: list[Document] = []
    points: dict[str, list[Point]] = {}
    for document in first:
        if document.id not in shared:
            continue
        other = others[document.id]
        if other.text != document.text:
            raise InputError(f"document {document.id!r}: the texts of {' and '.join(names)} differ")
        agreed, open_ = [], []
        for x, y in match_spans(document.entities, other.entities):
            if x and y and kind_of(x, y) == "correct":
                agreed.append(x)
            else:
                open_.append(Point(x.key if x else None, y.key if y else None))
        documents.append(
            Document(document.text, tuple(agreed), document.id, document.meta).with_entities(agreed)
        )
        points[document.id] = sorted(open_, key=_place)
    return documents, Review("adjudication", names, False, points)


def _by_id(documents: Sequence[Document], name: str) -> dict[str, Document]:
    found: dict[str, Document] = {}
    for document in documents:
        if document.id in found:
            raise InputError(f"{name}: document id {document.id!r} is there twice")
        if crossing := overlapping(document.entities):
            e = crossing[0][1]
            raise InputError(
                f"{name}: document {document.id!r}: {e.label} [{e.start}, {e.end}) overlaps "
                "another entity; settle that first, with ie-model annotations convert --flatten"
            )
        found[document.id] = document
    return found


def _place(point: Point) -> tuple[int, int]:
    sides = [side for side in (point.first, point.second) if side]
    return min(s[0] for s in sides), max(s[1] for s in sides)


def _finite(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"{number} is no confidence")
    return number


def _span(row: Any) -> Span | None:
    return None if row is None else (int(row["start"]), int(row["end"]), str(row["label"]))
