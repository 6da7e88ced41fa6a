"""A model beside the annotator: suggestions for every document, and which one teaches most.

Documents are predicted in the background, in their order; one that is opened before its turn is
predicted at once. The order is that of ``ie-model next``, made anew whenever twice as many
documents have been predicted, and once more when the best ones are through. In a review the
documents with the weightiest points come first.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any, Protocol

from ie_model.annotating.session import Session
from ie_model.documents import Document
from ie_model.evaluation.next_documents import rank_documents

log = logging.getLogger(__name__)

RANKED = 100
"""How many documents are weighed against each other at a time; the others keep their order."""

FIRST = 50
"""The order is made for the first time when so many documents have been predicted."""


class Predictor(Protocol):
    """What is needed of an :class:`ie_model.Extractor`."""

    def pipe(self, documents: Iterable[Document], *, on_error: Any = ...) -> Iterator[Document]:
        """Documents with entities, in order."""


class Adviser:
    """Suggestions and the order of the documents of a session.

    Args:
        session: gets the suggestions.
        model: predicts, with scores; ``None``: suggestions are those that the documents brought.
        by_value: whether what teaches most comes first; else documents keep their order.
    """

    def __init__(self, session: Session, model: Predictor | None, by_value: bool) -> None:
        self._session, self._model, self._by_value = session, model, by_value
        self._predicted: set[int] = set()
        self._best = session.by_weight()
        self._failed: dict[int, str] = {}
        self._ranking = threading.Lock()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._work, name="adviser", daemon=True)
        if model is None:
            self._predicted = set(range(len(session)))
            if by_value:
                self._rank()

    def start(self) -> None:
        """Begin to predict in the background."""
        if self._model is not None:
            self._thread.start()

    def stop(self) -> None:
        """Predict no more; returns when the model is at rest."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join()

    @property
    def progress(self) -> dict[str, int]:
        """How many documents are predicted."""
        return {"predicted": len(self._predicted), "documents": len(self._session)}

    def ready(self, number: int) -> str:
        """Predict a document now if its turn has not come; the reason why it failed, or nothing."""
        if self._model is not None and number not in self._predicted:
            for answer in self._model.pipe([self._bare(number)], on_error="yield"):
                self._take(number, answer)
        return self._failed.get(number, "")

    def order(self) -> list[int]:
        """The numbers of all documents, in the order to annotate them."""
        best = list(self._best)
        first = set(best)
        return best + [i for i in range(len(self._session)) if i not in first]

    def following(self, number: int | None, elsewhere: Iterable[int] = ()) -> int | None:
        """The next document that is not done, after ``number`` in the order, then from its start.

        Args:
            number: where the annotator is; ``None``: nowhere yet.
            elsewhere: what others are at, which comes last.
        """
        open_ = set(self._session.open_documents())
        if self._best and self._by_value and open_ and not open_ & {*self._best} - {number}:
            self._rank()
        order = self.order()
        at = order.index(number) + 1 if number is not None else 0
        rest = [i for i in (*order[at:], *order[:at]) if i in open_ and i != number]
        taken = set(elsewhere)
        return next((i for i in rest if i not in taken), rest[0] if rest else None)

    def _work(self) -> None:
        wanted = iter([i for i in self.order() if i not in self._predicted])
        numbers: list[int] = []

        def texts() -> Iterator[Document]:
            for number in wanted:
                if self._stopped.is_set():
                    return
                numbers.append(number)
                yield self._bare(number)

        assert self._model is not None
        try:
            rank_at = FIRST
            for done, answer in enumerate(self._model.pipe(texts(), on_error="yield"), 1):
                self._take(numbers[done - 1], answer)
                if done == rank_at and self._by_value and not self._stopped.is_set():
                    self._rank()
                    rank_at *= 2
            if self._by_value and not self._stopped.is_set():
                self._rank()
        except Exception:
            # The page works without a model, too; whoever started the command should know.
            log.exception("the model failed; there are no more suggestions")

    def _bare(self, number: int) -> Document:
        return replace(self._session.document(number), entities=(), meta={}, id=str(number))

    def _take(self, number: int, answer: Document) -> None:
        if answer.error is not None:
            self._failed[number] = answer.error
        self._session.suggest(number, answer.entities)
        self._predicted.add(number)

    def _rank(self) -> None:
        with self._ranking:
            open_ = [i for i in self._session.open_documents() if i in self._predicted]
            candidates = (
                replace(self._bare(i), entities=tuple(self._session.suggestions(i))) for i in open_
            )
            chosen = rank_documents(candidates, RANKED, self._session.finished()[-RANKED:])
            self._best = [int(candidate.document.id) for candidate in chosen]
