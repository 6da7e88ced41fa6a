"""Keys of other formats' annotations: a row with one is never read as if it had none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

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
# Fields of every row whose lists of numbers are no annotations, or are looked at elsewhere.
_KNOWN = frozenset(("id", "text", "meta", "tokens", "relations", "sents"))
_STARTS = frozenset("start begin start_offset start_char char_start startoffset from".split())
_ENDS = frozenset("end stop end_offset end_char char_end endoffset to".split())
_MENTIONS = ("text", "mention", "surface")
_READ = {
    "jsonl": ("entities",),
    "doccano": ("label", "labels", "entities", "annotations"),
    # A text category is a word under "label"; a list there holds spans.
    "prodigy": ("spans", "answer"),
}
_PLAIN = {format: {"id", "text", "meta", *keys} for format, keys in _READ.items()}


def refuse_foreign(row: Mapping[str, Any], format: str, where: str) -> None:
    """Refuse a row with annotations under a key that the reader of ``format`` does not know.

    Fields of other meaning (``source``, ``url``), and empty ones, are welcome.

    Raises:
        InputError: such a key, with the format that is likely to read it.
    """
    if row.keys() <= _PLAIN[format]:
        return
    read = _READ[format]
    for key, home in _HOMES.items():
        held = row.get(key)
        if key in read or held in (None, "", [], {}):
            continue
        if format == "prodigy" and not isinstance(held, list | dict):
            continue
        _refuse(key, f"name the format with --from, perhaps {home}, or rename", format, where)
    for key, held in row.items():
        if key not in _KNOWN and key not in read and isinstance(held, list) and _has_spans(held):
            _refuse(key, f"rename it to {read[0]!r}, or", format, where)


def _refuse(key: str, advice: str, format: str, where: str) -> NoReturn:
    read = ", ".join(map(repr, _READ[format]))
    raise InputError(
        f"{where}: {key!r} holds annotations that the format {format} does not read (it reads "
        f"{read}); {advice} the key where it says something else"
    )


def _has_spans(held: list[Any]) -> bool:
    """Whether a list holds what looks like spans: two offsets and a label, however named."""
    for item in held:
        if isinstance(item, dict):
            names = {str(name).lower() for name in item if type(item[name]) is int}
            other = [k for k, v in item.items() if isinstance(v, str) and k not in _MENTIONS]
            if other and names & _STARTS and names & _ENDS:
                return True
        elif isinstance(item, list) and [type(part) for part in item[:3]] == [int, int, str]:
            return True
    return False
