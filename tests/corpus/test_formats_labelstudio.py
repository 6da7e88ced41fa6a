"""Label Studio exports: how offsets were counted, which annotation counts, long arrays."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path

import pytest

from ie_model.corpus.formats.detect import detect_format
from ie_model.corpus.formats.json_array import read_array
from ie_model.corpus.reading import load_gold, read_documents
from ie_model.corpus.writing import write_documents
from ie_model.documents import Document
from ie_model.errors import InputError


def keys(document: Document) -> list[tuple[int, int, str]]:
    return [e.key for e in document.entities]


def save(path: Path, *rows: object) -> Path:
    path.write_text(json.dumps(list(rows), indent=1))
    return path


def task(text: str, *regions: dict, **other: object) -> dict:
    result = [{"type": "labels", "id": f"r{i}", "value": r} for i, r in enumerate(regions)]
    return {"id": 12, "data": {"text": text}, "annotations": [{"result": result}], **other}


def region(start: int, end: int, text: str, label: str = "LOCATION") -> dict:
    return {"start": start, "end": end, "text": text, "labels": [label]}


@pytest.mark.parametrize(
    ("text", "start", "end", "shown"),
    [
        ("left Mosul.", 5, 10, "left Mosul."),
        ("😂😂 left Mosul.", 10, 15, "😂😂 left Mosul."),
        ("They\r\nleft\r\nMosul.", 10, 15, "They\r\nleft\r\nMosul."),
        ("😂\r\nleft\r\nMosul.", 8, 13, "😂\r\nleft\r\nMosul."),
        ("AT&amp;T left Mosul.", 10, 15, "AT&T left Mosul."),
        ("AT&amp;T left Mosul.", 14, 19, "AT&amp;T left Mosul."),
    ],
    ids=["plain", "utf-16", "crlf", "utf-16-crlf", "html", "html-raw"],
)
def test_formats_labelstudio_settles_how_offsets_were_counted(tmp_path, text, start, end, shown):
    path = save(tmp_path / "a.json", task(text, region(start, end, "Mosul")))
    (document,) = load_gold(path)
    assert document.text == shown
    assert [e.text for e in document.entities] == ["Mosul"]
    assert shown[document.entities[0].start : document.entities[0].end] == "Mosul"


def test_formats_labelstudio_forgives_folded_white_space_only(tmp_path):
    path = save(
        tmp_path / "a.json",
        task("in Deir  el-Zour", region(3, 16, "Deir el-Zour")),
        task("in Deir el-Zour", region(2, 14, "Deir el-Zour"), id=13),
    )
    first, second = read_documents(path)
    assert first.entities[0].text == "Deir  el-Zour"
    assert [p.kind for p in second.check()] == ["surface", "edge"]


def test_formats_labelstudio_chooses_the_annotation(tmp_path):
    def by(person: object, label: str, **more: object) -> dict:
        result = [{"type": "labels", "value": region(0, 2, "IS", label)}]
        return {"completed_by": person, "result": result, **more}

    annotations = [
        by(1, "X", was_cancelled=True),
        by(2, "A"),
        by({"id": 3, "email": "c@x.org"}, "B"),
    ]
    rows = [
        {"id": 1, "data": {"text": "IS"}, "annotations": annotations},
        {"id": 2, "data": {"text": "IS"}, "annotations": [*annotations[1:], by(4, "G")]},
        {"id": 3, "data": {"text": "IS"}, "annotations": [], "predictions": [by(None, "P")]},
    ]
    rows[1]["annotations"][2]["ground_truth"] = True
    rows[2]["predictions"][0]["result"][0]["score"] = 0.5
    path = save(tmp_path / "a.json", *rows)
    labels = [[e.label for e in d.entities] for d in read_documents(path)]
    assert labels == [["A"], ["G"]]  # a prediction is no annotation
    labels = [[e.label for e in d.entities] for d in read_documents(path, predictions=True)]
    assert labels == [["P"]]
    assert next(read_documents(path, predictions=True)).entities[0].score == 0.5
    for name in ("3", "c@x.org"):
        found = list(read_documents(path, annotator=name))
        assert [(d.id, [e.label for e in d.entities]) for d in found] == [
            ("1", ["B"]),
            ("2", ["B"]),
        ]


def test_formats_labelstudio_reads_the_short_export(tmp_path):
    row = {
        "text": "IS left",
        "id": 9,
        "label": [{"start": 0, "end": 2, "text": "IS", "labels": ["ACTOR"]}],
        "annotator": 1,
        "created_at": "2024-01-01",
    }
    path = save(tmp_path / "a.json", row)
    assert detect_format(path) == "labelstudio"
    (document,) = read_documents(path)
    assert (document.id, keys(document)) == ("9", [(0, 2, "ACTOR")])


def test_formats_labelstudio_keeps_what_is_no_span(tmp_path):
    row = task("IS left", region(0, 2, "IS", "ACTOR"))
    choice = {"type": "choices", "value": {"choices": ["news"]}}
    row["annotations"][0]["result"].append(choice)
    row["data"]["source"] = "agency"
    (document,) = read_documents(save(tmp_path / "a.json", row))
    assert document.meta == {
        "labelstudio_aside": [choice],
        "source": "agency",
        "labelstudio": {"data": ["source"]},
    }
    write_documents([document], tmp_path / "b.json")
    (again,) = read_documents(tmp_path / "b.json")
    assert again == document


def test_formats_labelstudio_wants_the_text_named(tmp_path):
    path = save(
        tmp_path / "a.json", {"data": {"title": "x", "body": "IS"}, "annotations": [{"result": []}]}
    )
    with pytest.raises(InputError, match=r"item 1: cannot tell .*'title', 'body'.*text_field"):
        list(read_documents(path))
    (document,) = read_documents(path, text_field="body")
    assert (document.text, document.meta["title"]) == ("IS", "x")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('[{"a": 1}, {"b"', "item 2: not JSON"),
        ('[{"a": 1}', "after item 1, found ''"),
        ("[1 2]", "after item 1, found '2'"),
        ("[1] x", "text after the end"),
        ("{}", "expected a JSON array"),
        ('["\\ud800"]', "item 1: .*surrogate"),
    ],
)
def test_formats_json_array_errors(tmp_path, content, message):
    path = tmp_path / "a.json"
    path.write_text(content)
    with pytest.raises(InputError, match=message):
        list(read_array(path))


def test_formats_json_array_streams_one_long_line(tmp_path):
    path = tmp_path / "a.json"
    row = json.dumps({"text": "x" * 1000, "n": [1, 2, {"a": "]"}]})
    path.write_text("[" + ", ".join([row] * 20_000) + "]")
    tracemalloc.start()
    assert sum(element["n"][1] for _, element in read_array(path)) == 40_000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert path.stat().st_size > 20e6
    assert peak < 10e6
    for elements in ([], [1], [1.5, "a", None]):
        path.write_text(json.dumps(elements))
        assert [e for _, e in read_array(path)] == elements
