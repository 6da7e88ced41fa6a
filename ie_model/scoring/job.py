"""A scoring job: begun or resumed, fed, accounted for, and brought to its one output."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

import ie_model
from ie_model.errors import InputError, RunError
from ie_model.files import sync, write_json
from ie_model.given import several
from ie_model.scoring.assembly import DamagedPart, assemble, join_rejected
from ie_model.scoring.files import file_facts, remove_temporary
from ie_model.scoring.finished import check_finished
from ie_model.scoring.manifest import (
    JOURNAL,
    MANIFEST,
    Manifest,
    sources_digest,
    touched_digest,
)
from ie_model.scoring.options import CutOptions, ReadOptions, Target, WriteOptions, as_settings
from ie_model.scoring.parquet_rows import kept_types
from ie_model.scoring.parts import check_available, output_schema
from ie_model.scoring.placement import default_cut
from ie_model.scoring.places import check_ours, check_places, clear_work, remove
from ie_model.scoring.raw import Meter
from ie_model.scoring.readers import read_iterable
from ie_model.scoring.scorer import Task
from ie_model.scoring.shards import (
    Key,
    Shard,
    ShardRecord,
    UnitEnd,
    check_kept,
    cut,
    read_unit,
)
from ie_model.scoring.sources import Source, find_sources, units
from ie_model.scoring.summary import totals


class Job:
    """Everything about a job but who does the work; use it in a ``with`` block.

    Args:
        inputs: files, folders, patterns or ``-``; or ``items``, any iterable of rows.
        target: where the output goes.
        read, write, cut: how rows are read, written, and cut into shards; ``None`` for
            what suits the ``device`` and the size of the input.
        model: what identifies the model, a flat JSON object.
        overwrite: throw away an output, or the state of a job, that is there already.

    Raises:
        InputError: an input cannot be read, the output was begun with something else, or
            another process is at work on it.
    """

    def __init__(
        self,
        target: Target,
        *,
        inputs: Sequence[str | Path] = (),
        items: Iterable[Any] | None = None,
        read: ReadOptions,
        write: WriteOptions,
        cut: CutOptions | None,
        device: str,
        model: Mapping[str, Any],
        max_rejected: int | None = None,
        overwrite: bool = False,
    ) -> None:
        check_available(write)
        if items is not None:
            items = several(items, "items", "rows (texts, Documents or mappings)")
        self.target, self.read, self.write = target, read, write
        self.items, self.max_rejected, self._overwrite = items, max_rejected, overwrite
        self.sources = [] if items is not None else find_sources(inputs, read.format, target.owns)
        self.cut = cut or default_cut(device, self.input_bytes)
        schema = None
        if write.format == "parquet":
            schema = output_schema(write, kept_types(self.sources, read))
        self.task = Task(target.work.absolute(), read, write, schema)
        self.identity: dict[str, Any] = {
            "inputs": sources_digest(self.sources),
            "model": dict(model),
            "settings": as_settings(read, write, self.cut) | {"version": ie_model.__version__},
        }
        self.complete: dict[str, Any] | None = None

    def __enter__(self) -> Job:
        work = self.target.work
        if not work.parent.is_dir():
            raise InputError(f"{self.target.path}: the folder {work.parent} does not exist")
        check_places(self.target)
        try:
            work.mkdir(exist_ok=True)
        except OSError as error:
            raise InputError(f"{work}: cannot be made: {error.strerror}") from error
        self._lock = FileLock(work / "lock", timeout=0)
        try:
            self._lock.acquire()
        except Timeout:
            raise InputError(
                f"{self.target.path}: another process is at work on this output; wait for it, "
                "or give another output"
            ) from None
        except OSError as error:
            raise RunError(f"{work}: cannot be written: {error.strerror or error}") from error
        try:
            with self._kept():
                self._begin()
        except BaseException:
            self.__exit__()
            raise
        return self

    @contextlib.contextmanager
    def _kept(self) -> Iterator[None]:
        """Name the output where the disk fails; what is finished stays where it is."""
        try:
            yield
        except OSError as error:
            raise RunError(
                f"{self.target.path}: cannot be written: {error}; what is done is kept, run the "
                "same command again when there is room"
            ) from error

    def __exit__(self, *exc: object) -> None:
        if hasattr(self, "manifest"):
            self.manifest.close()
        work = self.target.work
        # What cannot be removed now is in the way of nothing, and the next run tries again.
        with contextlib.suppress(OSError):
            if work.exists() and not self._begun():
                clear_work(work)
                (work / "lock").unlink(missing_ok=True)
                work.rmdir()  # unless there is somebody else's file in it
        self._lock.release()

    def _begin(self) -> None:
        output, work = Path(self.target.path), self.target.work
        check_ours(output, work)
        if self._overwrite:
            remove(output, self.target.rejected, self.target.summary)
            clear_work(work)
        if not self._begun():
            clear_work(work)
            # An empty folder is an invitation, not an output.
            there = output.exists() and not (output.is_dir() and not any(output.iterdir()))
            if there and self.target.summary.exists():
                if not self.rereadable:
                    raise InputError(
                        f"{output}: exists already; give another output, or replace it with "
                        "--overwrite"
                    )
                self.complete = check_finished(
                    self.target, self.sources, self.read, self.cut, self.identity
                )
                return
            if there:
                raise InputError(
                    f"{output}: exists, and is not the output of a finished scoring job; give "
                    "another output, or replace it with --overwrite"
                )
            remove(self.target.summary)
        for folder in (self.task.parts, self.task.refused):
            folder.mkdir(exist_ok=True)
            remove_temporary(folder)
        remove_temporary(work)
        self.manifest = Manifest(
            work, self.sources, self.identity["model"], self.identity["settings"]
        )
        if not self.manifest.assembling:  # else the parts may be in their place already
            for key in list(self.manifest.finished):
                if not self.task.part(key).exists():
                    self.manifest.forget(key)
        records = self.manifest.finished.values()
        self.resumed_rows = sum(r.rows for r in records)
        self.resumed_bytes = sum(r.bytes for r in records)
        self._rejected = sum(r.rejected for r in records)
        self._check_rejected()

    def _begun(self) -> bool:
        """Whether there is anything to go on from; a job that never got to work is none."""
        work = self.target.work
        journal = work / JOURNAL
        return (work / MANIFEST).exists() and journal.exists() and journal.stat().st_size > 0

    @property
    def input_bytes(self) -> int:
        """Bytes of all input files as they lie on the disk; 0 where unknown."""
        return sum(source.size for source in self.sources)

    @property
    def rereadable(self) -> bool:
        """Whether the input can be read again, as standard input and iterators cannot."""
        return self.items is None and not any(source.stream for source in self.sources)

    def unread(self) -> list[tuple[int, list[Source]]]:
        """The units of files that have to be read: all but those that are finished.

        A file whose time of change is new, with the size and sample it had, is read once
        more, and the rows of its finished shards are compared.
        """
        return [
            (number, unit)
            for number, unit in enumerate(units(self.sources))
            if self.manifest.input_touched or not self.manifest.unit_finished(number)
        ]

    def finished_inputs(self, unit: int | None = None) -> dict[Key, str]:
        """Finished shards (of one unit), and the digest of the rows each was made of."""
        return {
            key: record.input
            for key, record in self.manifest.finished.items()
            if unit is None or key.unit == unit
        }

    def pending(self) -> Iterator[Shard | UnitEnd]:
        """The shards still to be done, read as they are asked for."""
        finished = self.finished_inputs()
        ends = self.manifest.ends
        if self.items is not None:
            rows = check_kept(read_iterable(self.items), self.read)
            yield from cut(rows, 0, self.cut, Meter(), finished, ends.get(0))
            return
        for number, unit in self.unread():
            yield from read_unit(number, unit, self.read, self.cut, finished, ends.get(number))

    def commit(self, record: ShardRecord) -> None:
        """A shard is done and on the disk: note it for good.

        Raises:
            RunError: its rows do not add up, or more rows are rejected than allowed.
        """
        if record.rows != record.written + record.rejected:
            raise RunError(
                f"shard {record.key}: {record.rows} rows in, {record.written} out and "
                f"{record.rejected} rejected: a bug, please report it"
            )
        self.manifest.commit(record)
        self._rejected += record.rejected
        self._check_rejected()

    def _check_rejected(self) -> None:
        if self.max_rejected is not None and self._rejected > self.max_rejected:
            records = sorted(self.manifest.finished.items())
            first = [r.first_rejected for _, r in records if r.rejected][:3]
            raise RunError(
                f"{self._rejected} rows rejected, more than the {self.max_rejected} allowed: "
                f"{'; '.join(first)}. All of them: {self.task.refused}. Repair the input, or give "
                "the same command a larger --max-rejected to go on"
            )

    def totals(self, run: Mapping[str, Any]) -> dict[str, Any]:
        """The summary of a job whose shards are all finished.

        Args:
            run: what it should say about this run (seconds, workers).

        Raises:
            RunError: a shard is missing.
        """
        return totals(self._records(), run) | {
            "output": self.target.path,
            "job": self.identity
            | {
                "engine": self.manifest.header["engine"],
                "rows": self.manifest.rows_digest(),
                "touched": touched_digest(self.sources),
            },
        }

    def _records(self) -> list[ShardRecord]:
        """The records of all shards, in the order of the input."""
        manifest = self.manifest
        keys = [Key(u, k) for u, count in sorted(manifest.units.items()) for k in range(count)]
        missing = [str(key) for key in keys if key not in manifest.finished]
        expected = 1 if self.items is not None else sum(1 for _ in units(self.sources))
        if missing or len(manifest.units) != expected:
            raise RunError(f"shards are missing: {', '.join(missing[:5]) or 'unread input'}")
        return [manifest.finished[key] for key in keys]

    def finish(self, summary: Mapping[str, Any]) -> dict[str, Any]:
        """Put the output together, write the summary beside it, and remove the job's state.

        Returns the summary with the sizes and digests of what was written, by which a later
        call sees that it is still there.

        Raises:
            RunError: a part is not what was written; its shard is forgotten, so that the
                same call does it again.
        """
        with self._kept():
            return self._finish(summary)

    def _finish(self, summary: Mapping[str, Any]) -> dict[str, Any]:
        records, work = self._records(), self.target.work
        self.manifest.begin_assembly()
        try:
            join_rejected(self.task, records, self.target.rejected)
            assemble(self.task, records, self.target)
            written = {
                "output": file_facts(Path(self.target.path)),
                "rejected": file_facts(self.target.rejected),
            }
        except DamagedPart as error:
            self.manifest.forget(Key.parse(error.key))
            raise RunError(f"{error}; run the same command again to make it anew") from error
        complete = {**summary, "files": written}
        write_json(self.target.summary, complete, scratch=work)
        self.manifest.close()
        # In this order: with the manifest gone, what remains here is no job any more.
        (work / MANIFEST).unlink()
        sync(work)
        return complete
