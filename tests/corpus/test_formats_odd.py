"""Odd files as other tools write them: read, set aside by name, or refused with a remedy."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ie_model.corpus import Account, read_located
from ie_model.corpus.formats import FORMATS
from ie_model.errors import InputError

TEXT = "Anna left Oslo."
ANNA = {"start": 0, "end": 4, "label": "PER"}
REGION = {"id": "r", "from_name": "ner", "to_name": "text", "type": "labels",
          "value": {"start": 0, "end": 4, "text": "Anna", "labels": ["PER"]}}  # fmt: skip
TASK = {"id": 1, "data": {"text": TEXT}}
PRODIGY = {"text": TEXT, "spans": [ANNA], "answer": "accept", "_input_hash": 1}
WEBANNO = "#FORMAT=WebAnno TSV 3.3\n#T_SP=webanno.custom.X|value\n\n\n#Text=Anna left\n"
ROWS = "1-1\t0-4\tAnna\tPER\t\n1-2\t5-9\tleft\t_\t\n"


def put(folder: Path, name: str, content: Any) -> Path:
    path = folder / name
    if isinstance(content, list) and path.suffix == ".jsonl":
        content = "".join(json.dumps(row) + "\n" for row in content)
    elif isinstance(content, list | dict):
        content = json.dumps(content, indent=1)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


REFUSED = {
    "ents of spaCy": ("a.jsonl", [{"text": TEXT, "ents": [ANNA]}], r"a\.jsonl:1: 'ents' holds an"),
    "Doc.to_json": (
        "a.jsonl",
        [{"text": TEXT, "ents": [ANNA], "tokens": [{"id": 0, "start": 0, "end": 4}]}],
        "'ents' holds annotations",
    ),
    "triples under another key": (
        "a.jsonl",
        [{"text": TEXT, "gold": [[0, 4, "PER"]]}],
        "'gold' holds annotations .* rename it to 'entities'",
    ),
    "spans of sound": ("a.jsonl", [{**PRODIGY, "audio_spans": [ANNA]}], "'audio_spans' holds"),
    "offsets of other names": (
        "a.csv",
        "text,start_char,end_char,label\nAnna,0,4,PER\n",
        r"a\.csv:1: the columns 'start_char' and 'end_char' look like offsets",
    ),
    "begin and stop": ("a.csv", "text,Begin,stop,type\nAnna,0,4,PER\n", "'Begin' and 'stop'"),
    "tags in a cell": (
        "a.csv",
        "text,tags\nAnna left,B-PER O\n",
        r"a\.csv:2, column 'tags': .* tag",
    ),
    "a workbook": ("a.csv", b"PK\x03\x04\x14\x00", "is a ZIP archive, as the files of Word and Ex"),
    "gzip": ("a.jsonl", b"\x1f\x8b\x08\x00", "is compressed by gzip"),
    "rtf": ("a.txt", "{\\rtf1\\ansi Anna}", "is RTF, and no text"),
    "an mp3": ("a.txt", b"\xff\xfb\x90\x00", r"a\.txt:1: byte 0 \(0xff\) .*is it a text\?"),
    "semicolons": (
        "a.txt",
        "Anna;B-PER\nleft;O\n",
        "parted by ';'.*--option separator",
    ),
    "slashes": ("a.txt", "Anna/B-PER\nleft/O\n", "parted by '/'"),
    "no O": (
        "a.txt",
        "Vitamin B-Complex\nVitamin I-Complex\n",
        "name the format with --from",
    ),
    "PubTator": ("a.txt", "1|t|Anna left\n1\t0\t4\tAnna\tPER\n", r"a\.txt:1: looks like PubTator"),
    "no tokens": ("a.tsv", WEBANNO, r"a\.tsv: the sentence 'Anna left' has no rows of tokens"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_odd_files_are_refused_with_place_and_remedy(tmp_path, case):
    name, content, message = REFUSED[case]
    with pytest.raises(InputError, match=message):
        list(read_located(put(tmp_path, name, content)))


def test_odd_layer_that_no_file_has_is_refused(tmp_path):
    put(tmp_path, "a.tsv", WEBANNO + ROWS)
    put(tmp_path, "b.tsv", WEBANNO.replace("custom.X", "custom.Z") + ROWS)
    for layer in ("Y", "webanno.custom.Y"):
        with pytest.raises(InputError, match=f"no file has the layer '{layer}'; .*custom.X, web"):
            list(read_located(tmp_path, layer=layer))
    found = [d.entities for _, d in read_located(tmp_path, layer="Z")]
    assert [len(entities) for entities in found] == [0, 1]


ASIDE = {
    "a draft": ("a.json", [{**TASK, "annotations": [], "drafts": [{}]}], "task with an unfinished"),
    "ids": ("a.json", [{**TASK, "annotations": [7]}], "task whose annotations are ids alone"),
    "a choice": (
        "a.jsonl",
        [{"text": TEXT, "options": [{"id": 1}], "accept": [1], "answer": "accept"}],
        "answer about a whole text",
    ),
    "a category": (
        "a.jsonl",
        [{"text": TEXT, "label": "NEWS", "answer": "accept"}],
        "answer about a whole text",
    ),
    "unanswered": (
        "a.jsonl",
        [{"text": "Anna.", "_input_hash": 1}],
        "example that nobody answered",
    ),
}


@pytest.mark.parametrize("case", ASIDE)
def test_odd_rows_without_annotations_are_no_gold(tmp_path, case):
    name, content, kind = ASIDE[case]
    more = PRODIGY if name == "a.jsonl" else {**TASK, "annotations": [{"result": [REGION]}]}
    account = Account()
    ((_, document),) = read_located(put(tmp_path, name, [*content, more]), account=account)
    assert [document.text[e.start : e.end] for e in document.entities] == ["Anna"]
    (entry,) = account
    assert entry.kind.startswith(kind)
    assert entry.number == 1


READ = {
    "a target storage": (
        "1.json",
        {"id": 7, "result": [REGION], "task": TASK, "completed_by": {"id": 3}},
        "labelstudio",
    ),
    "one label": (
        "a.json",
        [{**TASK, "annotations": [{"result": [
            {**REGION, "value": {**REGION["value"], "labels": "PER"}}]}]}],
        "labelstudio",
    ),
    "relations in a native row": (
        "a.jsonl",
        [{"text": TEXT, "entities": [{**ANNA, "id": "e1"}], "relations": [{"head": "e1"}]}],
        "jsonl",
    ),
    "a native array": ("a.json", [{"text": TEXT, "entities": [ANNA]}], "json"),
}  # fmt: skip


@pytest.mark.parametrize("case", READ)
def test_odd_shapes_are_read(tmp_path, case, caplog):
    caplog.set_level("INFO")
    name, content, format = READ[case]
    ((_, document),) = read_located(put(tmp_path, name, content))
    assert [e.key for e in document.entities] == [(0, 4, "PER")]
    assert f"read as {format}" in caplog.text


def test_odd_label_studio_table_keeps_second_labels(tmp_path):
    spans = [{"start": 0, "end": 4, "text": "Anna", "labels": ["PER", "X"]}]
    cell = json.dumps(spans).replace('"', '""')
    path = put(tmp_path, "a.csv", f'text,id,label\n{TEXT},1,"{cell}"\n')
    ((_, document),) = read_located(path, entities_column="label")
    assert [(e.key, e.meta) for e in document.entities] == [
        ((0, 4, "PER"), {"other_labels": ["X"]})
    ]


def test_odd_letters_have_columns_from_and_to(tmp_path):
    path = put(tmp_path, "a.csv", "text,from,to\nAnna left,a@b,c@d\n")
    ((_, document),) = read_located(path)
    assert document.meta == {"from": "a@b", "to": "c@d"}


def test_odd_article_that_begins_with_an_object_is_a_text(tmp_path):
    content = '{"city": "Oslo"} said Anna.\nThen she left.'
    ((_, document),) = read_located(put(tmp_path, "a.txt", content))
    assert document.text == content


def test_odd_text_beside_annotated_files_was_looked_at_by_nobody(tmp_path):
    put(tmp_path, "a.jsonl", [{"text": TEXT, "entities": [ANNA]}])
    put(tmp_path, "readme.txt", "Written in May.")
    account = Account()
    found = [document for _, document in read_located(tmp_path, account=account)]
    assert [list(d.unannotated) for d in found] == [[], [[0, 15]]]
    assert [entry.first for entry in account] == [str(tmp_path / "readme.txt")]
    assert all(not d.unannotated for _, d in read_located(tmp_path, "text"))


@pytest.mark.parametrize(
    ("text", "line", "held"),
    [
        (TEXT, "T1\tPER 0 2;2 4\tAn na", "Anna"),  # fragments that touch
        ("\ufeff" + TEXT, "T1\tPER 0 4\tAnna", "Anna"),  # counted without the byte order mark
        ("\ufeff" + TEXT, "T1\tPER 1 5\tAnna", "Anna"),
    ],
)
def test_odd_brat_places_are_found(tmp_path, text, line, held):
    put(tmp_path, "a.txt", text)
    ((_, document),) = read_located(put(tmp_path, "a.ann", line + "\n"))
    (entity,) = document.entities
    assert document.text[entity.start : entity.end] == held
    assert "brat_aside" not in document.meta


def test_odd_formats_are_listed_where_none_is_recognised(tmp_path):
    with pytest.raises(InputError, match=f"the formats are {', '.join(FORMATS)}"):
        list(read_located(put(tmp_path, "a.json", {"images": [], "categories": []})))
