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
    visits: dict[int, tuple[str, float]] = {}

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        adviser.start()
        yield
        await asyncio.to_thread(adviser.stop)

    def number_of(request: Request) -> int:
        number = numbered(request.path_params["number"])
        if number is None:
            raise Refusal(404, "none", "There is no such document.")
        return number

    def numbered(text: str) -> int | None:
        # Python reads no number of thousands of digits.
        number = int(text) if text.isdecimal() and len(text) < 10 else None
        return number if number is not None and number < len(session) else None

    def whole() -> dict[str, Any]:
        review = session.review
        return {
            "output": output,
            "labels": list(session.labels),
            "hues": label_hues(session.labels),
            "progress": session.progress(),
            "model": adviser.progress,
            "guidelines": guidelines,
            "review": None if review is None else {"kind": review.kind, "names": review.names},
        }

    async def show_session(request: Request) -> Response:
        return _json(await asyncio.to_thread(whole))

    async def show_listing(request: Request) -> Response:
        lines = await asyncio.to_thread(session.listing)
        rows = [lines[number] for number in adviser.order()]
        return _json({"documents": rows, "model": adviser.progress})

    async def show_next(request: Request) -> Response:
        after = request.query_params.get("after", "")
        page, now = request.query_params.get("page", ""), time.monotonic()
        elsewhere = [
            number for number, (who, when) in list(visits.items())
            if who != page and now - when < ELSEWHERE
        ]  # fmt: skip
        number = await asyncio.to_thread(adviser.following, numbered(after), elsewhere)
        return _json({"number": number})

    async def show_document(request: Request) -> Response:
        number = number_of(request)
        visits[number] = (request.query_params.get("page", ""), time.monotonic())

        def opened() -> dict[str, Any]:
            fault = adviser.ready(number)
            return session.state(number) | {"fault": fault}

        return _json(await asyncio.to_thread(opened))

    async def save(request: Request) -> Response:
        number = number_of(request)
        revision, work = _change(await read_body(request, _LIMITS))
        try:
            return _json(await asyncio.to_thread(session.save, number, revision, work))
        except Stale as stale:
            sentence = "This document has been changed meanwhile; nothing was overwritten."
            return _json({"error": sentence, "document": stale.state}, 409)
        except Unfit as unfit:
            raise Refusal(422, "invalid", f"{unfit}.") from None
        except (InputError, RunError) as error:
            raise Refusal(507, "storage", f"Not saved. {error}") from None

    async def check_all(request: Request) -> Response:
        report = await asyncio.to_thread(session.check_all)
        return _json(report.to_dict() | {"findings": [
            f.to_dict() for f in report.findings[:FINDINGS_SHOWN]
        ]})  # fmt: skip

    async def refuse(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return _json({"error": "There is no such page."}, error.status_code)

    web = files("ie_model.annotating") / "web"
    pages = [
        Route("/" if name == "page.html" else f"/{name}", _static((web / name).read_bytes(), name))
        for name in sorted(entry.name for entry in web.iterdir())
        if name.rpartition(".")[2] in _KINDS
    ]
    return Starlette(
        routes=[
            *pages,
            Route("/api/session", show_session),
            Route("/api/documents", show_listing),
            Route("/api/next", show_next),
            Route("/api/documents/{number}", show_document),
            Route("/api/documents/{number}", save, methods=["PUT"]),
            Route("/api/check", check_all),
        ],
        middleware=[Middleware(Guard, secret=secret)],  # type: ignore[arg-type]
        exception_handlers={HTTPException: refuse},
        lifespan=lifespan,
    )


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
