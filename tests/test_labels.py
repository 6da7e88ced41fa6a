import pytest

from ie_model.errors import InputError
from ie_model.labels import LabelSet


@pytest.mark.parametrize("scheme", ["BIO", "BIOES"])
def test_labels_id2label_round_trip(scheme):
    labels = LabelSet.declare(["ACTOR", "LOCATION", "DATE"], scheme)
    again = LabelSet.from_id2label({str(i): t for i, t in enumerate(labels.tags)})
    assert again == labels
    assert again.scheme == scheme


def test_labels_bio_transitions():
    labels = LabelSet.declare(["A", "B"])
    allowed = {
        (labels.tags[i], labels.tags[j]) for i in range(5) for j in range(5) if labels.allowed[i, j]
    }
    inside = {pair for pair in allowed if pair[1].startswith("I-")}
    assert inside == {("B-A", "I-A"), ("I-A", "I-A"), ("B-B", "I-B"), ("I-B", "I-B")}
    assert len(allowed) == 5 * 3 + 4


def test_labels_tags_of_a_span():
    labels = LabelSet.declare(["A"], "BIOES")
    assert labels.tags_of(1, "A") == ["S-A"]
    assert labels.tags_of(3, "A") == ["B-A", "I-A", "E-A"]


@pytest.mark.parametrize("names", [[], ["A", "A"], ["A B"], [""]])
def test_labels_unusable_sets_are_refused(names):
    with pytest.raises(InputError):
        LabelSet.declare(names)


def test_labels_of_a_foreign_model_are_refused_by_name():
    with pytest.raises(InputError, match="POSITIVE"):
        LabelSet.from_id2label({0: "O", 1: "POSITIVE"})
