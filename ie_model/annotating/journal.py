"""Changes that are on disk and not yet in the output, one line each, in a hidden file beside it.

Writing a file of many documents anew for every change takes long. A line appended here and synced
does not, and the output is written behind it. What is here after a kill is put into the output at
the next start.

A line is ``{"was": ..., "row": ...}``: a document as it is to stand in the output, and the
fingerprint of the line in whose place it does, ``null`` for a new one. So a document that another
program has changed meanwhile is recognised.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from ie_model.corpus.formats.jsonl import journal_of
from ie_model.errors import InputError
from ie_model.files import sync


@dataclass
class Pending:
    """The newest line of a document, and the fingerprints of all that it takes the place of."""

    line: bytes = b""
    before: set[str | None] = field(default_factory=set)


class Journal:
    """The journal of one output; nobody else may write it (see the lock of the storage).

    Raises:
        InputError: it holds what no journal does.
        OSError: as the system gives it.
    """

    def __init__(self, output: Path) -> None:
        self.path = journal_of(output)
        self.size = 0
        self._file: IO[bytes] | None = None

    def read(self) -> dict[str, Pending]:
        """What it holds, by document. A last line that a kill tore was never acknowledged."""
        found: dict[str, Pending] = {}
        if not self.path.is_file():
            return found
        lines = self.path.read_bytes().split(b"\n")
        for number, line in enumerate(lines[:-1], 1):
            try:
                entry = json.loads(line)
                row, was = entry["row"], entry["was"]
                pending = found.setdefault(row["id"], Pending())
            except (ValueError, KeyError, TypeError):
                raise InputError(
                    f"{self.path}:{number}: no line of the journal of ie-model annotate; restore "
                    "the file, or remove it and with it what was saved last"
                ) from None
            pending.line = as_line(row)
            pending.before |= {was, fingerprint(pending.line)}
        return found

    def append(self, changes: Iterable[tuple[bytes | None, bytes]]) -> None:
        """Put ``(line before, line)`` on disk; all of it, or nothing where that fails."""
        file = self._opened()
        lines = b"".join(
            b'{"was":%s,"row":%s}\n' % (json.dumps(_print(before)).encode(), line.rstrip(b"\n"))
            for before, line in changes
        )
        # What is behind the end is left of an attempt that failed, and must not stand in between.
        file.seek(self.size)
        file.truncate()
        view = memoryview(lines)
        while view:
            view = view[file.write(view) :]
        os.fsync(file.fileno())
        self.size += len(lines)

    def remove(self) -> None:
        """Everything is in the output now."""
        self.close()
        self.path.unlink(missing_ok=True)
        sync(self.path.parent)

    def close(self) -> None:
        """Leave it as it is on disk."""
        if self._file is not None:
            self._file.close()
        self._file, self.size = None, 0

    @property
    def gone(self) -> bool:
        """Whether another program has removed or replaced the file that is written to."""
        if self._file is None:
            return False
        try:
            return not os.path.samestat(os.fstat(self._file.fileno()), self.path.stat())
        except FileNotFoundError:
            return True

    def _opened(self) -> IO[bytes]:
        if self._file is None:
            self._file = self.path.open("wb", buffering=0)
            sync(self.path.parent)
        return self._file


def as_line(row: object) -> bytes:
    """A document as it stands in a file.

    Raises:
        ValueError: it holds an infinite number, or half of a surrogate pair.
    """
    return json.dumps(row, ensure_ascii=False, allow_nan=False).encode() + b"\n"


def fingerprint(line: bytes) -> str:
    """What tells a line from another one."""
    return hashlib.blake2b(line, digest_size=12).hexdigest()


def _print(line: bytes | None) -> str | None:
    return None if line is None else fingerprint(line)
