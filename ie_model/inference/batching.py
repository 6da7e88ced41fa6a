"""Batches by token budget over a look-ahead buffer: pure functions over lengths.

A batch is padded to its longest item, so its cost is ``longest * items``. Sorting the
buffer by length before cutting it into batches keeps the padding small; the caller gets
indices back and puts the results where they belong.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence

import numpy as np
import numpy.typing as npt

from ie_model.errors import InputError

_FEW = 4  # with more batches than this for each stream, an uneven end hardly counts
_BATCH_COST = 16  # what a batch costs beside its tokens, in tokens (half a millisecond)


def round_up(length: int, multiple: int) -> int:
    """The smallest multiple of ``multiple`` that is at least ``length`` (and at least one)."""
    return max(-(-length // multiple), 1) * multiple


def token_budget_batches(
    lengths: Sequence[int], budget: int, multiple: int = 8, max_items: int | None = None
) -> list[list[int]]:
    """Group item indices into batches that cost at most ``budget`` tokens after padding.

    Items are taken longest first (equal lengths in the order given), so the first item of
    a batch sets its padded length, ``round_up(length, multiple)``, and another joins while
    ``padded * (items + 1) <= budget``. Every index appears exactly once; an item longer
    than the budget is a batch of its own. Longest first also means that the largest
    buffers are allocated once, at the start, and that the last batches are the short ones.

    Raises :class:`InputError` for a budget, multiple or max_items below 1.
    """
    for name, value in (("budget", budget), ("multiple", multiple), ("max_items", max_items)):
        if value is not None and value < 1:
            raise InputError(f"{name} is {value}: give a number of at least 1")
    batches: list[list[int]] = []
    padded = 0
    for index in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        current = batches[-1] if batches else None
        full = (
            current is None
            or padded * (len(current) + 1) > budget
            or (max_items is not None and len(current) >= max_items)
        )
        if full:
            padded = round_up(lengths[index], multiple)
            batches.append([index])
        else:
            batches[-1].append(index)
    return batches


def even_batches(
    lengths: Sequence[int], budget: int, multiple: int, streams: int, few_shapes: bool = False
) -> list[list[int]]:
    """Batches as of :func:`token_budget_batches`, for items that nothing comes after.

    An engine works on ``streams`` batches side by side. A few full batches and a small
    rest would leave streams idle at the end, so smaller budgets are tried too, and the
    batches taken that are through first. With ``few_shapes`` the number of items in a
    batch is a power of two: see :func:`powers_of_two`.
    """

    def cut(budget: int) -> list[list[int]]:
        batches = token_budget_batches(lengths, budget, multiple)
        return powers_of_two(batches) if few_shapes else batches

    batches = cut(budget)
    if streams == 1 or not 1 < len(batches) <= _FEW * streams:
        return batches
    tried = [batches]
    smallest = max(round_up(max(lengths), multiple), sum(lengths) // (2 * _FEW * streams))
    while (budget := int(budget * 0.9)) >= smallest:
        tried.append(cut(budget))
    return min(tried, key=lambda some: _finish(lengths, some, multiple, streams))


def powers_of_two(batches: Iterable[list[int]]) -> list[list[int]]:
    """Each batch cut into such of 1, 2, 4, 8, ... items, the largest first.

    Any number of items a batch and any length would be some 500 shapes at 1,024 tokens a batch,
    and this a quarter of them. Nothing is padded for it: 7 items are 4, 2 and 1.
    """
    cut = []
    for batch in batches:
        while batch:
            count = 1 << (len(batch).bit_length() - 1)
            cut.append(batch[:count])
            batch = batch[count:]
    return cut


def _finish(
    lengths: Sequence[int], batches: Sequence[Sequence[int]], multiple: int, streams: int
) -> int:
    """When the last stream is through, in token places; the next batch goes to the first free."""
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
