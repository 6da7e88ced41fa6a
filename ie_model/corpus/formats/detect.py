"""Which format is this? Told from the ending where that settles it, else from the content."""

from __future__ import annotations

import itertools
import re
from pathlib import Path
from typing import Any

from ie_model.corpus.formats.dialect import excel_separator, header_cells, header_delimiter
from ie_model.corpus.formats.files import read_chunks, read_lines
from ie_model.corpus.formats.json_array import read_array, read_tasks
from ie_model.corpus.formats.jsonl import read_rows
from ie_model.errors import InputError

_MARKUP = re.compile(r"\[\[[^\[\]|]+\|")
_TAG = re.compile(r"O|[BIESLU]-[^\W\d]\S*")  # S-300 and I-95 are no tags
_ENDS_IN_TAG = re.compile(r"([;,|/])(O|[BIESLU]-[^\W\d]\S*)\s*$")
_PUBTATOR = re.compile(r"\d+\|[ta]\|")
_CONLL = (".conll", ".iob", ".iob2", ".bio", ".bioes")
_JSON_MIN = {"annotation_id", "lead_time", "annotator"}  # of Label Studio's short export
_BRAT = (".ann", ".a1", ".a2")
_JSON = (".json", ".jsonl", ".ndjson")
_LOOK = 50  # lines looked at
_NAME_IT = "name the format with --from (in a config: format)"


def detect_format(path: Path) -> str:
    """The name of the format of one file (of one folder, for ``datasets``).

    Raises:
        InputError: nothing known; the message names the option that settles it.
    """
    if path.is_dir() and is_dataset_folder(path):
        return "datasets"
    suffix = path.suffix.lower()
    if suffix in _BRAT or (
        suffix == ".txt" and any(path.with_suffix(ending).exists() for ending in _BRAT)
    ):
        return "brat"
    if suffix == ".spacy":
        return "docbin"
    if suffix == ".parquet":
        return "datasets"
    if suffix == ".csv":
        return "csv"
    if suffix in _CONLL:
        return "conll"
    beginning = next(read_chunks(path, size=1 << 12), "").lstrip()
    if not beginning and suffix == ".txt":
        return "text"  # an article without a word, which should not stop the others
    if not beginning:
        raise InputError(f"{path}: the file is empty")
    if beginning[0] in "[{" and not _MARKUP.match(beginning):
        rows = _first_rows(path, beginning[0], suffix in _JSON)
        if rows:
            name = _detect_json(path, rows)
            return "json" if name == "jsonl" and beginning[0] == "[" else name
    lines = [line for _, line in itertools.islice(read_lines(path), _LOOK) if line.strip()]
    if lines[0].startswith("#FORMAT=WebAnno TSV 3"):
        return "webanno"
    if _is_conll(lines):
        return "conll"
    if suffix == ".tsv" and has_text_column(path):
        return "tsv"
    if any(_MARKUP.search(line) for line in lines):
        return "markup"
    if suffix == ".txt":
        _refuse_columns(path, lines)
        return "text"
    raise InputError(f"{path}:1: not recognised by its content ({lines[0][:40]!r}); {_NAME_IT}")


def is_dataset_folder(path: Path) -> bool:
    """Was this folder made by ``save_to_disk`` of Hugging Face ``datasets``?"""
    return (path / "dataset_dict.json").is_file() or (
        (path / "dataset_info.json").is_file() and (path / "state.json").is_file()
    )


def has_text_column(path: Path) -> bool:
    """Whether the header of a table has a column called ``text``.

    Raises:
        InputError: the file cannot be read.
    """
    line = next((line for _, line in read_lines(path) if not excel_separator(line)), "")
    return "text" in header_cells(line, header_delimiter(line, ("text",), ","))


def _is_conll(lines: list[str]) -> bool:
    """Whether these are rows of as many columns each, more than one row, with a tag last."""
    rows = [line for line in lines if not line.startswith(("-DOCSTART-", "# ", "#\t"))]
    cells = [row.split("\t") if "\t" in row else row.split() for row in rows]
    widths = {len(row) for row in cells}
    tags = [row[-1].strip() for row in cells]
    # A headline may end in B-Company; prose does not have the same few words on every line.
    return (
        len(rows) > 1
        and len(widths) == 1
        and widths.pop() > 1
        and all(_TAG.fullmatch(tag) for tag in tags)
        and ("O" in tags or "\t" in rows[0])
    )


def _refuse_columns(path: Path, lines: list[str]) -> None:
    """Refuse what looks like columns that cannot be read as such, or like another tool's form.

    A comment or an odd tag, and separators beside blanks and tabs, make columns unreadable.
    """
    if _PUBTATOR.match(lines[0]):
        raise InputError(
            f"{path}:1: looks like PubTator, which is not read; convert it to brat or the native "
            "form, or read it as a text with --from text"
        )
    tagged = [line for line in lines if not line.startswith("#")]
    ends = [_ENDS_IN_TAG.search(line) for line in tagged]
    if len(ends) > 1 and all(ends) and any(end and end[2] == "O" for end in ends):
        raise InputError(
            f"{path}: looks like tokens and tags parted by {ends[0][1]!r}; read it with --from "  # type: ignore[index]
            "conll --option separator=CHARACTER, or as a text with --from text"
        )
    rows = [line.split() for line in lines if not line.startswith("#")]
    widths = {len(row) for row in rows}
    tags = [_TAG.fullmatch(row[-1]) for row in rows]
    doubtful = all(tags) or any(row[-1] == "O" for row in rows)
    if len(rows) > 1 and len(widths) == 1 and widths.pop() > 1 and doubtful:
        raise InputError(
            f"{path}: looks like columns of tokens and tags, but not all rows end in a tag (O, "
            "B-LABEL, I-LABEL), or none in O; name the format with --from: conll, or text if it is "
            "one"
        )


def _first_rows(path: Path, opening: str, must_be: bool) -> list[tuple[str, Any]]:
    """The first JSON values of a file with their places; none where a text only begins like JSON.

    Raises:
        InputError: the file's ending says JSON (``must_be``), and it is none.
    """
    rows: list[tuple[str, Any]] = []
    try:
        stream = (
            read_array(path)
            if opening == "["
            else ((where, row) for where, _, row in read_rows(path))
        )
        rows.extend(itertools.islice(stream, _LOOK))
    except InputError as error:
        if rows and opening == "{":  # a line further down; the reader will name it
            return rows
        if opening == "{":
            whole = _one_object(path)
            if whole is not None:
                return [(str(path), whole)]
        if must_be:
            raise InputError(f"{error}; if it is not JSON, {_NAME_IT}") from None
        return []
    if rows and all(isinstance(row, dict) for _, row in rows):
        return rows
    if must_be:
        kind = next((type(row).__name__ for _, row in rows if not isinstance(row, dict)), "empty")
        raise InputError(f"{path}: JSON of a form that was not recognised ({kind}); {_NAME_IT}")
    return []


def _one_object(path: Path) -> dict[str, Any] | None:
    """The object over several lines at the beginning of a file, if nothing but objects follow."""
    try:
        rows = [row for _, row in itertools.islice(read_tasks(path), 2)]
    except InputError:
        return None
    return rows[0] if rows and all(isinstance(row, dict) for row in rows) else None


def _detect_json(path: Path, rows: list[tuple[str, Any]]) -> str:
    shapes: dict[str, str] = {}
    for where, row in rows:
        name = _shape(row)
        if name is None:
            fields = ", ".join(map(str, row)) or "no fields"
            raise InputError(
                f"{where}: JSON of a form that was not recognised ({fields}); {_NAME_IT}; "
                "where no format fits, write the native form, "
                '{"text": ..., "entities": [{"start": ..., "end": ..., "label": ...}]}'
            )
        shapes.setdefault(name, where)
    # A text alone fits every format: the rows that say more decide.
    candidates = [name for name in shapes if name != "text"] or ["jsonl"]
    if len(candidates) > 1:
        found = ", ".join(f"{name} at {shapes[name]}" for name in candidates)
        raise InputError(
            f"{path}: rows of several formats ({found}); make a file of each, or {_NAME_IT}"
        )
    return candidates[0]


def _shape(row: dict[str, Any]) -> str | None:
    """The format of one row; ``text`` where it holds no annotation of any format."""
    if isinstance(row.get("data"), dict) or not _JSON_MIN.isdisjoint(row):
        return "labelstudio"
    if isinstance(row.get("result"), list) and isinstance(row.get("task"), dict):
        return "labelstudio"
    words = row.get("tokens")
    if isinstance(words, list) and not isinstance(row.get("text"), str):
        return None if any(isinstance(word, dict) for word in words) else "datasets"
    if isinstance(row.get("spans"), list) or (isinstance(words, list) and "text" in row):
        return "prodigy"
    if not isinstance(row.get("text", row.get("data")), str):
        return None
    spans = row.get("entities")
    if isinstance(spans, list) and any(isinstance(s, dict) and "start" in s for s in spans):
        return "jsonl"
    for key in ("entities", "annotations"):
        spans = row.get(key)
        if isinstance(spans, list) and any(
            isinstance(s, list) or (isinstance(s, dict) and "start_offset" in s) for s in spans
        ):
            return "doccano"
    for key in ("label", "labels"):
        spans = row.get(key)
        if isinstance(spans, list) and spans:
            return "labelstudio" if any(isinstance(s, dict) for s in spans) else "doccano"
    if "answer" in row:
        return "prodigy"
    if "relations" in row or isinstance(row.get("label"), list) or "text" not in row:
        return "doccano"
    return "jsonl" if row.get("entities") else "text"
