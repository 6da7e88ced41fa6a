"""The options that commands share: one name, one short form, one meaning, one sentence of help.

``--from`` is the format documents are read in, ``--to`` the one that documents are written in,
``--format`` the form of a report; ``-o`` is where the result goes, and its ending says the form
unless ``--to`` or ``--format`` does.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from ie_model.corpus.formats import FORMATS
from ie_model.errors import InputError

Value = TypeVar("Value")

Model = Annotated[Path, typer.Argument(help="Model directory.")]
ConfigName = Annotated[
    Path, typer.Argument(help="YAML configuration, or the name of a shipped one.")
]
Overrides = Annotated[list[str] | None, typer.Argument(help="Settings to change, as KEY=VALUE.")]
Corpus = Annotated[Path, typer.Argument(help="A file, a folder, or a quoted glob.")]
Engine = Annotated[str, typer.Option(help="auto, torch, openvino or onnx.")]
Precision = Annotated[str, typer.Option(help="auto, fp32, bf16 or int8.")]
Threads = Annotated[
    int | None, typer.Option(min=1, help="CPU threads [default: those it may use].")
]
MinScore = Annotated[
    float | None,
    typer.Option(help="Leave out entities scored lower [default: the model's thresholds]."),
]
Normalise = Annotated[
    bool, typer.Option("--normalise", help="Add the values of dates and quantities.")
]
ReportForm = Annotated[
    str | None,
    typer.Option(help="table, html, json, jsonl, csv or tsv; by the ending if not given."),
]
Port = Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")]
From = Annotated[
    str | None,
    typer.Option(
        "--from",
        help=f"Format of the documents read: {', '.join(list(FORMATS)[:-1])} or "
        f"{list(FORMATS)[-1]}; by content if not given.",
    ),
]
_READ_ONLY = ("text", "lines")
To = Annotated[
    str | None,
    typer.Option(
        "--to",
        help="Format of the documents written: "
        f"{', '.join(name for name in FORMATS if name not in _READ_ONLY)}; by the ending of the "
        "output if not given (.json is still labelstudio, and json from the next release on).",
    ),
]
TextDir = Annotated[Path | None, typer.Option(help="Where the .txt files of brat annotations are.")]
Options = Annotated[
    list[str] | None,
    typer.Option("--option", help="Option of the format read, as NAME=VALUE (tag_column=3)."),
]
WriteOptions = Annotated[
    list[str] | None,
    typer.Option(help="Option of the format written, as NAME=VALUE (comments=true)."),
]
Folds = Annotated[
    int | None,
    typer.Option(min=2, help="Folds [default: leave one article out up to 10 articles, else 5]."),
]
Output = Annotated[
    Path | None,
    typer.Option(
        "--output", "-o", help="Write here, in the form of its ending, not to standard output."
    ),
]
Result = Annotated[
    Path | None, typer.Option("--output", "-o", help="Write every figure here, as JSON.")
]
OldJson = Annotated[Path | None, typer.Option("--json", hidden=True)]
Lines = Annotated[
    str | None,
    typer.Option(
        help="What is read on its own: line, paragraph, document, or auto (lines, but for the "
        "breaks inside hard-wrapped text) [default: as the model was trained]."
    ),
]

_ENDINGS = {
    "html": (".html", ".htm"),
    "json": (".json",),
    "jsonl": (".jsonl", ".ndjson"),
    "csv": (".csv",),
    "tsv": (".tsv",),
    "table": (".txt",),
    "text": (".txt",),
}


def form_of(
    output: Path | None, given: str | None, forms: Sequence[str], option: str = "--format"
) -> str:
    """The form of a result: the one said, else that of the output's ending, else the first.

    A name without an ending, as that of a pipe, says nothing.

    Raises:
        InputError: a form or an ending that the command does not have.
    """
    if given is not None:
        if given not in forms:
            raise InputError(f"{option} {given!r}: use {_either(forms)}")
        return given
    if output is None or not output.suffix:
        return forms[0]
    for form in forms:
        if output.suffix.lower() in _endings(form):
            return form
    endings = list(dict.fromkeys(ending for form in forms for ending in _endings(form)[:1]))
    raise InputError(f"{output}: this ending names no form of the result; use {_either(endings)}")


def renamed(old: str, given: Value | None, new: str, value: Value | None) -> Value | None:
    """The value of an option, which its old spelling may give, with a line of advice.

    Raises:
        InputError: both spellings are given.
    """
    if given is None:
        return value
    if value is not None:
        raise InputError(f"{old} is the old spelling of {new}: give {new} alone")
    typer.echo(f"note: {old} is now {new}; the old spelling goes with the next release", err=True)
    return given


def read_options(pairs: list[str] | None, text_dir: Path | None = None) -> dict[str, Any]:
    """Options of a format, from NAME=VALUE.

    Raises:
        InputError: not of that form.
    """
    options: dict[str, Any] = {}
    for pair in pairs or []:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise InputError(f"option {pair!r}: expected NAME=VALUE")
        if value.lower() in ("true", "false"):
            options[name] = value.lower() == "true"
        else:
            options[name] = int(value) if value.lstrip("-").isdecimal() else value
    if text_dir is not None:
        options["text_dir"] = text_dir
    return options


def _endings(form: str) -> tuple[str, ...]:
    if form in FORMATS and form not in _ENDINGS:
        return () if FORMATS[form].folder else FORMATS[form].suffixes[:1]
    return _ENDINGS.get(form, ())


def _either(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"
