"""Which files a job reads, in which order, and how a changed one is noticed."""

from __future__ import annotations

import glob
import hashlib
import logging
import os
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ie_model.errors import InputError
from ie_model.given import a_path, several
from ie_model.scoring.links import matches, walk
from ie_model.scoring.streams import STDIN

log = logging.getLogger(__name__)

SUFFIXES = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".txt": "text",
}
"""Which format a file name stands for, after ``.gz`` or ``.zst`` is taken off."""

UNIT_BYTES = 32 << 20
UNIT_FILES = 10_000
_SAMPLE, _SAMPLES, _ENDS = 4096, 14, 65536


@dataclass(frozen=True, slots=True)
class Source:
    """One input file as it was when the job began.

    ``name`` is its path below the folder that all inputs share; ids and rejected rows show
    it, so they do not depend on where the corpus lies. ``sample`` is a digest of its first
    and last 64 KiB and of 14 blocks of 4 KiB between them. A ``stream`` (standard input, a
    pipe) can be read once alone, so nothing of it is looked at before.
    """

    name: str
    path: str
    format: str
    size: int = 0
    mtime_ns: int = 0
    sample: str = ""
    ctime_ns: int = 0
    stream: bool = False

    def to_dict(self) -> dict[str, Any]:
        """The source as a JSON object."""
        return asdict(self)

    @property
    def touched(self) -> tuple[int, int]:
        """When content, and when anything about the file, was changed last."""
        return self.mtime_ns, self.ctime_ns

    def untouched(self) -> bool:
        """Whether the file still has the size and time of change recorded here."""
        if self.stream:
            return True
        try:
            now = Path(self.path).stat()
        except OSError:
            return False
        return (now.st_size, now.st_mtime_ns) == (self.size, self.mtime_ns)


def find_sources(
    inputs: Sequence[str | Path], format: str = "auto", ours: Callable[[Path], bool] | None = None
) -> list[Source]:
    """The files behind these files, folders and glob patterns, in a fixed order.

    Arguments keep their order; below a folder or pattern files are sorted by path. A folder
    is searched to its depths for known suffixes (for every file, when ``format`` is given),
    without hidden files and those for which ``ours`` is true (the job's own output). Links
    to files are read, links to folders only where they are named; each real file once.

    Raises:
        InputError: nothing is there, or a file's name tells no format.
    """
    if not inputs:
        raise InputError("no input: name a file, a folder, a pattern, or - for standard input")
    names = []
    for given in several(inputs, "inputs", "paths"):
        a_path(given, "an input")
        names.append(str(given))  # as it was written: "-" and patterns are no paths
    if STDIN in names:
        if len(names) > 1:
            raise InputError("standard input (-) cannot be mixed with other inputs")
        if format == "parquet":
            raise InputError("Parquet cannot be read from standard input: name the file")
        return [Source("stdin", STDIN, "jsonl" if format == "auto" else format, stream=True)]
    found: dict[Path, None] = {}
    roots = []
    for name in names:
        root, there = _expand(name, format)
        files = [f for f in there if ours is None or not ours(f)]
        if there and not files:
            raise InputError(
                f"{name}: the input is the output itself, or a file beside it that this job "
                "writes; give another output"
            )
        if not files:
            raise InputError(f"{name}: no readable file there (known: {' '.join(SUFFIXES)})")
        roots.append(_absolute(root))
        found.update(dict.fromkeys(_absolute(f) for f in files))
    base = os.path.commonpath(roots)
    return [_describe(path, base, format) for path in _each_once(found)]


def _each_once(paths: Iterable[Path]) -> Iterator[Path]:
    seen: dict[str, Path] = {}
    for path in paths:
        first = seen.setdefault(os.path.realpath(path), path)
        if first is path:
            yield path
        else:
            log.warning("%s: the same file as %s, read once", path, first)


def _absolute(path: Path) -> Path:
    # Not resolve(): a symbolic link stands for the file it is named as.
    return Path(os.path.abspath(path))  # noqa: PTH100


def _expand(name: str, format: str) -> tuple[Path, list[Path]]:
    """The folder that names are relative to, and the files, of one argument."""
    path = Path(name)
    try:
        if path.is_dir():
            known = (f for f in walk(path) if format != "auto" or _format_of(f) is not None)
            return path, sorted(known)
        if path.exists():
            return path.parent, [path]
    except OSError as error:  # a name too long, or a folder on the way that is closed to us
        raise InputError(f"{name}: cannot be read: {error.strerror}") from error
    except ValueError:
        raise InputError(f"{name!r}: no name of a file: it holds a null character") from None
    if glob.has_magic(name):
        fixed, found = matches(path)
        return fixed, sorted(found)
    raise InputError(f"{name}: no such file, folder or pattern")


def _format_of(path: Path) -> str | None:
    bare = path.with_suffix("") if path.suffix in (".gz", ".zst") else path
    return SUFFIXES.get(bare.suffix.lower())


def _describe(path: Path, base: str, format: str) -> Source:
    known = _format_of(path) if format == "auto" else format
    name = path.relative_to(base).as_posix().encode("utf-8", "backslashreplace").decode()
    try:
        facts = path.stat()
        stream = not stat.S_ISREG(facts.st_mode)
        if stream and known is None:
            known = "jsonl"  # as on standard input: /dev/fd/63 says nothing
        sample = "" if stream else _sample(path, facts.st_size)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    if known is None:
        raise InputError(f"{path}: the name tells no format: give one (jsonl, csv, ...)")
    if stream:
        if known == "parquet":
            raise InputError(f"{path}: Parquet cannot be read from a pipe: name the file")
        return Source(name, str(path), known, stream=True)
    return Source(
        name, str(path), known, facts.st_size, facts.st_mtime_ns, sample, facts.st_ctime_ns
    )


def _sample(path: Path, size: int) -> str:
    """A digest that costs at most 200 KiB of reading, however large the file."""
    state = hashlib.blake2b(digest_size=16)
    with path.open("rb", buffering=0) as file:
        state.update(file.read(_ENDS))
        if size > 2 * _ENDS:
            for k in range(1, _SAMPLES + 1):
                file.seek(_ENDS + (size - 2 * _ENDS) * k // (_SAMPLES + 1))
                state.update(file.read(_SAMPLE))
        if size > _ENDS:
            file.seek(max(_ENDS, size - _ENDS))
            state.update(file.read(_ENDS))
    return state.hexdigest()


def units(sources: Iterable[Source]) -> Iterator[list[Source]]:
    """Consecutive files that are read, and on a cluster handed out, together.

    Small files share a unit and large ones have their own; a shard never reaches over the
    end of a unit. The cut depends on nothing but the sizes and the order of the files.
    """
    unit: list[Source] = []
    total = 0
    for source in sources:
        if unit and (total + source.size > UNIT_BYTES or len(unit) >= UNIT_FILES):
            yield unit
            unit, total = [], 0
        unit.append(source)
        total += source.size
    if unit:
        yield unit


def differences(before: Sequence[Source], now: Sequence[Source], limit: int = 5) -> list[str]:
    """Sentences that name what is not as it was; empty when every file looks the same."""
    old = {s.name: s for s in before}
    new = {s.name: s for s in now}
    found = []
    for name, source in new.items():
        if name not in old:
            found.append(f"{name}: not among the input when the job began")
        elif source.format != old[name].format:
            found.append(f"{name}: read as {old[name].format} before, as {source.format} now")
        elif source.size != old[name].size:
            found.append(f"{name}: was {old[name].size} bytes, is {source.size}")
        elif source.sample != old[name].sample:
            found.append(f"{name}: its content has changed")
    found += [f"{name}: no longer among the input" for name in old if name not in new]
    if not found and [s.name for s in before] != [s.name for s in now]:
        found.append("the input files come in another order")
    return found[:limit] + ([f"and {len(found) - limit} more"] if len(found) > limit else [])
