"""Sequences end to end instead of padded: what a GPU multiplies is then text alone.

All tokens of a batch form one row; attention is told by ``bounds`` where each sequence
begins and ends (``torch.nn.attention.varlen`` on CUDA). Positions start anew with every
sequence. The same code runs on CPUs with an attention of plain slices, which is slow and
there to test the rest.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import scaled_dot_product_attention

from ie_model.inference.batching import round_up
from ie_model.inference.engines.interface import Ids, Logits

ATTENTION = "ie_model_packed"

ALIGNMENT = 64
"""Packed rows are filled up to a multiple of this: the matrix kernels' tile height."""

POSITIONS_AFTER_PADDING = {"roberta", "xlm-roberta", "camembert"}
"""Model types that count positions from ``pad_token_id + 1``; the others from 0."""

PACKABLE = {"bert", "electra", *POSITIONS_AFTER_PADDING}
"""Model types whose attention is full, without a position bias, and can be replaced."""


class Packed(NamedTuple):
    """One batch packed: ids and positions int64 ``[total]``, bounds int32 ``[rows + 1]``."""

    ids: NDArray[np.int64]
    positions: NDArray[np.int64]
    bounds: NDArray[np.int32]
    longest: int


def pack(ids: Ids, mask: Ids, pad_id: int = 0, first_position: int = 0) -> Packed:
    """Pack a padded batch, int64 ``[rows, tokens]``, masked at the end of each row.

    The total is rounded up to :data:`ALIGNMENT` by one more sequence of padding, which
    attends to itself alone; :func:`unpack` drops it.
    """
    lengths = mask.sum(axis=1)
    total = int(lengths.sum())
    places = np.concatenate([np.arange(n) for n in lengths])
    fill = round_up(total, ALIGNMENT) - total
    return Packed(
        np.concatenate([ids[mask == 1], np.full(fill, pad_id)]).astype(np.int64),
        np.concatenate([places, np.arange(fill)]).astype(np.int64) + first_position,
        np.cumsum([0, *lengths, *([fill] if fill else [])]).astype(np.int32),
        int(max(lengths.max(initial=1), fill)),
    )


def unpack(logits: Logits, mask: Ids) -> Logits:
    """Packed logits, float32 ``[total, tags]``, back to ``[rows, tokens, tags]``; 0 in padding."""
    padded = np.zeros((*mask.shape, logits.shape[1]), np.float32)
    padded[mask == 1] = logits[: int(mask.sum())]
    return padded


class PackedModel:
    """A token classifier that takes packed batches. Its attention is replaced for good.

    Raises:
        ValueError: the model's type is not one of :data:`PACKABLE`.
    """

    def __init__(self, model: Any, compile: bool = False) -> None:
        from transformers import AttentionInterface

        kind = model.config.model_type
        if kind not in PACKABLE:
            raise ValueError(f"{kind} models cannot be packed")
        self.pad_id = model.config.pad_token_id or 0
        self.first_position = self.pad_id + 1 if kind in POSITIONS_AFTER_PADDING else 0
        AttentionInterface.register(ATTENTION, _attention)
        model.set_attn_implementation(ATTENTION)
        # One graph for all sizes: they differ from batch to batch.
        self._call = torch.compile(model, dynamic=True) if compile else model

    def pack(self, ids: Ids, mask: Ids) -> Packed:
        """:func:`pack` as this model needs it."""
        return pack(ids, mask, self.pad_id, self.first_position)

    def __call__(
        self, ids: torch.Tensor, positions: torch.Tensor, bounds: torch.Tensor, longest: int
    ) -> torch.Tensor:
        """Logits ``[total, tags]`` of the fields of a :class:`Packed`, as tensors."""
        output = self._call(
            input_ids=ids[None], position_ids=positions[None], bounds=bounds, longest=longest
        )
        return output.logits[0]


def _attention(
    module: Any,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    *,
    bounds: torch.Tensor,
    longest: int,
    scaling: float | None = None,
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """Attention within each sequence; query, key, value ``[1, heads, total, head size]``."""
    # [total, heads, head size]
    q, k, v = (x[0].transpose(0, 1).contiguous() for x in (query, key, value))
    if query.is_cuda:
        from torch.nn.attention.varlen import varlen_attn

        mixed = varlen_attn(q, k, v, bounds, bounds, longest, longest, scale=scaling)
        assert isinstance(mixed, torch.Tensor)  # a pair only when return_aux is given
    else:
        mixed = _attention_by_slices(q, k, v, bounds.tolist(), scaling)
    return mixed[None], None


def _attention_by_slices(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    bounds: list[int],
    scaling: float | None,
) -> torch.Tensor:
    mixed = torch.empty_like(query)
    for begin, end in pairwise(bounds):
        q, k, v = (x[begin:end].transpose(0, 1) for x in (query, key, value))
        mixed[begin:end] = scaled_dot_product_attention(q, k, v, scale=scaling).transpose(0, 1)
    return mixed
