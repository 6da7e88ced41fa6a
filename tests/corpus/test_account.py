"""What a reader cannot use is counted or refused: nothing becomes a text without entities."""

import json

import pytest

from ie_model.corpus.account import Account, Entry
from ie_model.corpus.folders import find_files
from ie_model.corpus.formats.detect import detect_format
from ie_model.corpus.mending import fix_document
from ie_model.corpus.reading import read_documents
from ie_model.documents import Document, Entity
from ie_model.errors import InputError


def write(path, *rows):
    path.write_text("\n".join(map(json.dumps, rows)) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("name", "text", "format"),
    [
        ("a.txt", "[Reuters] IS left Mosul on Friday.", "text"),
        ("a.txt", '["We left," he said] and went.', "text"),
        ("a.txt", "{sic} IS left Mosul.", "text"),
        ("a.txt", "[2017] IS left Mosul.\nIt came back.", "text"),
        ("a.conll", "[\tO\nIS\tB-ACTOR\n]\tO\n", "conll"),
        ("a.txt", "[ [[ACTOR|IS]] left Mosul.", "markup"),
        (
            "a.txt",
            "Russia sells the S-300\nCars stop on the I-95\nBoeing ends the B-52",
            "text",
        ),
        ("a.txt", "One line on the B-Company", "text"),
        ("a.txt", "IS B-ACTOR\nleft O\n", "conll"),
    ],
)
def test_account_formats_are_told_by_more_than_the_first_character(tmp_path, name, text, format):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    assert detect_format(path) == format


def test_account_json_that_is_none_names_the_option(tmp_path):
    path = tmp_path / "a.json"
    path.write_text("[Reuters] no JSON", encoding="utf-8")
    with pytest.raises(InputError, match=r"a\.json.*not JSON.*--from"):
        detect_format(path)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("spans", [{"start": 0, "end": 2, "label": "ACTOR"}]),
        ("label", [[0, 2, "ACTOR"]]),
        ("ner_tags", [1, 0]),
        ("answer", "reject"),
    ],
)
def test_account_native_rows_with_other_annotations_are_refused(tmp_path, key, value):
    path = write(tmp_path / "a.jsonl", {"text": "IS left"}, {"text": "IS left", key: value})
    with pytest.raises(InputError, match=rf"a\.jsonl:2: '{key}'.*--from"):
        list(read_documents(path, "jsonl"))


def test_account_native_rows_may_carry_other_fields(tmp_path):
    path = write(tmp_path / "a.jsonl", {"text": "IS left", "source": "wire", "label": None})
    (document,) = read_documents(path)
    assert document.meta == {"source": "wire"}


def test_account_doccano_objects_under_annotations_are_entities(tmp_path):
    span = {"id": 1, "label": "ACTOR", "start_offset": 0, "end_offset": 2}
    path = write(tmp_path / "a.jsonl", {"id": 1, "text": "IS left", "annotations": [span]})
    (document,) = read_documents(path)
    assert [e.key for e in document.entities] == [(0, 2, "ACTOR")]
    write(path, {"id": 1, "text": "IS left", "annotations": [{**span, "label": 7}]})
    with pytest.raises(InputError, match="name of a label"):
        list(read_documents(path))


def test_account_texts_that_nobody_annotated_are_left_out(tmp_path, caplog):
    for name in ("a", "b", "c"):
        (tmp_path / f"{name}.txt").write_text("IS left", encoding="utf-8")
    (tmp_path / "a.ann").write_text("T1\tACTOR 0 2\tIS\n", encoding="utf-8")
    (tmp_path / "b.ann").write_text("", encoding="utf-8")
    assert [d.id for d in read_documents(tmp_path)] == ["a", "b"]
    assert "without an .ann file" in caplog.text
    assert "c.txt" in caplog.text
    assert len(find_files(tmp_path, "text")) == 3


def regions(label, **more):
    return [{"value": {"start": 0, "end": 2, "text": "IS", "labels": [label]}, **more}]


def test_account_label_studio_counts_what_is_no_gold(tmp_path, caplog):
    data = {"text": "IS left", "title": "IS", "sound": "a.wav"}
    sound = {"value": {"start": 1, "end": 2, "channel": 0, "labels": ["Speech"]}, "to_name": "x"}
    tasks = [
        {"id": 1, "data": data, "annotations": [
            {"result": regions("A", to_name="text") + regions("T", to_name="title") + [sound]},
            {"result": regions("B")},
        ]},
        {"id": 2, "data": data, "annotations": [{"was_cancelled": True, "result": regions("C")}]},
        {"id": 3, "data": data, "annotations": [], "predictions": [{"result": regions("P")}]},
        {"id": 4, "data": data, "annotations": [{"result": []}]},
    ]  # fmt: skip
    path = tmp_path / "a.json"
    path.write_text(json.dumps(tasks), encoding="utf-8")
    found = list(read_documents(path))
    assert [(d.id, [e.label for e in d.entities]) for d in found] == [("1", ["A"]), ("4", [])]
    for kind in ("annotator=ID", "skipped task", "predictions alone", "'title'", "sound or film"):
        assert kind in caplog.text


def test_account_label_studio_of_predictions_alone_is_refused(tmp_path):
    path = tmp_path / "a.json"
    task = {"data": {"text": "IS left"}, "predictions": [{"result": regions("P")}]}
    path.write_text(json.dumps([task]), encoding="utf-8")
    with pytest.raises(InputError, match="predictions=true"):
        list(read_documents(path))
    (document,) = read_documents(path, predictions=True)
    assert [e.label for e in document.entities] == ["P"]


def test_account_label_studio_html_is_read_as_it_is_shown(tmp_path):
    place = {"start": "/p[1]/text()[1]", "end": "/p[1]/text()[1]", "text": "IS",
             "globalOffsets": {"start": 0, "end": 2}, "hypertextlabels": ["A"]}  # fmt: skip
    task = {"data": {"text": "<p>IS &amp; co</p>"}, "annotations": [{"result": [{"value": place}]}]}
    path = tmp_path / "a.json"
    path.write_text(json.dumps([task]), encoding="utf-8")
    (document,) = read_documents(path)
    assert document.text == "IS & co"
    assert [e.key for e in document.entities] == [(0, 2, "A")]


@pytest.fixture
def saved(tmp_path):
    datasets = pytest.importorskip("datasets")

    def save(tokens, tags, names=None):
        value = datasets.ClassLabel(names=names) if names else None
        columns = {"tokens": tokens, "ner_tags": tags}
        features = None
        if value is not None:
            features = datasets.Features(
                {
                    "tokens": datasets.List(datasets.Value("string")),
                    "ner_tags": datasets.List(value),
                }
            )
        datasets.Dataset.from_dict(columns, features=features).save_to_disk(str(tmp_path / "d"))
        return tmp_path / "d"

    return save


@pytest.mark.parametrize(
    ("tags", "names", "message"),
    [
        ([[1, 0]], ["O", "B-A"], "row 1: 3 tokens but 2 tags"),
        ([[1, 0, 0, 0]], ["O", "B-A"], "row 1: 3 tokens but 4 tags"),
        ([[1, 0, 0]], None, "row 1, token 1 of .ner_tags.: the tag is the number 1"),
        ([["A", "O", "O"]], None, "row 1, token 1 of .ner_tags.: 'A' is no tag"),
        ([["B_A", "O", "O"]], None, "'B_A' is no tag"),
    ],
)
def test_account_datasets_faulty_tags_are_refused_by_row(saved, tags, names, message):
    with pytest.raises(InputError, match=message):
        list(read_documents(saved([["IS", "left", "Mosul"]], tags, names)))


def test_account_datasets_words_that_nobody_labelled_are_no_entities(saved, caplog):
    tokens = [["IS", "left", "Mosul"]] * 3
    path = saved(tokens, [[1, -100, 0], [-1, -1, -1], None], ["O", "B-A", "I-A"])
    (document,) = read_documents(path)
    assert [e.text for e in document.entities] == ["IS"]
    assert document.meta["unannotated"] == [[3, 7]]
    for kind in ("are null", "was not labelled"):
        assert kind in caplog.text


def test_account_counts_by_kind_and_keeps_the_first_place():
    account = Account()
    account.set_aside("skipped task", "a.json, item 2")
    account.set_aside("relation", "a.json, item 3", 4)
    account.set_aside("note", "a.json, item 3", 0)
    account.set_aside("skipped task", "b.json, item 1", 2)
    assert list(account) == [
        Entry("skipped task", 3, "a.json, item 2"),
        Entry("relation", 4, "a.json, item 3"),
    ]


@pytest.mark.parametrize("unseen", ["\u200b", "\ufeff", "\u200e", "\u00ad", " \u200b"])
def test_account_what_cannot_be_seen_at_an_edge_is_named_and_mended(unseen):
    text = f"in {unseen}Mosul{unseen} today"
    end = 8 + 2 * len(unseen)
    document = Document(text, (Entity(3, end, "LOCATION"),))
    (problem,) = document.check()
    assert problem.kind == "edge"
    assert f"U+{ord(unseen[-1]):04X}" in problem.message
    mended, done = fix_document(document)
    assert [e.text for e in mended.entities] == ["Mosul"]
    assert done["edge"] == 1
    assert not mended.check()


def test_account_characters_without_width_inside_a_word_are_fine():
    text = "\u0645\u06cc\u200c\u0631\u0648\u0645"
    assert not Document(text, (Entity(0, len(text), "ACTOR"),)).check()
