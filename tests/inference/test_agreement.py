import pytest

from ie_model.documents import Entity
from ie_model.inference.agreement import agree
from ie_model.inference.thresholds import apply_calibration

SURE = 0.9


def mentions(*rows):
    """Entities of (words, label, score), one after the other."""
    return tuple(
        Entity(20 * i, 20 * i + len(words), label, score, words)
        for i, (words, label, score) in enumerate(rows)
    )


def told(entities):
    return [(e.text, e.label, e.score) for e in entities]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        # A doubtful mention takes the label and the score of the sure ones.
        (
            [("Sarmin", "LOCATION", 0.97), ("Sarmin", "ACTOR", 0.5)],
            [("Sarmin", "LOCATION", 0.97), ("Sarmin", "LOCATION", SURE)],
        ),
        # A line end is a blank between the same words.
        (
            [("Tal Afar", "LOCATION", 0.97), ("Tal\n> Afar", "ACTOR", 0.5)],
            [("Tal Afar", "LOCATION", 0.97), ("Tal\n> Afar", "LOCATION", SURE)],
        ),
        # Most of them decide; where they are even, nobody does.
        (
            [("SAC", "ACTOR", 0.9), ("SAC", "ACTOR", 1.0), ("SAC", "LOCATION", 0.95),
             ("SAC", "LOCATION", 0.6)],
            [("SAC", "ACTOR", 0.9), ("SAC", "ACTOR", 1.0), ("SAC", "LOCATION", 0.95),
             ("SAC", "ACTOR", SURE)],
        ),
        (
            [("SAC", "ACTOR", 0.9), ("SAC", "LOCATION", 0.95), ("SAC", "LOCATION", 0.6)],
            [("SAC", "ACTOR", 0.9), ("SAC", "LOCATION", 0.95), ("SAC", "LOCATION", 0.6)],
        ),
        # Other words, or no sure mention: each stands for itself.
        (
            [("Iraq", "LOCATION", 0.99), ("iraq", "ACTOR", 0.5), ("Mosul", "ACTOR", 0.6)],
            [("Iraq", "LOCATION", 0.99), ("iraq", "ACTOR", 0.5), ("Mosul", "ACTOR", 0.6)],
        ),
    ],
)  # fmt: skip
def test_doubtful_mentions_follow_sure_ones(given, expected):
    assert told(agree(mentions(*given), SURE)) == expected


def test_nothing_doubtful_is_given_back_as_it_is():
    entities = mentions(("Iraq", "LOCATION", 0.99), ("Iraq", "ACTOR", 0.95))
    assert agree(entities, SURE) == entities
    assert agree((), SURE) == ()
    gold = (Entity(0, 4, "LOCATION", None, "Iraq"),)
    assert agree(gold, SURE) == gold


def test_what_agrees_is_kept_by_the_thresholds_and_documents_do_not_mix():
    document = mentions(("Sarmin", "LOCATION", 0.97), ("Sarmin", "ACTOR", 0.5))
    other = mentions(("Sarmin", "ACTOR", 0.5))
    floors = {"ACTOR": 0.65, "LOCATION": 0.65}
    kept = apply_calibration([document, other], {}, floors, sure_score=SURE)
    assert [told(entities) for entities in kept] == [
        [("Sarmin", "LOCATION", 0.97), ("Sarmin", "LOCATION", SURE)], [],
    ]  # fmt: skip
    kept = apply_calibration([document], {}, floors)
    assert [told(entities) for entities in kept] == [[("Sarmin", "LOCATION", 0.97)]]


def test_calibrated_scores_are_what_counts():
    halved = {"knots": {"scores": [0.0, 1.0], "probabilities": [0.0, 0.5]}}
    document = mentions(("Sarmin", "LOCATION", 1.0), ("Sarmin", "ACTOR", 0.5))
    (kept,) = apply_calibration([document], halved, {}, sure_score=SURE)
    assert told(kept) == [("Sarmin", "LOCATION", 0.5), ("Sarmin", "ACTOR", 0.25)]
