"""A doubtful mention follows the sure ones of the same words in its document.

A name that one sentence makes plain (``the rebels entered Sarmin``) may be doubtful in
another (``Sarmin fell``): a model that reads line by line judges each by its own line.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace

from ie_model.documents import Entity, in_one_line


def agree(entities: Sequence[Entity], sure: float) -> tuple[Entity, ...]:
    """The entities of one document, doubtful ones made to agree with sure ones.

    Args:
        entities: with their text and with scores, calibrated where the model is.
        sure: mentions scored at least this decide; ones below it whose words, exactly, the
            sure ones mark with one label (with most of them, if they differ) take that label
            and this score.

    Returns:
        As many entities in the same order; the very ones given where nothing is doubtful.
    """
    scores = [e.score if e.score is not None else 1.0 for e in entities]
    if not scores or min(scores) >= sure:
        return tuple(entities)
    words = [in_one_line(e.text) for e in entities]
    sure_labels: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for mention, entity, score in zip(words, entities, scores, strict=True):
        if score >= sure:
            sure_labels[mention][entity.label] += 1
    agreed = []
    for mention, entity, score in zip(words, entities, scores, strict=True):
        labels = sure_labels.get(mention)
        if score < sure and labels:
            label, count = labels.most_common(1)[0]
            if 2 * count > labels.total():
                entity = replace(entity, label=label, score=sure)
        agreed.append(entity)
    return tuple(agreed)
