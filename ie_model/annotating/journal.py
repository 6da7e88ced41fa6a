"""A hidden file beside the output with the changes that are not yet in it, one line each.

Rewriting a file of many documents for every change takes long; appending a line here and syncing it
does not. The output is written later. What is still here after a kill goes into the output at the
next start.

A line is ``{"was": ..., "row": ...}``: the document as it should be in the output, and the
fingerprint of the line that it replaces (``null``: a new one). So a document that another program
has changed meanwhile is recognised.
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
    """The newest line of a document, and the fingerprints of all lines that it replaces."""

    line: bytes = b""
    before: set[str | None] = field(default_factory=set)


class Journal:
    """The journal of one output; nobody else may write it (see the lock of the storage).

    Raises:
        InputError: the file is no journal.
        OSError: it cannot be read or written.
    """

    def __init__(self, output: Path) -> None:
        self.path = journal_of(output)
        self.size = 0
        self._file: IO[bytes] | None = None

    def read(self) -> dict[str, Pending]:
        """The pending changes by document; a last line cut short by a kill was never acknowledged
        and is left out."""
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
        # Cut off what a failed attempt may have left behind the end.
        file.seek(self.size)
        file.truncate()
        view = memoryview(lines)
        while view:
            view = view[file.write(view) :]
        os.fsync(file.fileno())
        self.size += len(lines)

    def remove(self) -> None:
        """Remove the file: everything is in the output."""
        self.close()
        self.path.unlink(missing_ok=True)
        sync(self.path.parent)

    def close(self) -> None:
        """Close the file and leave it as it is."""
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
