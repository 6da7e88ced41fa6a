"""Gold annotations that models trained without them disagree with, worst first.

A disagreement is either a model's error or the annotator's. Confident learning tells which
to look at first: a unit's label is doubted when another label's probability is at least
what that label has on average where it was given (Northcutt, Jiang and Chuang, "Confident
Learning: Estimating Uncertainty in Dataset Labels", JAIR 70, 2021, equation 1), using the
probabilities of models that did not train on the document.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ie_model.display.excerpts import Excerpt, excerpt
from ie_model.documents import Document, Entity
from ie_model.encoding.alignment import IGNORED, align
from ie_model.encoding.projection import probabilities
from ie_model.encoding.windows import EncodedText
from ie_model.evaluation.out_of_fold import OofRun
from ie_model.labels import LabelSet
from ie_model.metrics.matching import Kind, kind_of, match_spans

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Suspect:
    """One disagreement between the annotation and the models.

    ``gold`` is ``None`` where the models found a span that is not annotated, ``predicted``
    where they found none. ``confidence`` is the mean probability the models give to their
    own answer where the two differ; ``votes`` the share of seeds that disagree in just this
    way; ``doubted`` whether confident learning doubts the annotation.
    """

    document: str
    kind: Kind
    gold: Entity | None
    predicted: Entity | None
    confidence: float
    votes: float
    doubted: bool
    excerpt: Excerpt


def find_suspects(run: OofRun) -> list[Suspect]:
    """Every disagreement of a complete run, doubted ones first, then by confidence.

    Raises:
        InputError: the run is incomplete.
    """
    seeds = [run.predictions(seed) for seed in run.protocol.seeds]
    documents = [p.gold for p in seeds[0]]
    units = [p.units for p in seeds[0]]
    chances = [
        _class_probabilities([p[i].logits for p in seeds], run.label_set)
        for i in range(len(documents))
    ]
    given = [_classes(u, d, run.label_set) for u, d in zip(units, documents, strict=True)]
    expected = expected_confidence(np.concatenate(chances), np.concatenate(given))
    found = []
    for i, document in enumerate(documents):
        doubts = doubted_units(chances[i], given[i], expected)
        disagreements: dict[tuple[object, object], list[tuple[Entity | None, Entity | None]]]
        disagreements = defaultdict(list)
        for predictions in seeds:
            for gold, guess in match_spans(document.entities, predictions[i].predicted.entities):
                if kind_of(gold, guess) != "correct":
                    key = (gold and gold.key, guess and guess.key)
                    disagreements[key].append((gold, guess))
        for same in disagreements.values():
            gold, guess = same[0]
            confidence, doubted = _judge(gold, guess, units[i], chances[i], doubts, run.label_set)
            at = gold or guess
            assert at is not None
            start = min(e.start for e in (gold, guess) if e)
            end = max(e.end for e in (gold, guess) if e)
            found.append(
                Suspect(
                    document.id,
                    kind_of(gold, guess),
                    gold,
                    guess,
                    confidence,
                    len(same) / len(seeds),
                    doubted,
                    excerpt(document.text, start, end),
                )
            )
    return sorted(found, key=lambda s: (-s.doubted, -s.confidence * s.votes))


def expected_confidence(chances: Floats, given: NDArray[np.int64]) -> Floats:
    """The mean probability of each class over the units that were given it.

    Args:
        chances: ``[units, classes]``.
        given: class of each unit ``[units]``; ``IGNORED`` units do not count.

    Returns:
        float64 ``[classes]``; infinite for a class that no unit was given, so that it can
        never be suggested.
    """
    known = given != IGNORED
    classes = chances.shape[1]
    size = np.bincount(given[known], minlength=classes)
    own = np.bincount(given[known], chances[known, given[known]], minlength=classes)
    return np.divide(own, size, out=np.full(classes, np.inf), where=size > 0)


def doubted_units(chances: Floats, given: NDArray[np.int64], expected: Floats) -> NDArray[np.int64]:
    """The class that confident learning puts in place of a unit's given one.

    Args:
        chances: ``[units, classes]``.
        given: class of each unit ``[units]``.
        expected: from :func:`expected_confidence`.

    Returns:
        int64 ``[units]``; the given class where it is not doubted.
    """
    confident = np.where(chances >= expected, chances, -1.0)
    best = confident.argmax(axis=1)
    sure = (confident.max(axis=1) >= 0) & (given != IGNORED)
    return np.where(sure, best, given)


def _class_probabilities(logits: list[NDArray[np.float32]], labels: LabelSet) -> Floats:
    """Mean over seeds of the probability of ``O`` and each label, ``[units, labels + 1]``."""
    mean: Floats = np.stack([probabilities(x) for x in logits]).mean(axis=0, dtype=np.float64)
    classes = np.zeros((len(mean), len(labels.labels) + 1))
    for tag, label in enumerate(labels.label_ids):
        classes[:, label + 1] += mean[:, tag]
    return classes


def _classes(units: EncodedText, document: Document, labels: LabelSet) -> NDArray[np.int64]:
    """The given class of each unit: 0 for ``O``, label index plus 1, or ``IGNORED``."""
    tags, _ = align(units, document.entities, labels, document.unannotated)
    return np.where(tags == IGNORED, IGNORED, labels.label_ids[tags] + 1)


def _judge(
    gold: Entity | None,
    guess: Entity | None,
    units: EncodedText,
    chances: Floats,
    doubts: NDArray[np.int64],
    labels: LabelSet,
) -> tuple[float, bool]:
    """Confidence of the models where the two answers differ, and whether gold is doubted."""

    def answer(entity: Entity | None) -> NDArray[np.int64]:
        classes = np.zeros(len(units.starts), np.int64)
        if entity is not None:
            touched = (units.ends > entity.start) & (units.starts < entity.end)
            classes[touched] = labels.labels.index(entity.label) + 1
        return classes

    ours, theirs = answer(gold), answer(guess)
    differ = np.flatnonzero(ours != theirs)
    if len(differ) == 0:  # one span for two, or the reverse: only the tags inside differ
        return (guess.score or 0.0) if guess else 0.0, False
    confidence = float(chances[differ, theirs[differ]].mean())
    return confidence, bool((doubts[differ] == theirs[differ]).any())
