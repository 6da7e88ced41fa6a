"""Corpora: files, folders and globs of annotated documents, read as a stream.

Reading does not judge; :func:`load_gold` is for training and evaluation and refuses documents
with problems. What a file holds and a document cannot is counted in an
:class:`~ie_model.corpus.account.Account`, and said.
"""

from __future__ import annotations

import inspect
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from ie_model.corpus.account import Account
from ie_model.corpus.folders import count_unread, find_files
from ie_model.corpus.formats import FORMATS, format_module, jsonl, webanno
from ie_model.corpus.formats.detect import detect_format
from ie_model.corpus.formats.options import accepted_options
from ie_model.corpus.pipes import is_pipe, spooled
from ie_model.documents import Document
from ie_model.errors import InputError
from ie_model.given import a_path

log = logging.getLogger(__name__)

_SHOWN = 5  # problems spelled out in one error message

Reader = Callable[[Path], Iterator[tuple[str, Document]]]
"""Reads a file of one format: each document with its place."""


def read_documents(
    path: str | Path, format: str | None = None, **options: Any
) -> Iterator[Document]:
    """Stream the documents of a file, a folder or a glob, in the order of the file names.

    Args:
        path: a file; a folder, searched with its subfolders; or a glob such as
            ``"news/**/*.ann"``.
        format: a name in :data:`FORMATS`; ``None`` looks at each file and logs what it took.
        options: options of the format, such as ``text_dir`` of brat or ``tag_column`` of
            CoNLL. An empty value (``None``) is the same as leaving the option out.

    Raises:
        InputError: nothing there, not UTF-8, malformed, or an unknown format or option.
            Offsets are *not* judged; see :func:`load_gold`.
    """
    for _, document in read_located(path, format, **options):
        yield document


def read_located(
    path: str | Path,
    format: str | None = None,
    account: Account | None = None,
    **options: Any,
) -> Iterator[tuple[str, Document]]:
    """Like :func:`read_documents`, with the place (``file`` or ``file:line``) of each.

    Args:
        path: as in :func:`read_documents`.
        format: as in :func:`read_documents`.
        account: takes what was set aside, for the caller to report; without it, one line a kind
            is logged as a warning once everything has been read.
        options: options of the format.

    Raises:
        InputError: as :func:`read_documents`.
    """
    path = a_path(path, "the documents")
    if is_pipe(path):
        yield from _read_pipe(path, format, account, options)
        return
    given = {key: value for key, value in options.items() if value is not None}
    root = path if path.is_dir() else None
    aside = Account() if account is None else account
    files = find_files(path, format)
    if root is not None:
        count_unread(root, files, format, aside)
    names = _formats(files, format)
    mixed = root is not None and format is None and set(names) - {"text"} != set()
    readers: dict[str, Reader] = {}
    for file, name in zip(files, names, strict=True):
        if name not in readers:
            if format is None:
                log.info("%s: read as %s", file, name)
            readers[name] = _reader(name, file, files, root, aside, given)
        if name == "jsonl" and jsonl.journal_of(file).is_file():
            log.warning("%s: ie-model annotate has saved more than it holds by now; end the page, "
                        "or start it anew if it was killed", file)  # fmt: skip
        rows = readers[name](file)
        yield from _unannotated(rows, aside) if mixed and name == "text" else rows
    if account is None:
        aside.tell()


def _reader(
    name: str,
    first: Path,
    files: list[Path],
    root: Path | None,
    account: Account,
    given: dict[str, Any],
) -> Reader:
    """A format's reader with its options, which are checked once, not for each small file."""
    read = format_module(name).read
    arguments = dict(accepted_options(read, name, given))
    if name == "webanno":  # one layer for the whole corpus
        alike = (file for file in files if file.suffix == first.suffix)
        arguments |= webanno.settle(alike, arguments.get("layer"))
    parameters = inspect.signature(read).parameters
    if "root" in parameters:
        arguments["root"] = root
    if "account" in parameters:
        arguments["account"] = account
    return partial(read, **arguments)


def _read_pipe(
    pipe: Path, format: str | None, account: Account | None, options: dict[str, Any]
) -> Iterator[tuple[str, Document]]:
    """:func:`read_located` of a copy, places and errors called after the pipe."""
    with spooled(pipe) as copy:
        try:
            for where, document in read_located(copy, format, account, **options):
                yield where.replace(str(copy), str(pipe), 1), document
        except InputError as error:
            raise InputError(str(error).replace(str(copy), str(pipe))) from None


def load_gold(
    path: str | Path,
    format: str | None = None,
    labels: Iterable[str] | None = None,
    **options: Any,
) -> list[Document]:
    """Read documents to train or evaluate on, entities sorted, and refuse faulty ones.

    Args:
        path: as in :func:`read_documents`.
        format: as in :func:`read_documents`.
        labels: the declared labels; another one is a problem. ``None`` allows any.
        options: options of the format.

    Raises:
        InputError: no documents, two with one id, or problems found by
            :meth:`Document.check`; the first few are listed with file, line, id and offset.
    """
    allowed = None if labels is None else tuple(labels)
    documents: list[Document] = []
    places: dict[str, str] = {}
    found: list[str] = []
    for where, document in read_located(path, format, **options):
        if document.id in places:
            raise InputError(
                f"{where}: document id {document.id!r} was already used at {places[document.id]}; "
                "ids tell documents apart in splits and scores"
            )
        places[document.id] = where
        for problem in document.check(allowed):
            found.append(f"{where}: document {document.id!r}: {problem.message}")
        documents.append(document.with_entities(document.entities))
    if not documents:
        raise InputError(f"{path}: no documents in it")
    if found:
        shown = "\n  ".join(found[:_SHOWN])
        more = f"\n  and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
        arguments = f" --from {format}" if format else ""
        if options.get("text_dir"):
            arguments += f" --text-dir {options['text_dir']}"
        if allowed:
            arguments += f" --labels {','.join(allowed)}"
        raise InputError(
            f"{path}: {len(found)} problems in the annotations:\n  {shown}{more}\n"
            f"See all of them with: ie-model annotations check {path}{arguments}"
        )
    return documents


def _unannotated(
    texts: Iterable[tuple[str, Document]], account: Account
) -> Iterator[tuple[str, Document]]:
    """Texts beside annotated files, marked as looked at by nobody: they may hold entities."""
    for where, document in texts:
        account.set_aside(
            "text without annotations beside annotated files, as one that nobody looked at (--from "
            "text reads texts as they stand)",
            where,
        )
        masked = [[0, len(document.text)]] if document.text else []
        yield where, replace(document, meta={**document.meta, "unannotated": masked})


def _formats(files: list[Path], format: str | None) -> list[str]:
    """The format of each file; one that is not recognised does not hide what the others are.

    Raises:
        InputError: a file is not recognised; where others are, their formats are named.
    """
    if format is not None:
        return [format] * len(files)
    names: list[str] = []
    failed: list[InputError] = []
    for file in files:
        try:
            names.append(detect_format(file))
        except InputError as error:
            failed.append(error)
    if not failed:
        return names
    message = f"{failed[0]}; the formats are {', '.join(FORMATS)}"
    if not names:
        raise InputError(message)
    others = ", ".join(f"{number} {name}" for name, number in Counter(names).items())
    more = f" (and {len(failed) - 1} more such files)" if len(failed) > 1 else ""
    raise InputError(f"{message}{more}; the other files of this folder are: {others}")
