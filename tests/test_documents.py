import json

import numpy as np
import pytest

from ie_model.documents import Document, Entity, given_documents
from ie_model.errors import InputError


def kinds(document, labels=None):
    return [p.kind for p in document.check(labels)]


def test_documents_check_finds_each_kind():
    text = "Iraqi police in Kirkuk"
    assert kinds(Document(text, (Entity(0, 12, "ACTOR", text="Iraqi police"),))) == []
    assert kinds(Document(text, (Entity(0, 99, "ACTOR"),))) == ["bounds"]
    assert kinds(Document(text, (Entity(5, 5, "ACTOR"),))) == ["bounds"]
    assert kinds(Document(text, (Entity(-1, 5, "ACTOR"),))) == ["bounds"]
    assert kinds(Document(text, (Entity(0, 5, "ACTOR", text="Iraq"),))) == ["surface"]
    assert kinds(Document(text, (Entity(5, 12, "ACTOR"),))) == ["edge"]
    assert kinds(Document(text, (Entity(0, 12, "ACTOR"), Entity(6, 12, "ACTOR")))) == ["overlap"]
    assert kinds(Document(text, (Entity(0, 5, "WEAPON"),)), ["ACTOR"]) == ["label"]


def test_documents_touching_spans_do_not_overlap():
    assert kinds(Document("ab", (Entity(0, 1, "X"), Entity(1, 2, "X")))) == []


def test_documents_a_long_span_overlaps_all_it_covers():
    document = Document("a b c d", (Entity(0, 7, "X"), Entity(2, 3, "X"), Entity(4, 5, "X")))
    assert kinds(document) == ["overlap", "overlap"]


def test_documents_json_round_trip_keeps_everything():
    document = Document(
        "Zoë in İzmir", (Entity(0, 3, "ACTOR", 0.5, "Zoë", {"note": "x"}),), "d1", {"k": [1]}
    )
    assert Document.from_dict(document.to_dict()) == document
    assert Document.from_dict(document.to_dict()).entities[0].meta == {"note": "x"}


def test_documents_json_repeats_every_mention():
    entities = (Entity(4, 6, "A"), Entity(0, 3, "A"), Entity(0, 9, "A"), Entity(2, 2, "A"))
    rows = Document("Zoë in", entities).to_dict()["entities"]
    assert [row["text"] for row in rows] == ["in", "Zoë", "", ""]


def test_documents_with_entities_sorts_and_fills_mentions():
    document = Document("a b").with_entities([Entity(2, 3, "X"), Entity(0, 1, "X")])
    assert [e.text for e in document.entities] == ["a", "b"]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ([], "expected a JSON object"),
        ({"id": "a"}, "'text' must be a string"),
        ({"text": "x", "entities": "y"}, "'entities' must be a list"),
        ({"text": "x", "entities": [{"start": "0", "end": 1, "label": "A"}]}, "'start'"),
        ({"text": "x", "entities": [{"start": True, "end": 1, "label": "A"}]}, "'start'"),
        ({"text": "x", "entities": [{"start": 0, "end": 1}]}, "'label'"),
        ({"text": "x", "entities": [{"start": 0, "end": 1, "label": "A", "score": "1"}]}, "score"),
        (
            json.loads(
                '{"text": "x", "entities": [{"start": 0, "end": 1, "label": "A", "score": NaN}]}'
            ),
            "'score' must be a number, found nan",
        ),
        ({"text": "x", "entities": [{"start": 0, "end": 1, "label": "A", "score": 10**400}]}, "sc"),
    ],
)
def test_documents_from_dict_names_the_place_of_a_mistake(row, message):
    with pytest.raises(InputError, match=message) as caught:
        Document.from_dict(row, "gold.jsonl:7")
    assert str(caught.value).startswith("gold.jsonl:7")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("text", "gold: expected Documents, such as a list, found str"),
        ({"text": "x"}, "found dict"),
        (Document("x"), "found Document"),
        (3, "found int"),
        ([Document("x"), "text"], "gold, item 1: expected a Document, found str"),
        ([Document(3)], "item 0: its text must be a str, found int"),
        ([Document("x", "y")], "must be a tuple of Entity, found str"),
        ([Document("x", ({"start": 0},))], r"found \{'start': 0\}; Document.from_dict reads"),
        ([Document("x", (Entity(0.0, 1.0, "A"),))], r"whole numbers, found \[0.0, 1.0\)"),
        ([Document("x", (Entity(0, 1, None),))], "a label must be a str, found None"),
    ],
)
def test_documents_given_are_refused_by_place_where_they_are_none(given, message):
    """AttributeError: 'dict' object has no attribute 'start'."""
    with pytest.raises(InputError, match=message):
        list(given_documents(given, "gold"))


def test_documents_with_numbers_of_numpy_go_into_json():
    entity = Entity(np.int64(0), np.int64(1), "A", np.float32(0.5))
    (document,) = given_documents([Document("x", (entity,))], "gold")
    assert json.loads(json.dumps(document.to_dict()))["entities"][0]["score"] == 0.5
