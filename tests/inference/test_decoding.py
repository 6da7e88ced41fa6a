import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from ie_model.encoding.windows import EncodedText
from ie_model.inference.decoding import best_path, decode, probabilities, span_scores, spans_of
from ie_model.labels import LabelSet

BIO = LabelSet.declare(["A", "B"])
BIOES = LabelSet.declare(["A"], "BIOES")
APART = replace(BIO, touching=False)


def brute_force(logits, heads, labels):
    """The best total logit over every well-formed path, by trying them all."""
    best, found = -np.inf, None
    for path in itertools.product(range(len(labels.tags)), repeat=len(logits)):
        ok = True
        for t, tag in enumerate(path):
            if heads[t]:
                ok &= bool(labels.opens[tag]) and (t == 0 or bool(labels.closes[path[t - 1]]))
            else:
                ok &= bool(labels.allowed[path[t - 1], tag])
        ok &= bool(labels.closes[path[-1]])
        total = sum(float(logits[t, tag]) for t, tag in enumerate(path))
        if ok and total > best:
            best, found = total, path
    return best, found


@settings(max_examples=80)
@given(st.integers(0, 10_000), st.integers(1, 5), st.sampled_from([BIO, BIOES, APART]))
def test_decoding_best_path_equals_brute_force(seed, length, labels):
    random = np.random.default_rng(seed)
    logits = random.normal(size=(length, len(labels.tags))).astype(np.float32)
    # Make contradictions common: continuing tags are the favourites.
    logits[:, ~labels.opens] += 1.5 * (seed % 2)
    heads = random.random(length) < 0.2
    heads[0] = True
    path = best_path(logits, heads, labels)
    total = sum(float(logits[t, tag]) for t, tag in enumerate(path))
    expected, _ = brute_force(logits, heads, labels)
    assert np.isfinite(expected)
    assert total == pytest.approx(expected, abs=1e-5)


def plain_viterbi(logits, heads, labels):
    """Textbook Viterbi over the whole chain, for lengths that brute force cannot do."""
    forbidden = np.where(labels.allowed, 0.0, -np.inf)
    crossing = np.where(labels.closes[:, None] & labels.opens[None, :], 0.0, -np.inf)
    score = np.where(labels.opens, logits[0].astype(float), -np.inf)
    back = []
    for t in range(1, len(logits)):
        reached = score[:, None] + (crossing if heads[t] else forbidden)
        back.append(reached.argmax(axis=0))
        score = reached.max(axis=0) + logits[t]
    return float(np.where(labels.closes, score, -np.inf).max())


LONG = [
    LabelSet.declare(list("ABCDE")),
    LabelSet.declare(list("ABC"), "BIOES"),
    replace(LabelSet.declare(list("AB")), touching=False),
    replace(LabelSet.declare(["A"], "BIOES"), touching=False),
]


@pytest.mark.parametrize("labels", LONG)
@pytest.mark.parametrize("bias", [0.0, 2.0])
def test_decoding_best_path_equals_viterbi_on_long_texts(labels, bias):
    random = np.random.default_rng(3)
    logits = random.normal(size=(4000, len(labels.tags))).astype(np.float32)
    logits[:, ~labels.opens] += bias
    heads = random.random(4000) < 0.02
    heads[0] = True
    path = best_path(logits, heads, labels)
    total = float(logits[np.arange(4000), path].astype(float).sum())
    assert total == pytest.approx(plain_viterbi(logits, heads, labels), abs=1e-3)


def test_decoding_illegal_inside_tag_becomes_a_beginning():
    logits = np.zeros((3, 5), np.float32)
    logits[0, BIO.tag_ids["O"]] = 5
    logits[1, [BIO.tag_ids["I-A"], BIO.tag_ids["B-A"]]] = [4, 3]
    logits[2, BIO.tag_ids["I-A"]] = 5
    heads = np.array([True, False, False])
    assert [BIO.tags[t] for t in best_path(logits, heads, BIO)] == ["O", "B-A", "I-A"]


def test_decoding_spans_of_one_label_do_not_touch_where_they_never_do():
    logits = np.zeros((2, 5), np.float32)
    logits[0, BIO.tag_ids["B-A"]] = 5
    logits[1, [BIO.tag_ids["B-A"], BIO.tag_ids["I-A"]]] = [4, 3]
    heads = np.array([True, False])
    assert [BIO.tags[t] for t in best_path(logits, heads, BIO)] == ["B-A", "B-A"]
    assert [BIO.tags[t] for t in best_path(logits, heads, APART)] == ["B-A", "I-A"]
    logits[1, BIO.tag_ids["B-B"]] = 6
    assert [BIO.tags[t] for t in best_path(logits, heads, APART)] == ["B-A", "B-B"]


def test_decoding_spans_touch_without_merging():
    path = np.array([BIO.tag_ids[t] for t in ("B-A", "I-A", "B-A", "O", "B-B", "I-B")])
    heads = np.array([True, False, False, False, False, False])
    first, last = spans_of(path, heads, BIO)
    assert list(zip(first.tolist(), last.tolist(), strict=True)) == [(0, 1), (2, 2), (4, 5)]


def test_decoding_span_score_is_the_weakest_link():
    chance = np.array(
        [[0.1, 0.8, 0.05, 0.03, 0.02], [0.1, 0.05, 0.7, 0.1, 0.05], [0.5, 0.05, 0.4, 0.03, 0.02]]
    )
    path = np.array([BIO.tag_ids["B-A"], BIO.tag_ids["I-A"], BIO.tag_ids["O"]])
    heads = np.array([True, False, False])
    logits = np.log(chance).astype(np.float32)
    score = span_scores(logits, path, np.array([0]), np.array([1]), heads, BIO)
    # The third unit would have continued the span with 0.4, so the ending has 0.6.
    assert score == pytest.approx([0.6], abs=1e-6)


def test_decoding_an_overruled_tag_does_not_lower_the_score():
    """`I-A` after `O` cannot stand: the path takes `B-A`, and the unit is in A all the same."""
    chance = np.array([[0.95, 0.01, 0.02, 0.01, 0.01], [0.01, 0.03, 0.94, 0.01, 0.01]])
    heads = np.array([True, False])
    logits = np.log(chance).astype(np.float32)
    path = best_path(logits, heads, BIO)
    assert [BIO.tags[t] for t in path] == ["O", "B-A"]
    score = span_scores(logits, path, np.array([1]), np.array([1]), heads, BIO)
    # In A with 0.97; the unit before is with 0.03, so the beginning has 0.97.
    assert score == pytest.approx([0.97], abs=1e-6)


def test_decoding_a_span_that_may_begin_earlier_is_less_sure():
    chance = np.array([[0.6, 0.3, 0.05, 0.03, 0.02], [0.02, 0.01, 0.95, 0.01, 0.01]])
    path, first = np.array([BIO.tag_ids[t] for t in ("O", "B-A")]), np.array([1])
    for labels in (BIO, APART):
        apart = span_scores(np.log(chance), path, first, first, np.array([True, True]), labels)
        joined = span_scores(np.log(chance), path, first, first, np.array([True, False]), labels)
        assert apart == pytest.approx([0.96])
        assert joined == pytest.approx([0.65])


def test_decoding_probabilities_survive_large_logits():
    assert probabilities(np.array([[1e4, 0.0]], np.float32)).tolist() == [[1.0, 0.0]]


def test_decoding_temperature_changes_scores_and_not_spans():
    random = np.random.default_rng(0)
    logits = random.normal(size=(40, 5)).astype(np.float32) * 3
    text = "x" * 40
    encoded = EncodedText(
        np.arange(40, dtype=np.int32), np.arange(1, 41, dtype=np.int32),
        np.array([0, 17], np.int32), (),
    )  # fmt: skip
    (cold,) = decode([logits], [encoded], [text], BIO, 1.0)
    (warm,) = decode([logits], [encoded], [text], BIO, 3.0)
    assert [e.key for e in cold] == [e.key for e in warm]
    assert sum(e.score for e in warm) < sum(e.score for e in cold)
    assert not any(e.start < 17 < e.end for e in cold)


def test_decoding_nothing_to_decode():
    empty = EncodedText(*(np.empty(0, np.int32) for _ in range(3)), ())
    assert decode([np.empty((0, 5), np.float32)] * 2, [empty] * 2, ["", " "], BIO) == [(), ()]
