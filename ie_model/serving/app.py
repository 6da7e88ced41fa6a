"""The server's routes: an ASGI application over loaded models."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncIterator, Awaitable, Sequence
from importlib.resources import files
from typing import Any, TypeVar

from fastapi import FastAPI, Request, Response
from fastapi.middleware.cors import CORSMiddleware
from starlette.exceptions import HTTPException

from ie_model.serving.gate import ClientGone, Gate
from ie_model.serving.limits import Limits, Refusal
from ie_model.serving.metrics import CONTENT_TYPE, Metrics
from ie_model.serving.openapi import PREDICT, describe, docs_page
from ie_model.serving.questions import read_question
from ie_model.serving.served import Served, normalises

Result = TypeVar("Result")


def create_app(
    models: Sequence[Served], limits: Limits | None = None, *,
    keys: Sequence[str] = (), cors_origins: Sequence[str] = (),
) -> FastAPI:  # fmt: skip
    """The ASGI application that serves ``models``; the first answers where none is named.

    Models are warmed up when the application starts, and closed when it ends. What goes wrong in
    warming up stands in ``state.failure``, and ``state.stop`` is called then.

    Args:
        models: see :func:`ie_model.serving.served.load_models`.
        limits: what one request may hold, and how many may wait.
        keys: any of these is asked for; none: the server is open.
        cors_origins: sites whose pages may ask; none: no other site.
    """
    limits = limits or Limits()
    metrics = Metrics()

    async def warm_up() -> None:
        try:
            for model in models:
                await model.warm_up()
        except Exception as error:
            app.state.failure = error
            app.state.stop()

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        for model in models:
            model.start(limits, metrics)
            metrics.watch(model.name, _waiting(model), _ready(model))
        warming = asyncio.create_task(warm_up())
        yield
        warming.cancel()
        for model in models:
            await model.close()

    # No redirects: they would name the host that the client says it asked.
    app = FastAPI(
        title="ie_model", lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None,
        redirect_slashes=False,
    )  # fmt: skip
    app.state.failure, app.state.stop = None, lambda: None
    app.add_middleware(Gate, limits=limits, metrics=metrics, keys=tuple(keys))
    if cors_origins:
        app.add_middleware(
            CORSMiddleware, allow_origins=list(cors_origins), allow_methods=["GET", "POST"],
            allow_headers=["authorization", "content-type", "x-api-key"],
        )  # fmt: skip

    @app.exception_handler(HTTPException)
    async def refuse(request: Request, error: HTTPException) -> Response:
        sentence = {
            404: "There is no such page; see /docs.",
            405: "This page does not take that method; see /docs.",
        }.get(error.status_code, error.detail)
        return _json({"error": sentence}, error.status_code, error.headers)

    _add_predict(app, models, limits, metrics)
    _add_status(app, models, limits, metrics)
    _add_pages(app)
    return app


def _add_predict(app: FastAPI, models: Sequence[Served], limits: Limits, metrics: Metrics) -> None:
    by_name = {model.name: model for model in models}

    @app.post("/v1/predict", **PREDICT)
    async def predict(request: Request) -> Response:
        """Extract the entities of one document or of many."""
        check_type(request.headers.get("content-type", ""))
        question = read_question(await read_body(request, limits), limits)
        model = models[0] if question.model is None else by_name.get(question.model)
        if model is None:
            raise Refusal(
                422, "invalid", f"There is no model of that name; use {', '.join(by_name)}."
            )
        if not model.ready:
            raise Refusal(503, "not_ready", "The model is being made ready; try again later.", 2)
        documents = await unless_gone(request, model.answer(question), limits.timeout)
        failed = sum(document.error is not None for document in documents)
        metrics.documents.labels(model.name).inc(len(documents))
        metrics.failed.labels(model.name).inc(failed)
        metrics.characters.labels(model.name).inc(sum(len(d.text) for d in documents))
        answer = {"model": model.name, "documents": [d.to_dict() for d in documents]}
        return _json(answer, 500 if failed and failed == len(documents) else 200)


def _add_status(app: FastAPI, models: Sequence[Served], limits: Limits, metrics: Metrics) -> None:
    """What is served, the probes, and the counters."""

    @app.get("/v1/models", summary="What is served")
    async def list_models() -> Response:
        """The models and their labels, and the limits of a request."""
        accepted = {
            "body_bytes": limits.body_bytes,
            "documents": limits.documents,
            "characters": limits.characters,
        }
        return _json(
            {
                "models": [model.description for model in models],
                "limits": accepted,
                "normalises": normalises(),
            }
        )

    @app.get("/healthz", summary="Whether the process answers")
    async def healthz() -> Response:
        """Always 200 while the process runs."""
        return _json({"status": "ok"})

    @app.get("/readyz", summary="Whether the models answer")
    async def readyz() -> Response:
        """200 when every model is warm, 503 before that and while the server stops."""
        cold = [model.name for model in models if not model.ready]
        if cold:
            raise Refusal(503, "not_ready", f"Not ready yet: {', '.join(cold)}.", 2)
        return _json({"status": "ready"})

    @app.get("/metrics", summary="Counters for Prometheus")
    async def show_metrics() -> Response:
        """Prometheus's text format."""
        return Response(metrics.render(), media_type=CONTENT_TYPE)


def _add_pages(app: FastAPI) -> None:
    """The description of the interface as it is by now, and the page to try the models."""
    description = describe(app)
    docs = docs_page(description)

    @app.get("/openapi.json", include_in_schema=False)
    async def openapi() -> Response:
        return _json(description)

    @app.get("/docs", include_in_schema=False)
    async def show_docs() -> Response:
        policy = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"
        headers = {"content-security-policy": policy}
        return Response(docs, headers=headers, media_type="text/html")

    web = files("ie_model.serving") / "web"
    for path, name, kind in (
        ("/", "page.html", "text/html"),
        ("/page.css", "page.css", "text/css"),
        ("/page.js", "page.js", "text/javascript"),
    ):
        app.add_api_route(path, _static((web / name).read_bytes(), kind), include_in_schema=False)


def check_type(content_type: str) -> None:
    """Let nothing pass but JSON in UTF-8.

    A browser lets the pages of other sites send every other type without asking the server first.

    Raises:
        Refusal: 415.
    """
    kind, _, parameters = content_type.lower().partition(";")
    charset = re.search(r"charset\s*=\s*\"?([^\s\";]*)", parameters)
    if kind.strip() != "application/json" or (charset and charset[1] not in ("utf-8", "utf8")):
        sentence = "Send JSON in UTF-8, with the header Content-Type: application/json."
        raise Refusal(415, "invalid", sentence)


async def read_body(request: Request, limits: Limits) -> bytes:
    """A request's body, never more of it in memory than allowed.

    Raises:
        Refusal: 413 for a larger one, 408 for one that does not arrive, 415 for a packed one.
        ClientGone: the connection ended before the body did.
    """
    if request.headers.get("content-encoding", "identity") != "identity":
        raise Refusal(415, "invalid", "Send the body as it is, without a Content-Encoding.")
    too_large = Refusal(
        413, "too_large",
        f"The body is larger than the {limits.body_bytes:,} bytes that one request may have; "
        "send the documents in several requests.",
    )  # fmt: skip
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > limits.body_bytes:
        raise too_large
    body = bytearray()
    try:
        async with asyncio.timeout(limits.timeout):
            while True:
                message = await request.receive()
                if message["type"] == "http.disconnect":
                    raise ClientGone
                body += message.get("body", b"")
                if len(body) > limits.body_bytes:
                    raise too_large
                if not message.get("more_body"):
                    return bytes(body)
    except TimeoutError:
        sentence = f"The body did not arrive within {limits.timeout:g} s."
        raise Refusal(408, "timeout", sentence) from None


async def unless_gone(request: Request, work: Awaitable[Result], timeout: float) -> Result:
    """The result of ``work``, which is cancelled when the client leaves or time is up.

    To be used after the body has been read.

    Raises:
        ClientGone: the client has left.
        Refusal: 503, the time is up.
    """
    working = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(_end(request))
    try:
        await asyncio.wait((working, gone), timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        if gone.done():
            raise ClientGone
        raise Refusal(503, "timeout", f"No answer within {timeout:g} s; try again later.", 5)
    finally:
        gone.cancel()
        if not working.done():
            working.cancel()


async def _end(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _json(value: Any, status: int = 200, headers: Any = None) -> Response:
    body = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    return Response(body, status, headers, media_type="application/json")


def _static(body: bytes, kind: str) -> Any:
    async def show() -> Response:
        return Response(body, media_type=kind)

    return show


def _waiting(model: Served) -> Any:
    return lambda: model.waiting_characters


def _ready(model: Served) -> Any:
    return lambda: float(model.ready)
