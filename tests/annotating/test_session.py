"""Documents, revisions, progress and reviews."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from ie_model.annotating import adjudication, read_suspects
from ie_model.annotating.adviser import Adviser
from ie_model.annotating.review import Point
from ie_model.annotating.session import Stale, Unfit
from ie_model.annotating.work import Work
from ie_model.cli.evaluation import suspects
from ie_model.corpus import read_documents
from ie_model.documents import Document, Entity
from ie_model.errors import InputError
from ie_model.evaluation import OofRun
from tests.annotating.conftest import TEXTS, FakeModel, documents, sitting
from tests.evaluation.synthetic_run import make_run

UN = Entity(0, 2, "ACTOR")


def test_session_saves_at_once_and_goes_on_where_it_was(output):
    with sitting(output) as session:
        answer = session.save(0, 1, Work((UN,)))
        assert answer["revision"] == 2
        assert [d.id for d in read_documents(output)] == ["one"]
        assert session.save(1, 1, Work(done=True))["progress"] == {
            "documents": 3, "done": 1, "begun": 1,
            "labels": {"ACTOR": 1, "LOCATION": 0, "DATE": 0},
        }  # fmt: skip
    with sitting(output) as session:
        assert [line["state"] for line in session.listing()] == ["begun", "done", "new"]
        assert [e.key for e in session.document(0).entities] == [UN.key]


def test_session_same_change_again_is_no_new_revision(output):
    with sitting(output) as session:
        assert session.save(0, 1, Work((UN,)))["revision"] == 2
        assert session.save(0, 2, Work((Entity(0, 2, "ACTOR", text="UN"),)))["revision"] == 2
        assert session.save(0, 2, Work((replace(UN, meta={"sure": 1}),)))["revision"] == 3


def test_session_refuses_a_change_of_an_older_state(output):
    with sitting(output) as session:
        session.save(0, 1, Work((UN,)))
        before = output.read_bytes()
        with pytest.raises(Stale) as stale:
            session.save(0, 1, Work())
        assert stale.value.state["revision"] == 2
        assert len(stale.value.state["work"]["entities"]) == 1
        assert output.read_bytes() == before


def test_session_refuses_what_fits_no_document(output):
    with sitting(output) as session:
        for entity in (Entity(0, 900, "ACTOR"), Entity(2, 2, "ACTOR"), Entity(0, 2, "OTHER")):
            with pytest.raises(Unfit):
                session.save(0, 1, Work((entity,)))
    assert not output.exists()


def test_session_takes_entities_with_scores_for_suggestions(output):
    given = [Document("UN in Rome", (UN, Entity(6, 10, "LOCATION", 0.7)), "x")]
    with sitting(output, given) as session:
        state = session.state(0)
    assert [e["label"] for e in state["work"]["entities"]] == ["ACTOR"]
    assert [e["score"] for e in state["suggestions"]] == [0.7]


def test_session_says_what_is_wrong_with_spans(output):
    with sitting(output) as session:
        answer = session.save(2, 1, Work((Entity(20, 27, "ACTOR"), Entity(24, 27, "DATE"))))
    assert [(f["kind"], f["start"]) for f in answer["findings"]] == [
        ("edge", 20), ("edge", 24), ("overlap", 24),
    ]  # fmt: skip


def test_session_refuses_what_cannot_be_told_apart(output):
    twice = [Document("a", id="x"), Document("b", id="x")]
    with pytest.raises(InputError, match="'x' is there twice"), sitting(output, twice):
        pass
    with pytest.raises(InputError, match="no document"), sitting(output, []):
        pass
    with pytest.raises(InputError, match="--labels"), sitting(output, labels=()):
        pass
    with sitting(output) as session:
        session.save(0, 1, Work((UN,)))
    other = [Document("another text", id="one")]
    with pytest.raises(InputError, match="another text under this id"), sitting(output, other):
        pass


def test_adviser_orders_by_what_teaches_most_and_skips_what_is_done(output):
    with sitting(output) as session:
        adviser = Adviser(session, FakeModel(), by_value=True)
        adviser.start()
        adviser._thread.join(20)
        assert adviser.order() == [2, 0, 1]
        assert adviser.following(None) == 2
        assert adviser.following(2) == 0
        assert adviser.following(None, elsewhere=[2]) == 0
        session.save(2, 1, Work(done=True))
        assert adviser.following(None) == 0
        for number in (0, 1):
            session.save(number, 1, Work(done=True))
        assert adviser.following(1) is None


def test_adviser_predicts_what_is_opened_before_its_turn(output):
    with sitting(output) as session:
        adviser = Adviser(session, FakeModel(), by_value=False)
        assert adviser.ready(2) == ""
        assert [e.score for e in session.suggestions(2)] == [0.9, 0.3, 0.9]
        assert adviser.order() == [0, 1, 2]


def suspects_file(path, *rows):
    path.write_text(json.dumps({"suspects": [
        {"document": id_, "gold": gold, "predicted": predicted, "kind": "wrong_type",
         "confidence": 0.8, "votes": 1.0, "doubted": True} for id_, gold, predicted in rows
    ]}))  # fmt: skip
    return path


def row(start, end, label):
    return {"start": start, "end": end, "label": label}


def test_review_of_suspects_keeps_gold_gold(output, tmp_path):
    gold = [
        Document(d.text, (Entity(0, 2, "LOCATION"),) if d.id == "one" else (), d.id)
        for d in documents()
    ]
    file = suspects_file(
        tmp_path / "s.json",
        ("one", row(0, 2, "LOCATION"), row(0, 2, "ACTOR")), ("one", None, row(15, 20, "LOCATION")),
        ("one", row(3, 4, "DATE"), None), ("gone", None, row(0, 1, "DATE")),
    )  # fmt: skip
    review = read_suspects(file, gold)
    points = review.points["one"]
    assert [p.name for p in points] == ["0-2-LOCATION/0-2-ACTOR", "/15-20-LOCATION"]
    assert "80% sure, doubted" in points[0].note
    with sitting(output, gold, review=review) as session:
        assert [line["state"] for line in session.listing()] == ["begun", "done", "done"]
        assert all(not d.unannotated for d in read_documents(output))
        decided = tuple(p.name for p in points)
        session.save(0, 1, Work((UN,), decided=decided, done=True))
    kept = next(read_documents(output))
    assert [e.label for e in kept.entities] == ["ACTOR"]
    again = read_suspects(file, list(read_documents(output)))
    with sitting(output, gold, review=again) as session:
        assert session.progress()["done"] == 3


def test_review_of_suspects_refuses_other_files(tmp_path):
    other = tmp_path / "s.json"
    odd = row(0, 2, "DATE") | {"kind": 1, "votes": 1, "doubted": 0, "document": "one"}
    odd |= {"gold": None, "predicted": None}
    for content in ("[]", "[" * 99999, json.dumps({"suspects": [odd | {"confidence": "high"}]}),
                    json.dumps({"suspects": [odd | {"confidence": float("nan")}]})):  # fmt: skip
        other.write_text(content)
        with pytest.raises(InputError, match="expected the suspects"):
            read_suspects(other, documents())
    with pytest.raises(InputError, match="do not fit its text"):
        read_suspects(suspects_file(other, ("one", None, row(0, 999, "DATE"))), documents())
    with pytest.raises(InputError, match="none of its suspects"):
        read_suspects(suspects_file(other, ("gone", None, row(0, 1, "DATE"))), documents())


def test_review_takes_what_the_command_writes(output, tmp_path):
    make_run(tmp_path / "run", noise=0.8, planted=8)
    suspects(tmp_path / "run", most=0, output=tmp_path / "s.json")
    gold = [p.gold for p in OofRun(tmp_path / "run").predictions(0)]
    review = read_suspects(tmp_path / "s.json", gold)
    rows = json.loads((tmp_path / "s.json").read_text())["suspects"]
    assert sum(map(len, review.points.values())) == len(rows) >= 8
    labels = sorted({e.label for d in gold for e in d.entities})
    with sitting(output, gold, labels, review=review) as session:
        first = Adviser(session, None, by_value=False).order()[0]
        assert session.document(first).id == rows[0]["document"]


def test_adjudication_keeps_what_both_say_and_asks_for_the_rest(output):
    text = TEXTS["one"]
    first = [Document(text, (UN, Entity(15, 20, "LOCATION")), "one"), Document("b", id="two")]
    second = [Document(text, (UN, Entity(15, 31, "DATE")), "one"), Document("b", id="two")]
    found, review = adjudication(first, second, ("ann", "ben"))
    assert review.points["one"] == [Point((15, 20, "LOCATION"), (15, 31, "DATE"))]
    with sitting(output, found, review=review) as session:
        assert [line["state"] for line in session.listing()] == ["begun", "done"]
        begun, done = read_documents(output)
    assert [e.key for e in begun.entities] == [UN.key]
    assert begun.unannotated
    assert not done.unannotated
    half = replace(first[0], meta={"unannotated": [[0, len(text)]]})
    assert [d.id for d in adjudication([half, first[1]], second, ("ann", "ben"))[0]] == ["two"]
    with pytest.raises(InputError, match="texts of ann and ben differ"):
        adjudication(first, [Document("c", id="two")], ("ann", "ben"))
    with pytest.raises(InputError, match="no finished document is in both"):
        adjudication(first, [Document("c", id="z")], ("ann", "ben"))


def test_session_refuses_at_the_start_what_cannot_be_saved(output):
    for text, id_, meta, message in (
        ("a\ud800b", "x", {}, "half of a surrogate pair"),
        ("a", "x\udcff", {}, "half of a surrogate pair"),
        ("a", "x", {"n": float("inf")}, "cannot be written as JSON"),
        ("a", "x", {"n": {1, 2}}, "cannot be written as JSON"),
    ):
        with (
            pytest.raises(InputError, match=message),
            sitting(output, [Document(text, (), id_, meta)]),
        ):
            pass
    with pytest.raises(InputError, match="the labels: holds"), sitting(output, labels=("\udcff",)):
        pass
    output.write_text('{"id": "x", "text": "a", "meta": {"annotate": {"rejected": [1]}}}\n')
    with pytest.raises(InputError, match="document 'x': meta"), sitting(output):
        pass
    output.write_text('{"id": "x", "text": "a", "meta": {"n": 1e999}}\n')
    with pytest.raises(InputError, match=r"jsonl:1: cannot be written as JSON"), sitting(output):
        pass


def test_session_takes_no_score_and_no_other_mention_from_a_page(output):
    with sitting(output) as session:
        session.save(0, 1, Work((Entity(0, 2, "ACTOR", 0.5, "EU"),)))
        session.save(0, 2, Work((Entity(0, 2, "ACTOR", 0.9, "EU"), Entity(15, 20, "LOCATION"))))
    (document,) = read_documents(output)
    assert [(e.text, e.score) for e in document.entities] == [("UN", None), ("Mosul", None)]


def test_session_counts_as_it_goes(output):
    with sitting(output) as session:
        for number, revision, work_ in (
            (0, 1, Work((UN, Entity(15, 20, "LOCATION")))), (1, 1, Work(done=True)),
            (0, 2, Work((UN,), done=True)), (1, 2, Work()), (0, 3, Work((UN,))),
        ):  # fmt: skip
            session.save(number, revision, work_)
        counted = session.progress()
    with sitting(output) as session:
        assert session.progress() == counted
    assert counted == {
        "documents": 3, "done": 0, "begun": 2, "labels": {"ACTOR": 1, "LOCATION": 0, "DATE": 0},
    }  # fmt: skip
