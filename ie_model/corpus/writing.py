"""Writing documents in any format, whole or not at all, and never over what is read."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from ie_model.corpus.account import Account
from ie_model.corpus.folders import source_files
from ie_model.corpus.formats import FORMATS, format_module
from ie_model.corpus.formats.options import accepted_options
from ie_model.corpus.references import settle_references
from ie_model.documents import Document, given_documents
from ie_model.errors import InputError
from ie_model.files import check_writable, writing
from ie_model.given import a_path

log = logging.getLogger(__name__)


def write_documents(
    documents: Iterable[Document], path: str | Path, format: str | None = None, **options: Any
) -> None:
    """Write documents to ``path`` (a folder for brat), streaming, whole or not at all.

    What a tool said of entities that are no longer there (relations, notes) is not written, and
    counted in a warning.

    Args:
        documents: read once.
        path: where to; without ``format``, its ending says the format (none: brat).
        format: a name in :data:`FORMATS`.
        options: options of the format, such as ``comments`` of CoNLL.

    Raises:
        InputError: an unknown format or option, or documents that the format cannot express.
    """
    target = a_path(path, "the output")
    name = format or format_for_writing(target)
    writer = format_module(name).write
    given = {key: value for key, value in options.items() if value is not None}
    aside = Account()
    settled = _settled(documents, name, aside)
    writer(settled, target, **accepted_options(writer, name, given))
    aside.tell()


def _settled(documents: Iterable[Document], name: str, account: Account) -> Iterator[Document]:
    for document in given_documents(documents, "the documents to write"):
        settled, gone = settle_references(document, name)
        for kind, number in gone.items():
            kind = f"{kind}, whose entities are gone or have no names in {name}"
            account.set_aside(kind, f"document {document.id!r}", number)
        yield settled


def format_for_writing(path: Path) -> str:
    """The format that the ending of an output path stands for.

    ``.json`` is one JSON array of documents from the next release on. In this one it is still
    Label Studio's tasks, with a warning that says so.

    Raises:
        InputError: an ending that stands for none.
    """
    if not path.suffix or path.is_dir():
        return "brat"
    if path.suffix.lower() == ".json":
        log.warning(
            "%s: written as Label Studio tasks (--to labelstudio says so); with the next release "
            "this ending means one JSON array of documents (--to json)",
            path,
        )
        return "labelstudio"
    for name, entry in FORMATS.items():
        if path.suffix.lower() in entry.suffixes[:1] and not entry.folder:
            return name
    raise InputError(f"{path}: the ending names no format; give one of: {', '.join(FORMATS)}")


def check_output(
    target: str | Path | None,
    sources: Iterable[str | Path],
    format: str | None = None,
    text_dir: str | Path | None = None,
) -> None:
    """Refuse an output that would replace what is read, or cannot be written, before reading.

    Args:
        target: the file or folder to write; ``None`` is standard output.
        sources: the corpora read, as in :func:`read_documents`.
        format: their format; by content if not given.
        text_dir: the folder of brat's texts.

    Raises:
        InputError: ``target`` is a source or one of its files, ``-``, or a folder that is not
            empty.
    """
    if target is None:
        return
    if str(target) == "-":
        raise InputError("-: results are written to files, whole or not at all; name one")
    check_writable(Path(target))
    with writing(Path(target)):  # a name may be too long to be looked for
        if not Path(target).exists():
            return
    for source in sources:
        for file in (Path(source), *source_files(source, format, text_dir)):
            if file.exists() and file.samefile(target):
                raise InputError(f"{target}: is read from and cannot be written to; name another")
    if Path(target).is_dir() and any(Path(target).iterdir()):
        raise InputError(f"{target}: is a folder with files in it; name a new one, or a file")
