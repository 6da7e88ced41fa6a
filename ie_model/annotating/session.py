"""The documents of one sitting: the work on each, its revision, what is wrong with it, progress.

Every change names the revision it was made on. A change made on an older one is refused with the
newer state, so that two pages cannot overwrite one another.
"""

from __future__ import annotations

import functools
import json
import threading
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from ie_model.annotating.review import Point, Review
from ie_model.annotating.work import Work, with_work, work_of
from ie_model.annotation.checks import CheckReport, Finding, Units, check_documents
from ie_model.documents import Document, Entity, misplaced
from ie_model.errors import InputError


class Storage(Protocol):
    """Where documents are kept; see :mod:`ie_model.annotating.storage`."""

    documents: list[Document]

    def expect(self, documents: Iterable[Document], labels: Iterable[str]) -> None:
        """Refuse documents and labels that could not be written."""

    def write(self, documents: Iterable[Document]) -> None:
        """Put documents on disk before it returns."""

    def close(self) -> None:
        """Put what is not there yet into the place where it is looked for."""


class Stale(Exception):
    """A change was made on a state that is not the newest; ``state`` is the newest."""

    def __init__(self, state: dict[str, Any]) -> None:
        super().__init__("the document has been changed meanwhile")
        self.state = state


class Unfit(Exception):
    """A change that fits no document: its sentence says why."""


@dataclass
class _Sheet:
    """One document: as it came, the work on it, and the number of changes so far."""

    document: Document
    work: Work
    suggestions: list[Entity]
    stored: bool
    revision: int = 1


class Session:
    """Documents to annotate, over a storage that holds what was annotated before.

    Documents of the storage come with their work; of ``documents`` those that it does not hold
    come as they are: entities without a score are annotations, those with one suggestions. All
    methods may be called from several threads.

    Args:
        documents: what there is to annotate.
        storage: takes every change, and has what was done before.
        labels: the declared labels, in the order of their keys.
        review: the points to settle; ``None`` where documents are annotated.
        units: what a backbone can tag, for one of the checks.

    Raises:
        InputError: no document, no label, two documents of one id, something that JSON
            cannot hold, or a text that differs from the one stored under its id.
    """

    def __init__(
        self, documents: Iterable[Document], storage: Storage, labels: Sequence[str], *,
        review: Review | None = None, units: Units | None = None,
    ) -> None:  # fmt: skip
        self.labels, self.review = tuple(labels), review
        self._storage = storage
        self._units = None if units is None else _remembered(units)
        self._lock = threading.Lock()
        stored = {document.id: document for document in storage.documents}
        self._sheets: list[_Sheet] = []
        met: set[str] = set()
        for document in documents:
            _refuse_unwritable(f"document {document.id!r}", document.to_dict())
            if document.id in met:
                raise InputError(f"document id {document.id!r} is there twice; ids tell them apart")
            met.add(document.id)
            kept = stored.get(document.id)
            if kept is not None and kept.text != document.text:
                raise InputError(
                    f"document {document.id!r}: the output holds another text under this id; "
                    "name another output with -o"
                )
            self._sheets.append(self._fresh(document) if kept is None else self._resumed(kept))
        self._sheets += [self._resumed(d) for d in storage.documents if d.id not in met]
        if not self._sheets:
            raise InputError("there is no document to annotate")
        if not self.labels:
            raise InputError("no labels: give them with --labels, as ACTOR,DATE, or a --model")
        _refuse_unwritable("the labels", self.labels)
        storage.expect((sheet.document for sheet in self._sheets), self.labels)
        if review is not None:
            self._take_over(review)
        self._done = self._begun = 0
        self._entities: Counter[str] = Counter(dict.fromkeys(self.labels, 0))
        for sheet in self._sheets:
            self._count(sheet, 1)

    def __len__(self) -> int:
        return len(self._sheets)

    def _fresh(self, document: Document) -> _Sheet:
        gold = tuple(e for e in document.entities if e.score is None)
        given = [e for e in document.entities if e.score is not None]
        work = Work(document.with_entities(gold).entities)
        return _Sheet(document, work, list(document.with_entities(given).entities), stored=False)

    def _resumed(self, document: Document) -> _Sheet:
        return _Sheet(document, work_of(document), [], stored=True)

    def _take_over(self, review: Review) -> None:
        """Put the state of a review on disk: all documents, those without an open point done."""
        fresh: list[_Sheet] = []
        for sheet in self._sheets:
            points = {p.name for p in review.points.get(sheet.document.id, ())}
            done = points <= set(sheet.work.decided)
            if review.finished or not sheet.stored:
                sheet.work = replace(sheet.work, done=done)
            if not sheet.stored:
                sheet.stored = True
                fresh.append(sheet)
        if fresh:
            self._storage.write([self._written(sheet) for sheet in fresh])

    def _written(self, sheet: _Sheet) -> Document:
        marks_open = self.review is None or not self.review.finished
        return with_work(sheet.document, sheet.work, marks_open)

    def document(self, number: int) -> Document:
        """The text of a document, with the entities marked so far."""
        sheet = self._sheets[number]
        return replace(sheet.document, entities=sheet.work.entities)

    def open_documents(self) -> list[int]:
        """The numbers of what is not done."""
        return [i for i, sheet in enumerate(self._sheets) if not sheet.work.done]

    def finished(self) -> list[Document]:
        """The documents that are done."""
        return [self.document(i) for i, sheet in enumerate(self._sheets) if sheet.work.done]

    def suggest(self, number: int, entities: Sequence[Entity]) -> None:
        """Set what a model suggests for a document."""
        with self._lock:  # a save puts a new sheet into its place
            self._sheets[number].suggestions = list(entities)

    def suggestions(self, number: int) -> list[Entity]:
        """What is suggested for a document, decided or not."""
        return self._sheets[number].suggestions

    def listing(self) -> list[dict[str, Any]]:
        """A line about each document, in the order they were given."""
        return [
            {
                "number": i,
                "id": sheet.document.id,
                "characters": len(sheet.document.text),
                "entities": len(sheet.work.entities),
                "state": "done" if sheet.work.done else "begun" if sheet.stored else "new",
                "points": len(self._points(sheet)),
            }
            for i, sheet in enumerate(self._sheets)
        ]

    def state(self, number: int) -> dict[str, Any]:
        """What a page shows of a document."""
        sheet = self._sheets[number]
        return {
            "number": number,
            "id": sheet.document.id,
            "text": sheet.document.text,
            "revision": sheet.revision,
            "work": sheet.work.to_dict(),
            "suggestions": [e.to_dict() for e in sheet.suggestions],
            "points": [point.to_dict() for point in self._points(sheet)],
            "findings": self.findings(number),
        }

    def _points(self, sheet: _Sheet) -> list[Point]:
        return [] if self.review is None else self.review.points.get(sheet.document.id, [])

    def by_weight(self) -> list[int]:
        """The numbers of documents with points to settle, the weightiest point first."""
        weights = {
            i: max(point.weight for point in points)
            for i, sheet in enumerate(self._sheets)
            if (points := self._points(sheet))
        }
        return sorted(weights, key=lambda i: -weights[i])

    def save(self, number: int, revision: int, work: Work) -> dict[str, Any]:
        """Take a change over; it is on disk when this returns the new revision and the findings.

        Raises:
            Stale: somebody else has changed the document since ``revision``.
            Unfit: entities that cannot be in this document.
            InputError: the output cannot take it.
            RunError: the disk failed, or another program has changed the output.
        """
        with self._lock:
            sheet = self._sheets[number]
            if revision != sheet.revision:
                raise Stale(self.state(number))
            work = self._fitting(sheet, work)
            if work != sheet.work or _meta(work) != _meta(sheet.work) or not sheet.stored:
                after = replace(sheet, work=work, stored=True, revision=revision + 1)
                self._storage.write([self._written(after)])
                self._count(sheet, -1)
                self._count(after, 1)
                self._sheets[number] = after
                revision += 1
        return {
            "revision": revision, "findings": self.findings(number), "progress": self.progress()
        }  # fmt: skip

    def _fitting(self, sheet: _Sheet, work: Work) -> Work:
        """The work with the mention of each entity, and without scores: people made it."""
        size = len(sheet.document.text)
        known = {*self.labels, *(e.label for e in (*sheet.document.entities, *sheet.work.entities))}
        known |= {e.label for e in sheet.suggestions}
        known |= {s[2] for p in self._points(sheet) for s in (p.first, p.second) if s}
        before = {e.key: e for e in (*sheet.document.entities, *sheet.work.entities)}
        entities = []
        for entity in work.entities:
            if there := before.get(entity.key):
                # What was wrong in the file may stay: the checks say it.
                entities.append(replace(there, score=None, meta=entity.meta))
                continue
            entities.append(replace(entity, score=None, text=""))
            if fault := misplaced(entity.start, entity.end, size):
                raise Unfit(f"{entity.label} [{entity.start}, {entity.end}): {fault}")
            if entity.label not in known:
                raise Unfit(f"{entity.label!r:.60} is not one of {', '.join(self.labels)}")
        return replace(work, entities=sheet.document.with_entities(entities).entities)

    def findings(self, number: int) -> list[dict[str, Any]]:
        """What ``ie-model annotations check`` says of one document."""
        report = check_documents([("", self.document(number))], self.labels, self._units)
        return [_finding(f) for f in report.findings]

    def check_all(self) -> CheckReport:
        """What ``ie-model annotations check`` says of everything annotated so far.

        The place of a finding is the number of its document.
        """
        located = [
            (str(i), self.document(i)) for i, sheet in enumerate(self._sheets) if sheet.stored
        ]
        return check_documents(located, self.labels, self._units)

    def progress(self) -> dict[str, Any]:
        """How many documents are done and begun, and the entities of each label in them."""
        with self._lock:
            labels = {k: n for k, n in self._entities.items() if n or k in self.labels}
            done, begun = self._done, self._begun
        return {"documents": len(self._sheets), "done": done, "begun": begun, "labels": labels}

    def _count(self, sheet: _Sheet, times: int) -> None:
        """Take a document into the progress, or with -1 out of it."""
        if sheet.stored:
            for entity in sheet.work.entities:
                self._entities[entity.label] += times
        self._done += times * sheet.work.done
        self._begun += times * (sheet.stored and not sheet.work.done)


def _remembered(units: Units) -> Units:
    """The same, without reading a text anew for every check of its document."""

    @functools.lru_cache(maxsize=16)
    def of_text(text: str) -> tuple[Sequence[int], Sequence[int]]:
        ((starts, ends),) = units([text])
        return starts, ends

    return lambda texts: map(of_text, texts)


def _refuse_unwritable(what: str, value: Any) -> None:
    """Refuse at the start what could neither be shown nor saved."""
    try:
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except UnicodeEncodeError as error:
        half = error.object[error.start]
        raise InputError(
            f"{what}: holds {half!r}, half of a surrogate pair, which is not a character; mend the "
            "text it came from"
        ) from None
    except (TypeError, ValueError, RecursionError) as error:
        raise InputError(f"{what}: cannot be written as JSON: {error}") from None


def _meta(work: Work) -> list[Any]:
    return [dict(e.meta) for e in work.entities]


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "kind": finding.kind, "severity": finding.severity, "start": finding.start,
        "end": finding.end, "label": finding.label, "message": finding.message,
        "where": finding.where, "mention": finding.excerpt.mention,
    }  # fmt: skip
