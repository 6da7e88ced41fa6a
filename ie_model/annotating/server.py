"""``ie-model annotate`` in this process: reads, opens the output, serves until it is stopped."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from ie_model.annotating.adviser import Adviser
from ie_model.annotating.app import create_app
from ie_model.annotating.guidelines import read_guidelines
from ie_model.annotating.review import Review, read_suspects
from ie_model.annotating.session import Session
from ie_model.annotating.storage import open_storage
from ie_model.annotation.checks import Units, backbone_units
from ie_model.display.excerpts import counted
from ie_model.documents import Document
from ie_model.errors import InputError
from ie_model.inference.extractor import Extractor
from ie_model.serving.server import address_of, listen, run

logger = logging.getLogger(__name__)

GRACE = 5.0
"""Seconds for what is being saved when the server is stopped."""

_TAKEN = (
    "if ie-model annotate runs already, use its page; else choose another port with --port "
    "(0 takes a free one)"
)


def annotate(
    documents: Iterable[Document], output: Path, *, labels: Sequence[str] = (),
    model: Path | None = None, engine: str = "auto", threads: int | None = None,
    lines: str | None = None, order: str | None = None, suspects: Path | None = None,
    review: Review | None = None, guidelines: Path | None = None, text_dir: Path | None = None,
    format: str | None = None, port: int = 8100, listening: Callable[[str], None] = lambda _: None,
) -> None:  # fmt: skip
    """Serve the page at 127.0.0.1 until SIGTERM, SIGINT or SIGHUP.

    Args:
        documents: what there is to annotate; see :class:`ie_model.annotating.Session`.
        output: a JSONL file or a brat folder; what it holds already is gone on with.
        labels: the declared labels; by default the model's, else those of the documents.
        model: a model directory whose answers are suggested.
        engine: as of :meth:`ie_model.Extractor.from_pretrained`.
        threads: likewise.
        lines: likewise.
        order: ``next`` (what teaches most first) or ``file``; by default ``next`` with a model.
        suspects: what ``ie-model suspects -o`` wrote, to be reviewed.
        review: where two annotators differ; see :func:`ie_model.annotating.adjudication`.
        guidelines: a Markdown file to show beside the text.
        text_dir: where the texts of a brat folder ``output`` are.
        format: of ``output``, ``jsonl`` or ``brat``.
        port: 0 takes any that is free.
        listening: told the address, with the secret of this run, once the page can be opened.

    Raises:
        InputError: nothing to annotate, no labels, an output that cannot be used, a port that
            is taken, or a model that cannot be loaded.
    """
    shown = None if guidelines is None else read_guidelines(guidelines)
    given = list(documents)
    storage, lock = open_storage(output, format, text_dir)
    try:
        with listen("127.0.0.1", port, _TAKEN) as listener:
            extractor = units = None
            if model is not None:
                extractor = Extractor.from_pretrained(
                    model, engine, threads=threads, min_score=0.0, lines=lines
                )
                units = _units(model)
            if suspects is not None:
                review = read_suspects(suspects, _newest(given, storage.documents))
            session = Session(
                given, storage, labels or _labels(extractor, given, storage.documents, review),
                review=review, units=units,
            )  # fmt: skip
            by_value = order == "next" or (order is None and extractor is not None)
            if order == "next" and extractor is None and not _scored(given):
                raise InputError(
                    "--order next needs --model, or documents with scores as `ie-model predict` "
                    "writes them"
                )
            adviser = Adviser(session, extractor, by_value and review is None)
            secret = secrets.token_urlsafe(24)
            app = create_app(
                session, adviser, secret, output=str(output), guidelines=shown
            )  # fmt: skip
            listening(f"{address_of(listener)}/#{secret}")
            run(app, listener, GRACE)
            _tell(session, output)
    finally:
        try:
            storage.close()
        finally:
            lock.release()


def _newest(given: Sequence[Document], stored: Sequence[Document]) -> list[Document]:
    known = {document.id: document for document in (*given, *stored)}
    return list(known.values())


def _labels(
    extractor: Extractor | None, given: Sequence[Document], stored: Sequence[Document],
    review: Review | None,
) -> list[str]:  # fmt: skip
    if extractor is not None:
        return list(extractor.labels)
    found = {e.label for document in (*given, *stored) for e in document.entities}
    if review is not None:
        points = (point for listed in review.points.values() for point in listed)
        found |= {side[2] for point in points for side in (point.first, point.second) if side}
    if found:
        logger.info("labels are those of the documents: %s", ", ".join(sorted(found)))
    return sorted(found)


def _units(model: Path) -> Units | None:
    """What the model can tag; none where the tokenizer does not lie in its folder."""
    return backbone_units(str(model)) if (model / "tokenizer.json").is_file() else None


def _scored(documents: Sequence[Document]) -> bool:
    return any(e.score is not None for document in documents for e in document.entities)


def _tell(session: Session, output: Path) -> None:
    found = session.progress()
    logger.info("%s: %s done", output, counted(found["done"], "document"))
    if found["begun"] and not (session.review and session.review.finished):
        logger.info("%s: %s begun and not done", output, counted(found["begun"], "document"))
