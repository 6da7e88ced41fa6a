"""Keys of other formats' annotations: a row with one is never read as if it had none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ie_model.errors import InputError

_HOMES = {
    "spans": "prodigy",
    "answer": "prodigy",
    "label": "doccano",
    "labels": "doccano",
    "annotations": "doccano",
    "entities": "jsonl or doccano",
    "completions": "labelstudio",
    "predictions": "labelstudio",
    "tags": "datasets",
    "ner_tags": "datasets",
    "ner": "a format with entities",
}
_READ = {
    "jsonl": ("entities",),
    "doccano": ("label", "labels", "entities", "annotations"),
    # A text category is a word under "label"; a list there holds spans.
    "prodigy": ("spans", "answer"),
}


def refuse_foreign(row: Mapping[str, Any], format: str, where: str) -> None:
    """Refuse a row with annotations under a key that the reader of ``format`` does not know.

    Fields of other meaning (``source``, ``url``), and empty ones, are welcome.

    Raises:
        InputError: such a key, with the format that is likely to read it.
    """
    read = _READ[format]
    for key, home in _HOMES.items():
        held = row.get(key)
        if key in read or held in (None, "", [], {}):
            continue
        if format == "prodigy" and not isinstance(held, list | dict):
            continue
        raise InputError(
            f"{where}: {key!r} holds annotations that the format {format} does not read (it "
            f"reads {', '.join(map(repr, read))}); name the format with --from, perhaps {home}, "
            "or rename the key where it says something else"
        )
