"""Where annotations are kept: a JSONL file or a brat folder, whole after every change.

What is on disk is always complete. A change is on disk, synced, before :meth:`write` returns;
a process that is killed loses what it was just writing and nothing else. One process writes at
a time, which a lock beside the output sees to, and a file that another program has changed is not
written over.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from ie_model.annotating.jsonl_file import JsonlFile
from ie_model.annotating.stamps import refuse_changed, stamp_of
from ie_model.annotating.work import KEY, UNANNOTATED
from ie_model.corpus.formats import brat
from ie_model.corpus.formats.detect import detect_format
from ie_model.corpus.formats.files import document_files, read_text
from ie_model.corpus.reading import read_documents
from ie_model.corpus.writing import format_for_writing
from ie_model.documents import Document, Entity
from ie_model.errors import InputError
from ie_model.files import write_json, write_text, writing

SIDECAR = ".annotate.json"
"""The file in a brat folder that says which documents are unfinished, and what was rejected."""


class BratFolder:
    """Documents of a folder of ``.txt`` and ``.ann`` files, each pair written on its own.

    brat has no place for what is unfinished or rejected: that stands in :data:`SIDECAR`.

    Args:
        path: the folder; made with the first document.
        text_dir: where the texts are, if not beside.

    Raises:
        InputError: a file cannot be read.
    """

    def __init__(self, path: Path, text_dir: Path | None = None) -> None:
        self.path, self._text_dir = path, text_dir
        self._aside: dict[str, dict[str, Any]] = {}
        if (path / SIDECAR).is_file():
            self._aside = _read_aside(path / SIDECAR)
        found: Iterable[Document] = ()
        if path.is_dir() and any(path.rglob("*.ann")):
            found = read_documents(path, "brat", text_dir=text_dir)
        self.documents = [self._with_aside(document) for document in found]
        self._stamps = {d.id: stamp_of(self._file(d)) for d in self.documents}

    def write(self, documents: Iterable[Document]) -> None:
        """Write the documents' files, one after the other.

        Raises:
            InputError: an id is no file name, a label holds white space, a file cannot be
                written, or another program has changed it.
            RunError: the disk is full or failed.
        """
        given = list(documents)
        asides = {d.id: {k: d.meta[k] for k in (KEY, UNANNOTATED) if k in d.meta} for d in given}
        # What is unfinished must say so before it can be read; what is finished, after.
        self._put_aside({id_: aside for id_, aside in asides.items() if UNANNOTATED in aside})
        for document in given:
            self._write(document)
        self._put_aside(asides)

    def expect(self, documents: Iterable[Document], labels: Iterable[str]) -> None:
        """Refuse before anybody works on it what could not be written then.

        Raises:
            InputError: an id is no file name, or a label holds white space.
        """
        for _ in document_files(documents, self.path, ".ann"):
            pass
        for label in labels:
            list(brat.annotation_lines(Document("x", (Entity(0, 1, label),), "of any text")))

    def close(self) -> None:
        """Everything is on disk already."""

    def _write(self, document: Document) -> None:
        path = self._file(document)
        refuse_changed(path, self._stamps.get(document.id))
        lines = "".join(line + "\n" for line in brat.annotation_lines(document))
        text = path.with_suffix(".txt")
        if self._text_dir is None and not text.exists():
            write_text(text, document.text)
        elif self._text_dir is None and read_text(text) != document.text:
            raise InputError(f"{text}: is there already and is not the text of {document.id!r}")
        write_text(path, lines)
        self._stamps[document.id] = stamp_of(path)

    def _file(self, document: Document) -> Path:
        ((path, _),) = document_files([document], self.path, ".ann")
        return path

    def _put_aside(self, asides: dict[str, dict[str, Any]]) -> None:
        if all(self._aside.get(id_, {}) == aside for id_, aside in asides.items()):
            return
        kept = {k: v for k, v in (self._aside | asides).items() if v}
        write_json(self.path / SIDECAR, kept, indent=0)
        self._aside = kept

    def _with_aside(self, document: Document) -> Document:
        return replace(document, meta={**document.meta, **self._aside.get(document.id, {})})


def open_storage(
    path: Path, format: str | None = None, text_dir: Path | None = None
) -> tuple[JsonlFile | BratFolder, FileLock]:
    """The output and the lock on it, which is held until it is released.

    Args:
        path: a JSONL file or a brat folder, which may be there already.
        format: ``jsonl`` or ``brat``; by content or ending if not given.
        text_dir: of a brat folder.

    Raises:
        InputError: another format, another process annotates it, it holds predictions, or it
            cannot be read or written.
    """
    if format is None:
        # An empty file is not recognised by its content; it may be written to all the same.
        with writing(path):
            there = path.is_file() and path.stat().st_size > 0
        format = detect_format(path) if there else format_for_writing(path)
    if format not in ("jsonl", "brat") or (path.is_dir() if format == "jsonl" else path.is_file()):
        raise InputError(
            f"{path}: annotations are kept in native JSONL or a brat folder, not {format}; name "
            "a .jsonl file or a folder with -o, and convert it later"
        )
    with writing(path):
        # A file has one lock, by whatever name, and a link stays one.
        path = Path(os.path.realpath(path))
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path.parent / f".{path.name}.lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            if not Path(lock.lock_file).exists():
                raise InputError(f"{path}: no file can be made in {path.parent}") from None
            raise InputError(f"{path}: another process annotates it; use its page") from None
    try:
        storage = JsonlFile(path) if format == "jsonl" else BratFolder(path, text_dir)
        for document in storage.documents:
            if any(e.score is not None for e in document.entities):
                raise InputError(
                    f"{path}: document {document.id!r} has entities with scores: predictions, "
                    "which would be taken for annotations; name another output with -o"
                )
    except BaseException:
        lock.release()
        raise
    return storage, lock


def _read_aside(path: Path) -> dict[str, dict[str, Any]]:
    try:
        found = json.loads(read_text(path))
    except ValueError as error:
        raise InputError(f"{path}: not JSON: {error}; it is written by ie-model annotate") from None
    if not isinstance(found, dict) or not all(isinstance(v, dict) for v in found.values()):
        raise InputError(f"{path}: expected an object of objects, as ie-model annotate writes it")
    return found
