from __future__ import annotations

import json

import pytest

from ie_model.documents import Document
from ie_model.errors import InputError
from ie_model.serving.limits import Limits, Refusal
from ie_model.serving.questions import read_question


def read(body, **limits):
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    return read_question(body, Limits(**limits))


def test_question_single_document_keeps_id_and_meta():
    question = read({"text": "a", "id": 7, "meta": {"n": [1, {"x": None}]}})
    assert question.as_documents() == [Document("a", id="7", meta={"n": [1, {"x": None}]})]


def test_question_many_documents_are_texts_or_native_objects():
    rows = ["a", {"text": "b", "id": "x", "entities": [{"start": 0}]}, {"text": ""}]
    asked = read({"documents": rows}).as_documents()
    assert [(d.id, d.text, d.entities) for d in asked] == [
        ("0", "a", ()),
        ("x", "b", ()),
        ("2", "", ()),
    ]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"\xff", "not JSON"),
        (b"[" * 50_000, "nested too deeply"),
        (b'{"text": "a", "meta": {"x": ' + b"[" * 300 + b"]" * 300 + b"}}", "not JSON"),
        (b'{"text": "a", "text": "b"}', "The key text stands twice"),
        (b'{"text": "a", "meta": {"x": {"k": 1, "k": 1}}}', "The key k stands twice"),
        (b'{"text": "a", "id": 1' + b"0" * 5000 + b"}", "too many digits"),
        (b'{"text": "a", "\\n' + b"k" * 5000 + b'": 1}', "kkk...' is not known"),
        (b'{"text": "a"} {"text": "b"}', "not JSON"),
        ('{"text": "a"}'.encode("utf-16"), "not JSON"),
        ({"text": "a", "min_score": dict.fromkeys(map(str, range(2000)), 2)}, "more labels"),
        (b'{"text": "\\ud800"}', "not JSON"),
        ([], "The body must be an object."),
        ({}, "Give either text"),
        ({"text": "a", "documents": []}, "Give either text"),
        ({"documents": ["a"], "meta": {}}, "stand in each document"),
        ({"text": 3}, "text must be a string."),
        ({"text": "a", "txet": 1}, "txet is not known; use text, id"),
        ({"documents": "a"}, "documents must be a list."),
        ({"documents": ["a", 3]}, "documents[1] must be a text or an object with a text."),
        ({"documents": [{"txt": "a"}]}, "documents[0].txt is not known; use text, id"),
        ({"documents": [{"text": "a", "id": [1]}]}, "documents[0].id must be a string or a whole"),
        ({"text": "a", "meta": []}, "meta must be an object."),
        (b'{"text": "a", "meta": {"x": [NaN]}}', "a number that JSON cannot hold"),
        (b'{"documents": ["a", {"text": "a", "meta": {"x": 1e999}}]}', "a number that JSON cannot"),
        (b'{"text": "a", "min_score": -Infinity}', "a number that JSON cannot hold"),
        ({"text": "a", "min_score": 2}, "min_score must lie between 0 and 1."),
        ({"text": "a", "min_score": "0.5"}, "min_score must be a number."),
        ({"text": "a", "min_score": {"ACTOR": 5}}, "min_score.ACTOR must lie between 0 and 1."),
        ({"text": "a", "normalise": "yes"}, "normalise must be true or false."),
        ({"text": "a", "date": "yesterday"}, "date must be a day in ISO 8601"),
    ],
)
def test_question_that_is_none_gets_one_sentence(body, said):
    with pytest.raises(Refusal) as refused:
        read(body)
    assert refused.value.status == 422
    assert said in refused.value.sentence
    assert refused.value.sentence.endswith(".")
    assert "\n" not in refused.value.sentence


def test_question_of_countless_wrong_documents_is_refused_by_their_number():
    """Each used to be listed with its faults: 4 MiB of them took the server a minute."""
    with pytest.raises(Refusal, match="2,000,000 documents are more than the 256"):
        read(b'{"documents": [' + b",".join([b"1"] * 2_000_000) + b"]}")


def test_question_too_large_names_the_limit():
    with pytest.raises(Refusal, match="3 documents are more than the 2") as refused:
        read({"documents": ["a", "b", "c"]}, documents=2)
    assert refused.value.status == 413
    with pytest.raises(Refusal, match="12 characters are more than the 10") as refused:
        read({"documents": ["aaaaaa", {"text": "bbbbbb"}]}, characters=10)
    assert refused.value.status == 413


def test_limits_refuse_what_lets_nothing_in():
    for name in ("body_bytes", "documents", "characters", "requests", "timeout"):
        with pytest.raises(InputError, match=name):
            Limits(**{name: 0})
    with pytest.raises(InputError, match="wait_ms"):
        Limits(wait_ms=-1)
    with pytest.raises(InputError, match="timeout"):
        Limits(timeout=float("nan"))
