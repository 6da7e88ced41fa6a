"""Folders made by ``save_to_disk`` of Hugging Face ``datasets``, read without the library.

The library would decode every column, and for a column of images or sounds open whatever file
or address a row names. Here the files of the folder are read, and of them the columns asked for.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, TypeGuard

from ie_model.errors import InputError

_ROWS = 64  # taken out of a batch at a time
_MOST_ELEMENTS = 1 << 20
_DICTIONARY, _BATCH = 2, 3  # kinds of message, by ``MessageHeader`` in Arrow's Message.fbs


def splits(path: Path) -> list[str] | None:
    """The splits of a ``DatasetDict``; ``None`` for a folder that is one ``Dataset``.

    Raises:
        InputError: the file that names them is damaged.
    """
    if not (path / "dataset_dict.json").is_file():
        return None
    names = _object(path / "dataset_dict.json").get("splits")
    if not isinstance(names, list) or not all(_is_plain(name) for name in names):
        raise InputError(f"{path / 'dataset_dict.json'}: names no splits")
    return names


def features(path: Path) -> dict[str, Any]:
    """What ``dataset_info.json`` says of the columns.

    Raises:
        InputError: it is missing or damaged.
    """
    found = _object(path / "dataset_info.json").get("features") or {}
    if not isinstance(found, dict):
        raise InputError(f"{path / 'dataset_info.json'}: 'features' must be an object")
    return found


def class_names(features: Any, column: str) -> list[str] | None:
    """The names of a column of classes, or of lists of them; ``None``: it has none."""
    feature = features.get(column) if isinstance(features, dict) else None
    if isinstance(feature, dict) and "feature" in feature:
        feature = feature["feature"]
    if isinstance(feature, list) and feature:
        feature = feature[0]
    names = feature.get("names") if isinstance(feature, dict) else None
    return names if isinstance(names, list) and all(isinstance(n, str) for n in names) else None


def rows(path: Path, columns: Collection[str]) -> Iterator[dict[str, Any]]:
    """The rows of one ``Dataset``, with those of the columns that it has.

    Raises:
        InputError: a file is damaged, packed, or not in the folder.
    """
    import pyarrow as pa

    number = 0
    for file in data_files(path):
        for batch in _batches(file):
            kept = [n for n in batch.schema.names if n in columns]
            batch = batch.select(list(dict.fromkeys(kept)))
            try:
                batch.validate(full=True)  # what is mapped into memory is not looked at else
                _check_elements(batch)
                for start in range(0, batch.num_rows, _ROWS):
                    for row in batch.slice(start, _ROWS).to_pylist():
                        number += 1
                        yield row
            except (pa.ArrowException, ValueError, OverflowError, KeyError) as error:
                raise InputError(f"{file}: damaged after row {number}: {error}") from None


def column_names(path: Path) -> list[str]:
    """The columns, as the first file has them.

    Raises:
        InputError: as :func:`rows`.
    """
    import pyarrow as pa

    for file in data_files(path):
        try:
            with pa.memory_map(str(file)) as stream:
                names: list[str] = pa.ipc.open_stream(stream).schema.names
        except (pa.ArrowException, OSError, ValueError) as error:
            raise InputError(f"{file}: not an Arrow file that can be read ({error})") from None
        twice = next((name for name in names if names.count(name) > 1), None)
        if twice is not None:
            raise InputError(f"{file}: two columns are called {twice!r}")
        return names
    return []


def data_files(path: Path) -> list[Path]:
    """The files that hold the rows of one ``Dataset``.

    Raises:
        InputError: the folder says of none, or of one outside itself.
    """
    file = path / "state.json"
    state = _object(file)
    if state.get("_indices_data_files") or state.get("_indices_files"):
        raise InputError(f"{path}: holds a selection of rows; flatten_indices() and save it anew")
    named = state.get("_data_files")
    if not isinstance(named, list):
        raise InputError(f"{file}: names no files")
    found = []
    for entry in named:
        name = entry.get("filename") if isinstance(entry, dict) else None
        if not _is_plain(name) or not (path / name).is_file():
            raise InputError(f"{file}: names {name!r:.80}, which is no file of this folder")
        found.append(path / name)
    return found


def _is_plain(name: Any) -> TypeGuard[str]:
    """Whether this names something in a folder itself."""
    return isinstance(name, str) and "\0" not in name and Path(name).name == name


def _object(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{file}: cannot be read: {error}") from None
    if not isinstance(found, dict):
        raise InputError(f"{file}: expected an object")
    return found


def _batches(file: Path) -> Iterator[Any]:
    import pyarrow as pa

    try:
        with pa.memory_map(str(file)) as stream:
            for message in pa.ipc.MessageReader.open_stream(stream):
                if _is_packed(bytes(message.metadata)):
                    raise InputError(f"{file}: is packed; read it and save it anew: save_to_disk")
        with pa.memory_map(str(file)) as stream:
            yield from pa.ipc.open_stream(stream)
    except (pa.ArrowException, OSError, EOFError, struct.error, IndexError) as error:
        raise InputError(f"{file}: damaged: {error}") from None


def _is_packed(message: bytes) -> bool:
    """Whether a message says things once that stand for many, or is compressed.

    ``save_to_disk`` writes neither. Source: Message.fbs of the Arrow format (``Message`` has its
    kind in field 1 and its header in field 2, ``RecordBatch`` its compression in field 3).
    """

    def whole(at: int) -> int:
        return int(struct.unpack_from("<I", message, at)[0])

    def field(table: int, number: int) -> int:
        places = table - struct.unpack_from("<i", message, table)[0]
        at = 4 + 2 * number
        if at >= struct.unpack_from("<H", message, places)[0]:
            return 0
        return int(struct.unpack_from("<H", message, places + at)[0])

    root = whole(0)
    kind, header = message[root + field(root, 1)], root + field(root, 2)
    return kind == _DICTIONARY or (kind == _BATCH and field(header + whole(header), 3) != 0)


def _check_elements(batch: Any) -> None:
    """Raise ValueError where there are more elements of lists than bytes could mean."""
    most = max(_MOST_ELEMENTS, 8 * batch.get_total_buffer_size())
    waiting = list(batch.columns)
    while waiting:
        array = waiting.pop()
        name = str(array.type)
        if "view" in name or "run_end" in name:
            raise ValueError(f"a column holds {array.type}")
        if name.startswith(("list", "large_list", "fixed_size_list")):
            if len(array.values) > most:
                raise ValueError(f"a list of {len(array.values)} elements that take no room")
            waiting.append(array.values)
        elif name.startswith("struct"):
            waiting += array.flatten()
