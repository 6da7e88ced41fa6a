"""Which predicted span answers which gold span: the pairing behind every partial score.

Both sides are flat (no two spans of a side share a character), so the pairs that overlap
form short chains, two pairs never cross, and a small alignment finds the best pairing
exactly. Two spans with the same offsets overlap nothing else: exact matches are paired in
every optimum and the choice below only settles who answers whom in a partial overlap.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal, TypeAlias

from ie_model.documents import Entity

Pair: TypeAlias = tuple[Entity | None, Entity | None]
"""``(gold, predicted)``; one of the two is ``None`` for a missed or a spurious span."""

Kind = Literal["correct", "wrong_type", "wrong_boundary", "wrong_both", "missed", "spurious"]

ERROR_KINDS: tuple[Kind, ...] = (
    "missed",
    "spurious",
    "wrong_type",
    "wrong_boundary",
    "wrong_both",
)
"""What can be wrong with a pair; see :func:`kind_of`."""

Score: TypeAlias = tuple[int, int, int]


def match_spans(gold: Sequence[Entity], predicted: Sequence[Entity]) -> list[Pair]:
    """Pair the spans of one document one to one; every span is in exactly one pair.

    Two spans may be paired when they share at least one character. Among all one-to-one
    pairings this maximises, in this order: pairs with the same label, pairs, shared
    characters. Pairs come in order of their offsets.

    Both sides must be flat; the pairing of overlapping spans is valid but need not be best.
    """
    pairs: list[Pair] = []
    for golds, guesses in _chains(gold, predicted):
        if not guesses:
            pairs.extend((g, None) for g in golds)
        elif not golds:
            pairs.extend((None, p) for p in guesses)
        elif len(golds) == len(guesses) == 1:
            pairs.append((golds[0], guesses[0]))
        else:
            pairs.extend(_best_pairs(golds, guesses))
    return pairs


def kind_of(gold: Entity | None, predicted: Entity | None) -> Kind:
    """What a pair of :func:`match_spans` says about the prediction.

    ``wrong_type``: same offsets, other label. ``wrong_boundary``: overlapping offsets, same
    label. ``wrong_both``: overlapping offsets, other label.
    """
    if predicted is None:
        return "missed"
    if gold is None:
        return "spurious"
    same_span = (gold.start, gold.end) == (predicted.start, predicted.end)
    if gold.label == predicted.label:
        return "correct" if same_span else "wrong_boundary"
    return "wrong_type" if same_span else "wrong_both"


def _chains(
    gold: Sequence[Entity], predicted: Sequence[Entity]
) -> Iterator[tuple[list[Entity], list[Entity]]]:
    """Groups of spans connected by overlap, in order of offsets."""
    spans = [(e.start, e.end, 0, e) for e in gold] + [(e.start, e.end, 1, e) for e in predicted]
    spans.sort(key=lambda s: s[:3])
    group: tuple[list[Entity], list[Entity]] = ([], [])
    reach = 0
    for start, end, side, entity in spans:
        if start >= reach and (group[0] or group[1]):
            yield group
            group = ([], [])
        group[side].append(entity)
        reach = max(reach, end)
    if group[0] or group[1]:
        yield group


def _best_pairs(gold: list[Entity], predicted: list[Entity]) -> list[Pair]:
    """Best non-crossing pairing of one chain, as in a sequence alignment; O(n * m)."""
    rows, columns = len(gold), len(predicted)
    best: list[list[Score]] = [[(0, 0, 0)] * (columns + 1) for _ in range(rows + 1)]
    for i in range(rows - 1, -1, -1):
        for j in range(columns - 1, -1, -1):
            best[i][j] = max(best[i + 1][j], best[i][j + 1])
            shared = _shared(gold[i], predicted[j])
            if shared:
                best[i][j] = max(best[i][j], _plus(best[i + 1][j + 1], gold[i], predicted[j]))
    pairs: list[Pair] = []
    i = j = 0
    while i < rows and j < columns:
        paired = _shared(gold[i], predicted[j]) > 0 and best[i][j] == _plus(
            best[i + 1][j + 1], gold[i], predicted[j]
        )
        if paired:
            pairs.append((gold[i], predicted[j]))
            i, j = i + 1, j + 1
        elif best[i][j] == best[i + 1][j]:
            pairs.append((gold[i], None))
            i += 1
        else:
            pairs.append((None, predicted[j]))
            j += 1
    pairs.extend((g, None) for g in gold[i:])
    pairs.extend((None, p) for p in predicted[j:])
    return pairs


def _shared(a: Entity, b: Entity) -> int:
    return max(0, min(a.end, b.end) - max(a.start, b.start))


def _plus(rest: Score, gold: Entity, predicted: Entity) -> Score:
    same = int(gold.label == predicted.label)
    return (rest[0] + same, rest[1] + 1, rest[2] + _shared(gold, predicted))
