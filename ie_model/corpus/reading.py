"""Corpora: files, folders and globs of annotated documents, in and out.

Reading streams and does not judge; :func:`load_gold` is for training and evaluation and
refuses documents with problems. Splits never part near-duplicates.
"""

from __future__ import annotations

import glob
import hashlib
import inspect
import json
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, get_args, get_type_hints

from ie_model.corpus.account import Account
from ie_model.corpus.formats import FORMATS, format_module
from ie_model.corpus.formats.detect import detect_format, is_dataset_folder
from ie_model.corpus.near_duplicates import near_duplicate_clusters
from ie_model.documents import Document
from ie_model.errors import InputError

__all__ = [
    "FORMATS",
    "check_output",
    "detect_format",
    "find_files",
    "fingerprint",
    "load_gold",
    "near_duplicate_clusters",
    "read_documents",
    "read_located",
    "source_files",
    "split_documents",
    "write_documents",
]

log = logging.getLogger(__name__)

_STANDOFF = (".a1", ".a2")  # BioNLP's annotations
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
    path: str | Path, format: str | None = None, **options: Any
) -> Iterator[tuple[str, Document]]:
    """Like :func:`read_documents`, with the place (``file`` or ``file:line``) of each.

    Raises:
        InputError: as :func:`read_documents`.
    """
    given = {key: value for key, value in options.items() if value is not None}
    root = Path(path) if Path(path).is_dir() else None
    announced: set[str] = set()
    files = find_files(path, format)
    if root is not None and format in (None, "brat"):
        _tell_of_unopened(root, files)
    for file in files:
        name = format or detect_format(file)
        if format is None and name not in announced:
            log.info("%s: read as %s", file, name)
            announced.add(name)
        reader = format_module(name).read
        arguments = _accepted(reader, name, given)
        if "root" in inspect.signature(reader).parameters:
            arguments["root"] = root
        yield from reader(file, **arguments)


def write_documents(
    documents: Iterable[Document], path: str | Path, format: str | None = None, **options: Any
) -> None:
    """Write documents to ``path`` (a folder for brat), streaming, whole or not at all.

    Args:
        documents: read once.
        path: where to; without ``format``, its ending says the format (none: brat).
        format: a name in :data:`FORMATS`.
        options: options of the format, such as ``comments`` of CoNLL.

    Raises:
        InputError: an unknown format or option, or documents that the format cannot express.
    """
    target = Path(path)
    name = format or format_for_writing(target)
    writer = format_module(name).write
    given = {key: value for key, value in options.items() if value is not None}
    writer(documents, target, **_accepted(writer, name, given))


def format_for_writing(path: Path) -> str:
    """The format that the ending of an output path stands for.

    Raises:
        InputError: an ending that stands for none.
    """
    if not path.suffix or path.is_dir():
        return "brat"
    for name, entry in FORMATS.items():
        if path.suffix.lower() in entry.suffixes[:1] and not entry.folder:
            return name
    raise InputError(f"{path}: the ending names no format; give one of: {', '.join(FORMATS)}")


def find_files(path: str | Path, format: str | None = None) -> list[Path]:
    """The files that ``path`` stands for, sorted by name.

    Raises:
        InputError: no such file, or a folder or glob without files of the format.
    """
    if format is not None:
        format_module(format)
    where = Path(path)
    if where.is_file() or (format in (None, "datasets") and is_dataset_folder(where)):
        return [where]
    if where.is_dir():
        entries = [FORMATS[format]] if format else list(FORMATS.values())
        suffixes = {suffix for entry in entries for suffix in entry.suffixes}
        files = [p for p in where.rglob("*") if p.suffix.lower() in suffixes and _visible(p, where)]
        wanted = " or ".join(sorted(suffixes))
        hint = f"{where}: no files ending in {wanted} in this folder"
    elif any(c in str(path) for c in "*?["):
        files = [Path(name) for name in glob.glob(str(path), recursive=True)]  # noqa: PTH207
        hint = f"{path}: no file matches this pattern"
    else:
        raise InputError(f"{path}: no such file or folder")
    files = sorted(file for file in files if file.is_file())
    if format is None:
        files = _without_brat_texts(files)
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
        if file.suffix == ".ann" and text_dir is None:
            found.append(file.with_suffix(".txt"))
    if text_dir is not None:
        found.extend(sorted(p for p in Path(text_dir).rglob("*.txt") if p.is_file()))
    return [file for file in found if file.is_file()]


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
    if not Path(target).exists():
        return
    for source in sources:
        for file in (Path(source), *source_files(source, format, text_dir)):
            if file.exists() and file.samefile(target):
                raise InputError(f"{target}: is read from and cannot be written to; name another")
    if Path(target).is_dir() and any(Path(target).iterdir()):
        raise InputError(f"{target}: is a folder with files in it; name a new one, or a file")


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


def fingerprint(documents: Iterable[Document]) -> str:
    """SHA-256 over ids, texts and entity keys, the same for any order of documents and spans."""
    digests = sorted(_digest(document) for document in documents)
    return hashlib.sha256(b"".join(digests)).hexdigest()


def split_documents(
    documents: Sequence[Document], fraction: float, seed: int
) -> tuple[list[Document], list[Document]]:
    """Split into (train, dev), dev holding about ``fraction`` of the documents.

    Near-duplicates stay on one side. The split depends on the documents and the seed, not
    on their order, which both sides keep.

    Raises:
        InputError: ``fraction`` outside [0, 1), or everything is one near-duplicate cluster.
    """
    if not 0 <= fraction < 1:
        raise InputError(f"split: the fraction must be in [0, 1), found {fraction}")
    if fraction == 0:
        return list(documents), []
    clusters: dict[int, list[int]] = {}
    for i, cluster in enumerate(near_duplicate_clusters(documents)):
        clusters.setdefault(cluster, []).append(i)
    if len(clusters) < 2:
        raise InputError(
            f"split: {len(documents)} documents in {len(clusters)} cluster of near-duplicates "
            "cannot be split; name a dev corpus, or train without one (fraction 0)"
        )

    def order(members: list[int]) -> bytes:
        key = min(_digest(documents[i]) for i in members)
        return hashlib.sha256(f"{seed}:".encode() + key).digest()

    shuffled = sorted(clusters.values(), key=order)
    wanted = max(1, round(fraction * len(documents)))
    dev: set[int] = set()
    for members in shuffled:
        if len(dev) + len(members) <= wanted:
            dev.update(members)
    if not dev:  # every cluster is larger than the share: the smallest comes nearest
        dev.update(sorted(shuffled, key=len)[0])
    train = [d for i, d in enumerate(documents) if i not in dev]
    return train, [d for i, d in enumerate(documents) if i in dev]


def _digest(document: Document) -> bytes:
    row = [document.id, document.text, sorted(entity.key for entity in document.entities)]
    return hashlib.sha256(json.dumps(row).encode()).digest()


def _accepted(function: Callable[..., Any], name: str, given: dict[str, Any]) -> dict[str, Any]:
    """The options given, as the types that the function declares."""
    own = ("path", "root", "documents", "return")
    known = {p: kind for p, kind in get_type_hints(function).items() if p not in own}
    for key in given:
        if key not in known:
            allowed = ", ".join(known) if known else "none"
            raise InputError(f"format {name} has no option {key!r}; its options: {allowed}")
    return {
        key: _typed(value, known[key], f"format {name}, option {key}")
        for key, value in given.items()
    }


def _typed(value: Any, kind: Any, what: str) -> Any:
    kinds = get_args(kind) or (kind,)  # str | None, or int
    if type(value) in kinds or isinstance(value, Path):
        return value
    if str in kinds and type(value) in (int, float):  # annotator=3
        return str(value)
    words = {int: "a whole number", bool: "true or false", str: "a word"}
    expected = next(said for known, said in words.items() if known in kinds)
    raise InputError(f"{what}: expected {expected}, found {value!r}")


def _visible(path: Path, root: Path) -> bool:
    return not any(part.startswith(".") for part in path.relative_to(root).parts)


def _without_brat_texts(files: list[Path]) -> list[Path]:
    """Without the texts of brat's annotations, and those that nobody has opened in brat yet."""
    annotated = {file.with_suffix("") for file in files if file.suffix == ".ann"}
    folders = {stem.parent for stem in annotated}
    return [
        file
        for file in files
        if file.suffix != ".txt"
        or (
            (file.with_suffix("") not in annotated and file.parent not in folders)
            and not any(file.with_suffix(ending).exists() for ending in _STANDOFF)
        )
    ]


def _tell_of_unopened(root: Path, files: list[Path]) -> None:
    """Warn of texts beside annotations, left out because nobody annotated them."""
    account = Account()
    folders = {file.parent for file in files if file.suffix == ".ann"}
    read = {file.with_suffix("") for file in files}
    for text in sorted(root.rglob("*.txt")):
        if text.with_suffix("") in read or not _visible(text, root):
            continue
        if any(text.with_suffix(ending).exists() for ending in _STANDOFF):
            account.set_aside("text whose annotations are in .a1 or .a2 files", str(text))
        elif text.parent in folders:
            account.set_aside("text without an .ann file beside annotated ones", str(text))
    account.tell("an empty .ann file says that a text holds no entity; --from text reads all texts")
