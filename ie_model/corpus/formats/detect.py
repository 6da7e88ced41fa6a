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
_TAGGED = re.compile(r"\S.*[ \t](?:O|[BIESLU]-\S+)\s*")
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
    beginning = next(read_chunks(path, size=1 << 12), "").lstrip()
    if not beginning and suffix == ".txt":
        return "text"  # an article without a word, which should not stop the others
    if not beginning:
        raise InputError(f"{path}: the file is empty")
    if beginning[0] in "[{" and not _MARKUP.match(beginning):
        return _detect_json(path, beginning[0])
    lines = [line for _, line in itertools.islice(read_lines(path), _LOOK) if line.strip()]
    if lines[0].startswith("#FORMAT=WebAnno TSV 3"):
        return "webanno"
    tokens = [line for line in lines if not line.startswith(("-DOCSTART-", "# "))]
    if tokens and all(_TAGGED.fullmatch(line) for line in tokens):
        return "conll"
    if any(_MARKUP.search(line) for line in lines):
        return "markup"
    if suffix == ".txt":
        return "text"
    raise InputError(f"{path}: not recognised by its content; {_NAME_IT}")


def is_dataset_folder(path: Path) -> bool:
    """Was this folder made by ``save_to_disk`` of Hugging Face ``datasets``?"""
    return (path / "dataset_dict.json").is_file() or (
        (path / "dataset_info.json").is_file() and (path / "state.json").is_file()
    )


def _detect_json(path: Path, opening: str) -> str:
    if opening == "[":
        row = next((element for _, element in read_array(path)), None)
    else:
        row = next((element for _, _, element in read_rows(path)), None)
    if isinstance(row, dict):
        name = _shape(row)
        if name is not None and opening == "[" and name != "labelstudio":
            raise InputError(
                f"{path}: a JSON array of {name} documents; write one object a line "
                "(for example: jq -c '.[]')"
            )
        if name is not None:
            return name
    fields = ", ".join(map(str, row)) if isinstance(row, dict) else type(row).__name__
    raise InputError(f"{path}: JSON of a form that was not recognised ({fields}); {_NAME_IT}")


def _shape(row: dict[str, Any]) -> str | None:
    if isinstance(row.get("data"), dict):
        return "labelstudio"
    if "spans" in row or ("tokens" in row and "text" in row):
        return "prodigy"
    entities = row.get("entities")
    spans = row.get("label", row.get("labels"))
    if isinstance(entities, list) and any("start_offset" in e for e in entities if e):
        return "doccano"
    if isinstance(spans, list):
        return "labelstudio" if any(isinstance(s, dict) for s in spans) else "doccano"
    if isinstance(row.get("text"), str):
        return "doccano" if "relations" in row else "jsonl"
    return None
