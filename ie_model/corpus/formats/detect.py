"""Which format is this? Told from the ending where that settles it, else from the content."""

from __future__ import annotations

import itertools
import re
from pathlib import Path
from typing import Any

from ie_model.corpus.formats.files import read_chunks, read_lines
from ie_model.corpus.formats.json_array import read_array
from ie_model.corpus.formats.jsonl import read_rows
from ie_model.errors import InputError

_MARKUP = re.compile(r"\[\[[^\[\]|]+\|")
_TAG = re.compile(r"O|[BIESLU]-[^\W\d]\S*")  # S-300 and I-95 are no tags
_CONLL = (".conll", ".iob", ".iob2", ".bio", ".bioes")
_JSON_MIN = {"annotation_id", "lead_time", "annotator"}  # of Label Studio's short export
_JSON = (".json", ".jsonl", ".ndjson")
_LOOK = 50  # lines looked at
_NAME_IT = "name the format with --from (evaluate, compare: --format; in a config: format)"


def detect_format(path: Path) -> str:
    """The name of the format of one file (of one folder, for ``datasets``).

    Raises:
        InputError: nothing known; the message names the option that settles it.
    """
    if path.is_dir() and is_dataset_folder(path):
        return "datasets"
    suffix = path.suffix.lower()
    if suffix == ".ann" or (suffix == ".txt" and path.with_suffix(".ann").exists()):
        return "brat"
    if suffix == ".spacy":
        return "docbin"
    if suffix in _CONLL:
        return "conll"
    beginning = next(read_chunks(path, size=1 << 12), "").lstrip()
    if not beginning and suffix == ".txt":
        return "text"  # an article without a word, which should not stop the others
    if not beginning:
        raise InputError(f"{path}: the file is empty")
    if beginning[0] in "[{" and not _MARKUP.match(beginning):
        row = _first_object(path, beginning[0], suffix in _JSON)
        if row is not None:
            return _detect_json(path, beginning[0], row)
    lines = [line for _, line in itertools.islice(read_lines(path), _LOOK) if line.strip()]
    if lines[0].startswith("#FORMAT=WebAnno TSV 3"):
        return "webanno"
    if _is_conll(lines):
        return "conll"
    if any(_MARKUP.search(line) for line in lines):
        return "markup"
    if suffix == ".txt":
        _refuse_columns(path, lines)
        return "text"
    raise InputError(f"{path}: not recognised by its content; {_NAME_IT}")


def is_dataset_folder(path: Path) -> bool:
    """Was this folder made by ``save_to_disk`` of Hugging Face ``datasets``?"""
    return (path / "dataset_dict.json").is_file() or (
        (path / "dataset_info.json").is_file() and (path / "state.json").is_file()
    )


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
    )


def _refuse_columns(path: Path, lines: list[str]) -> None:
    """Refuse what looks like columns that a comment or an odd tag made unreadable as such."""
    rows = [line.split() for line in lines if not line.startswith("#")]
    widths = {len(row) for row in rows}
    if len(rows) > 1 and len(widths) == 1 and widths.pop() > 1 and any(r[-1] == "O" for r in rows):
        raise InputError(
            f"{path}: looks like columns of tokens and tags, but not all rows end in a tag (O, "
            "B-LABEL, I-LABEL); name the format with --from: conll, or text if it is one"
        )


def _first_object(path: Path, opening: str, must_be: bool) -> dict[str, Any] | None:
    """The first JSON object of a file; ``None`` where a text only begins like JSON.

    Raises:
        InputError: the file's ending says JSON (``must_be``), and it is none.
    """
    try:
        if opening == "[":
            row = next((element for _, element in read_array(path)), None)
        else:
            row = next((element for _, _, element in read_rows(path)), None)
    except InputError as error:
        if must_be:
            raise InputError(f"{error}; if it is not JSON, {_NAME_IT}") from None
        return None
    if isinstance(row, dict):
        return row
    if must_be:
        kind = type(row).__name__
        raise InputError(f"{path}: JSON of a form that was not recognised ({kind}); {_NAME_IT}")
    return None


def _detect_json(path: Path, opening: str, row: dict[str, Any]) -> str:
    name = _shape(row)
    if name is not None and opening == "[" and name != "labelstudio":
        raise InputError(
            f"{path}: a JSON array of {name} documents; write one object a line "
            "(for example: jq -c '.[]')"
        )
    if name is not None:
        return name
    fields = ", ".join(map(str, row))
    raise InputError(f"{path}: JSON of a form that was not recognised ({fields}); {_NAME_IT}")


def _shape(row: dict[str, Any]) -> str | None:
    if isinstance(row.get("data"), dict) or not _JSON_MIN.isdisjoint(row):
        return "labelstudio"
    if "spans" in row or ("tokens" in row and "text" in row):
        return "prodigy"
    for key in ("entities", "annotations"):
        spans = row.get(key)
        if isinstance(spans, list) and any("start_offset" in s for s in spans if s):
            return "doccano"
    spans = row.get("label", row.get("labels"))
    if isinstance(spans, list):
        return "labelstudio" if any(isinstance(s, dict) for s in spans) else "doccano"
    if isinstance(row.get("text"), str):
        return "doccano" if "relations" in row else "jsonl"
    return None
