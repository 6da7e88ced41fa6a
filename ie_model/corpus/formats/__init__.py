"""Annotation formats: one small module each, and a table of what each can hold.

Every module has ``read(path, ...)``, which yields ``(where, document)`` pairs, ``where``
being the file and, where documents stand on lines, the line; and
``write(documents, path, ...)``. Most people want :func:`ie_model.corpus.reading.read_documents`.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from types import ModuleType

from ie_model.errors import InputError


@dataclass(frozen=True)
class Format:
    """What a format can hold; ``convert`` reports what a target would lose.

    ``suffixes`` are the file names looked for in a folder, the first one used for writing;
    ``folder`` says that a corpus in this format is a folder; ``entity_meta`` are the keys of an
    entity's ``meta`` that are written (``None``: all but ``entity_keys``); ``repeats`` that equal
    entities stay two.
    """

    module: str
    suffixes: tuple[str, ...]
    folder: bool = False
    ids: bool = True
    overlaps: bool = True
    scores: bool = True
    meta: bool = True
    spacing: bool = True
    entity_meta: frozenset[str] | None = frozenset()
    entity_keys: frozenset[str] = frozenset()
    repeats: bool = True


FORMATS: dict[str, Format] = {
    "jsonl": Format("jsonl", (".jsonl", ".ndjson"), entity_meta=None),
    "json": Format("json_documents", (".json",), entity_meta=None),
    "brat": Format("brat", (".ann", ".a1", ".a2"), folder=True, meta=False),
    "conll": Format(
        "conll",
        (".conll", ".iob", ".iob2", ".bio", ".bioes", ".tsv", ".txt"),
        ids=False,
        overlaps=False,
        scores=False,
        meta=False,
        spacing=False,
    ),
    "markup": Format("markup", (".txt",), ids=False, overlaps=False, scores=False, meta=False),
    "doccano": Format("doccano", (".jsonl",), scores=False),
    "labelstudio": Format("labelstudio", (".json",), entity_meta=frozenset({"other_labels"})),
    "prodigy": Format(
        "prodigy",
        (".jsonl",),
        entity_meta=None,
        entity_keys=frozenset(
            ("start", "end", "label", "score", "text", "token_start", "token_end")
        ),
    ),
    "docbin": Format(
        "docbin", (".spacy",), entity_meta=frozenset({"kb_id", "span_id"}), repeats=False
    ),
    "webanno": Format("webanno", (".tsv",), folder=True, scores=False, meta=False),
    "datasets": Format("hf_dataset", (".parquet",), folder=True, entity_meta=None),
    "csv": Format("csv_table", (".csv",), entity_meta=None),
    "tsv": Format("tsv_table", (".tsv",), entity_meta=None),
    "text": Format("text", (".txt",), overlaps=False, scores=False, meta=False),
    "lines": Format("lines", (".txt",), overlaps=False, scores=False, meta=False),
}
"""Every format by the name that the config and the command line use."""


_ELSEWHERE = {"parquet": "datasets", "txt": "text", "ann": "brat"}


def format_module(name: str) -> ModuleType:
    """The module of a format.

    Raises:
        InputError: no such format.
    """
    if name not in FORMATS:
        hint = _ELSEWHERE.get(name)
        advice = f" ({name} is read as {hint})" if hint else ""
        raise InputError(f"unknown format {name!r}{advice}; one of: {', '.join(FORMATS)}")
    return importlib.import_module(f"ie_model.corpus.formats.{FORMATS[name].module}")
