"""Mistakes of a caller in Python end in one line, not deep inside."""

import pytest

import ie_model
from ie_model import Document, Entity, Extractor, InputError, LabelSet, load_config
from ie_model.display import render_page
from ie_model.inference.loading import load_engine
from ie_model.scoring import score

DOCUMENT = Document("They left Mosul.", (Entity(10, 15, "LOCATION"),))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: load_config(None), "the config: expected one path, found None"),
        (lambda: load_config(["a.yaml", "b.yaml"]), "the config: expected one path, found"),
        (lambda: load_config("default", "a=1"), r"overrides must be a list, such as \['a=1'\]"),
        (lambda: load_config("default", None), "overrides: expected strings, such as a list"),
        (lambda: load_config("default", [3]), "overrides: expected strings, found 3"),
        (lambda: load_config("default", {3: 1}), "overrides: expected strings, found 3"),
        (lambda: list(ie_model.read_documents(["a", "b"])), "the documents: expected one path"),
        (lambda: list(ie_model.read_documents(b"a")), "the documents: expected one path"),
        (lambda: ie_model.write_documents([DOCUMENT], None), "the output: expected one path"),
        (lambda: DOCUMENT.with_entities(DOCUMENT.entities[0]), "expected Entities, such as a list"),
        (lambda: DOCUMENT.with_entities([{"start": 1}]), r"item 0: expected Entity\(start, end"),
        (lambda: DOCUMENT.check("LOCATION"), r"labels must be a list, such as \['LOCATION'\]"),
        (lambda: ie_model.to_frame(None), "to_frame: expected Documents, such as a list"),
        (lambda: ie_model.to_frame([DOCUMENT], "source"), "keep must be a list, such as"),
        # It had the labels A, C, T, O and R.
        (lambda: LabelSet.declare("ACTOR"), r"labels must be a list, such as \['ACTOR'\]"),
        (lambda: LabelSet.declare([1]), "labels: expected strings, found 1"),
        (lambda: LabelSet.declare(["A"], "IOB"), "scheme is 'IOB': use BIO or BIOES"),
        (lambda: ie_model.score_documents([], [], None), "labels: expected strings, such as"),
        (lambda: ie_model.distill(None), "expected a Config, found NoneType"),
        (lambda: ie_model.evaluate(None, [DOCUMENT]), "model_dir: expected model directories"),
        (lambda: Extractor.from_pretrained([None]), "the model: expected one path, found None"),
        (lambda: load_engine("m", threads="2"), "threads is '2': give a number of at least 1"),
        (lambda: Extractor.from_pretrained("m", batch_tokens="2"), "batch_tokens is '2': give a"),
        (lambda: render_page(DOCUMENT), "the documents to show: expected Documents"),
        (lambda: render_page([None]), "the documents to show, item 0: expected a Document"),
        (lambda: score("a.jsonl", ["b", "c"], "m"), "the output: expected one path"),
        (lambda: score("a.jsonl", "b.jsonl", ["m", "n"]), "the model: expected one path"),
        (
            lambda: score([None], "b.jsonl", extractor_factory=print),
            "an input: expected one path, found None",
        ),
    ],
)
def test_given_mistakes_of_a_caller_are_named(call, message):
    with pytest.raises(InputError, match=message):
        call()
