"""What a target has no place for, and what goes with a dropped entity."""

import json

import pytest

from ie_model.annotation.checks import check_documents
from ie_model.annotation.conversion import convert
from ie_model.annotation.losses import losses
from ie_model.corpus import Changes
from ie_model.documents import Document, Entity
from ie_model.errors import InputError


@pytest.mark.parametrize(
    ("name", "held"),
    [("jsonl", True), ("prodigy", True), ("datasets", True), ("labelstudio", False)]
    + [(name, False) for name in ("brat", "conll", "doccano", "docbin", "markup", "webanno")],
)
def test_losses_name_what_entities_carry(name, held):
    entity = Entity(0, 4, "PER", meta={"pattern": "17", "other_labels": ["ORG"]})
    lost = losses(Document("Anna left.", (entity, entity), "d"), name)
    assert lost["entity meta: pattern"] == (0 if held else 2)
    assert lost["second labels"] == (0 if held or name == "labelstudio" else 2)
    numbered = Document("Anna left.", (Entity(0, 4, "PER", meta={"brat_id": "T1"}),), "d")
    assert not losses(numbered, name) - losses(Document("Anna left.", id="d"), name)


def test_losses_second_labels_are_noted_by_check():
    entity = Entity(0, 4, "PER", meta={"other_labels": ["ORG"]})
    (finding,) = check_documents([("a.json", Document("Anna left.", (entity,), "d"))]).findings
    assert (finding.kind, finding.message) == ("aside", "also labelled ORG, which is not used")


def test_losses_nothing_left_says_why(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"tokens": ["IS"], "ner_tags": [-1]}')
    with pytest.raises(InputError, match="no documents in it; set aside, row whose tags all say"):
        convert(path, tmp_path / "b.jsonl")


def test_losses_judge_spacing_by_the_tokens_written():
    text = "The anti-Assad bloc met."
    assert "exact spacing" not in losses(Document(text, id="d"), "conll")
    cut = Document(text, (Entity(9, 14, "ACTOR"),), "d")
    assert "exact spacing" in losses(cut, "conll")


@pytest.mark.parametrize(("dropped", "kept"), [("LOC", 0), ("OTHER", 1)])
def test_losses_relations_go_with_their_entities(tmp_path, dropped, kept):
    spans = [
        {"id": 20, "label": "PER", "start_offset": 0, "end_offset": 4},
        {"id": 21, "label": "LOC", "start_offset": 10, "end_offset": 14},
    ]
    relation = {"id": 1, "from_id": 20, "to_id": 21, "type": "left"}
    row = {"id": 1, "text": "Anna left Oslo.", "entities": spans, "relations": [relation]}
    (tmp_path / "a.jsonl").write_text(json.dumps(row))
    changes = Changes({dropped: None})
    convert(tmp_path / "a.jsonl", tmp_path / "b.jsonl", None, "doccano", changes)
    assert len(json.loads((tmp_path / "b.jsonl").read_text())["relations"]) == kept
