"""Dropout masks from a fast generator.

torch draws one number of its Mersenne twister for every place, in one thread, which on a CPU takes
as long as a third of the matrix products. Here a place takes 16 bits of SFC64, numpy's fastest
generator. It starts anew at every forward pass from a number that torch draws, so the seed
and the state that a checkpoint holds decide as before.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

_STEPS = 1 << 16


class DropoutMasks:
    """The masks of one forward pass."""

    def __init__(self) -> None:
        seed = int(torch.randint(1 << 62, ()))
        self._random = np.random.SFC64(seed)

    def draw(self, mask: torch.Tensor, rate: float) -> torch.Tensor:
        """Fill a tensor with zeros, with probability ``rate``, and ``1 / (1 - rate)``.

        The rate is rounded to a multiple of 2**-16.
        """
        count = mask.numel()
        words = torch.from_numpy(self._random.random_raw(-(-count // 4)).view(np.int16))
        torch.ge(words[:count].view(mask.shape), round(rate * _STEPS) - _STEPS // 2, out=mask)
        return mask.mul_(1 / (1 - rate))


class QuickDropout(nn.Dropout):
    """``nn.Dropout`` with such masks."""

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """The values, some of them zero while training."""
        if not self.training or self.p == 0:
            return values
        return values * DropoutMasks().draw(torch.empty_like(values), self.p)


def quicken_dropout(model: nn.Module) -> None:
    """Let every ``nn.Dropout`` of a model use such masks."""
    for module in model.modules():
        if type(module) is nn.Dropout:
            module.__class__ = QuickDropout
