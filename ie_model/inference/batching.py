"""Batches by token budget over a look-ahead buffer: pure functions over lengths.

A batch is padded to its longest item, so its cost is ``longest * items``. Sorting the
buffer by length before cutting it into batches keeps the padding small; the caller gets
indices back and puts the results where they belong.

Some engines prepare for every new size of a batch (items times padded length): OpenVINO takes
25 ms of CPU and 5 MiB for each in int8, a quarter of the time of a full batch. For those, the
number of items in a batch is one of a few :func:`steps`.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence

import numpy as np
import numpy.typing as npt

from ie_model.errors import InputError

_FEW = 4  # with more batches than this for each stream, idle streams at the end hardly matter
_BATCH_COST = 64
"""The fixed cost of a batch, in token places. 45 were measured for int8; the rest is for the new
sizes that fewer batches avoid."""


def round_up(length: int, multiple: int) -> int:
    """The smallest multiple of ``multiple`` that is at least ``length`` (and at least one)."""
    return max(-(-length // multiple), 1) * multiple


def token_budget_batches(lengths: Sequence[int], budget: int, multiple: int = 8) -> list[list[int]]:
    """Group item indices into batches that cost at most ``budget`` tokens after padding.

    Items are taken longest first (equal lengths in the order given), so the first item of
    a batch sets its padded length, ``round_up(length, multiple)``, and another joins while
    ``padded * (items + 1) <= budget``. Every index appears exactly once; an item longer
    than the budget is a batch of its own. Longest first also means that the largest
    buffers are allocated once, at the start, and that the last batches are the short ones.

    Raises :class:`InputError` for a budget or multiple below 1.
    """
    _check_limits(budget=budget, multiple=multiple)
    batches: list[list[int]] = []
    padded = 0
    for index in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        if not batches or padded * (len(batches[-1]) + 1) > budget:
            padded = round_up(lengths[index], multiple)
            batches.append([index])
        else:
            batches[-1].append(index)
    return batches


def _check_limits(**limits: int) -> None:
    for name, value in limits.items():
        if value < 1:
            raise InputError(f"{name} is {value}: give a number of at least 1")


def steps(length: int, budget: int) -> list[int]:
    """How many items of one padded length a batch may have: as many as fit, half of it, ... 1."""
    allowed = [max(1, budget // length)]
    while allowed[-1] > 1:
        allowed.append(allowed[-1] // 2)
    return allowed


def next_step(count: int, length: int, budget: int) -> int:
    """The smallest of the :func:`steps` that is at least ``count``."""
    return min(step for step in steps(length, budget) if step >= count)


def stepped_batches(
    lengths: Sequence[int], budget: int, multiple: int = 8, most: int | None = None
) -> list[list[int]]:
    """The cheapest batches whose numbers of items are :func:`steps`, longest items first.

    A batch costs its places and a fixed part. The last may have fewer items; the caller fills it
    up to the :func:`next_step`.

    Args:
        lengths: tokens of each item.
        budget: token places that the steps are counted from.
        multiple: padded lengths are multiples of this.
        most: token places of one batch at most (a single item may take more); by default the
            budget.

    Raises:
        InputError: a budget or multiple below 1.
    """
    _check_limits(budget=budget, multiple=multiple)
    order = sorted(range(len(lengths)), key=lambda i: -lengths[i])
    total = len(order)
    # From the end: what the items from here on cost, and how many of them come first.
    cost, taken = [0] * (total + 1), [0] * total
    allowed: list[int] = []
    padded = 0
    for at in reversed(range(total)):
        length = round_up(lengths[order[at]], multiple)
        if length != padded:
            padded = length
            room = max(1, (most or budget) // padded)
            allowed = [step for step in steps(padded, budget) if step <= room]
        costs = [step * padded + _BATCH_COST + cost[min(at + step, total)] for step in allowed]
        cost[at] = min(costs)
        taken[at] = allowed[costs.index(cost[at])]
    batches = []
    at = 0
    while at < total:
        batches.append(order[at : at + taken[at]])
        at += taken[at]
    return batches


def even_batches(
    lengths: Sequence[int], budget: int, multiple: int, streams: int, stepped: bool = False
) -> list[list[int]]:
    """Batches for items that nothing comes after, cut so that all streams end at about one time.

    An engine works on ``streams`` batches side by side. A few full batches and a small rest would
    leave streams idle at the end, so smaller budgets are tried too, and the batches that finish
    first are taken. They are :func:`stepped_batches` if ``stepped``, else
    :func:`token_budget_batches`.
    """

    def cut(places: int) -> list[list[int]]:
        if stepped:
            return stepped_batches(lengths, budget, multiple, places)
        return token_budget_batches(lengths, places, multiple)

    batches = cut(budget)
    if streams == 1 or not 1 < len(batches) <= _FEW * streams:
        return batches
    tried = [batches]
    smallest = max(round_up(max(lengths), multiple), sum(lengths) // (2 * _FEW * streams))
    places = budget
    while (places := int(places * 0.9)) >= smallest:
        tried.append(cut(places))
    return min(tried, key=lambda some: _finish(lengths, some, multiple, streams))


def _finish(
    lengths: Sequence[int], batches: Sequence[Sequence[int]], multiple: int, streams: int
) -> int:
    """When the last stream is done, in token places; each batch goes to the first free stream."""
    busy = [0] * streams
    for batch in batches:
        first_free = busy.index(min(busy))
        busy[first_free] += padded_tokens(lengths, [batch], multiple) + _BATCH_COST
    return max(busy)


def first_occurrences(keys: Iterable[Hashable]) -> tuple[list[int], list[int]]:
    """Which items need computing, and where every item finds its result.

    Returns ``(firsts, inverse)``: ``firsts[k]`` is the index of the first item with the
    k-th distinct key, and ``inverse[i]`` the ``k`` of item ``i``.
    """
    seen: dict[Hashable, int] = {}
    firsts: list[int] = []
    inverse: list[int] = []
    for index, key in enumerate(keys):
        slot = seen.setdefault(key, len(firsts))
        if slot == len(firsts):
            firsts.append(index)
        inverse.append(slot)
    return firsts, inverse


def padded_tokens(
    lengths: Sequence[int], batches: Iterable[Sequence[int]], multiple: int = 8
) -> int:
    """How many token places these batches compute, padding included."""
    return sum(
        round_up(max(lengths[i] for i in batch), multiple) * len(batch)
        for batch in batches
        if batch
    )


def padding_waste(
    lengths: Sequence[int], batches: Iterable[Sequence[int]], multiple: int = 8
) -> float:
    """The share of computed token places that hold padding, 0 (none) to 1."""
    batches = list(batches)
    computed = padded_tokens(lengths, batches, multiple)
    real = sum(lengths[i] for batch in batches for i in batch)
    return 1.0 - real / computed if computed else 0.0


def pad_batch(
    rows: Sequence[npt.ArrayLike], pad_id: int, multiple: int = 8
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Stack token rows into ``(input_ids, attention_mask)``, both int64 [rows, padded length].

    The padded length is that of the longest row, rounded up to ``multiple``; the mask is 1
    over real tokens and 0 over padding.
    """
    arrays = [np.asarray(row) for row in rows]
    length = round_up(max((a.size for a in arrays), default=1), multiple)
    input_ids = np.full((len(arrays), length), pad_id, dtype=np.int64)
    attention_mask = np.zeros((len(arrays), length), dtype=np.int64)
    for k, array in enumerate(arrays):
        input_ids[k, : array.size] = array
        attention_mask[k, : array.size] = 1
    return input_ids, attention_mask
