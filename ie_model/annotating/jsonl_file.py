"""The output as one JSONL file, whole and valid at every moment.

A small file is written anew with every change. In a large one the change goes into the
:mod:`~ie_model.annotating.journal`, and the file is written in the background, at most a tenth of
the time; what a kill keeps out of it is put in at the next start.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
from collections.abc import Iterable
from pathlib import Path

from ie_model.annotating.journal import Journal, as_line, fingerprint
from ie_model.annotating.stamps import refuse_changed, stamp_of
from ie_model.corpus.formats import jsonl
from ie_model.display.excerpts import counted
from ie_model.documents import Document
from ie_model.errors import InputError, RunError
from ie_model.files import whole_file, writing

log = logging.getLogger(__name__)

SMALL = 1 << 20
"""Bytes of an output that is written anew with every change: a matter of milliseconds."""

LARGE = 64 << 20
"""Bytes of a journal that is emptied while saves wait."""

REST = 9.0
"""How many times as long as writing the file took, nothing is written in the background."""


class JsonlFile:
    """Documents of one native JSONL file, in their order; new ones come last.

    Lines that are not worked on stay as they are; of the others, fields that a document does not
    know go into its ``meta``. Methods may be called from several threads.

    Args:
        path: the file; made with the first change.
        small: bytes up to which it is written anew with every change.

    Raises:
        InputError: the file cannot be read, two documents have one id, or a document that was
            saved last before a kill has been changed by another program since.
        RunError: what was saved last before a kill cannot be put into the file.
    """

    def __init__(self, path: Path, small: int = SMALL) -> None:
        self.path, self._small = path, small
        self._lock, self._folding = threading.RLock(), threading.Lock()
        self._wake, self._stopped = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None
        self._journal = Journal(path)
        self._read()
        self._recover()

    def _read(self) -> None:
        self.documents: list[Document] = []
        self._lines: dict[str, bytes] = {}
        with writing(self.path):
            self._stamp = stamp_of(self.path)
        if self.path.is_file() and self.path.stat().st_size:
            rows = jsonl.read_rows(self.path)
            for (where, document), (_, _, row) in zip(jsonl.read(self.path), rows, strict=True):
                if document.id in self._lines:
                    raise InputError(f"{where}: document id {document.id!r} is there twice")
                self.documents.append(document)
                try:
                    self._lines[document.id] = as_line(row)
                except ValueError as error:  # 1e999, which is read as infinite
                    raise InputError(f"{where}: cannot be written as JSON: {error}") from None
        self._size = sum(map(len, self._lines.values()))

    def _recover(self) -> None:
        """Put what a killed process left in the journal into the file."""
        with writing(self.path):
            pending = self._journal.read()
        lines = dict(self._lines)
        for id_, saved in pending.items():
            there = self._lines.get(id_)
            if (None if there is None else fingerprint(there)) not in saved.before:
                raise InputError(
                    f"{self.path}: document {id_!r} was saved by ie-model annotate, and changed or "
                    f"removed by another program before it was put in. {self._journal.path} has "
                    "what was saved: take over from it what you want, then remove it"
                )
            lines[id_] = saved.line
        if lines != self._lines:
            self._rewrite(lines)
            log.info("%s: %s put in that were saved before the last end", self.path,
                     counted(len(pending), "document"))  # fmt: skip
            self._read()
        if self._journal.path.exists():
            with writing(self.path):
                self._journal.remove()

    def expect(self, documents: Iterable[Document], labels: Iterable[str]) -> None:
        """Whatever is a document can be written."""

    def write(self, documents: Iterable[Document]) -> None:
        """Put the documents in the place of those of the same id, on disk.

        Raises:
            InputError: the file cannot be written.
            RunError: the disk is full or failed, or another program has changed the file.
        """
        changed = {document.id: as_line(document.to_dict()) for document in documents}
        with self._lock:
            gone = self._journal.gone
        if gone:  # everything is in memory as well
            self.fold()
        with self._lock:
            refuse_changed(self.path, self._stamp)
            if self._size <= self._small and not self._journal.size:
                self._rewrite(self._lines | changed)
                self._stamp = stamp_of(self.path)
            else:
                with writing(self.path):
                    self._journal.append(
                        (self._lines.get(id_), line) for id_, line in changed.items()
                    )
                self._fold_soon()
            for id_, line in changed.items():
                self._size += len(line) - len(self._lines.get(id_, b""))
                self._lines[id_] = line

    def fold(self) -> None:
        """Write the file with all that is saved.

        Raises:
            InputError: as :meth:`write`.
            RunError: likewise.
        """
        with self._folding, contextlib.ExitStack() as held, writing(self.path):
            if self._journal.size > LARGE:  # so that it is empty at the end, whoever saves
                held.enter_context(self._lock)
            with self._lock:
                lines, journalled = dict(self._lines), self._journal.size
                if not journalled:
                    return
                refuse_changed(self.path, self._stamp)
            with whole_file(self.path) as file:
                file.writelines(lines.values())
                file.flush()
                os.fsync(file.fileno())
                # All the time that this takes is over; now nobody may save until it is in place.
                held.enter_context(self._lock)
                refuse_changed(self.path, self._stamp)
            self._stamp = stamp_of(self.path)
            if self._journal.size == journalled:
                self._journal.remove()

    def close(self) -> None:
        """Put all that is saved into the file, and write no more.

        Raises:
            RunError: it could not be; then it stays in the journal for the next start.
        """
        self._stopped.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join()
        try:
            if self._journal.size:
                self.fold()
        except (InputError, RunError) as error:
            raise RunError(
                f"{error}. What was saved last is kept in {self._journal.path}: the same command "
                "puts it in"
            ) from None
        finally:
            self._journal.close()

    def _rewrite(self, lines: dict[str, bytes]) -> None:
        with writing(self.path), whole_file(self.path) as file:
            file.writelines(lines.values())

    def _fold_soon(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._fold_on, name="output", daemon=True)
            self._thread.start()
        self._wake.set()

    def _fold_on(self) -> None:
        failed = False
        while True:
            self._wake.wait()
            if self._stopped.is_set():
                return
            self._wake.clear()
            began = time.monotonic()
            try:
                self.fold()
                failed = False
            except Exception as error:
                if not failed:
                    log.warning("%s. What is saved is kept in %s meanwhile", error,
                                self._journal.path)  # fmt: skip
                failed = True
                self._wake.set()
            took = time.monotonic() - began
            self._stopped.wait(max(10.0 if failed else 0.2, REST * took))
