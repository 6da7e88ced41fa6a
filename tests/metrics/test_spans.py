"""Span scores against seqeval, scikit-learn and nervaluate on random cases."""

from __future__ import annotations

import json
import random

import numpy as np
import pytest

from ie_model.documents import Document, Entity
from ie_model.errors import InputError
from ie_model.metrics.bootstrap import unit_counts
from ie_model.metrics.spans import document_counts, score_documents
from ie_model.metrics.table import format_table

LABELS = ("ACTOR", "LOCATION", "DATE")
TEXT = "Iraqi federal police cleared Hawija on Tuesday. U.S.-backed forces advanced."


def doc(*entities, text=TEXT, id="a", **more):
    return Document(text, tuple(Entity(*e) for e in entities), id, **more)


def random_pair(rng, words=30):
    """Gold and predicted over words of four characters; spans are whole words."""
    text = " ".join("wxyz" for _ in range(words))

    def spans():
        found, at = [], 0
        while at < words:
            length = rng.randint(1, 3)
            if rng.random() < 0.3 and at + length <= words:
                found.append(Entity(5 * at, 5 * (at + length) - 1, rng.choice(LABELS)))
                at += length
            else:
                at += 1
        return found

    gold = spans()
    guessed = spans()
    taken = {i for e in gold for i in range(e.start, e.end)}
    kept = [e for e in gold if rng.random() < 0.5]
    for e in guessed:  # mostly right ones, some that only overlap
        if not taken & set(range(e.start, e.end)) or rng.random() < 0.3:
            free = {i for k in kept for i in range(k.start, k.end)}
            if not free & set(range(e.start, e.end)):
                kept.append(e)
    return Document(text, tuple(gold), "r"), Document(text, (), "r").with_entities(kept)


def word_tags(document, words=30):
    tags = ["O"] * words
    for e in document.entities:
        first, last = e.start // 5, (e.end + 1) // 5
        tags[first:last] = [f"B-{e.label}"] + [f"I-{e.label}"] * (last - first - 1)
    return tags


def test_metrics_equal_seqeval_on_well_formed_tags():
    from seqeval.metrics import classification_report
    from seqeval.scheme import IOB2

    rng = random.Random(3)
    gold, predicted = zip(*(random_pair(rng) for _ in range(40)), strict=True)
    ours = score_documents(gold, predicted, LABELS)
    theirs = classification_report(
        [word_tags(g) for g in gold],
        [word_tags(p) for p in predicted],
        mode="strict",
        scheme=IOB2,
        output_dict=True,
    )
    for label in LABELS:
        for name, key in (("precision", "precision"), ("recall", "recall"), ("f1", "f1-score")):
            assert ours["span"]["labels"][label][name] == pytest.approx(theirs[label][key])
            assert ours["seqeval"]["labels"][label][name] == pytest.approx(theirs[label][key])
    assert ours["span"]["micro"]["f1"] == pytest.approx(theirs["micro avg"]["f1-score"])
    assert ours["span"]["macro"]["f1"] == pytest.approx(theirs["macro avg"]["f1-score"])
    assert ours["seqeval"]["f1"] == pytest.approx(theirs["micro avg"]["f1-score"])
    assert ours["seqeval"]["widened"] == ours["seqeval"]["lost"] == 0


def test_metrics_equal_sklearn_over_the_union_of_spans():
    from sklearn.metrics import precision_recall_fscore_support

    rng = random.Random(4)
    gold, predicted = zip(*(random_pair(rng) for _ in range(40)), strict=True)
    ours = score_documents(gold, predicted, LABELS)["span"]
    for label in LABELS:
        truth, guess = [], []
        for g, p in zip(gold, predicted, strict=True):
            a = {e.key for e in g.entities if e.label == label}
            b = {e.key for e in p.entities if e.label == label}
            truth += [key in a for key in a | b]
            guess += [key in b for key in a | b]
        precision, recall, f1, _ = precision_recall_fscore_support(
            truth, guess, average="binary", zero_division=0
        )
        row = ours["labels"][label]
        assert (row["precision"], row["recall"], row["f1"]) == pytest.approx(
            (precision, recall, f1)
        )
        assert row["support"] == sum(truth)
        assert row["predicted"] == sum(guess)


def test_metrics_equal_nervaluate_where_at_most_one_span_overlaps_another():
    from nervaluate import Evaluator

    rng = random.Random(5)
    gold, predicted = [], []
    for _ in range(60):
        text = "x" * 200
        true, guess = [], []
        for at in range(0, 200, 20):  # one gold and one predicted a cell, gaps in between
            cell = [Entity(at, at + 2 + rng.randint(1, 6), rng.choice(LABELS)) for _ in range(2)]
            if rng.random() < 0.6:
                true.append(cell[0])
            if rng.random() < 0.6:
                guess.append(cell[rng.randint(0, 1)])
        gold.append(Document(text, tuple(true), "n"))
        predicted.append(Document(text, tuple(guess), "n"))
    ours = score_documents(gold, predicted, LABELS)["partial"]

    def inclusive(document):
        return [{"label": e.label, "start": e.start, "end": e.end - 1} for e in document.entities]

    theirs = Evaluator(
        [inclusive(g) for g in gold],
        [inclusive(p) for p in predicted],
        tags=list(LABELS),
        loader="dict",
    ).evaluate()["overall"]
    for scheme, name in (
        ("strict", "strict"),
        ("exact", "exact"),
        ("partial", "partial"),
        ("type", "ent_type"),
    ):
        for figure in ("correct", "incorrect", "partial", "missed", "spurious"):
            assert ours[scheme][figure] == getattr(theirs[name], figure), (scheme, figure)
        for figure in ("precision", "recall", "f1"):
            assert ours[scheme][figure] == pytest.approx(getattr(theirs[name], figure))


def test_metrics_by_hand():
    gold = [doc((0, 20, "ACTOR"), (29, 35, "LOCATION"), (39, 46, "DATE"), (48, 66, "ACTOR"))]
    predicted = [doc((6, 20, "ACTOR"), (29, 35, "DATE"), (39, 46, "DATE"), (67, 75, "DATE"))]
    found = score_documents(gold, predicted, LABELS)
    assert found["span"]["micro"] == {
        "precision": 0.25, "recall": 0.25, "f1": 0.25, "support": 4, "predicted": 4, "correct": 1,
    }  # fmt: skip
    assert found["span"]["macro"]["f1"] == pytest.approx((0 + 0 + 2 / 4) / 3)
    assert found["errors"]["total"] == {
        "correct": 1, "missed": 1, "spurious": 1, "wrong_type": 1, "wrong_boundary": 1,
        "wrong_both": 0,
    }  # fmt: skip
    assert found["errors"]["labels"]["DATE"]["spurious"] == 1
    #                                       ACTOR, LOCATION, DATE, missed
    assert found["confusion"]["counts"] == [[1, 0, 0, 1], [0, 0, 1, 0], [0, 0, 1, 0], [0, 0, 1, 0]]
    assert found["partial"]["partial"]["f1"] == pytest.approx((2 + 0.5) / 4)
    assert found["partial"]["type"]["f1"] == pytest.approx(2 / 4)


def test_metrics_macro_leaves_out_labels_that_never_occur():
    gold = [doc((0, 20, "ACTOR"))]
    assert score_documents(gold, gold, LABELS)["span"]["macro"]["f1"] == 1.0


def test_metrics_of_nothing_are_zero_and_json():
    empty = [doc(), Document("", (), "b")]
    found = score_documents(empty, empty, LABELS)
    assert found["span"]["micro"]["f1"] == 0.0
    assert found["seqeval"]["f1"] == 0.0
    json.dumps(found, allow_nan=False)
    json.dumps(score_documents([], [], LABELS), allow_nan=False)
    assert "documents: 2" in format_table(found)


def test_metrics_a_failed_document_counts_as_one_without_predictions():
    failed = doc((0, 20, "ACTOR"), error="out of memory")
    found = score_documents([doc((0, 20, "ACTOR"))], [failed], LABELS)
    assert found["failed"] == 1
    assert found["span"]["micro"]["recall"] == 0.0
    assert found["errors"]["total"]["missed"] == 1
    assert "1 failed" in format_table(found)


def test_metrics_seqeval_counts_spans_that_are_not_whole_words():
    gold = [doc((0, 3, "ACTOR"), (3, 20, "LOCATION"))]  # "Ira" + "qi federal police"
    found = score_documents(gold, gold, LABELS)["seqeval"]
    assert found["widened"] == 4  # both sides: "Ira" takes "Iraqi", the rest is cut short
    assert found["lost"] == 0
    assert found["f1"] == 1.0
    inside = [doc((0, 2, "ACTOR"), (2, 4, "DATE"))]  # both within the word "Iraqi"
    assert score_documents(inside, inside, LABELS)["seqeval"]["lost"] == 2


@pytest.mark.parametrize(
    ("gold", "predicted", "words"),
    [
        ([doc()], [], "1 gold documents but 0 predicted"),
        ([doc()], [doc(id="b")], "gold id 'a' but predicted id 'b'"),
        ([doc()], [doc(text="other")], "text differ"),
        ([doc((0, 5, "CITY"))], [doc()], "gold document 0 .*'CITY'"),
        ([doc()], [doc((70, 99, "DATE"))], "predicted document 0 .*outside a text"),
        ([doc()], [doc((0, 5, "DATE"), (4, 9, "DATE"))], "overlaps"),
        ([doc()], [doc((0, 5, "DATE"), (0, 5, "DATE"))], "overlaps"),
    ],
)
def test_metrics_refuse_what_cannot_be_scored(gold, predicted, words):
    with pytest.raises(InputError, match=words):
        score_documents(gold, predicted, LABELS)


def test_metrics_counts_are_per_document():
    gold = [doc((0, 20, "ACTOR")), doc((29, 35, "LOCATION"))]
    predicted = [doc((0, 20, "ACTOR"), (39, 46, "DATE")), doc()]
    counts = document_counts(gold, predicted, LABELS)
    assert counts.tolist() == [
        [[1, 1, 1], [0, 0, 0], [0, 1, 0]],
        [[0, 0, 0], [0, 0, 1], [0, 0, 0]],
    ]
    assert counts.dtype == np.int64


def test_metrics_table_shows_every_label_and_interval():
    gold = [doc((0, 20, "ACTOR"), (29, 35, "LOCATION"))]
    found = score_documents(gold, gold, ("ACTOR", "LOCATION", "[red]X[/red]"))
    found["intervals"] = {"micro": {"f1": [0.4, 0.9]}, "labels": {"ACTOR": {"f1": [0.25, 1.0]}}}
    table = format_table(found)
    assert "25.0 - 100.0" in table
    assert "40.0 - 90.0" in table
    assert "[red]X[/red]" in table  # a label is text, not markup


def test_scores_leave_out_predictions_where_nobody_annotated():
    text = "IS left Mosul and SDF came"
    gold = Document(text, (Entity(0, 2, "A"),), "d", {"unannotated": [[8, len(text)]]})
    predicted = Document(text, (Entity(0, 2, "A"), Entity(18, 21, "A")), "d")
    metrics = score_documents([gold], [predicted], ["A"])
    assert metrics["span"]["micro"]["predicted"] == 1
    assert metrics["errors"]["total"]["spurious"] == 0
    counts, _ = unit_counts([gold], [predicted], ["A"])
    assert counts.sum(axis=0).tolist() == document_counts([gold], [predicted], ["A"])[0].tolist()
