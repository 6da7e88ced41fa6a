"""A server in this process: a socket, the models behind it, and an orderly end."""

from __future__ import annotations

import ipaddress
import logging
import os
import signal
import socket
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import uvicorn
from starlette.applications import Starlette

from ie_model.errors import InputError
from ie_model.serving.app import create_app
from ie_model.serving.connection import Connection
from ie_model.serving.limits import Limits
from ie_model.serving.served import load_models

logger = logging.getLogger(__name__)

KEEP_ALIVE = 30
"""Seconds that a connection may stay open without a request."""


def serve(
    models: Sequence[str], *, host: str = "127.0.0.1", port: int = 8000,
    limits: Limits | None = None, keys: Sequence[str] = (), cors_origins: Sequence[str] = (),
    engine: str = "auto", precision: str = "auto", threads: int | None = None,
    device: str = "auto", lines: str | None = None,
    listening: Callable[[str], None] = lambda _: None,
) -> None:  # fmt: skip
    """Serve models over HTTP until SIGTERM, SIGINT or SIGHUP; requests in hand are finished first.

    Args:
        models: model directories, as ``PATH`` or ``NAME=PATH``.
        host: the address to listen at; the default is reached from this machine only.
        port: 0 takes any that is free.
        limits: what is accepted.
        keys: one of these must come with each request; none: no key is asked for.
        cors_origins: sites whose pages may ask.
        engine: for all models, as of :meth:`ie_model.Extractor.from_pretrained`.
        precision: likewise.
        threads: likewise.
        device: likewise.
        lines: likewise; ``None`` reads as each model was trained.
        listening: told the address once it is taken.

    Raises:
        InputError: an address that is taken or not this machine's, or a model that cannot be
            loaded.
    """
    limits = limits or Limits()
    if any(not key.strip() for key in keys):
        raise InputError("an API key is empty: leave it out, or give one")
    with listen(host, port) as listener:
        loaded = load_models(models, engine, precision, threads, device, lines)
        app = create_app(loaded, limits, keys=keys, cors_origins=cors_origins)
        address = address_of(listener)
        if not _local(host) and not keys:
            logger.warning("%s is open to other machines and asks for no key", address)
        listening(address)
        run(app, listener, limits.timeout)
        if app.state.failure is not None:
            raise app.state.failure


def run(app: Starlette, listener: socket.socket, timeout: float) -> None:
    """Answer at a listening socket until SIGTERM, SIGINT, or SIGHUP if that is not ignored.

    Requests in hand are then finished, for ``timeout`` seconds at most.
    """
    server = uvicorn.Server(configure(app, timeout))
    app.state.stop = partial(setattr, server, "should_exit", True)
    # uvicorn repeats the signal when all is done; the end was wanted and is no failure.
    before = [
        (number, signal.signal(number, lambda *_: None))
        for number in (signal.SIGTERM, signal.SIGINT)
    ]
    hangup = getattr(signal, "SIGHUP", None)  # none on Windows
    if hangup and signal.getsignal(hangup) is not signal.SIG_IGN:  # nohup; uvicorn knows none
        before.append((hangup, signal.signal(hangup, lambda *_: app.state.stop())))
    try:
        server.run(sockets=[listener])
    finally:
        for number, handler in before:
            signal.signal(number, handler)


def configure(app: Starlette, timeout: float) -> uvicorn.Config:
    """uvicorn's settings; a request and its answer may each stand still for ``timeout`` seconds."""
    # A second more: who waits for a body by itself says so before the connection is closed.
    connection: Any = partial(Connection, message_seconds=timeout + 1)
    return uvicorn.Config(
        app, http=connection, ws="none", log_level="error", access_log=False, server_header=False,
        lifespan="on", timeout_keep_alive=KEEP_ALIVE, timeout_graceful_shutdown=round(timeout) + 1,
    )  # fmt: skip


def listen(
    host: str, port: int, advice: str = "choose others with --host and --port"
) -> socket.socket:
    """A socket that takes connections; port 0 takes any that is free.

    ``advice`` is what an error says to do.

    Raises:
        InputError: the address is taken, or not this machine's.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listener = socket.socket(family, socket.SOCK_STREAM)
    except (OSError, OverflowError) as error:
        raise InputError(f"host {host!r}, port {port}: {error}") from None
    if os.name == "posix":  # elsewhere it would allow two servers at one port
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(2048)
    except (OSError, OverflowError) as error:
        listener.close()
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"cannot listen at {host} port {port}: {reason}; {advice}") from None
    return listener


def address_of(listener: socket.socket) -> str:
    """Where a socket of :func:`listen` is found, as ``http://HOST:PORT``."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _local(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
