"""Parts into one output, in the order of the input; every part is checked on the way."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

from ie_model.errors import RunError
from ie_model.files import sync, whole_file
from ie_model.scoring.files import digest
from ie_model.scoring.options import Target
from ie_model.scoring.scorer import Task
from ie_model.scoring.shards import Key, ShardRecord

ROW_GROUP = 1 << 16
"""Rows of a Parquet row group at least: parts are far smaller than readers like."""


class DamagedPart(RunError):
    """A part on the disk is not what a worker wrote there."""

    def __init__(self, key: str, path: Path) -> None:
        super().__init__(f"{path}: missing, or not what was written there")
        self.key = key


def assemble(task: Task, records: Sequence[ShardRecord], target: Target) -> None:
    """Make the output of all parts; it gets its name when it is whole.

    JSON lines are joined as they are: gzip members and zstd frames too may follow one
    another in a file. Parquet parts are copied into larger row groups. A folder is the
    folder of the parts itself, renamed.

    Raises:
        DamagedPart: a part has not the digest it was written with.
    """
    output = Path(target.path)
    if target.folder:
        _place_folder(task, records, output)
        return
    with whole_file(output, scratch=task.work) as file:
        if task.write.format == "parquet":
            _join_parquet(task, records, file)
        else:
            for record in records:
                file.write(_checked(task.part(record.key), record.key, record.output))


def join_rejected(task: Task, records: Sequence[ShardRecord], path: Path) -> None:
    """Write all rejected rows, in the order of the input; no file when there are none."""
    if not any(record.rejected for record in records):
        path.unlink(missing_ok=True)  # of a job before this one
        return
    with whole_file(path, scratch=task.work) as file:
        for record in records:
            if record.rejected:
                file.write(_checked(task.rejected(record.key), record.key, record.refused))


def _checked(path: Path, key: str, expected: str) -> bytes:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        data = None
    if data is None or digest(data) != expected:
        path.unlink(missing_ok=True)
        raise DamagedPart(key, path)
    return data


def _place_folder(task: Task, records: Sequence[ShardRecord], output: Path) -> None:
    if output.is_dir() and any(output.iterdir()):
        return  # a run before this one was killed after the renaming
    for record in records:
        _checked(task.part(record.key), record.key, record.output)
    # Parts of shards that are none (the input had more rows once) stay behind.
    mine = {task.part(record.key).name for record in records}
    for path in task.parts.iterdir():
        if path.name not in mine:
            path.unlink()
    sync(task.parts)
    task.parts.replace(output)
    sync(output.parent)


def _join_parquet(task: Task, records: Sequence[ShardRecord], file: BinaryIO) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = task.schema
    assert schema is not None
    with pq.ParquetWriter(file, schema, compression="zstd") as writer:
        held: list[pa.Table] = []
        for record in records:
            data = _checked(task.part(record.key), record.key, record.output)
            held.append(pq.read_table(io.BytesIO(data), schema=schema))
            if sum(table.num_rows for table in held) >= ROW_GROUP:
                writer.write_table(pa.concat_tables(held))
                held = []
        if held:
            writer.write_table(pa.concat_tables(held))


class Emitter:
    """Passes parts on to a stream as soon as all parts before them have been.

    Commits come in any order; what is passed on is deleted, so the disk holds only what
    waits for a slower shard.
    """

    def __init__(self, task: Task, output: BinaryIO, rejected: BinaryIO) -> None:
        self._task, self._output, self._rejected = task, output, rejected
        self._next = Key(0, 0)

    def advance(self, finished: Mapping[Key, ShardRecord], units: Mapping[int, int]) -> None:
        """Pass on all parts that are next in order.

        Raises:
            BrokenPipeError: nobody reads the stream any more.
        """
        while True:
            if self._next.number == units.get(self._next.unit):
                self._next = Key(self._next.unit + 1, 0)
            record = finished.get(self._next)
            if record is None:
                return
            part = self._task.part(record.key)
            self._output.write(_checked(part, record.key, record.output))
            self._output.flush()
            part.unlink()
            if record.rejected:
                refused = self._task.rejected(record.key)
                self._rejected.write(_checked(refused, record.key, record.refused))
                self._rejected.flush()
                refused.unlink()
            self._next = Key(self._next.unit, self._next.number + 1)
