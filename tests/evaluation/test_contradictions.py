"""Contradictions within the gold."""

from __future__ import annotations

from ie_model.display.excerpts import excerpt
from ie_model.documents import Document, Entity
from ie_model.evaluation.contradictions import OTHER_BOUNDARY, UNLABELLED, find_contradictions


def doc(text, *spans, id="a"):
    entities = []
    for surface, label in spans:
        at = text.index(surface)
        entities.append(Entity(at, at + len(surface), label))
    return Document(text, tuple(entities), id)


def test_consistency_one_surface_with_two_labels():
    documents = [
        doc("Iran sold oil.", ("Iran", "LOCATION")),
        doc("Oil of Iran.", ("Iran", "LOCATION"), id="b"),
        doc("Iran denied it.", ("Iran", "ACTOR"), id="c"),
    ]
    (found,) = find_contradictions(documents)
    assert (found.surface, found.usual, found.counts) == (
        "Iran",
        "LOCATION",
        {"LOCATION": 2, "ACTOR": 1},
    )
    (place,) = found.places
    assert (place.document, place.start, place.says) == ("c", 0, "ACTOR")


def test_consistency_unlabelled_elsewhere_and_other_boundaries():
    documents = [
        doc("federal police came", ("federal police", "ACTOR")),
        doc("the federal police went", ("federal police", "ACTOR"), id="b"),
        doc("no federal police here", id="c"),
        doc("some federal police there", ("police", "ACTOR"), id="d"),
    ]
    found = {c.surface: c for c in find_contradictions(documents)}
    assert found["federal police"].counts == {"ACTOR": 2, UNLABELLED: 1, OTHER_BOUNDARY: 1}
    assert [p.document for p in found["federal police"].places] == ["c", "d"]


def test_consistency_inside_a_longer_span_is_no_contradiction():
    documents = [
        doc("ISIS left", ("ISIS", "ACTOR")),
        doc("ISIS fighters left", ("ISIS fighters", "ACTOR"), id="b"),
    ]
    assert find_contradictions(documents) == []


def test_consistency_case_and_word_boundaries_matter():
    documents = [
        doc("in May", ("May", "DATE")),
        doc("it may rain on Mayors", id="b"),
    ]
    assert find_contradictions(documents) == []


def test_consistency_common_words_mostly_unlabelled_are_left_out():
    documents = [doc("fight goes on", ("fight", "OPERATION"))]
    documents += [doc("they fight", id=f"x{i}") for i in range(2)]
    assert find_contradictions(documents) == []


def test_consistency_words_joined_over_a_line_break_are_no_mention():
    documents = [doc("Abu Bakr", ("Abu Bakr", "ACTOR")), doc("Abu\nBakr", id="b")]
    assert find_contradictions(documents) == []


def test_consistency_counts_a_mention_that_is_marked_over_a_line_break():
    marked = [doc(f"They left Tal{b}Afar", (f"Tal{b}Afar", "LOCATION"), id=b) for b in ("\r", "\n")]
    (found,) = find_contradictions([*marked, doc("Tal Afar fell", ("Tal Afar", "ACTOR"))])
    assert found.counts == {"LOCATION": 2, "ACTOR": 1}


def test_excerpt_stays_in_its_line_and_marks_cuts():
    text = "first line\n" + "word " * 30 + "HIT " + "more " * 30 + "\nlast"
    at = text.index("HIT")
    found = excerpt(text, at, at + 3, around=22)
    assert found.mention == "HIT"
    assert found.before == "…word word word word "
    assert found.after == " more more more more…"
    whole = excerpt("first\nthe HIT stays\nlast", 10, 13)
    assert (whole.before, whole.after) == ("the ", " stays")
    edge = excerpt("HIT", 0, 3)
    assert (edge.before, edge.after) == ("", "")
