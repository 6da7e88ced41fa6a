"""Where annotations are kept: a JSONL file or a brat folder, whole after every change.

What is on disk is always complete. A change is on disk, synced, before :meth:`write` returns;
a process that is killed loses what it was just writing and nothing else. One process writes at
a time, which a lock beside the output sees to, and a file that another program has changed is not
written over.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from ie_model.annotating.work import KEY, UNANNOTATED
from ie_model.corpus.formats import brat, jsonl
from ie_model.corpus.formats.detect import detect_format
from ie_model.corpus.formats.files import document_files, read_text
from ie_model.corpus.reading import read_documents
from ie_model.corpus.writing import format_for_writing
from ie_model.documents import Document
from ie_model.errors import InputError, RunError
from ie_model.files import whole_file, write_json, write_text, writing

SIDECAR = ".annotate.json"
"""The file in a brat folder that says which documents are unfinished, and what was rejected."""

Stamp = tuple[int, int, int]


class JsonlFile:
    """Documents of one native JSONL file, in their order; new ones come last.

    Lines that are not worked on stay as they are; of the others, fields that a document does not
    know go into its ``meta``.

    Raises:
        InputError: the file cannot be read, or two documents have one id.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.documents: list[Document] = []
        self._lines: dict[str, bytes] = {}
        if path.is_file() and path.stat().st_size:
            rows = jsonl.read_rows(path)
            for (where, document), (_, _, row) in zip(jsonl.read(path), rows, strict=True):
                if document.id in self._lines:
                    raise InputError(f"{where}: document id {document.id!r} is there twice")
                self.documents.append(document)
                self._lines[document.id] = _line(row)
        self._stamp = _stamp(path)

    def write(self, documents: Iterable[Document]) -> None:
        """Put the documents in the place of those of the same id, and the file on disk.

        Raises:
            InputError: the file cannot be written, or another program has changed it.
            RunError: the disk is full or failed.
        """
        _refuse_changed(self.path, self._stamp)
        lines = dict(self._lines)
        for document in documents:
            lines[document.id] = _line(document.to_dict())
        with writing(self.path), whole_file(self.path) as file:
            file.writelines(lines.values())
        self._lines = lines
        self._stamp = _stamp(self.path)


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
        self._stamps = {d.id: _stamp(self._file(d)) for d in self.documents}

    def write(self, documents: Iterable[Document]) -> None:
        """Write the documents' files, one after the other.

        Raises:
            InputError: an id is no file name, a label holds white space, a file cannot be
                written, or another program has changed it.
            RunError: the disk is full or failed.
        """
        for document in documents:
            self._write(document)

    def _write(self, document: Document) -> None:
        path = self._file(document)
        _refuse_changed(path, self._stamps.get(document.id))
        lines = "".join(line + "\n" for line in brat.annotation_lines(document))
        text = path.with_suffix(".txt")
        if self._text_dir is None and not text.exists():
            write_text(text, document.text)
        elif self._text_dir is None and read_text(text) != document.text:
            raise InputError(f"{text}: is there already and is not the text of {document.id!r}")
        aside: dict[str, Any] = {
            key: document.meta[key] for key in (KEY, UNANNOTATED) if key in document.meta
        }
        # What is unfinished must say so before it can be read; what is finished, after.
        if UNANNOTATED in aside:
            self._put_aside(document.id, aside)
        write_text(path, lines)
        if UNANNOTATED not in aside:
            self._put_aside(document.id, aside)
        self._stamps[document.id] = _stamp(path)

    def _file(self, document: Document) -> Path:
        ((path, _),) = document_files([document], self.path, ".ann")
        return path

    def _put_aside(self, id_: str, aside: dict[str, Any]) -> None:
        if self._aside.get(id_, {}) == aside:
            return
        self._aside[id_] = aside
        write_json(self.path / SIDECAR, {k: v for k, v in self._aside.items() if v}, indent=0)

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
        there = path.is_file() and path.stat().st_size > 0
        format = detect_format(path) if there else format_for_writing(path)
    if format not in ("jsonl", "brat") or (path.is_dir() if format == "jsonl" else path.is_file()):
        raise InputError(
            f"{path}: annotations are kept in native JSONL or a brat folder, not {format}; name "
            "a .jsonl file or a folder with -o, and convert it later"
        )
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path.parent / f".{path.name}.lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
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


def _line(row: dict[str, Any]) -> bytes:
    return json.dumps(row, ensure_ascii=False).encode() + b"\n"


def _stamp(path: Path) -> Stamp | None:
    """What changes when a file is written anew; ``None``: it is not there."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


def _refuse_changed(path: Path, stamp: Stamp | None) -> None:
    if _stamp(path) != stamp:
        raise RunError(
            f"{path}: another program has changed it since it was read; nothing is written over "
            "that: start ie-model annotate anew"
        )
