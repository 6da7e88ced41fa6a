"""Which files a job reads, in which order, and how a changed one is noticed."""

from __future__ import annotations

import glob
import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ie_model.errors import InputError
from ie_model.scoring.streams import STDIN

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
    and last 64 KiB and of 14 blocks of 4 KiB between them.
    """

    name: str
    path: str
    format: str
    size: int = 0
    mtime_ns: int = 0
    sample: str = ""

    def to_dict(self) -> dict[str, Any]:
        """The source as a JSON object."""
        return asdict(self)

    def same_content(self, other: Source) -> bool:
        """Size, sample and reading are the same: only a full read could tell the two apart."""
        mine = (self.name, self.format, self.size, self.sample)
        return mine == (other.name, other.format, other.size, other.sample)

    def untouched(self) -> bool:
        """Whether the file still has the size and time of change recorded here."""
        if self.path == STDIN:
            return True
        try:
            stat = Path(self.path).stat()
        except OSError:
            return False
        return (stat.st_size, stat.st_mtime_ns) == (self.size, self.mtime_ns)


def find_sources(
    inputs: Sequence[str | Path], format: str = "auto", ours: Callable[[Path], bool] | None = None
) -> list[Source]:
    """The files behind these files, folders and glob patterns, in a fixed order.

    Arguments keep their order; below a folder or pattern files are sorted by path. A folder
    is searched to its depths for known suffixes (for every file, when ``format`` is given),
    without hidden files and those for which ``ours`` is true (the job's own output).

    Raises:
        InputError: nothing is there, or a file's name tells no format.
    """
    if not inputs:
        raise InputError("no input: name a file, a folder, a pattern, or - for standard input")
    names = [str(i) for i in inputs]
    if STDIN in names:
        if len(names) > 1:
            raise InputError("standard input (-) cannot be mixed with other inputs")
        if format == "parquet":
            raise InputError("Parquet cannot be read from standard input: name the file")
        return [Source("stdin", STDIN, "jsonl" if format == "auto" else format)]
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
    return [_describe(path, base, format) for path in found]


def _absolute(path: Path) -> Path:
    # Not resolve(): a symbolic link stands for the file it is named as.
    return Path(os.path.abspath(path))  # noqa: PTH100


def _expand(name: str, format: str) -> tuple[Path, list[Path]]:
    """The folder that names are relative to, and the files, of one argument."""
    path = Path(name)
    if path.is_dir():
        return path, sorted(_walk(path, format))
    if path.exists():
        return path.parent, [path]
    if glob.has_magic(name):
        fixed = []
        for part in path.parts[:-1]:
            if glob.has_magic(part):
                break
            fixed.append(part)
        matches = sorted(Path(match) for match in glob.glob(name, recursive=True))  # noqa: PTH207
        return Path(*fixed), [match for match in matches if match.is_file()]
    raise InputError(f"{name}: no such file, folder or pattern")


def _walk(folder: Path, format: str) -> Iterator[Path]:
    for root, folders, files in os.walk(folder):
        folders[:] = [f for f in folders if not f.startswith(".")]
        for file in files:
            known = format != "auto" or _format_of(Path(file)) is not None
            if known and not file.startswith("."):
                yield Path(root) / file


def _format_of(path: Path) -> str | None:
    bare = path.with_suffix("") if path.suffix in (".gz", ".zst") else path
    return SUFFIXES.get(bare.suffix.lower())


def _describe(path: Path, base: str, format: str) -> Source:
    known = _format_of(path) if format == "auto" else format
    if known is None:
        raise InputError(f"{path}: the name tells no format: give one (jsonl, csv, ...)")
    name = path.relative_to(base).as_posix().encode("utf-8", "backslashreplace").decode()
    try:
        stat = path.stat()
        sample = _sample(path, stat.st_size)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    return Source(name, str(path), known, stat.st_size, stat.st_mtime_ns, sample)


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
