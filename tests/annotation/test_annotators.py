"""Agreement against other people's implementations and values worked out by hand."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from sklearn.metrics import cohen_kappa_score

from ie_model.annotation.annotators import OUTSIDE, agreement
from ie_model.documents import Document, Entity
from ie_model.errors import InputError
from ie_model.metrics.kappa import cohen_kappa, fleiss_kappa, krippendorff_alpha

TEXT = "IS fighters left Mosul on Monday, police said."


def ratings(annotators: int, items: int, labels: int, seed: int) -> np.ndarray:
    generator = np.random.default_rng(seed)
    truth = generator.integers(-1, labels - 1, items)
    noise = generator.integers(-1, labels - 1, (annotators, items))
    return np.where(generator.random((annotators, items)) < 0.7, truth, noise)


@pytest.mark.parametrize("seed", range(20))
def test_agreement_cohen_equals_sklearn(seed):
    table = ratings(2, 50, 2 + seed % 4, seed)
    assert cohen_kappa(table) == pytest.approx(cohen_kappa_score(*table))


@pytest.mark.parametrize("seed", range(20))
def test_agreement_fleiss_equals_statsmodels(seed):
    inter_rater = pytest.importorskip("statsmodels.stats.inter_rater")
    table = ratings(2 + seed % 4, 40, 2 + seed % 3, seed)
    counts, _ = inter_rater.aggregate_raters(table.T)
    assert fleiss_kappa(table) == pytest.approx(inter_rater.fleiss_kappa(counts))


@pytest.mark.parametrize("seed", range(20))
def test_agreement_alpha_equals_krippendorff(seed):
    other = pytest.importorskip("krippendorff")
    table = ratings(2 + seed % 4, 12, 2 + seed % 3, seed)
    expected = other.alpha(reliability_data=table, level_of_measurement="nominal")
    assert krippendorff_alpha(table) == pytest.approx(expected)


def test_agreement_coefficients_worked_by_hand():
    # 10 items; both yes 4, both no 3, only first yes 2, only second yes 1.
    table = np.array([[1] * 4 + [0] * 3 + [1] * 2 + [0], [1] * 4 + [0] * 3 + [0] * 2 + [1]])
    # Cohen: p_o = 0.7, p_e = 0.6 * 0.5 + 0.4 * 0.5 = 0.5.
    assert cohen_kappa(table) == pytest.approx(0.4)
    # Fleiss (Scott's pi for two): shares 11/20 and 9/20, p_e = 0.505.
    assert fleiss_kappa(table) == pytest.approx((0.7 - 0.505) / (1 - 0.505))
    # Alpha: D_o = 0.3, D_e = 2 * 11 * 9 / (20 * 19).
    assert krippendorff_alpha(table) == pytest.approx(1 - 0.3 / (2 * 11 * 9 / (20 * 19)))


def test_agreement_coefficients_undefined_without_variation():
    for table in (np.zeros((2, 5), np.int64), np.zeros((2, 0), np.int64)):
        assert cohen_kappa(table) is None
        assert fleiss_kappa(table) is None
        assert krippendorff_alpha(table) is None


def example() -> dict[str, list[Document]]:
    a = Document(
        TEXT,
        (Entity(0, 11, "ACTOR"), Entity(17, 22, "LOCATION"), Entity(26, 32, "DATE")),
        "d1",
    )
    b = Document(
        TEXT,
        (
            Entity(0, 2, "ACTOR"),
            Entity(17, 22, "ACTOR"),
            Entity(26, 32, "DATE"),
            Entity(34, 40, "ACTOR"),
        ),
        "d1",
    )
    return {"ann": [a], "ben": [b]}


def test_agreement_of_two_worked_by_hand():
    result = agreement(example())
    assert result["words"] == {"all": 10, "labelled": 5}
    spans = result["spans"]
    # Exact: DATE alone agrees, 2 * 1 / 7. Partial: the two ACTOR spans at 0 are half right.
    assert spans["exact"]["all"] == pytest.approx(2 / 7)
    assert spans["exact"]["labels"] == {"ACTOR": 0.0, "DATE": 1.0, "LOCATION": 0.0}
    assert spans["partial"]["all"] == pytest.approx(3 / 7)
    assert spans["partial"]["labels"]["ACTOR"] == pytest.approx(2 * 0.5 / 4)
    (pair,) = result["pairs"]
    first = ["ACTOR", "ACTOR", "O", "LOCATION", "O", "DATE", "O", "O", "O", "O"]
    second = ["ACTOR", "O", "O", "ACTOR", "O", "DATE", "O", "ACTOR", "O", "O"]
    assert pair["cohen"]["all"] == pytest.approx(cohen_kappa_score(first, second))
    both = [(x, y) for x, y in zip(first, second, strict=True) if (x, y) != ("O", "O")]
    assert pair["cohen"]["labelled"] == pytest.approx(cohen_kappa_score(*zip(*both, strict=True)))
    is_actor = [[x == "ACTOR" for x in side] for side in (first, second)]
    assert pair["cohen"]["labels"]["ACTOR"] == pytest.approx(cohen_kappa_score(*is_actor))
    assert pair["confusion"] == {
        "labels": ["ACTOR", "DATE", "LOCATION", OUTSIDE],
        "counts": [[1, 0, 0, 0], [0, 1, 0, 0], [1, 0, 0, 0], [1, 0, 0, 0]],
    }
    kinds = [(d["kind"], d["excerpt"]["mention"]) for d in result["disagreements"]]
    assert kinds == [
        ("boundary", "IS fighters"),
        ("label", "Mosul"),
        ("only_second", "police"),
    ]


@st.composite
def annotations(draw: st.DrawFn) -> dict[str, list[Document]]:
    texts = [TEXT, "Troops in Kirkuk, Iraq.", "Nothing here."]
    by_name: dict[str, list[Document]] = {}
    for name in ("ann", "ben", "cem")[: draw(st.integers(2, 3))]:
        documents = []
        for i, text in enumerate(texts):
            cuts = st.tuples(st.integers(0, len(text)), st.integers(0, len(text)))
            entities = {
                Entity(min(pair), max(pair), draw(st.sampled_from("AB")))
                for pair in draw(st.lists(cuts, max_size=5))
                if pair[0] != pair[1]
            }
            documents.append(Document(text, tuple(entities), f"d{i}"))
        by_name[name] = documents
    return by_name


@settings(max_examples=60)
@given(annotations(), st.randoms(use_true_random=False))
def test_agreement_ignores_every_order(by_name, shuffled: random.Random):
    names = list(by_name)
    shuffled.shuffle(names)
    mixed = {}
    for name in names:
        documents = [
            Document(d.text, tuple(shuffled.sample(d.entities, len(d.entities))), d.id)
            for d in by_name[name]
        ]
        shuffled.shuffle(documents)
        mixed[name] = documents
    assert agreement(mixed) == agreement(by_name)


def figures(tree: object) -> list[float]:
    if isinstance(tree, dict):
        return [x for key in sorted(tree) for x in figures(tree[key])]
    return [float("nan") if tree is None else float(tree)]


@settings(max_examples=40)
@given(annotations())
def test_agreement_with_oneself_is_perfect_and_names_do_not_matter(by_name):
    documents = by_name["ann"]
    same = agreement({"x": documents, "y": documents})
    assert same["disagreements"] == []
    assert same["spans"]["exact"]["all"] in (None, 1.0)
    assert same["alpha"]["all"] in (None, 1.0)
    renamed = agreement({"z" if name == "ann" else name: d for name, d in by_name.items()})
    original = agreement(by_name)
    for key in ("spans", "alpha", "fleiss", "words"):
        assert figures(renamed[key]) == pytest.approx(figures(original[key]), nan_ok=True)
    for pair in original["pairs"]:
        assert (pair["exact"]["all"] or 0) <= (pair["partial"]["all"] or 0) + 1e-12


def test_agreement_documents_are_matched():
    a, b = (documents[0] for documents in example().values())
    other = Document("Other text.", id="d2")
    result = agreement({"ann": [a, other], "ben": [b]})
    assert (result["documents"], result["only"]) == (1, {"ann": ["d2"], "ben": []})
    assert result["matched_by"] == "id"
    by_line = Document(b.text, b.entities, "ben:1")
    assert agreement({"ann": [a], "ben": [by_line]})["matched_by"] == "text"
    with pytest.raises(InputError, match="'d1': the texts differ between ann, ben"):
        agreement({"ann": [a], "ben": [Document("x", id="d1")]})
    with pytest.raises(InputError, match="no document, by id or by text, is in all of"):
        agreement({"ann": [a], "ben": [other]})
    with pytest.raises(InputError, match="ann: two documents have the same id"):
        agreement({"ann": [a, a], "ben": [b]})
    with pytest.raises(InputError, match="at least two"):
        agreement({"ann": [a]})


def test_agreement_counts_what_it_flattens():
    nested = Document(TEXT, (Entity(0, 11, "ACTOR"), Entity(0, 2, "ACTOR")), "d1")
    flat = Document(TEXT, (Entity(0, 11, "ACTOR"),), "d1")
    result = agreement({"ann": [nested], "ben": [flat]})
    assert result["flattened"] == {"ann": 1, "ben": 0}
    assert result["spans"]["exact"]["all"] == 1.0
