"""Intervals: what they must do, and that they cover the truth as often as they say."""

from __future__ import annotations

import json
import time

import numpy as np
import pytest

from ie_model.documents import Document, Entity
from ie_model.errors import InputError
from ie_model.metrics.bootstrap import intervals, paired_differences, seed_spread, unit_counts
from ie_model.metrics.spans import span_scores

LABELS = ("ACTOR", "DATE")


def world(rng, documents):
    """Counts ``[documents, 2, 3]`` of documents that differ in size and in difficulty."""
    gold = rng.poisson(rng.gamma(2, 3, size=(documents, 1)), size=(documents, 2))
    correct = rng.binomial(gold, rng.beta(6, 3, size=(documents, 1)))
    return np.stack([correct, correct + rng.poisson(0.3 * gold), gold], axis=-1).astype(np.int64)


@pytest.mark.slow
@pytest.mark.parametrize("documents", [12, 60])
def test_bootstrap_covers_the_truth_95_percent_of_the_time(documents):
    rng = np.random.default_rng(77)
    truth = span_scores(world(rng, 300_000), LABELS)
    trials = 500  # the standard error of the share is 0.01
    hits = np.zeros(2)
    for trial in range(trials):
        found = intervals(world(rng, documents), LABELS, resamples=500, seed=trial)
        for i, (low, high) in enumerate([found["micro"]["f1"], found["labels"]["ACTOR"]["f1"]]):
            name = truth["micro"]["f1"] if i == 0 else truth["labels"]["ACTOR"]["f1"]
            hits[i] += low <= name <= high
    assert (np.abs(hits / trials - 0.95) <= 0.025).all(), hits / trials


@pytest.mark.slow
def test_bootstrap_of_a_difference_covers_the_truth():
    rng = np.random.default_rng(9)
    trials, hits = 600, 0
    for trial in range(trials):
        a = world(rng, 40)
        b = a.copy()  # the same model, but for a tenth of its right answers
        b[..., 0] = rng.binomial(a[..., 0], 0.9)
        found = paired_differences(a, b, LABELS, resamples=400, seed=trial)
        # By construction 10 % of the right ones are lost and nothing else changes.
        low, high = found["micro"]["interval"]
        truth = -0.1 * found["micro"]["before"]
        hits += low <= truth <= high
    assert hits / trials >= 0.93


def test_bootstrap_of_1000_resamples_is_no_matter_of_minutes():
    counts = world(np.random.default_rng(0), 2000)
    stacked = np.concatenate([counts, counts, counts], axis=1)[:, :5]
    begin = time.process_time()
    intervals(np.stack([stacked] * 5), tuple("abcde"), resamples=1000)
    assert time.process_time() - begin < 10


def test_bootstrap_same_seed_same_interval_and_json():
    counts = world(np.random.default_rng(1), 15)
    first = intervals(counts, LABELS, seed=3)
    assert first == intervals(counts, LABELS, seed=3)
    assert first != intervals(counts, LABELS, seed=4)
    json.dumps(first, allow_nan=False)
    low, high = first["micro"]["f1"]
    assert low < span_scores(counts, LABELS)["micro"]["f1"] < high


def test_bootstrap_a_perfect_label_is_not_certain():
    counts = np.zeros((12, 2, 3), np.int64)
    counts[:4, 0] = 1  # four documents, one span each, all right
    counts[:, 1] = (1, 2, 2)
    found = intervals(counts, LABELS)
    low, high = found["labels"]["ACTOR"]["f1"]
    assert high == 1.0
    assert low == pytest.approx(4 / (4 + 1.96**2), abs=1e-3)  # Wilson's lower limit for 4 of 4


def test_bootstrap_a_label_that_never_occurs_has_no_interval():
    counts = np.zeros((12, 2, 3), np.int64)
    counts[:, 0] = (1, 2, 3)
    found = intervals(counts, LABELS)
    assert list(found["labels"]) == ["ACTOR"]
    json.dumps(paired_differences(counts, counts, LABELS), allow_nan=False)


def test_bootstrap_of_several_seeds_is_about_their_mean():
    rng = np.random.default_rng(2)
    good = world(rng, 30)
    bad = good.copy()
    bad[..., 0] //= 2
    both = intervals(np.stack([good, bad]), LABELS)["micro"]["f1"]
    middle = np.mean([span_scores(c, LABELS)["micro"]["f1"] for c in (good, bad)])
    assert both[0] < middle < both[1]
    spread = seed_spread(np.stack([good, bad]), LABELS)["micro"]
    assert spread["mean"] == pytest.approx(middle)
    assert spread["low"] < spread["mean"] < spread["high"]


def test_bootstrap_identical_models_do_not_differ():
    counts = world(np.random.default_rng(3), 20)
    found = paired_differences(counts, counts, LABELS)
    assert found["micro"]["difference"] == 0.0
    assert found["micro"]["interval"] == [0.0, 0.0]
    assert found["micro"]["worse"] == 0.5


def test_bootstrap_difference_and_interval_count_the_same_units():
    """Units without a span have no say in either: the F1 above a model that finds nothing."""
    empty = np.zeros((20, 2, 3), dtype=np.int64)
    counts = np.concatenate([world(np.random.default_rng(5), 12), empty])
    nothing = counts * np.array([0, 0, 1])
    alone = intervals(counts, LABELS)
    found = paired_differences(nothing, counts, LABELS)
    for name in ("micro", "macro"):
        assert found[name]["interval"] == alone[name]["f1"]


def test_bootstrap_paired_is_narrower_than_two_separate_intervals():
    rng = np.random.default_rng(4)
    before = world(rng, 40)
    after = before.copy()
    after[..., 0] = np.maximum(before[..., 0] - (rng.random(before.shape[:2]) < 0.2), 0)
    low, high = paired_differences(before, after, LABELS)["micro"]["interval"]
    alone = intervals(before, LABELS)["micro"]["f1"]
    assert high < 0
    assert high - low < (alone[1] - alone[0]) / 2


def test_bootstrap_falls_back_to_paragraphs_below_ten_documents():
    text = "Police in Mosul.\n\n  \nOn Monday.\r\nPolice again.\n\n"
    gold = Document(text, (Entity(0, 6, "ACTOR"), Entity(24, 30, "DATE"), Entity(33, 39, "ACTOR")))
    predicted = Document(text, (Entity(0, 6, "ACTOR"), Entity(33, 38, "ACTOR")))
    counts, unit = unit_counts([gold], [predicted], LABELS)
    assert unit == "paragraph"
    assert counts.tolist() == [
        [[1, 1, 1], [0, 0, 0]],
        [[0, 0, 0], [0, 0, 1]],
        [[0, 1, 1], [0, 0, 0]],
    ]
    assert unit_counts([gold] * 10, [predicted] * 10, LABELS)[1] == "document"


def test_bootstrap_spans_behind_the_last_line_count_with_it():
    text = "Police.\n\n  \n"
    stray = Document(text, (Entity(9, 11, "DATE"),))  # as other tools' files may have it
    counts, _ = unit_counts([Document(text, (Entity(0, 6, "ACTOR"),))], [stray], LABELS)
    assert counts.tolist() == [[[0, 0, 1], [0, 1, 0]]]
    assert unit_counts([Document("")], [Document("")], LABELS)[0].shape == (1, 2, 3)


def test_bootstrap_refuses_what_has_no_answer():
    counts = np.ones((3, 2, 3), np.int64)
    with pytest.raises(InputError, match="level"):
        intervals(counts, LABELS, level=95)
    with pytest.raises(InputError, match="not empty"):
        intervals(counts[:0], LABELS)
    with pytest.raises(InputError, match="same documents"):
        paired_differences(counts, counts[:2], LABELS)
