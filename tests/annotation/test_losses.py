"""What a target has no place for, and what goes with a dropped entity."""

import json

import pytest

from ie_model.annotation.checks import check_documents
from ie_model.annotation.conversion import convert
from ie_model.annotation.losses import losses
from ie_model.corpus import Changes, read_documents, write_documents
from ie_model.corpus.formats import FORMATS
from ie_model.corpus.formats.brat import annotation_lines
from ie_model.documents import Document, Entity
from ie_model.errors import InputError


def test_losses_are_numbers():
    lost = losses(Document("Anna", id="d", error="no"), "conll")
    assert [type(number) for number in lost.values()] == [int] * len(lost)


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


TEXT = "Anna left Oslo."


def _doccano() -> str:
    spans = [
        {"id": 20, "label": "PER", "start_offset": 0, "end_offset": 4},
        {"id": 21, "label": "LOC", "start_offset": 10, "end_offset": 14},
    ]
    relation = {"id": 1, "from_id": 20, "to_id": 21, "type": "left"}
    return json.dumps({"id": 1, "text": TEXT, "entities": spans, "relations": [relation]})


def _prodigy() -> str:
    places = [(0, 4), (5, 9), (10, 14)]
    tokens = [{"text": TEXT[a:b], "start": a, "end": b, "id": i} for i, (a, b) in enumerate(places)]
    spans = [
        {"start": a, "end": b, "label": label, "token_start": i, "token_end": i}
        for i, (a, b), label in ((0, places[0], "PER"), (2, places[2], "LOC"))
    ]
    relation = {
        "head": 0,
        "child": 2,
        "label": "left",
        "head_span": spans[0],
        "child_span": spans[1],
    }
    return json.dumps({"text": TEXT, "tokens": tokens, "spans": spans, "relations": [relation]})


def _labelstudio() -> str:
    regions = [
        {"id": i, "from_name": "ner", "to_name": "text", "type": "labels",
         "value": {"start": a, "end": b, "text": TEXT[a:b], "labels": [label]}}
        for i, a, b, label in (("r0", 0, 4, "PER"), ("r1", 10, 14, "LOC"))
    ]  # fmt: skip
    regions.append({"type": "relation", "from_id": "r0", "to_id": "r1", "labels": ["left"]})
    return json.dumps([{"id": 1, "data": {"text": TEXT}, "annotations": [{"result": regions}]}])


@pytest.fixture(params=["brat", "doccano", "labelstudio", "prodigy"])
def related(request, tmp_path):
    """A corpus of one document with a relation of two entities, and what its relation is called."""
    kind = "relations"
    path = tmp_path / "a.jsonl"
    if request.param == "brat":
        path = tmp_path / "a.ann"
        path.with_suffix(".txt").write_text(TEXT)
        path.write_text("T1\tPER 0 4\tAnna\nT2\tLOC 10 14\tOslo\nR1\tleft Arg1:T1 Arg2:T2\n")
    else:
        made = {"doccano": _doccano, "labelstudio": _labelstudio, "prodigy": _prodigy}
        path.write_text(made[request.param]())
    if request.param in ("brat", "labelstudio"):
        kind = f"{request.param} annotations that are no entities"
    return request.param, path, kind


@pytest.mark.parametrize("target", ["jsonl", "brat", "doccano", "labelstudio", "prodigy", "conll"])
def test_losses_relations_go_with_their_entities_and_are_counted(related, target, tmp_path):
    source, path, kind = related
    for dropped, there in (("LOC", 0), ("OTHER", 1)):
        output = tmp_path / f"{dropped}{''.join(FORMATS[target].suffixes[:1])}"
        result = convert(path, output, source, target, Changes({dropped: None}))
        with_entities = result.changes[f"dropped with their entities: {kind}"]
        assert with_entities == 1 - there
        # Names of entities, by which relations know them, stay at home and where meta does.
        held = target in (source, "jsonl", "prodigy") or (source, target) in (
            ("prodigy", "doccano"), ("prodigy", "labelstudio"),
        )  # fmt: skip
        assert result.lost[kind] == there * (not held)
        back = next(read_documents(output, target))
        found = [value for key, value in back.meta.items() if key.endswith("_aside")]
        kept = [back.meta.get(key, {}) for key in ("doccano", "prodigy")]
        found += [fields["relations"] for fields in kept if "relations" in fields]
        assert sum(map(len, found)) == there * held
        assert ("R1" in str(found) or "left" in str(found)) == bool(there * held)


def test_losses_writing_says_what_went_with_entities(tmp_path, caplog):
    (tmp_path / "a.jsonl").write_text(_doccano())
    (document,) = read_documents(tmp_path / "a.jsonl", "doccano")
    write_documents([document.with_entities(document.entities[:1])], tmp_path / "b.jsonl")
    assert "relations, whose entities are gone or have no names in jsonl: 1" in caplog.text
    caplog.clear()
    write_documents([document], tmp_path / "c.jsonl")
    assert not caplog.text


def test_losses_a_new_brat_name_is_none_that_a_relation_meant(tmp_path):
    """Relation R1 of a dropped T1 held the new entity that took its name."""
    lines = ["R1\tleft Arg1:T1 Arg2:T2"]
    entities = (Entity(0, 4, "PER"), Entity(10, 14, "LOC", meta={"brat_id": "T2"}))
    document = Document(TEXT, entities, "d", {"brat_aside": lines})
    assert not any(line.startswith("R1") for line in annotation_lines(document))
