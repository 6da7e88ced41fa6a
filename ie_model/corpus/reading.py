"""Corpora: files, folders and globs of annotated documents, read as a stream.

Reading does not judge; :func:`load_gold` is for training and evaluation and refuses documents
with problems. What a file holds and a document cannot is counted in an
:class:`~ie_model.corpus.account.Account`, and said.
"""

from __future__ import annotations

import glob
import inspect
import logging
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from ie_model.corpus.account import Account
from ie_model.corpus.formats import FORMATS, brat, format_module, jsonl, webanno
from ie_model.corpus.formats.detect import detect_format, has_text_column, is_dataset_folder
from ie_model.corpus.formats.options import accepted_options
from ie_model.corpus.pipes import is_pipe, spooled
from ie_model.documents import Document
from ie_model.errors import InputError

log = logging.getLogger(__name__)

_BRAT = FORMATS["brat"].suffixes
_SHOWN = 5  # problems spelled out in one error message


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
    if is_pipe(Path(path)):
        yield from _read_pipe(Path(path), format, account, options)
        return
    given = {key: value for key, value in options.items() if value is not None}
    root = Path(path) if Path(path).is_dir() else None
    announced: set[str] = set()
    accepted: dict[str, dict[str, Any]] = {}
    parameters: dict[str, Any] = {}
    settled: dict[str, str | None] | None = None  # one layer of WebAnno for the whole corpus
    aside = Account() if account is None else account
    files = find_files(path, format)
    if root is not None and format in (None, "brat"):
        _tell_of_unopened(root, files, aside)
        _tell_of_second(root, files, aside)
    if root is not None and format is None:
        _tell_of_tables(root, files, aside)
    names = _formats(files, format)
    mixed = root is not None and format is None and set(names) - {"text"} != set()
    for file, name in zip(files, names, strict=True):
        if format is None and name not in announced:
            log.info("%s: read as %s", file, name)
            announced.add(name)
        if name == "jsonl" and jsonl.journal_of(file).is_file():
            log.warning("%s: ie-model annotate has saved more than it holds by now; end the page, "
                        "or start it anew if it was killed", file)  # fmt: skip
        reader = format_module(name).read
        if name not in accepted:  # types are looked up once, not for each of many small files
            accepted[name] = accepted_options(reader, name, given)
            parameters[name] = inspect.signature(reader).parameters
        arguments = dict(accepted[name])
        if name == "webanno":
            if settled is None:
                alike = (f for f in files if f.suffix == file.suffix)
                settled = webanno.settle(alike, arguments.get("layer"))
            arguments |= settled
        if "root" in parameters[name]:
            arguments["root"] = root
        if "account" in parameters[name]:
            arguments["account"] = aside
        if mixed and name == "text":
            yield from _unannotated(reader(file, **arguments), aside)
        else:
            yield from reader(file, **arguments)
    if account is None:
        aside.tell()


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


def find_files(path: str | Path, format: str | None = None) -> list[Path]:
    """The files that ``path`` stands for, sorted by name.

    Raises:
        InputError: no such file, or a folder or glob without files of the format.
    """
    if format is not None:
        format_module(format)
    where = Path(path)
    stream = format is not None and where.exists() and not where.is_dir()  # a pipe: read once
    if where.is_file() or stream or (format in (None, "datasets") and is_dataset_folder(where)):
        return [where]
    if where.is_dir():
        entries = [FORMATS[format]] if format else list(FORMATS.values())
        suffixes = dict.fromkeys(suffix for entry in entries for suffix in entry.suffixes)
        files = [p for p in where.rglob("*") if p.suffix.lower() in suffixes and _visible(p, where)]
        if format is None:
            files = [p for p in files if not _is_other_table(p)]
        wanted = " or ".join(suffixes)
        hint = f"{where}: no files ending in {wanted} in this folder"
    elif any(c in str(path) for c in "*?["):
        files = [Path(name) for name in glob.glob(str(path), recursive=True)]  # noqa: PTH207
        hint = f"{path}: no file matches this pattern"
    else:
        raise InputError(f"{path}: no such file or folder")
    files = sorted(file for file in files if file.is_file())
    if format is None:
        files = _without_brat_texts(files)
    if format in (None, "brat"):
        files = _one_a_text(files)
    if not files:
        raise InputError(hint)
    return files


def source_files(
    path: str | Path, format: str | None = None, text_dir: str | Path | None = None
) -> list[Path]:
    """Every file that the documents of ``path`` depend on, for a cache key.

    Those of :func:`find_files`, the texts of brat annotations, and what a ``datasets`` folder
    holds.

    Raises:
        InputError: as :func:`find_files`.
    """
    found: list[Path] = []
    for file in find_files(path, format):
        if file.is_dir():
            found.extend(sorted(p for p in file.rglob("*") if p.is_file()))
            continue
        found.append(file)
        if file.suffix in _BRAT:
            found.extend(f for f in brat.annotation_files(file) if f != file)
            if text_dir is None:
                found.append(file.with_suffix(".txt"))
    if text_dir is not None:
        found.extend(sorted(p for p in Path(text_dir).rglob("*.txt") if p.is_file()))
    return [file for file in found if file.is_file()]


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
    """Texts beside annotated files: that they hold no entity, nobody said."""
    for where, document in texts:
        account.set_aside(
            "text without annotations beside annotated files, as one that nobody looked at (--from "
            "text reads texts as they stand)",
            where,
        )
        masked = [[0, len(document.text)]] if document.text else []
        yield where, replace(document, meta={**document.meta, "unannotated": masked})


def _visible(path: Path, root: Path) -> bool:
    return not any(part.startswith(".") for part in path.relative_to(root).parts)


def _without_brat_texts(files: list[Path]) -> list[Path]:
    """Without the texts of brat's annotations, and those that nobody has opened in brat yet."""
    annotated, folders = _annotated(files)
    return [
        file
        for file in files
        if file.suffix != ".txt"
        or not (file.with_suffix("") in annotated or _unopened(file, folders))
    ]


def _one_a_text(files: list[Path]) -> list[Path]:
    """One file of annotations a text: its .ann, else the .a1, which brings the .a2."""
    if not any(file.suffix in _BRAT[1:] for file in files):
        return files
    first = {
        file.with_suffix(""): file
        for ending in reversed(_BRAT)
        for file in files
        if file.suffix == ending
    }
    return [f for f in files if f.suffix not in _BRAT or first[f.with_suffix("")] == f]


def _annotated(files: list[Path]) -> tuple[set[Path], set[Path]]:
    """What brat's annotations are called without their ending, and the folders they are in."""
    stems = {file.with_suffix("") for file in files if file.suffix in _BRAT}
    return stems, {stem.parent for stem in stems}


def _unopened(text: Path, folders: set[Path]) -> str:
    """Why a text without annotations is no text without entities; empty if it may be one."""
    if text.parent in folders:
        return (
            "text without an .ann file beside annotated ones (an empty one says that it "
            "holds no entity; --from text reads all texts)"
        )
    return ""


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
    said = f"{failed[0]}; the formats are {', '.join(FORMATS)}"
    if not names:
        raise InputError(said)
    others = ", ".join(f"{number} {name}" for name, number in Counter(names).items())
    more = f" (and {len(failed) - 1} more such files)" if len(failed) > 1 else ""
    raise InputError(f"{said}{more}; the other files of this folder are: {others}")


def _tell_of_second(root: Path, files: list[Path], account: Account) -> None:
    """Count files in BioNLP's form beside an .ann file, which is read in their place."""
    read = set(files)
    for other in sorted(root.rglob("*.a[12]")):
        if other.with_suffix(".ann") in read:
            account.set_aside("file of annotations beside an .ann file, not read", str(other))


def _is_other_table(path: Path) -> bool:
    """Whether this is a table of something else than texts, such as a list of sources."""
    return path.suffix.lower() == ".csv" and path.is_file() and not has_text_column(path)


def _tell_of_tables(root: Path, files: list[Path], account: Account) -> None:
    """Count the tables of a folder that are not read, because they have no column ``text``."""
    read = set(files)
    for path in sorted(root.rglob("*.csv")):
        if path not in read and _visible(path, root):
            account.set_aside(
                "table without a column 'text' (--from csv --option text_column=NAME)", str(path)
            )


def _tell_of_unopened(root: Path, files: list[Path], account: Account) -> None:
    """Count texts beside annotations, left out because nobody annotated them."""
    read = {os.path.splitext(file)[0] for file in files}  # noqa: PTH122 - a call for every file
    _, folders = _annotated(files)
    for text in sorted(root.rglob("*.txt")):
        if str(text)[:-4] in read or not _visible(text, root):
            continue
        if reason := _unopened(text, folders):
            account.set_aside(reason, str(text))
