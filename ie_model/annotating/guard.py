"""Who may speak to the page's server: the page itself, on this machine, and nobody else.

Any web page that a browser has open can send requests to 127.0.0.1. Four things turn them away: the
``Host`` must be this machine (a name that was made to lead here is not), an ``Origin`` must be the
page's own, every request for data needs the secret of this run in a header of its own (which
no other page can send unasked), and bodies must be JSON.
"""

from __future__ import annotations

import hmac
import json
import logging
import re
import traceback

from ie_model.serving.gate import App, ClientGone, Message, Receive, Scope, Send
from ie_model.serving.limits import Refusal

logger = logging.getLogger(__name__)

SECRET_HEADER = "x-annotate-secret"

_ASKED = (b"host", b"origin", b"content-type", SECRET_HEADER.encode())

_HERE = re.compile(r"(?:127\.0\.0\.1|localhost|\[::1\])(?::[0-9]+)?")

_HEADERS = (
    (
        b"content-security-policy",
        b"default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
        b"img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
        b"require-trusted-types-for 'script'; trusted-types 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
)


class Guard:
    """An ASGI middleware around all routes; ``secret`` opens those below ``/api/``."""

    def __init__(self, app: App, secret: str) -> None:
        self._app, self._secret = app, secret.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = False

        async def send_on(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                message["headers"] = [*message.get("headers", ()), *_HEADERS]
            await send(message)

        try:
            self._check(scope)
            await self._app(scope, receive, send_on)
        except Refusal as refusal:
            await _refuse(send_on, refusal.status, refusal.sentence)
        except ClientGone:  # amid a change: the page sends it again, or its window was closed
            pass
        except Exception as error:
            # Without its message, which might hold words of somebody's text.
            frame = traceback.extract_tb(error.__traceback__)[-1]
            logger.error("%s in %s:%s", type(error).__name__, frame.filename, frame.lineno)
            if not begun:
                await _refuse(send_on, 500, "The server failed on this request.")

    def _check(self, scope: Scope) -> None:
        headers = {
            key.decode("latin-1"): value.decode("latin-1") for key, value in scope["headers"]
        }
        names = [key for key, _ in scope["headers"]]
        if any(names.count(name) > 1 for name in _ASKED):
            raise Refusal(400, "headers", "A header that decides who may ask is there twice.")
        host = headers.get("host", "")
        if not _HERE.fullmatch(host):
            raise Refusal(421, "host", "This server answers on this machine alone.")
        origin = headers.get("origin")
        if origin is not None and origin != f"http://{host}":
            raise Refusal(403, "origin", "Another page has no business here.")
        if not scope["path"].startswith("/api/"):
            return
        given = headers.get(SECRET_HEADER, "").encode("latin-1")
        if not hmac.compare_digest(given, self._secret):
            raise Refusal(
                403, "secret",
                "This is not the page of this run: open the address that `ie-model annotate` "
                "printed last here, in this window; what is not saved yet is saved then.",
            )  # fmt: skip
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        if scope["method"] not in ("GET", "HEAD") and kind != "application/json":
            raise Refusal(415, "type", "Send JSON, and say so in Content-Type.")


async def _refuse(send: Send, status: int, sentence: str) -> None:
    body = json.dumps({"error": sentence}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
