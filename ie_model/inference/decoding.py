"""Unit logits to one well-formed tag path per sequence, and paths to scored entities.

Everything works on the units of many documents joined end to end, in numpy; Python loops
run only over entities found and over the few units whose best tags contradict each other.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ie_model.documents import Entity
from ie_model.encoding.projection import probabilities
from ie_model.encoding.windows import EncodedText
from ie_model.labels import LabelSet

Floats = NDArray[np.float32]
Indices = NDArray[np.int64]

_VITERBI_CELLS = 1 << 18  # units a padded batch of blocks may hold: bounds its memory


def decode(
    logits: Sequence[Floats],
    encoded: Sequence[EncodedText],
    texts: Sequence[str],
    labels: LabelSet,
    temperature: float = 1.0,
) -> list[tuple[Entity, ...]]:
    """The entities of each text.

    Args:
        logits: one float32 ``[units, tags]`` array per text.
        encoded: the texts' units, in the same order.
        texts: the texts themselves; entities carry their mention.
        labels: what the columns of the logits mean.
        temperature: divides the logits before the softmax that gives scores; it never
            changes which path is best.

    Returns:
        Per text its entities, sorted and flat. An entity's score is the smallest
        probability along it: that each of its units carries its label, and that it begins
        and ends where it does.
    """
    sizes = np.array([len(e.starts) for e in encoded], np.int64)
    bases = np.concatenate([[0], np.cumsum(sizes)])
    results: list[list[Entity]] = [[] for _ in encoded]
    if bases[-1] == 0:
        return [()] * len(encoded)
    joined = np.concatenate([x for x in logits if len(x)]).astype(np.float32, copy=False)
    starts = np.concatenate([e.starts for e in encoded])
    ends = np.concatenate([e.ends for e in encoded])
    heads = np.zeros(len(joined), dtype=bool)
    heads[np.concatenate([e.sequences + b for e, b in zip(encoded, bases, strict=False)])] = True

    path = best_path(joined, heads, labels)
    first, last = spans_of(path, heads, labels)
    scores = span_scores(joined / temperature, path, first, last, heads, labels)
    owners = np.searchsorted(bases, first, side="right") - 1
    rows = zip(
        owners.tolist(), starts[first].tolist(), ends[last].tolist(),
        labels.label_ids[path[first]].tolist(), scores.tolist(), strict=True,
    )  # fmt: skip
    for owner, start, end, label, score in rows:
        mention = texts[owner][start:end]
        results[owner].append(Entity(start, end, labels.labels[label], score, mention))
    return [tuple(found) for found in results]


def best_path(logits: Floats, heads: NDArray[np.bool_], labels: LabelSet) -> Indices:
    """The well-formed tag path of highest total logit, exactly; int64 ``[units]``.

    Args:
        logits: float32 ``[units, tags]``.
        heads: bool ``[units]``, true where a new sequence starts.
        labels: the tags and which may follow which.

    The best tag of each unit alone is nearly always a well-formed path already. Cut the
    units into blocks wherever neighbouring tags fit each other, so that only blocks of more
    than one unit hold a contradiction. Solve those by Viterbi, free at their ends; where a
    solution does not fit its neighbour, join the two blocks and solve again. The sum of
    freely solved blocks is at least the total of any well-formed path, so once everything
    fits, the path is optimal.
    """
    path = logits.argmax(axis=1)
    total = len(path)
    tails = np.append(heads[1:], True)
    before = np.concatenate([[0], path[:-1]])
    fits = labels.allowed[before, path]
    cut = heads | fits
    bad = np.where(heads, ~labels.opens[path], ~fits) | (tails & ~labels.closes[path])
    if not bad.any():
        return path

    pending = np.unique(_block_of(cut, np.flatnonzero(bad)))
    while len(pending):
        edges = np.append(np.flatnonzero(cut), total)
        begin, stop = edges[pending], edges[pending + 1]
        _solve(logits, path, begin, stop, heads, tails, labels)
        joints = np.unique(np.concatenate([begin, stop[stop < total]]))
        joints = joints[~heads[joints]]
        misfits = joints[~labels.allowed[path[joints - 1], path[joints]]]
        cut[misfits] = False
        pending = np.unique(_block_of(cut, misfits))
    return path


def _block_of(cut: NDArray[np.bool_], units: Indices) -> Indices:
    """Index of the block that holds each unit."""
    return np.cumsum(cut)[units] - 1


def _solve(
    logits: Floats,
    path: Indices,
    begin: Indices,
    stop: Indices,
    heads: NDArray[np.bool_],
    tails: NDArray[np.bool_],
    labels: LabelSet,
) -> None:
    """Viterbi over blocks ``[begin, stop)``, in padded batches; writes into ``path``."""
    lengths = stop - begin
    order = np.argsort(lengths, kind="stable")
    at = 0
    while at < len(order):
        # Lengths ascend, so the batch may grow while (count * longest) stays in bounds.
        count = 1
        while (
            at + count < len(order) and (count + 1) * lengths[order[at + count]] <= _VITERBI_CELLS
        ):
            count += 1
        batch = order[at : at + count]
        at += count
        _viterbi(logits, path, begin[batch], lengths[batch], heads, tails, labels)


def _viterbi(
    logits: Floats,
    path: Indices,
    begin: Indices,
    lengths: Indices,
    heads: NDArray[np.bool_],
    tails: NDArray[np.bool_],
    labels: LabelSet,
) -> None:
    longest, rows = int(lengths.max()), np.arange(len(begin))
    steps = np.minimum(np.arange(longest), lengths[:, None] - 1)
    units = begin[:, None] + steps  # [blocks, longest], the last unit repeated as padding
    forbidden = np.where(labels.allowed, 0.0, -np.inf)
    # Sums in double: float32 addition could prefer a path that is worse by rounding.
    score = logits[units[:, 0]].astype(np.float64)
    score[np.ix_(heads[begin], ~labels.opens)] = -np.inf
    pointers = np.zeros((longest, len(begin), len(labels.tags)), np.int64)
    for step in range(1, longest):
        reached = score[:, :, None] + forbidden
        pointers[step] = reached.argmax(axis=1)
        grown = reached.max(axis=1) + logits[units[:, step]]
        live = step < lengths
        score = np.where(live[:, None], grown, score)
    final = units[:, -1]
    score[np.ix_(tails[final], ~labels.closes)] = -np.inf
    tag = score.argmax(axis=1)
    for step in range(longest - 1, -1, -1):
        live = step < lengths
        path[begin[live] + step] = tag[live]
        tag = np.where(live, pointers[step][rows, tag], tag)


def spans_of(path: Indices, heads: NDArray[np.bool_], labels: LabelSet) -> tuple[Indices, Indices]:
    """First and last unit of every entity on a well-formed path."""
    continues = ~labels.opens[path] & ~heads
    first = np.flatnonzero((labels.label_ids[path] >= 0) & ~continues)
    breaks = np.append(np.flatnonzero(~continues), len(path))
    last = breaks[np.searchsorted(breaks, first, side="right")] - 1
    return first, last


def span_scores(
    logits: Floats,
    path: Indices,
    first: Indices,
    last: Indices,
    heads: NDArray[np.bool_],
    labels: LabelSet,
) -> NDArray[np.float64]:
    """Smallest probability along each span, float64 ``[spans]``; see :func:`decode`.

    A unit counts with all tags of the label: where the best single tag is `I-ACTOR` after `O`,
    the path has to take another, and the span is no less likely for it.
    """
    if len(first) == 0:
        return np.empty(0)
    chance = probabilities(logits)
    tags_of = labels.label_ids[:, None] == np.arange(len(labels.labels))
    within = chance @ tags_of.astype(np.float32)  # [units, labels]
    going_on = within
    if labels.touching:  # then a neighbour of the same label may be another span
        going_on = chance @ (tags_of & ~labels.opens[:, None]).astype(np.float32)

    label = labels.label_ids[path]
    along = within[np.arange(len(path)), label]
    edges = np.append(np.stack([first, last + 1], axis=1).ravel(), len(along))
    weakest = np.minimum.reduceat(np.append(along, 1.0), edges[:-1])[::2]
    for unit in (first, last + 1):  # the edge in front of this unit
        inside = unit < len(path)
        at = np.where(inside, unit, 0)
        one_span = np.minimum(within[at - 1, label[first]], going_on[at, label[first]])
        weakest = np.where(heads[at] | ~inside, weakest, np.minimum(weakest, 1.0 - one_span))
    return np.clip(weakest, 0.0, 1.0).astype(np.float64)
