"""Byte streams and their lines: plain, gzip or zstd, from a file or standard input."""

from __future__ import annotations

import contextlib
import gzip
import io
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, cast

from ie_model.errors import InputError

STDIN = "-"
_BUFFER = 1 << 20
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_ZSTD_FRAME = b"\x28\xb5\x2f\xfd"
_ZSTD_WINDOW = 1 << 27
"""Bytes a frame may make us hold: what ``zstd --long`` needs, and no more."""
_ZSTD_PIECE = 1 << 10
"""Packed bytes unpacked at a time: they become 32 MiB at the very most."""


class Line(NamedTuple):
    """One line, its ending (LF, CRLF or none) apart; ``cut``: it was longer than the limit."""

    number: int
    data: bytes
    ending: bytes
    cut: bool


class _ZstdFrames(io.RawIOBase):
    """Any number of zstd frames, one after the other.

    The package's own stream reader takes a file that breaks off inside a frame for a whole
    one; rows would be lost in silence.
    """

    def __init__(self, raw: BinaryIO, decompressor: Any) -> None:
        self._raw = raw
        self._decompressor = decompressor
        self._frame: Any = None
        self._packed = memoryview(b"")
        self._ready = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._ready:
            packed: bytes | memoryview = b""
            if self._frame is not None and self._frame.eof:
                packed, self._frame = self._frame.unused_data, None
            if not packed:
                self._packed = self._packed or memoryview(self._raw.read(1 << 17))
                packed, self._packed = self._packed[:_ZSTD_PIECE], self._packed[_ZSTD_PIECE:]
            if not packed:
                if self._frame is not None:
                    raise EOFError("the last zstd frame is cut short")
                return 0
            if self._frame is None:
                self._frame = self._decompressor.decompressobj()
            self._ready = memoryview(self._frame.decompress(packed))
        size = min(len(buffer), len(self._ready))
        buffer[:size] = self._ready[:size]
        self._ready = self._ready[size:]
        return size


def _is_skippable(start: bytes) -> bool:
    """Whether a zstd frame without content begins here, as pzstd puts before each of its own."""
    return len(start) == 4 and start[1:] == b"\x2a\x4d\x18" and start[0] >> 4 == 5


class ByteStream:
    """Decompressed bytes of one file; ``position`` counts the bytes of the file itself."""

    def __init__(self, path: str) -> None:
        self.path = path
        if path == STDIN:
            raw: BinaryIO = sys.stdin.buffer
        else:
            try:
                raw = Path(path).open("rb", buffering=_BUFFER)  # noqa: SIM115 (closed in close)
            except OSError as error:
                raise InputError(f"{path}: cannot be read: {error.strerror}") from error
        self._raw = raw
        self._seekable = raw.seekable()
        self.stream = self._decompressed(raw)

    def _decompressed(self, raw: BinaryIO) -> BinaryIO:
        # The first bytes decide, not the name: standard input has none, and names lie.
        peeked = raw.peek(4)[:4] if isinstance(raw, io.BufferedReader) else b""
        if peeked[:2] == b"\x1f\x8b":
            # GzipFile.readline is Python code; a BufferedReader around it is not.
            unpacked = cast(io.RawIOBase, gzip.GzipFile(fileobj=raw, mode="rb"))
            return io.BufferedReader(unpacked, _BUFFER)
        if peeked == _ZSTD_FRAME or _is_skippable(peeked):
            try:
                import zstandard
            except ImportError as error:
                raise InputError(
                    f"{self.path}: zstd needs a package: pip install 'ie-model[score]'"
                ) from error
            unpacker = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW)
            return io.BufferedReader(_ZstdFrames(raw, unpacker), _BUFFER)
        return raw

    @property
    def position(self) -> int:
        """How many bytes of the file, as it lies on the disk, have been taken."""
        return self._raw.tell() if self._seekable and not self._raw.closed else 0

    def read(self, limit: int) -> bytes:
        """Up to ``limit`` bytes from the current position."""
        with self._explained():
            return self.stream.read(limit)

    def lines(self, limit: int) -> Iterator[Line]:
        """Lines ending in LF or CRLF, numbered from 1, each cut to ``limit`` bytes.

        What a line holds beyond the limit is read and dropped piece by piece, so one line
        of ten gigabytes takes no more memory than one of ``limit`` bytes.
        """
        number = 0
        with self._explained():
            while data := self.stream.readline(limit + 2):
                number += 1
                if number == 1:
                    data = self._without_mark(data)
                piece = data
                while piece and not piece.endswith(b"\n"):
                    piece = self.stream.readline(_BUFFER)
                bare = data.removesuffix(b"\n").removesuffix(b"\r")
                yield Line(number, bare[:limit], data[len(bare) :], len(bare) > limit)

    def _without_mark(self, first: bytes) -> bytes:
        if first[:2] in (b"\xff\xfe", b"\xfe\xff"):
            raise InputError(f"{self.path}: UTF-16; convert it first: iconv -f UTF-16 -t UTF-8")
        return first.removeprefix(_BYTE_ORDER_MARK)

    @contextlib.contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (EOFError, OSError, zlib.error) as error:
            raise InputError(
                f"{self.path}: damaged or cut short, nothing more can be read: {error}"
            ) from error
        except Exception as error:
            if type(error).__name__ != "ZstdError":
                raise
            raise InputError(f"{self.path}: damaged zstd data: {error}") from error

    def close(self) -> None:
        """Close the file; standard input stays open."""
        if self.path != STDIN:
            self.stream.close()
            self._raw.close()

    def __enter__(self) -> ByteStream:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
