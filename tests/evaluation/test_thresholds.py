"""Thresholds against a search over every one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, strategies as st

from ie_model.errors import InputError
from ie_model.evaluation.thresholds import (
    FEWEST_SPANS,
    ScoredSpans,
    choose_thresholds,
    review_bands,
)

LABELS = ("ACTOR", "DATE")


def spans(scores, correct, labels=None, gold=(60, 60)):
    n = len(scores)
    return ScoredSpans(
        np.asarray(scores, float),
        np.asarray(correct, bool),
        np.zeros(n, np.int64) if labels is None else np.asarray(labels),
        np.asarray(gold),
    )


@given(
    st.lists(
        st.tuples(st.integers(0, 10), st.booleans()),
        min_size=FEWEST_SPANS,
        max_size=FEWEST_SPANS + 30,
    ),
    st.integers(0, 9),
)
def test_thresholds_best_f1_equals_a_search(rows, missed):
    scores = np.array([s for s, _ in rows]) / 10
    correct = np.array([c for _, c in rows])
    gold = int(correct.sum()) + missed
    found = choose_thresholds(spans(scores, correct, gold=(gold, 0)), LABELS)["ACTOR"]
    best = 0.0
    for t in np.linspace(0, 1.05, 106):
        kept = scores >= t
        total = kept.sum() + gold
        best = max(best, 2 * correct[kept].sum() / total if total else 0.0)
    assert found["f1"] == pytest.approx(best)
    keep = scores >= found["threshold"]
    assert found["kept"] == keep.sum()


def test_thresholds_lowest_for_the_wished_precision():
    scores = np.arange(100) / 100
    correct = np.arange(100) >= 40  # right from 0.40 on
    row = choose_thresholds(spans(scores, correct), LABELS, precision=0.75)["ACTOR"]
    assert row["reached"]
    assert row["precision"] >= 0.75
    kept_with_one_more = scores >= row["threshold"] - 0.01
    assert correct[kept_with_one_more].mean() < 0.75
    assert choose_thresholds(spans(scores, correct), LABELS, 0.5)["ACTOR"]["threshold"] == 0.0


def test_thresholds_precision_out_of_reach_says_so():
    scores = np.arange(100) / 100
    correct = np.arange(100) % 2 == 0
    row = choose_thresholds(spans(scores, correct), LABELS, precision=0.99)["ACTOR"]
    assert not row["reached"]
    bands = review_bands(spans(scores, correct), LABELS, {"ACTOR": 0.1, "DATE": 0.1}, 0.99)
    assert bands["ACTOR"] == [0.1, 1.0]


def test_thresholds_rare_label_takes_the_one_of_all():
    scores = np.concatenate([np.arange(100) / 100, [0.9]])
    correct = np.concatenate([np.arange(100) >= 40, [False]])
    labels = np.array([0] * 100 + [1])
    table = choose_thresholds(spans(scores, correct, labels), LABELS)
    assert table["ACTOR"]["own"]
    assert not table["DATE"]["own"]
    assert table["DATE"]["threshold"] == table["*"]["threshold"] > 0


def test_thresholds_review_band_reaches_from_kept_to_safe():
    scores = np.arange(100) / 100
    correct = np.arange(100) >= 40
    bands = review_bands(spans(scores, correct), LABELS, {"ACTOR": 0.2, "DATE": 0.0}, 0.9)
    low, high = bands["ACTOR"]
    assert low == 0.2
    assert correct[scores >= high].mean() >= 0.9


def test_thresholds_of_nothing_and_of_a_bad_wish():
    empty = spans([], [])
    assert choose_thresholds(empty, LABELS)["ACTOR"]["threshold"] == 0.0
    with pytest.raises(InputError, match="precision"):
        choose_thresholds(empty, LABELS, precision=90)
