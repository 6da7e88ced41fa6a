"""Raw rows into documents, or into rejected rows that say why, where, and what was there."""

from __future__ import annotations

import base64
import csv
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from itertools import islice
from typing import Any

from ie_model.corpus.formats.json_array import STRICT
from ie_model.documents import Document
from ie_model.scoring.options import EVERY, ReadOptions
from ie_model.scoring.raw import Origin, RawRow

KINDS = {
    "json": "not JSON, or not a JSON object",
    "csv": "not a CSV row, or not as many fields as the header",
    "encoding": "not UTF-8",
    "surrogate": "half of a surrogate pair, which no UTF-8 file can hold",
    "missing": "a column is missing or null",
    "type": "the text is not a string, the id neither string nor integer, or a value nested "
    "too deeply",
    "too_large": "the text or its line is longer than max_chars allows",
    "prediction": "the model failed on this text",
    "worker": "a worker process died of this text, each time it was tried alone",
    "output": "the answer cannot be written: a kept value has no place in the output's format",
}
"""Why a row is rejected: the values of ``kind`` in the rejected rows."""

MAX_DEPTH = 64
"""Objects and lists within one another that a kept value may have."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row that can be scored: its text, its id, its day, and the columns carried through."""

    raw: RawRow
    id: str
    text: str
    kept: Mapping[str, Any]
    date: str | None = None


@dataclass(frozen=True, slots=True)
class Rejected:
    """A row set aside."""

    raw: RawRow
    kind: str
    reason: str

    def to_json(self) -> bytes:
        """One line of the rejected-rows file: file, line, kind, reason and the raw row.

        A row that is not UTF-8 stands in ``raw_base64`` in place of ``raw``. What JSON
        cannot hold in UTF-8 is escaped, so every raw row can be written. ``lines`` says how
        many lines a row spans that spans several.
        """
        row: dict[str, Any] = {
            "file": self.raw.origin.name,
            "line": self.raw.line,
            "kind": self.kind,
            "reason": self.reason,
        }
        if self.raw.lines > 1:
            row["lines"] = self.raw.lines
        raw = self.raw.raw
        if isinstance(raw, bytes):
            try:
                row["raw"] = raw.decode("utf-8")
            except UnicodeDecodeError:
                row["raw_base64"] = base64.b64encode(raw).decode()
        else:
            row["raw"] = plain(raw.to_dict() if isinstance(raw, Document) else raw)
        return json.dumps(row, allow_nan=False).encode() + b"\n"


class _Bad(Exception):
    def __init__(self, kind: str, reason: str) -> None:
        super().__init__(reason)
        self.kind, self.reason = kind, reason


def read_row(raw: RawRow, options: ReadOptions) -> Row | Rejected:
    """The document of one raw row, or why there is none."""
    try:
        if raw.fault is not None:
            raise _Bad(*raw.fault)
        if isinstance(raw.raw, Document):
            return _document_row(raw, raw.raw, options)
        return _table_row(raw, _fields(raw, options), options)
    except _Bad as bad:
        return Rejected(raw, bad.kind, bad.reason)


def columns_of(raw: RawRow, options: ReadOptions) -> Iterable[str]:
    """The columns a row has; of one that cannot be read, none."""
    if raw.fault is not None:
        return ()
    try:
        if isinstance(raw.raw, Document):
            return [*raw.raw.meta, options.text_column]
        return list(_fields(raw, options))
    except _Bad:
        return ()


def _fields(raw: RawRow, options: ReadOptions) -> Mapping[str, Any]:
    """The row as columns, whatever it was in."""
    origin, data = raw.origin, raw.raw
    if origin.format == "parquet":
        assert isinstance(data, dict)
        return {name: _decoded(value, name) for name, value in data.items()}
    if origin.format == "python":
        if isinstance(data, str):
            return {options.text_column: data}
        if isinstance(data, Mapping):
            return data
        raise _Bad("type", f"expected str, Document or mapping, found {type(data).__name__}")
    assert isinstance(data, bytes)
    text = _decoded(data, None)
    if origin.format == "jsonl":
        return _json_object(text)
    if origin.format in ("text", "lines"):
        return {options.text_column: text}
    return _csv_fields(text, origin)


def _decoded(value: Any, column: str | None) -> Any:
    if not isinstance(value, bytes):
        return value
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError as error:
        where = "the row" if column is None else f"column {column!r}"
        raise _Bad("encoding", f"{where} is not UTF-8 at byte {error.start}") from None


def _json_object(text: str) -> Mapping[str, Any]:
    try:
        row = STRICT.decode(text)
    except json.JSONDecodeError as error:
        raise _Bad("json", f"{error.msg} at column {error.colno}") from None
    except (ValueError, RecursionError) as error:
        raise _Bad("json", str(error)) from None
    if not isinstance(row, dict):
        raise _Bad("json", f"expected an object, found {_json_type(row)}")
    return row


def _json_type(value: object) -> str:
    names = {dict: "object", list: "array", str: "string", bool: "boolean", type(None): "null"}
    names |= {int: "number", float: "number"}
    return names.get(type(value), type(value).__name__)


def _csv_fields(text: str, origin: Origin) -> Mapping[str, Any]:
    lines = [line + "\n" for line in text.split("\n")]
    fields = next(csv.reader(lines, delimiter=origin.delimiter, strict=True))
    if len(fields) != len(origin.columns):
        raise _Bad("csv", f"{len(fields)} fields where the header has {len(origin.columns)}")
    return dict(zip(origin.columns, fields, strict=True))


def _table_row(raw: RawRow, fields: Mapping[str, Any], options: ReadOptions) -> Row:
    name = options.text_column
    if name not in fields:
        raise _Bad("missing", f"no {name!r}; its keys: {_some(fields)}")
    if fields[name] is None:
        raise _Bad("missing", f"{name!r} is null")
    text = _check_text(fields[name], name, options)
    id_ = _make_id(raw, fields, options)
    names: Iterable[str] = options.keep
    if EVERY in options.keep:
        names = [key for key in fields if key not in (name, options.id_column or "id")]
    return Row(raw, id_, text, _kept(fields, names), _day(fields, options))


def _day(fields: Mapping[str, Any], options: ReadOptions) -> str | None:
    if options.day_column is None:
        return None
    value = plain(fields.get(options.day_column))
    return None if value is None or value == "" else str(value)


def _some(keys: Iterable[Any]) -> str:
    """The first few keys of a row, shortened; none can be written out of shape."""
    shown = [repr(key)[:40] for key in islice(keys, 9)]
    return ", ".join(shown[:8]) + (", ..." if len(shown) > 8 else "") or "none"


def _document_row(raw: RawRow, document: Document, options: ReadOptions) -> Row:
    """A ``Document`` from Python: its meta is carried whole, or as far as ``keep`` says."""
    text = _check_text(document.text, "text", options)
    some = options.keep if options.keep and EVERY not in options.keep else tuple(document.meta)
    id_ = _make_id(raw, {"id": document.id or None}, ReadOptions())
    return Row(raw, id_, text, _kept(document.meta, some), _day(document.meta, options))


def _kept(fields: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """The columns carried through; one that a JSON object leaves out is null.

    A value of Arrow's own stays as it is: a Parquet output has a place for it.
    """
    kept = {}
    for name in names:
        value = fields.get(name)
        if not isinstance(name, str):
            raise _Bad("type", f"the column {name!r:.40} is not named by a string")
        if not is_arrow(value) and _too_deep(value):
            raise _Bad("type", f"{name!r} is nested in more than {MAX_DEPTH} levels")
        _checked(plain(name), "a column's name")
        kept[name] = value if is_arrow(value) else _checked(plain(value), name)
    return kept


def _too_deep(value: Any, depth: int = 0) -> bool:
    if depth > MAX_DEPTH:
        return True
    if isinstance(value, Mapping):
        return any(_too_deep(v, depth + 1) for v in value.values())
    if isinstance(value, list | tuple):
        return any(_too_deep(v, depth + 1) for v in value)
    return False


def _check_text(text: object, name: str, options: ReadOptions) -> str:
    if not isinstance(text, str):
        raise _Bad("type", f"{name!r} must be a string, found {_json_type(text)}")
    if len(text) > options.max_chars:
        raise _Bad("too_large", f"{len(text)} characters, max_chars is {options.max_chars}")
    return str(_checked(text, name))


def _checked(value: Any, name: str) -> Any:
    """``value`` if it can be written as UTF-8."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise _Bad("surrogate", f"{name!r}: lone surrogate at offset {error.start}") from None
    return value


def _make_id(raw: RawRow, fields: Mapping[str, Any], options: ReadOptions) -> str:
    column = options.id_column or "id"
    value = fields.get(column)
    if value is None:
        if options.id_column is not None:
            raise _Bad("missing", f"no id in {column!r}")
        origin = raw.origin
        return origin.name if origin.format == "text" else f"{origin.name}:{raw.line}"
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise _Bad("type", f"{column!r} must be a string or integer, found {_json_type(value)}")
    return str(_checked(str(value), column))


def is_arrow(value: Any) -> bool:
    """Whether this is a value of Arrow's, not of Python's."""
    return hasattr(value, "as_py")


def plain(value: Any, depth: int = 0) -> Any:
    """``value`` as JSON can hold it: times in ISO 8601, NaN as null, the rest as strings.

    It never fails, so that a rejected row can always be written down: what lies deeper than
    any kept value may is replaced by a word, and so is what Python has no value for.
    """
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int):
        # Python writes no more than 4300 digits, and no reader takes them.
        return value if abs(value) < 1 << 1024 else "a whole number of over 300 digits"
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if depth > 2 * MAX_DEPTH:
        return "nested too deeply"
    if is_arrow(value):  # a map of Arrow's calls itself a Mapping
        try:
            return plain(value.as_py(), depth + 1)
        except (ValueError, OverflowError, ArithmeticError):
            # A time in the year 30000, say: Arrow counts further than Python does.
            return f"{value.type} {getattr(value, 'value', 'without a Python value')}"
    if isinstance(value, Mapping):
        return {str(k): plain(v, depth + 1) for k, v in value.items()}
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if hasattr(value, "item") and getattr(value, "ndim", 0) == 0:  # a number of numpy's
        inner = value.item()
        return plain(inner, depth + 1) if type(inner) is not type(value) else str(value)
    if isinstance(value, Iterable):
        return [plain(v, depth + 1) for v in value]
    return str(value)
