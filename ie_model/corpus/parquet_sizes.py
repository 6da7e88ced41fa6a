"""How many rows of a Parquet file may be unpacked at once, and which files not at all.

A Parquet file may hold a thousand times what it takes on the disk: a long string named once in
a dictionary and meant in every row, or in every element of one row's list. Its footer may say
what it likes; what counts is what the header of each page says.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ie_model.corpus.parquet_pages import read_pages
from ie_model.errors import InputError

MOST_ROWS = 64
"""Rows unpacked at once; fewer where one alone may be large."""
BATCH_BYTES = 64 << 20
_ABSURD_BYTES, _ABSURD_RATIO = 256 << 20, 1000
_LARGEST_PAGE = 512 << 20
_ELEMENT_BYTES = 16
"""What an element of a list takes at least, be it null: a billion of them fit in a few bytes."""
_OBJECT_BYTES = 100
"""What it takes as a value of Python's."""
_HEAVIEST_ROW = 512 << 20


def rows_at_once(path: Path, file: Any, columns: Sequence[str]) -> int:
    """How many rows of these columns to unpack at a time; at least one.

    Args:
        path: the file.
        file: the same as pyarrow's ``ParquetFile``.
        columns: names of columns of its schema.

    Raises:
        InputError: a column unpacks to hundreds of megabytes and a thousand times its size, a
            page or a row to more than 512 MiB; or there are no pages where they should be.
    """
    largest = 0
    with path.open("rb") as stream:
        for group in range(file.metadata.num_row_groups):
            facts = file.metadata.row_group(group)
            for k in range(facts.num_columns):
                column = facts.column(k)
                name = column.path_in_schema
                if not any(name == top or name.startswith(f"{top}.") for top in columns):
                    continue
                try:
                    pages = read_pages(stream, column)
                except ValueError as error:
                    raise InputError(f"{path}: damaged: column {name!r}: {error}") from None
                size, packed = pages.unpacked, column.total_compressed_size
                listed = file.schema.column(k).max_repetition_level > 0
                if listed:
                    size = max(size, _ELEMENT_BYTES * pages.values)
                absurd = size > _ABSURD_BYTES and size > _ABSURD_RATIO * max(packed, 1)
                if absurd or pages.largest > _LARGEST_PAGE:
                    raise InputError(
                        f"{path}: the column {name!r} unpacks {packed} "
                        f"bytes to {size >> 20} MiB, {pages.largest >> 20} MiB of them at once; "
                        "if that is right, write the file anew in smaller row groups and pages"
                    )
                # One value of the size of a page may stand in each row, by its number in a
                # dictionary or as the beginning of the next; or in each element of a list.
                if listed and (pages.largest + _OBJECT_BYTES) * pages.values > BATCH_BYTES:
                    largest = max(largest, _heaviest_row(path, group, name))
                else:
                    largest = max(largest, pages.largest)
    return max(1, min(MOST_ROWS, BATCH_BYTES // max(largest, 1)))


def _heaviest_row(path: Path, group: int, column: str) -> int:
    """Bytes of the heaviest row of a column of lists.

    The strings of a dictionary stay where they are: only their numbers are unpacked.

    Raises:
        InputError: it is too heavy, or damaged.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    heaviest = 0
    try:
        with pq.ParquetFile(path, read_dictionary=[column]) as file:
            for batch in file.iter_batches(MOST_ROWS, [group], [column], use_threads=False):
                heaviest = max(heaviest, int(_weights(batch.column(0)).max(initial=0)))
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{path}: damaged: column {column!r}: {error}") from error
    if heaviest > _HEAVIEST_ROW:
        raise InputError(
            f"{path}: a row of the column {column!r} unpacks to {heaviest >> 20} MiB; leave the "
            "column out, or the row"
        )
    return heaviest


def _weights(array: Any) -> np.ndarray:
    """Bytes of each value of an Arrow array of one leaf column, as Python would hold it; (n,)."""
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = array.type
    if pa.types.is_map(kind):
        array = pa.ListArray.from_arrays(array.offsets, pa.StructArray.from_arrays(
            [array.keys, array.items], ["k", "v"]))  # fmt: skip
        kind = array.type
    if pa.types.is_struct(kind):
        return sum((_weights(child) for child in array.flatten()), np.zeros(len(array))) + (
            _OBJECT_BYTES
        )
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        sums = np.concatenate([[0.0], np.cumsum(_weights(array.values))])
        offsets = array.offsets.to_numpy()
        return sums[offsets[1:]] - sums[offsets[:-1]] + _OBJECT_BYTES
    numbers = None
    if pa.types.is_dictionary(kind):
        numbers, array = array.indices, array.dictionary
        kind = array.type
    if pa.types.is_string(kind) or pa.types.is_binary(kind):
        bytes_ = pc.fill_null(pc.binary_length(array), 0)
        if numbers is not None:
            bytes_ = pc.fill_null(pc.take(bytes_, numbers), 0)
        return bytes_.to_numpy(zero_copy_only=False).astype(float) + _OBJECT_BYTES
    return np.full(len(array if numbers is None else numbers), float(_OBJECT_BYTES))
