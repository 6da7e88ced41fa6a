"""Which files a path stands for, and which files of a folder are not read.

A folder of brat annotations holds each text twice, as the text and beside its annotations; a folder
of tables may hold lists of sources. Such files are left out, and :func:`count_unread` says so.
"""

from __future__ import annotations

import glob
import os
from pathlib import Path

from ie_model.corpus.account import Account
from ie_model.corpus.formats import FORMATS, brat, format_module
from ie_model.corpus.formats.detect import has_text_column, is_dataset_folder
from ie_model.errors import InputError

_BRAT = FORMATS["brat"].suffixes

_UNOPENED = (
    "text without an .ann file beside annotated ones (an empty one says that it "
    "holds no entity; --from text reads all texts)"
)


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
    elif is_pattern(path):
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


def is_pattern(path: str | Path) -> bool:
    """Whether a path that names no file stands for those that match it."""
    return any(c in str(path) for c in "*?[")


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


def count_unread(root: Path, files: list[Path], format: str | None, account: Account) -> None:
    """Set aside what :func:`find_files` left out of a folder although it looks like a document.

    Args:
        root: the folder.
        files: those that are read.
        format: the format that was asked for, if any.
        account: takes a line for each kind, with its first place.
    """
    read = set(files)
    if format in (None, "brat"):
        stems = {os.path.splitext(file)[0] for file in files}  # noqa: PTH122 - for every file
        _, folders = _annotated(files)
        for text in sorted(root.rglob("*.txt")):
            if str(text)[:-4] not in stems and _visible(text, root) and text.parent in folders:
                account.set_aside(_UNOPENED, str(text))
        for other in sorted(root.rglob("*.a[12]")):
            if other.with_suffix(".ann") in read:
                reason = "file of annotations beside an .ann file, not read"
                account.set_aside(reason, str(other))
    if format is None:
        for table in sorted(root.rglob("*.csv")):
            if table not in read and _visible(table, root):
                reason = "table without a column 'text' (--from csv --option text_column=NAME)"
                account.set_aside(reason, str(table))


def _without_brat_texts(files: list[Path]) -> list[Path]:
    """The files without texts that stand beside brat's annotations, annotated or not."""
    annotated, folders = _annotated(files)
    return [
        file
        for file in files
        if file.suffix != ".txt"
        or not (file.with_suffix("") in annotated or file.parent in folders)
    ]


def _one_a_text(files: list[Path]) -> list[Path]:
    """One file of annotations for each text: its .ann, else its .a1, which brings the .a2."""
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
    """The names of brat's annotations without their endings, and the folders they are in."""
    stems = {file.with_suffix("") for file in files if file.suffix in _BRAT}
    return stems, {stem.parent for stem in stems}


def _visible(path: Path, root: Path) -> bool:
    return not any(part.startswith(".") for part in path.relative_to(root).parts)


def _is_other_table(path: Path) -> bool:
    """Whether this is a table of something other than texts, such as a list of sources."""
    return path.suffix.lower() == ".csv" and path.is_file() and not has_text_column(path)
