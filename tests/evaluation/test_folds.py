"""Division into folds, and shares of the training data."""

from __future__ import annotations

import pytest
from hypothesis import given, settings, strategies as st

from ie_model.documents import Document, Entity
from ie_model.errors import InputError
from ie_model.evaluation.folds import make_folds, take_fraction

WORDS = "police army troops forces strike raid patrol border valley river monday friday".split()


def doc(number, words=40):
    text = " ".join(WORDS[(number * 7 + i * (number + 3)) % 12] + str(i % 9) for i in range(words))
    return Document(f"{number} {text}", (), f"d{number}")


def test_folds_leave_one_out_for_a_few_documents():
    documents = [doc(i) for i in range(3)]
    assert [f.test for f in make_folds(documents)] == [(0,), (1,), (2,)]
    assert make_folds(documents)[1].train == (0, 2)


@settings(max_examples=25)
@given(st.integers(11, 30), st.integers(2, 6))
def test_folds_test_every_document_once_and_never_train_on_it(size, folds):
    divided = make_folds([doc(i) for i in range(size)], folds=folds)
    assert sorted(i for f in divided for i in f.test) == list(range(size))
    for fold in divided:
        assert sorted((*fold.test, *fold.train)) == list(range(size))
    assert len(divided) == folds
    assert max(len(f.test) for f in divided) - min(len(f.test) for f in divided) <= 2


def test_folds_keep_reprints_together_and_out_of_the_extra_training():
    original = doc(1, 200)
    reprint = Document(original.text + " again", (), "reprint")
    authored = Document(original.text + " copied", (), "authored")
    documents = [doc(0), original, doc(2), reprint]
    divided = make_folds(documents, [doc(9), authored])
    assert [f.test for f in divided] == [(0,), (1, 3), (2,)]
    assert [f.extra for f in divided] == [(0, 1), (0,), (0, 1)]


def test_folds_refuse_too_few_documents():
    with pytest.raises(InputError, match="cannot make 2 folds"):
        make_folds([doc(0)])
    with pytest.raises(InputError, match="cannot make 5 folds"):
        make_folds([doc(i) for i in range(4)], folds=5)
    with pytest.raises(InputError, match="at least 2 folds, found 1"):
        make_folds([doc(i) for i in range(4)], folds=1)
    with pytest.raises(InputError, match=r"have the id of another \(.*ids of their own"):
        make_folds([doc(0), doc(0)])


def test_folds_fractions_are_nested_and_repeatable():
    documents = [doc(i) for i in range(20)]
    quarter, half = take_fraction(documents, 0.25, 1), take_fraction(documents, 0.5, 1)
    assert len(quarter) == 5
    assert len(half) == 10
    assert {d.id for d in quarter} < {d.id for d in half}
    assert take_fraction(documents, 0.5, 1) == half
    assert take_fraction(documents, 0.5, 2) != half
    assert take_fraction(documents, 1.0, 1) == documents


@given(
    st.lists(st.sampled_from(["", "  ", "Police in Mosul.", "On Monday Police", "x"]), max_size=9),
    st.sampled_from([0.25, 0.5, 0.75]),
)
def test_folds_fraction_of_few_documents_takes_lines_with_their_entities(lines, fraction):
    text = "\n".join(lines)
    entities = []
    at = text.find("Police")
    while at >= 0:
        entities.append(Entity(at, at + 6, "ACTOR", text="Police"))
        at = text.find("Police", at + 1)
    document = Document(text, tuple(entities), "a")
    (part,) = take_fraction([document], fraction, 3)
    assert part.check() == []
    assert all(part.text[e.start : e.end] == "Police" for e in part.entities)
    assert part.text.count("Police") == len(part.entities)
    assert len(part.text) <= len(text)


def test_folds_fraction_never_cuts_an_entity_that_crosses_a_line():
    text = "one Abu\nBakr two\nthree\nfour\nfive\nsix"
    document = Document(text, (Entity(4, 12, "ACTOR", text="Abu\nBakr"),), "a")
    for seed in range(20):
        (part,) = take_fraction([document], 0.5, seed)
        assert part.check() == []
        assert ("Abu" in part.text) == bool(part.entities)
    with pytest.raises(InputError, match="between 0 and 1"):
        take_fraction([document], 25, 0)
