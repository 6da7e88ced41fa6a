"""Held-out documents that are training documents, or nearly."""

import random
from itertools import product

from ie_model.corpus.leakage import _jaccard, _shingles, repeated
from ie_model.corpus.near_duplicates import SIMILAR, near_duplicate_clusters
from ie_model.documents import Document

WORDS = "police army troops forces strike raid patrol border valley river monday friday".split()
rng = random.Random(3)


def text(words):
    return " ".join(rng.choice(WORDS) for _ in range(words))


def docs(*texts):
    return [Document(t, (), str(i)) for i, t in enumerate(texts)]


def test_leakage_copies_and_reprints_are_found_and_others_not():
    story, other, footer = text(200), text(200), text(30)
    held_out = docs(story, other, "Raid, MONDAY", "", f"{text(100)} {footer}")
    training = docs(f"{story.upper()} (Reuters)", "raid monday", "", f"{text(100)} {footer}")
    assert repeated(held_out, iter(training)) == {0, 2}
    assert repeated([], training) == set()
    assert repeated(held_out, []) == set()


def test_leakage_finds_exactly_the_pairs_of_the_definition():
    held_out, training = [], []
    for length in (4, 5, 8, 9, 12, 30, 60) * 6:
        words = text(length).split()
        held_out.append(" ".join(words))
        for _ in range(rng.randint(0, 4)):
            words[rng.randrange(length)] = rng.choice(WORDS)
        training.append(" ".join(words[rng.randint(0, 2) :]))
    expected = {
        i
        for (i, a), b in product(enumerate(held_out), training)
        if _jaccard(_shingles(a), _shingles(b)) >= SIMILAR
    }
    assert 0 < len(expected) < len(held_out)
    assert repeated(docs(*held_out), docs(*training)) == expected


def test_leakage_means_by_nearly_what_the_folds_mean():
    story = text(300).split()
    for changed in range(1, 20):
        copy = [*story]
        for i in range(changed):
            copy[15 * i] = "changed"
        pair = docs(" ".join(story), " ".join(copy))
        same = len(set(near_duplicate_clusters(pair))) == 1
        assert repeated(pair[:1], pair[1:]) == ({0} if same else set())
