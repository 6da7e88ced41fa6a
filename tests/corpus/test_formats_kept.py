"""What other tools say beside spans is kept, counted or refused, and goes back to them."""

from __future__ import annotations

import json

import pytest

from ie_model.corpus.account import Account
from ie_model.corpus.formats.detect import detect_format
from ie_model.corpus.reading import read_documents, read_located
from ie_model.corpus.writing import write_documents
from ie_model.documents import Document, Entity
from ie_model.errors import InputError
from ie_model.evaluation.next_documents import Candidate, write_tasks


def lines(path, *rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def keys(document):
    return [e.key for e in document.entities]


def region(start, end, text, label="PER", to="article", **more):
    value = {"start": start, "end": end, "text": text, "labels": [label]}
    return {"id": f"r{start}", "from_name": "ner", "to_name": to, "type": "labels",
            "value": value, **more}  # fmt: skip


def test_kept_label_studio_goes_back_into_its_project(tmp_path):
    task = {
        "data": {"article": "Anna left Oslo.", "id": "7", "source": "wire", "kind": "news"},
        "annotations": [
            {
                "id": 11,
                "completed_by": 3,
                "ground_truth": True,
                "result": [region(0, 4, "Anna", meta={"text": ["sure?"]}, origin="manual")],
            }
        ],
    }
    path = tmp_path / "a.json"
    path.write_text(json.dumps([task]), encoding="utf-8")
    documents = list(read_documents(path, text_field="article"))
    write_documents(documents, tmp_path / "b.json")
    assert json.loads((tmp_path / "b.json").read_text()) == [task]
    (document,) = documents
    added = document.with_entities([*document.entities, Entity(10, 14, "LOC")])
    write_documents([added], tmp_path / "c.json")
    ((annotation,),) = (t["annotations"] for t in json.loads((tmp_path / "c.json").read_text()))
    assert {(r["from_name"], r["to_name"]) for r in annotation["result"]} == {("ner", "article")}


def test_kept_label_studio_objects_are_told_by_their_mentions(tmp_path):
    data = {"title": "Oslo waits", "text": "Anna left Oslo."}
    result = [region(0, 4, "Oslo", "LOC", to="head"), region(0, 4, "Anna", to="body")]
    path = tmp_path / "a.json"
    path.write_text(json.dumps([{"data": data, "annotations": [{"result": result}]}]))
    account = Account()
    ((_, document),) = read_located(path, account=account)
    assert keys(document) == [(0, 4, "PER")]
    assert [e.kind for e in account] == [
        "region of the field 'title' (kept aside; option text_field)"
    ]


def test_kept_label_studio_task_files_of_every_shape_are_read(tmp_path):
    tasks = [
        {
            "id": i,
            "data": {"text": "Anna left"},
            "annotations": [{"result": [region(0, 4, "Anna")]}],
        }
        for i in (1, 2)
    ]
    pretty = tmp_path / "one.json"
    pretty.write_text(json.dumps(tasks[0], indent=2))
    for path, count in ((pretty, 1), (lines(tmp_path / "two.jsonl", *tasks), 2)):
        assert detect_format(path) == "labelstudio"
        assert [keys(d) for d in read_documents(path)] == [[(0, 4, "PER")]] * count


def test_kept_label_studio_choices_of_the_short_export(tmp_path):
    regions = [{"start": 0, "end": 4, "text": "Anna", "labels": ["PER"]}]
    row = {
        "text": "Anna left",
        "id": 1,
        "lead_time": 4.2,
        "annotator": 3,
        "mood": {"choices": ["a"]},
    }
    path = tmp_path / "a.json"
    path.write_text(json.dumps([{**row, "id": 0}, {**row, "entities_of_mine": regions}]))
    empty, full = read_documents(path)
    assert (keys(empty), keys(full)) == ([], [(0, 4, "PER")])
    (choice,) = full.meta["labelstudio_aside"]
    assert (choice["from_name"], choice["value"]) == ("mood", {"choices": ["a"]})


def two_people(short):
    people = [({"email": "ann@a.org", "id": 1}, "PER"), (2, "ORG"), (2, "LOC")]
    if short:
        spans = [[{"start": 0, "end": 4, "text": "Anna", "labels": [who[1]]}] for who in people]
        return [{"id": 7, "text": "Anna left", "ner": span, "annotator": who[0], "lead_time": 1}
                for who, span in zip(people, spans, strict=True)]  # fmt: skip
    annotations = [{"completed_by": who, "result": [region(0, 4, "Anna", label)]}
                   for who, label in people]  # fmt: skip
    return [{"id": 7, "data": {"text": "Anna left"}, "annotations": annotations}]


@pytest.mark.parametrize("short", [True, False])
def test_kept_label_studio_annotators_are_a_document_each_or_counted(tmp_path, short):
    path = tmp_path / "a.json"
    path.write_text(json.dumps(two_people(short)))
    account = Account()
    assert [d.id for _, d in read_located(path, account=account)] == ["7"]
    ((kind, number),) = ((entry.kind, entry.number) for entry in account)
    assert "annotator=all" in kind
    assert number == 2
    account = Account()
    every = [d for _, d in read_located(path, account=account, annotator="all")]
    assert [(d.id, d.entities[0].label) for d in every] == [
        ("7@ann@a.org", "PER"), ("7@2", "ORG"), ("7@2#2", "LOC"),
    ]  # fmt: skip
    assert not list(account)
    assert [d.id for d in read_documents(path, annotator="2")][:1] == ["7"]


def test_kept_tasks_of_next_are_predictions(tmp_path):
    document = Document("IS left", (Entity(0, 2, "ACTOR", 0.5),), "d")
    write_tasks([Candidate(document, 1.0, 1.0, 1.0)], tmp_path / "t.json")
    (task,) = json.loads((tmp_path / "t.json").read_text())
    assert "annotations" not in task
    assert task["predictions"][0]["result"][0]["score"] == 0.5


EMOJI = "👨🏻🚒 Iraqi police left."


@pytest.mark.parametrize("key", ["label", "entities"])
def test_kept_doccano_offsets_in_utf16_units(tmp_path, key):
    span = [7, 19, "ACTOR"]
    if key == "entities":
        span = {"id": 1, "start_offset": 7, "end_offset": 19, "label": "ACTOR"}
    path = lines(tmp_path / "a.jsonl", {"text": EMOJI, key: [span]})
    account = Account()
    list(read_located(path, account=account))
    (entry,) = account
    assert "offsets=utf16" in entry.kind
    (document,) = read_documents(path, offsets="utf16")
    assert EMOJI[document.entities[0].start : document.entities[0].end] == "Iraqi police"
    with pytest.raises(InputError, match="expected utf16"):
        list(read_documents(path, offsets="bytes"))


def test_kept_doccano_says_nothing_where_the_offsets_are_right(tmp_path):
    path = lines(tmp_path / "a.jsonl", {"text": EMOJI, "label": [[4, 16, "ACTOR"]]})
    account = Account()
    list(read_located(path, account=account))
    assert not list(account)


OBJECT = {"start_offset": 0, "end_offset": 2, "label": "A"}


@pytest.mark.parametrize(
    ("row", "format"),
    [
        ({"text": "IS", "entities": [[0, 2, "A"]]}, "doccano"),
        ({"text": "IS", "annotations": [OBJECT]}, "doccano"),
        ({"text": "IS", "labels": [[0, 2, "A"]]}, "doccano"),
        ({"text": "IS", "spans": [{"start": 0, "end": 2, "label": "A"}]}, "prodigy"),
        ({"tokens": ["IS"], "ner_tags": ["B-A"]}, "datasets"),
        ({"text": "IS", "entities": [{"start": 0, "end": 2, "label": "A"}]}, "jsonl"),
    ],
)  # fmt: skip
def test_kept_rows_behind_bare_texts_say_the_format(tmp_path, row, format):
    bare = [] if format == "datasets" else [{"text": "bare"}] * 3
    path = lines(tmp_path / "a.jsonl", *bare, row)
    assert detect_format(path) == format
    assert keys(list(read_documents(path))[-1]) == [(0, 2, "A")]


def test_kept_rows_of_two_formats_are_refused(tmp_path):
    spans = [{"start": 0, "end": 2, "label": "A"}]
    path = lines(tmp_path / "a.jsonl", {"text": "IS", "spans": spans},
                 {"text": "IS", "label": [[0, 2, "A"]]})  # fmt: skip
    with pytest.raises(InputError, match=r"prodigy at .*:1, doccano at .*:2.*--from"):
        detect_format(path)
    with pytest.raises(InputError, match=r"a\.jsonl:2: 'label'.*doccano"):
        list(read_documents(path, "prodigy"))
    with pytest.raises(InputError, match=r"a\.jsonl:1: 'spans'.*prodigy"):
        list(read_documents(path, "doccano"))


def prodigy_relation():
    words = [("IRF", 0, 3), ("-", 3, 4), ("4", 4, 5), ("binds", 6, 11), ("ABL", 12, 15)]
    tokens = [{"text": t, "start": s, "end": e, "id": i} for i, (t, s, e) in enumerate(words)]
    head = {"start": 0, "end": 5, "token_start": 0, "token_end": 2, "label": "GENE"}
    child = {"start": 12, "end": 15, "token_start": 4, "token_end": 4, "label": "GENE"}
    spans = [{k: span[k] for k in ("start", "end", "label")} for span in (head, child)]
    relation = {"head": 2, "child": 4, "head_span": head, "child_span": child, "label": "Binds"}
    return {"text": "IRF-4 binds ABL", "tokens": tokens, "spans": spans, "relations": [relation]}


def written(document, path):
    write_documents([document], path, "prodigy")
    return json.loads(path.read_text())


def test_kept_prodigy_relations_point_at_the_same_words(tmp_path):
    row = prodigy_relation()
    (document,) = read_documents(lines(tmp_path / "a.jsonl", row), "prodigy")
    back = written(document, tmp_path / "b.jsonl")
    assert (back["tokens"], back["relations"]) == (row["tokens"], row["relations"])
    # An entity that cuts a token makes other tokens, and the numbers follow.
    cut = document.with_entities([*document.entities, Entity(6, 9, "X")])
    back = written(cut, tmp_path / "c.jsonl")
    (relation,) = back["relations"]
    assert back["tokens"][relation["head"]]["text"] == "4"
    assert back["tokens"][relation["child"]]["text"] == "ABL"
    span = relation["child_span"]
    assert back["tokens"][span["token_start"]]["start"] == span["start"]


def test_kept_prodigy_relations_of_removed_spans_are_counted(tmp_path, caplog):
    (document,) = read_documents(lines(tmp_path / "a.jsonl", prodigy_relation()), "prodigy")
    back = written(document.with_entities(document.entities[:1]), tmp_path / "b.jsonl")
    assert back["relations"] == []
    assert "relations, whose entities are gone" in caplog.text


def test_kept_prodigy_binary_answers_say_nothing_of_the_rest(tmp_path):
    row = {"text": "IS left Mosul", "_view_id": "ner", "answer": "accept",
           "spans": [{"start": 0, "end": 2, "label": "ACTOR"}]}  # fmt: skip
    account = Account()
    located = read_located(
        lines(tmp_path / "a.jsonl", row, {**row, "answer": "reject"}), account=account
    )
    ((_, document),) = located
    assert document.meta["unannotated"] == [[2, 13]]
    assert any("'reject'" in entry.kind for entry in account)


def test_kept_prodigy_answers_on_one_text_are_joined(tmp_path):
    row = {"text": "IS left Mosul", "_is_binary": True, "answer": "accept",
           "spans": [{"start": 0, "end": 2, "label": "ACTOR"}]}  # fmt: skip
    other = {**row, "spans": [{"start": 8, "end": 13, "label": "LOC"}]}
    path = lines(tmp_path / "a.jsonl", row, other, {**row, "text": "IS came"}, other)
    account = Account()
    (_, first), (_, second) = read_located(path, account=account)
    assert keys(first) == [(0, 2, "ACTOR"), (8, 13, "LOC")]
    assert (first.meta["unannotated"], second.meta["unannotated"]) == ([[2, 8]], [[2, 7]])
    assert sorted(entry.number for entry in account) == [2, 2]
    write_documents([first], tmp_path / "b.jsonl", "prodigy")
    (back,) = read_documents(tmp_path / "b.jsonl")
    assert (keys(back), back.meta) == (keys(first), first.meta)


def test_kept_prodigy_whole_annotations_go_before_single_answers(tmp_path):
    single = {"text": "IS left Mosul", "_view_id": "ner", "answer": "accept",
              "spans": [{"start": 0, "end": 2, "label": "ACTOR"}]}  # fmt: skip
    whole = {**single, "_view_id": "ner_manual", "_session_id": "ann"}
    path = lines(tmp_path / "a.jsonl", single, whole, {**whole, "_session_id": "ben", "spans": []})
    account = Account()
    found = [d for _, d in read_located(path, account=account)]
    assert [(keys(d), d.unannotated) for d in found] == [([(0, 2, "ACTOR")], ()), ([], ())]
    assert [entry.kind.split(" (")[0] for entry in account] == [
        "further example on a text, read as a document of its own",
        "yes to a span of a text that another example annotates whole",
    ]


def test_kept_docbin_links_groups_and_missing_entities(tmp_path):
    spacy = pytest.importorskip("spacy")
    from spacy.tokens import DocBin, Span

    nlp, docs = spacy.blank("en"), DocBin(store_user_data=True)
    doc = nlp("Anna left Oslo.")
    doc.set_ents([Span(doc, 0, 1, "PER", kb_id="Q1", span_id="s9")], missing=[doc[2:3]])
    doc.cats = {"news": 1.0}
    doc.spans["ruler"] = [Span(doc, 2, 3, "LOC")]
    docs.add(doc)
    docs.to_disk(tmp_path / "a.spacy")
    account = Account()
    ((_, document),) = read_located(tmp_path / "a.spacy", account=account)
    assert document.entities[0].meta == {"kb_id": "Q1", "span_id": "s9"}
    assert document.meta == {
        "cats": {"news": 1.0},
        "docbin_aside": [["ruler", 10, 14, "LOC"]],
        "unannotated": [[10, 14]],
    }
    assert [entry.number for entry in account] == [1, 1]
    write_documents([document], tmp_path / "b.spacy")
    (back,) = read_documents(tmp_path / "b.spacy")
    assert (back.meta, back.entities[0].meta) == (document.meta, document.entities[0].meta)
    with pytest.raises(InputError, match="no document has the span group 'typo'; groups: 'ruler'"):
        list(read_documents(tmp_path / "a.spacy", spans_key="typo"))
    (ruler,) = read_documents(tmp_path / "a.spacy", spans_key="ruler")
    assert keys(ruler) == [(0, 4, "PER"), (10, 14, "LOC")]


def test_kept_datasets_parquet_with_class_names(tmp_path):
    datasets = pytest.importorskip("datasets")
    names = datasets.ClassLabel(names=["O", "B-A"])
    features = datasets.Features(
        {"tokens": datasets.List(datasets.Value("string")), "ner_tags": datasets.List(names)}
    )
    rows = {"tokens": [["IS", "left"]], "ner_tags": [[1, 0]]}
    path = tmp_path / "a.parquet"
    datasets.Dataset.from_dict(rows, features=features).to_parquet(str(path))
    (document,) = read_documents(path)
    assert (document.text, keys(document)) == ("IS left", [(0, 2, "A")])
    path.write_text("no Parquet")
    with pytest.raises(InputError, match="not a Parquet file"):
        list(read_documents(path))


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"tokens": ["IS", ""], "ner_tags": ["O", "O"]}, "row 1, token 2: '' is no word"),
        ({"tokens": ["IS", None], "ner_tags": ["O", "O"]}, "row 1, token 2: None is no word"),
        ({"tokens": ["IS"], "ner_tags": [3]}, "the tag is the number 3"),
        ({"tokens": ["IS"], "ner_tags": [True]}, "True is no tag"),
        ({"tokens": ["IS"], "ner_tags": "O"}, "expected a list of words"),
        ({"tokens": ["IS"], "tags": ["O"]}, "tags_column=NAME"),
    ],
)
def test_kept_datasets_lines_faulty_rows_are_named(tmp_path, row, message):
    with pytest.raises(InputError, match=message):
        list(read_documents(lines(tmp_path / "a.jsonl", row)))
