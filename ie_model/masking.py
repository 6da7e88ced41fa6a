"""Hiding words of mentions while a model trains, so that it learns from the words around them.

From a small corpus a model learns names by heart and trusts whatever resembles one. A name
that it cannot see has to be told by its context, and so will a name never seen before.
"""

from __future__ import annotations

import torch

from ie_model.encoding import IGNORED


class MentionMask:
    """Hides each unit of a mention with one probability, all its tokens or none of them.

    Draws come from torch's own generator, which checkpoints keep, as dropout's do.

    Args:
        share: the probability.
        mask_id: the token that stands in place of what is hidden.
        special_ids: tokens that are never hidden, such as separators and padding.
    """

    def __init__(self, share: float, mask_id: int, special_ids: list[int]) -> None:
        self._share, self._mask_id = share, mask_id
        self._special = torch.tensor(special_ids, dtype=torch.long)

    def __call__(self, input_ids: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """New ids for int64 ``[rows, tokens]`` ids with their targets (tag 0 is ``O``).

        A token without a target belongs to the unit before it. After the last unit that a
        window trains on, that is wrong for what it shares with the next window: a few tokens
        more are hidden then.
        """
        places = torch.arange(targets.shape[1], device=targets.device)
        heads = torch.where(targets != IGNORED, places, 0).cummax(dim=1).values
        drawn = torch.rand(targets.shape, device=targets.device) < self._share
        hidden = (drawn & (targets > 0)).gather(1, heads)
        hidden &= ~torch.isin(input_ids, self._special.to(input_ids.device))
        return input_ids.masked_fill(hidden, self._mask_id)
