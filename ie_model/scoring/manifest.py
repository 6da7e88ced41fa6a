"""The state of a job on disk: what it is, and which of its shards are finished.

``manifest.json`` says what the job is: inputs, model, settings. It is written once, and
again when the engine is known and when the last shard is done. ``journal.jsonl`` gets one
synced line for each finished shard and each unit read to its end; a line that a kill cut
short is dropped. A shard counts as finished when its line is there and its part has the
digest that the line says.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from ie_model.errors import InputError, RunError
from ie_model.files import check_ordinary, read_json, sync, whole_file, write_json
from ie_model.scoring.files import digest
from ie_model.scoring.shards import Key, ShardRecord, UnitEnd
from ie_model.scoring.sources import Source, differences

VERSION = 2
_END, _RECORD = TypeAdapter(UnitEnd), TypeAdapter(ShardRecord)
MANIFEST, JOURNAL, INPUTS = "manifest.json", "journal.jsonl", "inputs.jsonl"


def changes(before: Mapping[str, Any], now: Mapping[str, Any], what: str) -> list[str]:
    """Sentences that name the values that differ: ``max_chars was 100, is 200``."""
    return [
        f"{what} {key} was {before.get(key)!r}, is {now.get(key)!r}"
        for key in sorted({*before, *now})
        if before.get(key) != now.get(key)
    ]


class Manifest:
    """Opens, or begins, the state of a job in a folder that the caller has locked.

    Args:
        work: the folder; made if it is not there.
        sources: the input files as they are now (empty for a Python iterable).
        model: what identifies the model, a flat JSON object.
        settings: everything else that decides the output, a flat JSON object.

    Raises:
        InputError: there is a job in ``work`` and it had another input, model or settings;
            the message names what differs.
    """

    def __init__(
        self,
        work: Path,
        sources: Sequence[Source],
        model: Mapping[str, Any],
        settings: Mapping[str, Any],
    ) -> None:
        self.work = work
        self.finished: dict[Key, ShardRecord] = {}
        self.units: dict[int, int] = {}
        self.ends: dict[int, UnitEnd] = {}
        self.input_touched = False
        check_ordinary(work)
        if (work / MANIFEST).exists():
            try:
                self.header = read_json(work / MANIFEST)
                self._refuse_if_changed(sources, model, settings)
                self._read_journal()
            except InputError:
                raise
            except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
                raise InputError(
                    f"{work}: the state of the job is damaged ({error!r:.200}); start afresh with "
                    "--overwrite"
                ) from None
        else:
            self.header = {
                "version": VERSION,
                "model": dict(model),
                "engine": None,
                "settings": dict(settings),
                "assembling": False,
            }
            _write_sources(work / INPUTS, sources)
            self._write_header()
        self._journal = (work / JOURNAL).open("ab", buffering=0)
        sync(work)

    def _refuse_if_changed(
        self, sources: Sequence[Source], model: Mapping[str, Any], settings: Mapping[str, Any]
    ) -> None:
        header = self.header
        if header["version"] != VERSION:
            found = [f"the job's state was written by another version of ie_model ({self.work})"]
        else:
            before = _read_sources(self.work / INPUTS)
            found = differences(before, sources)
            found += changes(header["model"], model, "model")
            found += changes(header["settings"], settings, "setting")
            self.input_touched = [s.touched for s in before] != [s.touched for s in sources]
        if found:
            raise refusal(found, self.work)

    def agree_on_engine(self, engine: Mapping[str, Any]) -> None:
        """Note which engine the first worker loaded; every later one must be the same.

        Raises:
            InputError: it is not, so the scores of the two would be mixed.
        """
        if self.header["engine"] is None:
            self.header["engine"] = dict(engine)
            self._write_header()
        found = changes(self.header["engine"], engine, "engine")
        if found:
            raise refusal(found, self.work)

    def _read_journal(self) -> None:
        path = self.work / JOURNAL
        if not path.exists():
            return
        sound = 0
        with path.open("rb") as lines:
            for line in lines:
                try:
                    row = json.loads(line) if line.endswith(b"\n") else None  # torn by a kill
                    if row is None:
                        break
                    self._note(row)
                except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
                    break  # the disk changed it; its shard and those behind it are scored again
                sound += len(line)
        # What follows a torn line cannot be trusted, and must not be appended to.
        os.truncate(path, sound)
        for key in list(self.finished):
            if key.number >= self.units.get(key.unit, key.number + 1):
                del self.finished[key]  # of rows that a longer input had, once

    def _note(self, row: Mapping[str, Any]) -> None:
        if "unit" in row:
            self._end(_END.validate_python(row))
        elif "forget" in row:
            self.finished.pop(Key.parse(row["forget"]), None)
        else:
            self.finished[Key.parse(row["key"])] = _RECORD.validate_python(row)

    def commit(self, record: ShardRecord) -> None:
        """A shard is finished: from here on it is never scored again."""
        self._append(record.to_dict())
        self.finished[Key.parse(record.key)] = record

    def forget(self, key: Key) -> None:
        """A finished shard whose part is gone or damaged has to be scored again."""
        self._append({"forget": str(key)})
        del self.finished[key]
        if self.assembling:
            self.header["assembling"] = False
            self._write_header()

    def unit_read(self, end: UnitEnd) -> None:
        """A unit of input was read to its end and has this many shards."""
        if end.unit not in self.units:
            self._append(asdict(end))
            self._end(end)

    def _end(self, end: UnitEnd) -> None:
        self.units[end.unit], self.ends[end.unit] = end.shards, end

    def rows_digest(self) -> str:
        """One digest over all rows of an input that was read to its end."""
        return rows_digest(self.ends.values())

    def unit_finished(self, unit: int) -> bool:
        """Whether all shards of a unit are finished, so that it need not be read again."""
        count = self.units.get(unit)
        return count is not None and all(Key(unit, k) in self.finished for k in range(count))

    @property
    def assembling(self) -> bool:
        """Whether all shards were finished, and the output was being put together."""
        return bool(self.header["assembling"])

    def begin_assembly(self) -> None:
        """All shards are finished; only the output remains to be put together."""
        self.header["assembling"] = True
        self._write_header()

    def _write_header(self) -> None:
        write_json(self.work / MANIFEST, self.header)

    def _append(self, row: Mapping[str, Any]) -> None:
        try:
            line = json.dumps(row).encode() + b"\n"
            while line:  # unbuffered: what a full disk did not take is not tried again at closing
                line = line[self._journal.write(line) :]
            os.fsync(self._journal.fileno())
        except OSError as error:
            raise RunError(f"{self.work / JOURNAL}: cannot be written: {error.strerror}") from error

    def close(self) -> None:
        """Close the journal; the job can be resumed."""
        self._journal.close()


def refusal(found: Sequence[str], work: Path) -> InputError:
    """The error for a job that is not the one that was begun."""
    output = str(work).removesuffix(".work")
    return InputError(
        f"{output}: this output was begun with something else: {'; '.join(found)}. Undo the "
        "change to go on, give another output, or start afresh with --overwrite"
    )


def rows_digest(ends: Iterable[UnitEnd]) -> str:
    """One digest over the rows of all units."""
    rows = [[end.unit, end.shards, end.digest] for end in sorted(ends, key=lambda e: e.unit)]
    return digest(json.dumps(rows).encode())


def touched_digest(sources: Iterable[Source]) -> str:
    """One digest over the times of change of all input files."""
    return digest(json.dumps([s.touched for s in sources]).encode())


def sources_digest(sources: Iterable[Source]) -> str:
    """One digest over all input files: names, formats, sizes and content samples."""
    rows = [[s.name, s.format, s.size, s.sample] for s in sources]
    return digest(json.dumps(rows).encode())


def _write_sources(path: Path, sources: Iterable[Source]) -> None:
    with whole_file(path) as file:
        for source in sources:
            file.write(json.dumps(source.to_dict()).encode() + b"\n")


def _read_sources(path: Path) -> list[Source]:
    with path.open("rb") as lines:
        return [Source(**json.loads(line)) for line in lines]
