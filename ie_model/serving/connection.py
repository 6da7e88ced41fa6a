"""A connection with limits of time and size, so that no client can hold the server up.

uvicorn closes connections that are idle after an answer. But it waits for ever for the first byte,
for the rest of a head or of a body that nobody reads any more, and for a client that does not take
its answer; and it accepts a head of any size.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_SECONDS = 10.0
"""For a request's line and headers to arrive, from the first byte or the connection on."""

HEAD_BYTES = 64 * 2**10
"""A head of more (and of what came with its beginning) is refused."""

_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\n"
    b"content-length: 0\r\nconnection: close\r\n\r\n"
)


class Connection(HttpToolsProtocol):
    """uvicorn's connection, closed when a request or its answer stands still.

    Args:
        message_seconds: for a request to arrive once its head is there, and for a client to
            take something of an answer that waits for it.
        head_seconds: see :data:`HEAD_SECONDS`.
        arguments: uvicorn's own.
    """

    def __init__(
        self, *arguments: Any, message_seconds: float, head_seconds: float = HEAD_SECONDS,
        **named: Any,
    ) -> None:  # fmt: skip
        super().__init__(*arguments, **named)
        self._message_seconds, self._head_seconds = message_seconds, head_seconds
        self._arriving: asyncio.TimerHandle | None = None
        self._leaving: asyncio.TimerHandle | None = None
        self._in_message = self._in_head = False
        self._head_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client is there."""
        super().connection_made(transport)
        self._expect(self._head_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        """It has gone."""
        self._expect(None)
        self.resume_writing()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Some bytes of a request, or of several."""
        was_in_head = self._in_head
        if not self._in_message and self._arriving is None:
            self._expect(self._head_seconds)
        super().data_received(data)
        if was_in_head and self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES:
                if self.cycle is None or self.cycle.response_complete:
                    self.transport.write(_TOO_LARGE)
                self.transport.close()

    def on_message_begin(self) -> None:
        """The first byte of a request."""
        self._in_message = self._in_head = True
        self._head_bytes = 0
        self._expect(self._head_seconds)
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """The head is there."""
        self._in_head = False
        self._expect(self._message_seconds)
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """All of the request is there."""
        self._in_message = False
        self._expect(None)
        super().on_message_complete()

    def pause_writing(self) -> None:
        """The client takes its answer more slowly than it is given."""
        super().pause_writing()
        self._watch(self.transport.get_write_buffer_size())

    def resume_writing(self) -> None:
        """It has taken most of it."""
        if self._leaving is not None:
            self._leaving.cancel()
            self._leaving = None
        super().resume_writing()

    def _expect(self, seconds: float | None) -> None:
        if self._arriving is not None:
            self._arriving.cancel()
        self._arriving = None if seconds is None else self.loop.call_later(seconds, self._give_up)

    def _give_up(self) -> None:
        self._arriving = None
        self.transport.close()

    def _watch(self, size: int) -> None:
        self._leaving = self.loop.call_later(self._message_seconds, self._look, size)

    def _look(self, before: int) -> None:
        size = self.transport.get_write_buffer_size()
        if size < before:
            self._watch(size)
        else:  # closing would wait for the client again
            self.transport.abort()
