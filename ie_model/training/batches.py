"""Batches of training windows: like lengths together in random order, padded to tensors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ie_model.encoding.alignment import IGNORED
from ie_model.errors import InputError

if TYPE_CHECKING:
    import torch


class LengthGroupedBatches:
    """A batch sampler: windows of like length together, batches in random order.

    Every epoch has the same number of batches (a multiple of ``world``), so schedules and
    resuming can count on it; which windows meet in a batch, and when, changes with the
    epoch. A window of weight ``w`` comes ``floor(w)`` times, and once more with
    probability ``w - floor(w)``.

    Args:
        lengths: tokens per window, ``[windows]``.
        weights: how often each comes, ``[windows]``.
        tokens: padded tokens of a batch at most (a longer window is alone).
        windows: windows of a batch at most.
        epochs: how many epochs will be asked for.
        seed: everything is a function of the seed and the epoch.
        world: processes that take turns in taking batches.
    """

    # Without noise the same windows, those of equal length, would meet in every epoch.
    NOISE = 0.15

    def __init__(
        self,
        lengths: NDArray[np.int32],
        weights: NDArray[np.float32],
        *,
        tokens: int,
        windows: int | None = None,
        epochs: int = 1,
        seed: int = 0,
        world: int = 1,
    ) -> None:
        self._lengths, self._weights = lengths, weights
        self._tokens, self._windows, self._seed = tokens, windows, seed
        self._epoch = 0
        if not (weights > 0).any():
            raise InputError("data.train: no training window has a weight above 0")
        most = max(len(self._grouped(epoch)[0]) for epoch in range(epochs))
        self._count = -(-most // world) * world
        self._world = world

    def __len__(self) -> int:
        return self._count

    def updates(self, accumulation: int) -> int:
        """Updates of an epoch, each made of so many batches of every process."""
        return -(-self._count // (self._world * accumulation))

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch that the next iteration gives."""
        self._epoch = epoch

    def __iter__(self) -> Iterator[list[int]]:
        return iter(self.batches(self._epoch))

    def batches(self, epoch: int) -> list[list[int]]:
        """The batches of an epoch, as row indices."""
        groups, random = self._grouped(epoch)
        while len(groups) < self._count:
            largest = max(range(len(groups)), key=lambda i: len(groups[i]))
            group = groups[largest]
            if len(group) == 1:  # nothing left to split: some windows come once more
                groups.extend(groups[: self._count - len(groups)])
                continue
            groups[largest] = group[: len(group) // 2]
            groups.append(group[len(group) // 2 :])
        order = random.permutation(len(groups))
        return [groups[i] for i in order]

    def _grouped(self, epoch: int) -> tuple[list[list[int]], np.random.Generator]:
        random = np.random.default_rng([self._seed, epoch])
        whole = np.floor(self._weights)
        counts = whole + (random.random(len(whole)) < self._weights - whole)
        if not counts.any():  # weights below 1 can leave out every window of a small corpus
            counts[np.flatnonzero(self._weights)[epoch % np.count_nonzero(self._weights)]] = 1
        rows = np.repeat(np.arange(len(whole)), counts.astype(np.int64))
        noisy = self._lengths[rows] * (1 + random.uniform(-self.NOISE, self.NOISE, len(rows)))
        groups: list[list[int]] = []
        longest = 0
        for row in rows[np.argsort(-noisy, kind="stable")].tolist():
            length = max(longest, int(self._lengths[row]))
            size = len(groups[-1]) if groups else 0
            full = length * (size + 1) > self._tokens or size == self._windows
            if not groups or full:
                groups.append([row])
                longest = int(self._lengths[row])
            else:
                groups[-1].append(row)
                longest = length
        return groups, random


def collate(rows: Sequence[dict[str, Any]], pad_id: int, tags: int) -> dict[str, torch.Tensor]:
    """Pad rows to the longest: int64 ``[rows, tokens]`` input_ids, attention_mask, labels.

    With teachers also ``soft`` float32 ``[rows, tokens, tags]`` (zero where there is no
    unit) and ``share`` float32 ``[rows]``.
    """
    import torch

    longest = max(len(row["input_ids"]) for row in rows)
    shape = (len(rows), longest)
    batch = {
        "input_ids": torch.full(shape, pad_id),
        "attention_mask": torch.zeros(shape, dtype=torch.long),
        "labels": torch.full(shape, IGNORED),
    }
    for i, row in enumerate(rows):
        size = len(row["input_ids"])
        batch["input_ids"][i, :size] = torch.as_tensor(row["input_ids"])
        batch["labels"][i, :size] = torch.as_tensor(row["labels"])
        batch["attention_mask"][i, :size] = 1
    if "soft" in rows[0]:
        batch["share"] = torch.tensor([row["share"] for row in rows], dtype=torch.float32)
        batch["soft"] = torch.zeros((*shape, tags))
        for i, row in enumerate(rows):
            units = (batch["labels"][i] != IGNORED).nonzero()[:, 0]
            soft = torch.as_tensor(row["soft"], dtype=torch.float32)
            batch["soft"][i, units] = soft.view(-1, tags)
    return batch
