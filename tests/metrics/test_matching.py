"""Pairing of gold and predicted spans, against a search over every pairing."""

from __future__ import annotations

from itertools import combinations, pairwise, permutations

from hypothesis import given, settings, strategies as st

from ie_model.documents import Entity
from ie_model.metrics.matching import kind_of, match_spans


@st.composite
def flat_spans(draw, most=5):
    """Up to ``most`` spans that may touch but never overlap, over a short text."""
    edges = sorted(draw(st.lists(st.integers(0, 14), max_size=2 * most, unique=True)))
    labels = st.sampled_from("AB")
    spans = [Entity(a, b, draw(labels)) for a, b in zip(edges[::2], edges[1::2], strict=False)]
    touching = draw(st.booleans()) and len(edges) > 2
    if touching:  # neighbours that share an edge, which only half-open spans allow
        spans = [Entity(a, b, draw(labels)) for a, b in pairwise(edges)][:most]
    return spans


def shared(a, b):
    return max(0, min(a.end, b.end) - max(a.start, b.start))


def best_by_search(gold, predicted):
    """The best (same label, pairs, characters) over all one-to-one pairings."""
    best = (0, 0, 0)
    for size in range(1, min(len(gold), len(predicted)) + 1):
        for golds in combinations(gold, size):
            for guesses in permutations(predicted, size):
                pairs = list(zip(golds, guesses, strict=True))
                if all(shared(g, p) for g, p in pairs):
                    same = sum(g.label == p.label for g, p in pairs)
                    best = max(best, (same, size, sum(shared(g, p) for g, p in pairs)))
    return best


@settings(max_examples=300)
@given(flat_spans(), flat_spans())
def test_matching_is_as_good_as_the_best_of_all_pairings(gold, predicted):
    pairs = match_spans(gold, predicted)
    matched = [(g, p) for g, p in pairs if g and p]
    score = (
        sum(g.label == p.label for g, p in matched),
        len(matched),
        sum(shared(g, p) for g, p in matched),
    )
    assert score == best_by_search(gold, predicted)
    assert sorted((g for g, _ in pairs if g), key=lambda e: e.key) == gold
    assert sorted((p for _, p in pairs if p), key=lambda e: e.key) == predicted


@given(flat_spans(), flat_spans())
def test_matching_always_pairs_equal_spans(gold, predicted):
    offsets = {(g.start, g.end) for g in gold} & {(p.start, p.end) for p in predicted}
    pairs = match_spans(gold, predicted)
    equal = {(g.start, g.end) for g, p in pairs if g and p and (g.start, g.end) == (p.start, p.end)}
    assert equal == offsets


def test_matching_spans_that_touch_do_not_overlap():
    left, right = Entity(0, 3, "A"), Entity(3, 5, "A")
    assert match_spans([left], [right]) == [(left, None), (None, right)]


def test_matching_prefers_the_same_label_over_more_shared_characters():
    gold = Entity(0, 10, "A")
    near, same = Entity(0, 7, "B"), Entity(7, 10, "A")
    assert match_spans([gold], [near, same]) == [(None, near), (gold, same)]


def test_matching_kinds_of_error():
    a = Entity(0, 5, "A")
    assert kind_of(a, a) == "correct"
    assert kind_of(a, None) == "missed"
    assert kind_of(None, a) == "spurious"
    assert kind_of(a, Entity(0, 5, "B")) == "wrong_type"
    assert kind_of(a, Entity(0, 4, "A")) == "wrong_boundary"
    assert kind_of(a, Entity(0, 4, "B")) == "wrong_both"
