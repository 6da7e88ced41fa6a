"""One vocabulary: an option that two commands share means the same in both."""

from __future__ import annotations

import json
from collections import defaultdict

import click
import pytest
import typer

from ie_model.cli.main import app
from ie_model.corpus.formats import FORMATS
from tests.cli.test_main import TEXT, invoke as invoke

# Options that say something else in each command, and have to: what is limited, kept, chosen.
OWN_WORDS = {
    "--to", "--format", "--output", "--keep", "--fix", "--limit", "--label", "--labels", "--most",
    "--max-chars", "--threads", "--device", "--engine", "--precision", "--date-column",
    "--against", "--text",
}  # fmt: skip
OLD = {
    ("evaluate", "--json"), ("compare", "--json"), ("compare", "--format"), ("suspects", "--json"),
    ("calibrate", "--json"), ("bench", "--json"), ("crossval", "--run"), ("score", "--format"),
    ("score", "--output-format"),
}  # fmt: skip
READ = ("--from", "--text-dir", "--option")


def options() -> list[tuple[str, click.Option]]:
    found = []

    def walk(command, name):
        for part, inner in getattr(command, "commands", {}).items():
            walk(inner, f"{name} {part}".strip())
        if not hasattr(command, "commands"):
            found.extend((name, p) for p in command.params if p.param_type_name == "option")

    walk(typer.main.get_command(app), "")
    return found


def shown() -> dict[str, dict[str, click.Option]]:
    """Every option that help shows, by its long name: the commands that have it."""
    by_name: dict[str, dict[str, click.Option]] = defaultdict(dict)
    for command, option in options():
        if not option.hidden:
            by_name[max(option.opts, key=len)][command] = option
    return by_name


def test_vocabulary_shared_options_have_one_form_and_one_help():
    for name, uses in shown().items():
        assert len({tuple(sorted(o.opts)) for o in uses.values()}) == 1, (name, list(uses))
        if name not in OWN_WORDS and name != "--from":
            said = {(o.help or "").partition(" [default")[0] for o in uses.values()}
            assert len(said) == 1, (name, {c: o.help for c, o in uses.items()})


def test_vocabulary_of_formats_is_the_same_on_every_command():
    found = shown()
    for command, option in found["--from"].items():
        assert option.default is None, command
        assert option.help.startswith("Format of the "), command
        if command != "score":  # rows, which have formats of their own
            assert all(command in found[name] for name in READ), command
            assert all(name in option.help for name in FORMATS)
    for name in ("--to", "--format"):
        for command, option in found[name].items():
            assert option.default is None, (name, command)
    for command in found["--format"]:
        assert command in found["--output"], command
    for short in ("-o", "-n", "-q"):
        long_ = {tuple(o.opts) for _, o in options() if short in o.opts}
        assert len(long_) == 1, short


def test_vocabulary_only_old_spellings_are_hidden():
    assert {(c, max(o.opts, key=len)) for c, o in options() if o.hidden} == OLD


@pytest.fixture
def gold(tmp_path):
    file = tmp_path / "gold.jsonl"
    span = {"start": 0, "end": 20, "label": "ACTOR"}
    file.write_text(json.dumps({"id": "a", "text": TEXT, "entities": [span]}) + "\n")
    return file


def begins(path) -> str:
    text = path.read_text(encoding="utf-8")
    if text.startswith("<!doctype html>"):
        return "html"
    try:
        value = json.loads(text)
    except ValueError:
        return text.splitlines()[0]
    return "jsonl" if isinstance(value, dict) and text.count("\n") == 1 else "json"


@pytest.mark.parametrize(
    ("command", "endings"),
    [
        ("check", ("html", "json", "jsonl", "csv:severity,kind,", "tsv:severity\tkind\t")),
        ("stats", ("html", "json", "jsonl", "csv:corpus,label,entities,")),
        ("agree", ("html", "json")),
        ("show", ("html", "json", "jsonl")),
    ],
)
def test_vocabulary_endings_decide_the_form_of_reports(invoke, gold, tmp_path, command, endings):
    gold.write_text(gold.read_text().replace('"end": 20', '"end": 21'))  # one thing to find
    paths = [gold]
    if command == "agree":
        paths.append(tmp_path / "other.jsonl")
        paths[1].write_text(gold.read_text())
    for ending in endings:
        name, _, first = ending.partition(":")
        output = tmp_path / f"out.{name}"
        code, out, err = invoke("annotations", command, *paths, "-o", output)
        assert (code, out) == (1 if command == "check" else 0, ""), err
        assert begins(output).startswith(first or name), output.read_text()
    code, _, err = invoke("annotations", command, *paths, "-o", tmp_path / "out.pdf")
    assert code == 2
    assert "out.pdf: this ending names no form of the result; use .txt, .html" in err
    code, _, err = invoke("annotations", command, *paths, "--format", "pdf")
    assert code == 2
    assert "--format 'pdf': use t" in err


def test_vocabulary_endings_decide_the_form_of_predictions(invoke, tiny_model, tmp_path):
    for name, first in (
        ("page.html", "html"), ("a.jsonl", "jsonl"), ("a.json", "json"), ("a.csv", "id,text,"),
        ("a.tsv", "id\ttext\t"), ("a.txt", "text: "), ("a", "text: "), ("a.conll", "-DOCSTART-"),
    ):  # fmt: skip
        code, out, err = invoke("predict", tiny_model, "--text", TEXT, "-o", tmp_path / name)
        assert (code, out) == (0, ""), err
        assert begins(tmp_path / name).startswith(first), (tmp_path / name).read_text()
    assert "no place in conll: scores" in err
    code, _, _ = invoke(
        "predict", tiny_model, "--text", TEXT, "-o", tmp_path / "b.txt", "--to", "csv",
        "--write-option", "rows=entities",
    )  # fmt: skip
    assert begins(tmp_path / "b.txt") == "id,text,start,end,label,mention,score,entity_meta,meta"
    for arguments, said in (
        (("-o", tmp_path / "a.pdf"), "a.pdf: this ending names no form"),
        (("--to", "pdf"), "--to 'pdf': use table, html, json, jsonl"),
        (("--to", "brat"), "--to brat: goes to a file or folder; name it with -o"),
    ):
        code, _, err = invoke("predict", tiny_model, "--text", TEXT, *arguments)
        assert code == 2
        assert said in err


def test_vocabulary_of_evaluate(invoke, tiny_model, gold, tmp_path):
    for name, first in (("m.json", "json"), ("m.csv", "label,precision,"), ("m.txt", "  ")):
        code, out, err = invoke("evaluate", tiny_model, gold, "-o", tmp_path / name)
        assert code == 0, err
        assert "precision" in out
        assert begins(tmp_path / name).startswith(first)
    code, out, _ = invoke("evaluate", tiny_model, gold, "--format", "json")
    assert json.loads(out)["span"]
    code, out, err = invoke(
        "evaluate", tiny_model, gold, "--format", "jsonl", "--json", tmp_path / "x"
    )
    assert "note: --format is now --from" in err
    code, _, err = invoke("evaluate", tiny_model, gold, "--from", "pdf")
    assert code == 2
    assert "unknown format 'pdf'" in err


def test_vocabulary_old_spellings_work_with_advice(invoke, tiny_model, gold, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    output = tmp_path / "scored.jsonl"
    arguments = ("score", tiny_model, gold, "--workers", 0, "--quiet")
    code, _, err = invoke(*arguments, "-o", output, "--format", "jsonl", "--output-format", "jsonl")
    assert code == 0, err
    assert "note: --format is now --from" in err
    assert "note: --output-format is now --to" in err
    code, _, err = invoke(*arguments, "-o", output, "--format", "jsonl", "--from", "jsonl")
    assert code == 2
    assert "--format is the old spelling of --from: give --from alone" in err
    code, _, err = invoke(*arguments, "-o", output, "--from", "brat")
    assert code == 2
    assert "score reads rows (jsonl, " in err
    assert "convert SOURCE rows.jsonl --from brat" in err
    code, _, err = invoke("evaluate", tiny_model, gold, "--json", tmp_path / "any.name")
    assert "note: --json is now -o" in err
    assert json.loads((tmp_path / "any.name").read_text())["span"]


def test_vocabulary_standard_input_has_a_format(invoke, tiny_model):
    code, out, err = invoke(
        "predict", tiny_model, "-", "--from", "lines", "--to", "jsonl", stdin=b"IS left\n\nMosul\n"
    )
    assert code == 0, err
    rows = [json.loads(line) for line in out.splitlines()]
    assert [(row["id"], row["text"]) for row in rows] == [
        ("stdin:1", "IS left"),
        ("stdin:3", "Mosul"),
    ]
    code, _, err = invoke("predict", tiny_model, "-", "--from", "jsonl", stdin=b"no json")
    assert code == 2
    assert "standard input:1: not JSON" in err


def test_vocabulary_json_is_one_array_and_was_label_studio(invoke, gold, tmp_path, caplog):
    output = tmp_path / "x.json"
    code, _, _ = invoke("annotations", "convert", gold, output, "--to", "json")
    assert (code, "next release" in caplog.text) == (0, False)
    (document,) = json.loads(output.read_text())
    assert document["entities"] == [
        {"start": 0, "end": 20, "label": "ACTOR", "text": "Iraqi federal police"}
    ]
    code, _, _ = invoke("annotations", "convert", output, tmp_path / "back.jsonl")
    assert (code, f"{output}: read as json\n" in caplog.text) == (0, True)
    assert json.loads((tmp_path / "back.jsonl").read_text()) == document
    invoke("annotations", "convert", gold, tmp_path / "y.json")
    assert "written as Label Studio tasks (--to labelstudio says so); with the" in caplog.text
    (task,) = json.loads((tmp_path / "y.json").read_text())
    assert task["annotations"]


@pytest.mark.parametrize("command", ["next", "compare", "serve", "annotate", "predict", "evaluate"])
def test_vocabulary_lines_is_an_option_wherever_a_model_reads(invoke, command):
    _, out, _ = invoke(command, "--help")
    assert "What is read on its own: line, paragraph, document, or auto" in " ".join(out.split())
