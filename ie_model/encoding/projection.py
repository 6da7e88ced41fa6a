"""What one model says of a text, put onto another model's units, through characters.

Models differ in their tokenizers, so their units may begin and end in other places. A
target unit takes the answer of the source unit in which it begins; one that begins *inside*
a source unit goes on with whatever mention that unit is part of. Between models only BIO
tags are spoken of: whether a mention ends (``E``, ``S``) depends on where a unit ends.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ie_model.encoding.windows import EncodedText
from ie_model.errors import InputError
from ie_model.labels import LabelSet, split_tag

Floats = NDArray[np.float32]


def require_same_labels(name: str, found: Sequence[str], wanted: Sequence[str]) -> None:
    """Refuse a model that speaks of other labels than are wanted.

    Raises:
        InputError: the two sets of labels differ.
    """
    if set(found) != set(wanted):
        raise InputError(
            f"{name}: its labels are {', '.join(found)}, not {', '.join(wanted)}; "
            "models can be put together only when they were trained on the same labels"
        )


def probabilities(logits: Floats) -> Floats:
    """Softmax over the last axis, stable; float32 of the same shape."""
    shifted = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return shifted / shifted.sum(axis=-1, keepdims=True)


def bio_probabilities(
    logits: Floats, labels: LabelSet, target: LabelSet, temperature: float = 1.0
) -> Floats:
    """Logits ``[units, source tags]`` to probabilities ``[units, target tags]``, both float32.

    Columns are matched by name. ``S`` counts as ``B``, and ``E`` as ``I``.

    Raises:
        InputError: ``target`` is not in BIO.
    """
    if target.scheme != "BIO":
        raise InputError(f"scheme: models are put together in BIO only, found {target.scheme}")
    columns = np.zeros((len(labels.tags), len(target.tags)), np.float32)
    for i, tag in enumerate(labels.tags):
        prefix, label = split_tag(tag)
        name = {"S": "B-", "E": "I-"}.get(prefix, prefix + "-") + label if label else tag
        columns[i, target.tag_ids[name]] = 1
    return np.asarray(probabilities(logits / temperature) @ columns, np.float32)


@dataclass(frozen=True)
class Answers:
    """What one model says of some texts: each text's units and logits, and how to read them."""

    texts: Iterable[tuple[EncodedText, Floats]]
    labels: LabelSet
    temperature: float


def mean_on_units(
    models: Iterable[Answers], encoded: Sequence[EncodedText], labels: LabelSet
) -> list[Floats]:
    """The mean of several models' probabilities on the units of ``encoded``.

    Returns:
        Per text float32 ``[units, tags]``, rows summing to 1.
    """
    sums = [np.zeros((len(e.starts), len(labels.tags)), np.float32) for e in encoded]
    count = 0
    for count, model in enumerate(models, start=1):  # noqa: B007
        for total, units, (source, logits) in zip(sums, encoded, model.texts, strict=True):
            chances = bio_probabilities(logits, model.labels, labels, model.temperature)
            total += project(chances, source, units, labels)
    return [np.asarray(total / count, np.float32) for total in sums]


def project(chances: Floats, source: EncodedText, target: EncodedText, labels: LabelSet) -> Floats:
    """Put probabilities of one encoding of a text onto the units of another.

    Args:
        chances: float32 ``[source units, tags]``, BIO.
        source: how the text was encoded for the model that gave ``chances``.
        target: how the same text is encoded for whoever asks.
        labels: what the columns mean.

    Returns:
        float32 ``[target units, tags]``. A unit of which the source has nothing is ``O``.
    """
    outside = np.zeros(len(labels.tags), np.float32)
    outside[labels.tag_ids["O"]] = 1
    if len(source.starts) == 0:
        return np.tile(outside, (len(target.starts), 1))
    at = np.searchsorted(source.starts, target.starts, side="right") - 1
    covered = (at >= 0) & (source.ends[at] > target.starts)
    result = np.where(covered[:, None], chances[at], outside)
    inside = covered & (source.starts[at] < target.starts)
    for label in labels.labels:
        begin, go_on = labels.tag_ids[f"B-{label}"], labels.tag_ids[f"I-{label}"]
        result[inside, go_on] += result[inside, begin]
        result[inside, begin] = 0
    return np.asarray(result, np.float32)
