"""Between the network and the routes: keys, room for uploads, headers, failures, the log.

The log has a line a request: method, route, status, milliseconds. No text, no id and no
message of an error that could quote one is ever in it.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import time
import traceback
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from ie_model.serving.limits import Limits, Refusal
from ie_model.serving.metrics import Metrics

logger = logging.getLogger(__name__)

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

OPEN_ROUTES = frozenset({"/", "/page.css", "/page.js", "/docs", "/openapi.json", "/healthz",
                         "/readyz"})  # fmt: skip
"""What needs no key: the probes, and pages that hold nothing but the program."""

ROUTES = OPEN_ROUTES | {"/v1/predict", "/v1/models", "/metrics"}

_PROBES = frozenset({"/healthz", "/readyz", "/metrics"})  # every few seconds: not worth a line

_HEADERS = (
    (
        b"content-security-policy",
        b"default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
        b"img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
)


class ClientGone(Exception):
    """The client has closed the connection: there is nobody to answer."""


class Gate:
    """An ASGI middleware around all routes.

    Args:
        app: the routes.
        limits: of the server; only ``requests`` is looked after here.
        metrics: counts every request.
        keys: any of them opens what is not in :data:`OPEN_ROUTES`; none: all is open.
    """

    def __init__(
        self, app: App, limits: Limits, metrics: Metrics, keys: tuple[str, ...] = ()
    ) -> None:
        self._app, self._limits, self._metrics = app, limits, metrics
        self._keys = [hashlib.sha256(key.encode()).digest() for key in keys]
        self._under_way = 0
        metrics.under_way.set_function(lambda: self._under_way)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        # Names from outside become neither labels of a metric nor lines of a log.
        route = scope["path"] if scope["path"] in ROUTES else "other"
        status = 0

        async def send_on(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                own = dict(message.get("headers", ()))
                message["headers"] = [*own.items(), *((k, v) for k, v in _HEADERS if k not in own)]
            await send(message)

        async def refuse(refusal: Refusal) -> None:
            self._metrics.refused.labels(refusal.reason).inc()
            if not status:
                await _send_refusal(send_on, refusal)

        self._under_way += 1
        try:
            if route not in OPEN_ROUTES:
                self._check(scope)
            # The network side sends the head of an answer to HEAD, and no more.
            method = "GET" if scope["method"] == "HEAD" else scope["method"]
            await self._app({**scope, "method": method}, receive, send_on)
        except Refusal as refusal:
            await refuse(refusal)
        except ClientGone:
            self._metrics.abandoned.inc()
            status = 499
        except Exception as error:
            logger.error("%s failed: %s", route, _without_message(error))
            sentence = "The server failed on this request; its log says where."
            await refuse(Refusal(500, "failed", sentence))
        finally:
            self._under_way -= 1
            seconds = time.perf_counter() - began
            self._metrics.requests.labels(route, str(status)).inc()
            self._metrics.seconds.labels(route).observe(seconds)
            level = logging.DEBUG if route in _PROBES and status < 400 else logging.INFO
            logger.log(level, "%s %s %d %.1f ms", scope["method"], route, status, 1000 * seconds)

    def _check(self, scope: Scope) -> None:
        if self._keys:
            given = _key(dict(scope["headers"]))
            digest = hashlib.sha256(given).digest()
            if not any(hmac.compare_digest(digest, key) for key in self._keys):
                raise Refusal(
                    401, "unauthorized",
                    "This server wants a key: send the header Authorization: Bearer KEY.",
                )  # fmt: skip
        if self._under_way > self._limits.requests:
            raise Refusal(503, "busy", "Too many requests are under way; try again later.", 1)


def _key(headers: dict[bytes, bytes]) -> bytes:
    kind, _, bearer = headers.get(b"authorization", b"").partition(b" ")
    return bearer.strip() if kind.lower() == b"bearer" else headers.get(b"x-api-key", b"")


def _without_message(error: Exception) -> str:
    """Which error where; its message might hold words of somebody's text."""
    frames = traceback.extract_tb(error.__traceback__)[-3:]
    places = ", ".join(f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames)
    return f"{type(error).__name__} in {places}"


async def _send_refusal(send: Send, refusal: Refusal) -> None:
    body = json.dumps({"error": refusal.sentence}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    if refusal.retry_after is not None:
        headers.append((b"retry-after", b"%d" % refusal.retry_after))
    if refusal.status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    if refusal.status in (408, 413):  # the rest of the body is not waited for
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
