"""The annotation commands, end to end on small files."""

from __future__ import annotations

import json
import os
from html.parser import HTMLParser
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from ie_model.cli.annotations import app
from ie_model.corpus.formats import FORMATS
from ie_model.corpus.reading import load_gold, read_documents
from ie_model.documents import Document
from ie_model.errors import InputError

HOSTILE = "<script>alert(1)</script>"


def run(*arguments: object, code: int = 0) -> Result:
    result = CliRunner().invoke(app, [str(a) for a in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == code, result.output
    return result


@pytest.fixture
def gold(tmp_path: Path) -> Path:
    rows = [
        {
            "id": "a",
            "text": "The IS fighters left Mosul.",
            "entities": [
                {"start": 4, "end": 15, "label": "Organisation", "confidence": 1},
                {"start": 4, "end": 6, "label": "Organisation", "confidence": 0},
                {"start": 20, "end": 26, "label": "Location", "text": "Mosul"},
            ],
        },
        {"id": f"b{HOSTILE}", "text": f"{HOSTILE} Tank.", "entities": []},
    ]
    rows[1]["entities"] = [{"start": 26, "end": 30, "label": "Weapon"}]
    path = tmp_path / "gold.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


class Tags(HTMLParser):
    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.found.add(tag)
        assert not [name for name, _ in attrs if name.startswith("on") or name == "src"]


def test_annotation_commands_check_exit_code_and_json(gold):
    result = run("check", gold, "--format", "json", "--labels", "Organisation,Location", code=1)
    report = json.loads(result.stdout)
    assert report["counts"] == {"surface": 1, "edge": 1, "overlap": 1, "label": 1}
    by_kind = {f["kind"]: f for f in report["findings"]}
    assert "it stands at [21, 26), 1 character later" in by_kind["surface"]["message"]
    assert by_kind["surface"]["where"] == f"{gold}:1"
    table = run("check", gold, code=1).stdout
    assert f"{gold}:1: a [20, 26) Location" in table
    assert "The IS fighters left[ Mosul]." in table
    assert "2 documents, 4 entities: 3 errors, 0 warnings, 0 notes" in table


def test_annotation_commands_check_fixes_into_a_new_file(gold, tmp_path):
    fixed = tmp_path / "fixed.jsonl"
    run("check", gold, "--fix", fixed, code=1)
    assert [e.text for d in read_documents(fixed) for e in d.entities][2] == "Mosul"
    flat = tmp_path / "flat"
    result = run("check", gold, "--fix", flat, "--flatten", "longest")
    assert "mended: surface: 1" in result.stderr
    assert "dropped by overlap: 1" in result.stderr
    assert "0 errors" in result.stdout
    assert sorted(p.suffix for p in flat.iterdir() if p.is_file()) == [".ann", ".txt"]


def test_annotation_commands_check_takes_several_paths_as_one_corpus(tmp_path):
    for name, text in (("a", "[[DATE|Monday]]"), ("b", "[[DATE| Friday]]")):
        (tmp_path / f"{name}.jsonl").write_text(
            json.dumps({"id": "1", "text": f"They left {name} on Monday.", "entities": []}) + "\n"
        )
        (tmp_path / f"{name}.txt").write_text(f"They left {name} on {text}.\n")
    both = [tmp_path / "a.txt", tmp_path / "b.txt"]
    assert "2 documents, 2 entities: 1 error" in run("check", *both, code=1).stdout
    # As in a folder or a glob, an id stands for one document.
    both = [tmp_path / "a.jsonl", tmp_path / "b.jsonl"]
    assert f"already used at {both[0]}:1" in run("check", *both, code=1).stdout
    assert run("check", tmp_path / "*.jsonl", code=1).stdout == run("check", *both, code=1).stdout
    with pytest.raises(InputError, match=r"mends one corpus; found 2 paths"):
        run("check", *both, "--fix", tmp_path / "new.jsonl")


def test_annotation_commands_check_strict_counts_warnings(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("[[ACTOR|the police]] left.\n")
    run("check", path)
    run("check", path, "--strict", code=1)


def test_annotation_commands_check_against_a_backbone(tmp_path, bert_tokenizer):
    backbone = tmp_path / "backbone"
    backbone.mkdir()
    bert_tokenizer.save_pretrained(backbone)
    (backbone / "config.json").write_text("{}")
    (backbone / "model.safetensors").write_bytes(b"")
    path = tmp_path / "a.txt"
    path.write_text("[[ACTOR|federal police]] in Kirk[[LOCATION|uk]].\n")
    result = run("check", path, "--backbone", backbone, "--strict", code=1)
    assert "warning token: cuts a token of the backbone (1)" in result.stdout
    assert "cuts a token of the backbone at 22" in result.stdout


def test_annotation_commands_pages_escape_the_data(gold, tmp_path):
    page = tmp_path / "page.html"
    run("check", gold, "--labels", "X", "--format", "html", "-o", page, code=1)
    pages = [page.read_text()]
    run("show", gold, "--format", "html", "-o", page)
    pages.append(page.read_text())
    other = tmp_path / "other.jsonl"
    documents = list(read_documents(gold))
    other.write_text(
        "".join(json.dumps(Document(d.text, id=d.id).to_dict()) + "\n" for d in documents)
    )
    run("agree", gold, other, "--format", "html", "-o", page)
    pages.append(page.read_text())
    for text in pages:
        assert "&lt;script&gt;" in text
        assert not Tags(text).found & {"script", "img", "link", "iframe"}


def test_annotation_commands_convert_maps_drops_and_reports(gold, tmp_path):
    target = tmp_path / "out.conll"
    result = run(
        "convert", gold, target, "--map", "Organisation=ACTOR", "--map", "Location=LOCATION",
        "--drop", "Weapon", "--min-confidence", 0.5, "--fix",
    )  # fmt: skip
    assert "2 documents, 2 entities (ACTOR 1, LOCATION 1) written as conll" in result.stderr
    assert "dropped by confidence: 1" in result.stderr
    assert "dropped by label: 1" in result.stderr
    assert "conll has no place for document ids: lost in 2 documents" in result.stderr
    assert [e.label for d in load_gold(target) for e in d.entities] == ["ACTOR", "LOCATION"]
    kept = tmp_path / "kept.conll"
    keeping = ("--flatten", "first", "--write-option", "comments=true", "--keep", "Organisation")
    result = run("convert", gold, kept, *keeping)
    assert "conll has no place for entity meta (confidence): lost in 1 entity" in result.stderr
    assert result.stderr.count("no place") == 1
    assert [d.id for d in read_documents(kept)] == [d.id for d in read_documents(gold)]


def test_annotation_commands_rules_without_use_are_named(gold, tmp_path):
    rules = ("--map", "NOSUCH=ACTOR", "--drop", "Weapon", "--keep", "Location", "--keep", "Date")
    result = run("convert", gold, tmp_path / "out.jsonl", *rules)
    assert result.stderr.count("warning: ") == 2
    assert "warning: no entity is labelled 'NOSUCH', which was to be renamed" in result.stderr
    assert "'Date', which was to be kept; labels there: Location, Organ" in result.stderr
    result = run("show", gold, "--label", "Location", "--label", "nosuch")
    assert "warning: no entity is labelled 'nosuch'" in result.stderr


def test_annotation_commands_convert_counts_what_is_no_span(tmp_path):
    spans = [(0, 2), (0, 99), (-3, 2), (3, 3)]
    entities = [{"start": a, "end": b, "label": "A"} for a, b in spans]
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps({"id": "a", "text": "IS left.", "entities": entities}) + "\n")
    named = r"a\.jsonl:1: document 'a': A \[0, 99\): outside a text of 8 characters\n(.|\n)*--fix"
    for target in ("b.jsonl", "b.conll"):
        with pytest.raises(InputError, match=named):
            run("convert", path, tmp_path / target)
        assert not (tmp_path / target).exists()
    result = run("convert", path, tmp_path / "b.jsonl", "--fix")
    assert "warning: 3 entities outside the text, empty, or at offsets" in result.stderr
    assert f"ie-model annotations check {path}" in result.stderr


@pytest.mark.parametrize("target", ["b.jsonl", "b.conll", "b.json", "out"])
def test_annotation_commands_convert_refuses_moved_spans_unless_mended(tmp_path, target):
    entities = [
        {"start": a, "end": b, "label": "A", "text": "Mosul"} for a, b in ((8, 13), (7, 12))
    ]
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps({"id": "a", "text": "IS left Mosul.", "entities": entities}) + "\n")
    named = r"a\.jsonl:1: document 'a': A \[7, 12\): the mention is 'Mosul' but .* ' Mosu'"
    with pytest.raises(InputError, match=named):
        run("convert", path, tmp_path / target)
    assert not (tmp_path / target).exists()
    result = run("convert", path, tmp_path / target, "--fix")
    assert "mended: surface: 1" in result.stderr
    (document,) = read_documents(tmp_path / target)
    assert [e.key for e in document.entities] == [(8, 13, "A")]
    assert "should be 'Mosul' but the offsets hold" in run("check", path, code=1).stdout


def test_annotation_commands_convert_leaves_nothing_behind(gold, tmp_path):
    for target in ("out.conll", "out.txt", "out"):
        extra = ["--map", "Organisation=an actor"] if target == "out" else []
        with pytest.raises(InputError, match=r"overlaps the entity|holds white space"):
            run("convert", gold, tmp_path / target, *extra)
    empty = tmp_path / "empty.jsonl"
    empty.write_text("\n")
    with pytest.raises(InputError, match="no documents in it"):
        run("convert", empty, tmp_path / "out.jsonl", "--from", "jsonl")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["empty.jsonl", "gold.jsonl"]


@pytest.mark.slow
def test_annotation_commands_convert_between_all_writable(gold, tmp_path):
    pytest.importorskip("spacy")
    for name, entry in FORMATS.items():
        if name in ("text", "lines"):
            continue
        target = tmp_path / f"{name}{'' if entry.folder else entry.suffixes[0]}"
        run("convert", gold, target, "--to", name, "--fix", "--flatten", "longest")
        back = tmp_path / f"back-{name}.jsonl"
        run("convert", target, back)
        assert sorted(len(d.entities) for d in read_documents(back)) == [1, 2]


def test_annotation_commands_split(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("".join(f"[[N|number {i}]] of its own kind, {i * i}\n" for i in range(10)))
    parts = tmp_path / "train.jsonl", tmp_path / "test.jsonl"
    result = run("split", path, *parts, "--fraction", 0.3, "--seed", 1)
    assert "7 documents written to" in result.stderr
    ids = [{d.id for d in read_documents(part)} for part in parts]
    assert [len(part) for part in ids] == [7, 3]
    assert not ids[0] & ids[1]


@pytest.mark.parametrize(
    "arguments",
    [
        "check gold.jsonl -o gold.jsonl",
        "check gold.jsonl --fix gold.jsonl",
        "check . --from jsonl --fix new -o other.jsonl",
        "stats other.jsonl gold.jsonl -o gold.jsonl",
        "agree other.jsonl gold.jsonl --format html -o ./gold.jsonl",
        "show gold*.jsonl -o gold.jsonl",
        "convert gold.jsonl gold.jsonl",
        "split gold.jsonl new.jsonl gold.jsonl",
    ],
)
def test_annotation_commands_never_write_over_what_they_read(gold, monkeypatch, arguments):
    monkeypatch.chdir(gold.parent)
    (gold.parent / "other.jsonl").write_text(gold.read_text())
    before = {p.name: p.read_text() for p in gold.parent.iterdir()}
    with pytest.raises(InputError, match="is read from and cannot be written to"):
        run(*arguments.split())
    assert {p.name: p.read_text() for p in gold.parent.iterdir()} == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("split gold.jsonl a.jsonl a.jsonl", "named for two outputs"),
        ("check gold.jsonl --fix a.jsonl -o a.jsonl", "named for two outputs"),
        ("split gold.jsonl a.jsonl full", "a folder with files in it"),
        ("split gold.jsonl a.jsonl a.xyz", "the ending names no format"),
        ("convert gold.jsonl - --to jsonl", "-: results are written to files"),
        ("show gold.jsonl -o fifo", "is no ordinary file"),
    ],
)
def test_annotation_commands_targets_are_judged_first(gold, monkeypatch, arguments, message):
    monkeypatch.chdir(gold.parent)
    (gold.parent / "full").mkdir()
    (gold.parent / "full" / "x").write_text("x")
    os.mkfifo(gold.parent / "fifo")
    with pytest.raises(InputError, match=message):
        run(*arguments.split())
    assert sorted(p.name for p in gold.parent.iterdir()) == ["fifo", "full", "gold.jsonl"]


def test_annotation_commands_agree(gold, tmp_path):
    other = tmp_path / "other.jsonl"
    run("convert", gold, other, "--fix", "--drop", "Weapon")
    result = run("agree", gold, other, "--format", "json")
    read = json.loads(result.stdout)
    assert read["annotators"] == ["gold", "other"]
    assert read["entities"] == {"gold": 3, "other": 2}
    swapped = json.loads(run("agree", other, gold, "--format", "json").stdout)
    assert swapped == read
    table = run("agree", gold, other).stdout
    assert "gold and other: F1 exact 40.0" in table
    assert "gold: 1 overlapping entities left out" in table


def test_annotation_commands_stats(gold, tmp_path):
    read = json.loads(run("stats", gold, gold, "--format", "json").stdout)
    assert list(read["corpora"]) == [str(gold)]
    other = tmp_path / "other.jsonl"
    run("convert", gold, other, "--fix")
    table = run("stats", gold, other).stdout
    assert "2 documents (0 without entities, 0 near-duplicates)" in table
    assert "other: 2 of 2 documents are near-duplicates of one in gold" in table


def test_annotation_commands_show(gold, tmp_path):
    shown = run("show", gold, "--id", "a", "--label", "Organisation").stdout
    assert "a: 2 entities" in shown
    assert "The [[IS|Organisation] fighters|Organisation] left Mosul." in shown
    with pytest.raises(InputError, match="no document to show under this id"):
        run("show", gold, "--id", "x")
    seeds = Path(__file__).parents[2]
    shown = run("show", seeds / "annotations/seeds", "--text-dir", seeds / "seeds").stdout
    assert shown.count("entities") >= 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["check", "gold.jsonl", "--format", "xml"], "use table, html, json, jsonl, csv or tsv"),
        (["check", "gold.jsonl", "--flatten", "best", "--fix", "x.jsonl"], "use longest, first"),
        (["check", "gold.jsonl", "--flatten", "first"], "give --fix NEW as well"),
        (["check", "none.jsonl"], "no such file or folder"),
        (["check", "gold.jsonl", "--from", "xml"], "unknown format 'xml'"),
        (["check", "gold.jsonl", "--option", "x"], "expected NAME=VALUE"),
        (["check", "gold.jsonl", "--labels", " , "], "--labels ' , ': names no label"),
        (["convert", "gold.jsonl", "x", "--keep", "A", "--drop", "A"], "both kept and dropped"),
        (["show", "gold.jsonl", "--text-dir", "none", "--from", "brat"], "text_dir none: no such"),
        (["check", "gold.jsonl", "--option", "x=1"], "format jsonl has no option 'x'"),
        (["convert", "gold.jsonl", "x.xyz"], "the ending names no format"),
        (["convert", "gold.jsonl", "x.jsonl", "--map", "a"], "expected OLD=NEW"),
        (["agree", "gold.jsonl"], "at least two"),
    ],
)
def test_annotation_commands_mistakes_are_one_clear_error(gold, monkeypatch, arguments, message):
    monkeypatch.chdir(gold.parent)
    with pytest.raises(InputError, match=message):
        run(*arguments)


def test_annotation_commands_show_refuses_a_negative_limit(gold):
    run("show", gold, "--limit", -3, code=2)


@pytest.mark.parametrize("command", ["check", "stats", "convert", "split", "agree", "show"])
def test_annotation_commands_help_ends_with_an_example(command):
    assert f"Example: ie-model annotations {command}" in run(command, "--help").stdout


def test_annotation_commands_help_lists_every_format():
    shown = " ".join(run("convert", "--help").stdout.replace("│", " ").split())
    assert f"Format of the documents read: {', '.join(list(FORMATS)[:-1])} or lines" in shown
