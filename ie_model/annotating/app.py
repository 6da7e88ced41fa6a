"""The routes of the page: an ASGI application over a session."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Mapping
from importlib.resources import files
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ie_model.annotating.adviser import Adviser
from ie_model.annotating.guard import Guard
from ie_model.annotating.guidelines import Tree
from ie_model.annotating.session import Session, Stale, Unfit
from ie_model.annotating.work import Work
from ie_model.display.highlight import label_hues
from ie_model.documents import Document
from ie_model.errors import InputError, RunError
from ie_model.serving.app import read_body
from ie_model.serving.limits import Limits, Refusal

FINDINGS_SHOWN = 500
"""Of the check of everything."""

ELSEWHERE = 300.0
"""Seconds for which a document that was opened on one page comes last on the others."""

_LIMITS = Limits(body_bytes=32 * 2**20)
_KINDS = {"html": "text/html", "css": "text/css", "js": "text/javascript"}


def create_app(
    session: Session, adviser: Adviser, secret: str, *,
    output: str = "", guidelines: list[Tree] | None = None,
) -> Starlette:  # fmt: skip
    """The page at ``/`` and what it asks for.

    Args:
        session: the documents.
        adviser: suggestions and order; started and stopped with the application.
        secret: what a request for data must bring.
        output: what the page says is written.
        guidelines: see :mod:`ie_model.annotating.guidelines`.
    """

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        adviser.start()
        yield
        await asyncio.to_thread(adviser.stop)

    web = files("ie_model.annotating") / "web"
    pages = [
        Route("/" if name == "page.html" else f"/{name}", _static((web / name).read_bytes(), name))
        for name in sorted(entry.name for entry in web.iterdir())
        if name.rpartition(".")[2] in _KINDS
    ]
    answers = _Answers(session, adviser, output, guidelines)
    return Starlette(
        routes=[
            *pages,
            Route("/api/session", answers.session),
            Route("/api/documents", answers.listing),
            Route("/api/next", answers.next),
            Route("/api/documents/{number}", answers.document),
            Route("/api/documents/{number}", answers.save, methods=["PUT"]),
            Route("/api/check", answers.check_all),
        ],
        middleware=[Middleware(Guard, secret=secret)],  # type: ignore[arg-type]
        exception_handlers={HTTPException: _refuse},
        lifespan=lifespan,
    )


class _Answers:
    """What the page asks for, as JSON; work on a session is done in threads."""

    def __init__(
        self, session: Session, adviser: Adviser, output: str, guidelines: list[Tree] | None
    ) -> None:
        self._session, self._adviser = session, adviser
        self._output, self._guidelines = output, guidelines
        self._visits: dict[int, tuple[str, float]] = {}  # number: page, when

    async def session(self, request: Request) -> Response:
        """All that does not belong to one document."""

        def described() -> dict[str, Any]:
            review = self._session.review
            return {
                "output": self._output,
                "labels": list(self._session.labels),
                "hues": label_hues(self._session.labels),
                "progress": self._session.progress(),
                "model": self._adviser.progress,
                "guidelines": self._guidelines,
                "review": None if review is None else {"kind": review.kind, "names": review.names},
            }

        return _json(await asyncio.to_thread(described))

    async def listing(self, request: Request) -> Response:
        """A line about each document, in the order to annotate them."""
        lines = await asyncio.to_thread(self._session.listing)
        rows = [lines[number] for number in self._adviser.order()]
        return _json({"documents": rows, "model": self._adviser.progress})

    async def next(self, request: Request) -> Response:
        """The number of the next document, those on other pages last."""
        page, now = request.query_params.get("page", ""), time.monotonic()
        elsewhere = [
            number for number, (who, when) in list(self._visits.items())
            if who != page and now - when < ELSEWHERE
        ]  # fmt: skip
        after = self._known(request.query_params.get("after", ""))
        number = await asyncio.to_thread(self._adviser.following, after, elsewhere)
        return _json({"number": number})

    async def document(self, request: Request) -> Response:
        """One document, predicted by now, and why that failed if it did."""
        number = self._number(request)
        self._visits[number] = (request.query_params.get("page", ""), time.monotonic())

        def opened() -> dict[str, Any]:
            fault = self._adviser.ready(number)
            return self._session.state(number) | {"fault": fault}

        return _json(await asyncio.to_thread(opened))

    async def save(self, request: Request) -> Response:
        """Take a change; 409 with the newer state if it was made on an older one."""
        number = self._number(request)
        revision, work = _change(await read_body(request, _LIMITS))
        try:
            return _json(await asyncio.to_thread(self._session.save, number, revision, work))
        except Stale as stale:
            sentence = "This document has been changed meanwhile; nothing was overwritten."
            return _json({"error": sentence, "document": stale.state}, 409)
        except Unfit as unfit:
            raise Refusal(422, "invalid", f"{unfit}.") from None
        except (InputError, RunError) as error:
            raise Refusal(507, "storage", f"Not saved. {error}") from None

    async def check_all(self, request: Request) -> Response:
        """The findings in everything annotated so far."""
        report = await asyncio.to_thread(self._session.check_all)
        shown = [finding.to_dict() for finding in report.findings[:FINDINGS_SHOWN]]
        return _json(report.to_dict() | {"findings": shown})

    def _number(self, request: Request) -> int:
        number = self._known(request.path_params["number"])
        if number is None:
            raise Refusal(404, "none", "There is no such document.")
        return number

    def _known(self, text: str) -> int | None:
        """The number of a document, if that is what it is."""
        # Python reads no number of thousands of digits.
        number = int(text) if text.isdecimal() and len(text) < 10 else None
        return number if number is not None and number < len(self._session) else None


async def _refuse(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return _json({"error": "There is no such page."}, error.status_code)


def _change(body: bytes) -> tuple[int, Work]:
    """The revision that a change was made on, and the work it brings.

    Raises:
        Refusal: 422, it is no such thing.
    """
    try:
        row = json.loads(body)
        if not isinstance(row, Mapping):
            raise ValueError("it is no object")
        # The page's work is a document without its text.
        shape = Document.from_dict({"text": "", "entities": _list(row["entities"])}, "the change")
        work = Work(
            tuple(sorted(shape.entities, key=lambda e: e.key)),
            tuple((_whole(s), _whole(e), _word(label)) for s, e, label in _list(row["rejected"])),
            tuple(_word(name) for name in _list(row["decided"])),
            _yes_or_no(row["done"]),
        )
        json.dumps(row, allow_nan=False, ensure_ascii=False).encode()
        return _whole(row["revision"]), work
    except (ValueError, KeyError, TypeError, RecursionError, InputError) as error:
        raise Refusal(422, "invalid", f"This is no change of a document: {error}.") from None


def _whole(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError(f"{value!r:.60} is no whole number")
    return value


def _list(value: object) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError(f"{value!r:.60} is no list")
    return value


def _yes_or_no(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"{value!r:.60} is neither true nor false")
    return value


def _word(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{value!r:.60} is no text")
    return value


def _json(value: Any, status: int = 200) -> Response:
    body = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    return Response(body, status, media_type="application/json")


def _static(body: bytes, name: str) -> Any:
    async def show(request: Request) -> Response:
        return Response(body, media_type=_KINDS[name.rpartition(".")[2]])

    return show
