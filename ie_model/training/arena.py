"""Memory for the tensors of a pass, allocated once and reused by every pass.

The activations of an update take hundreds of megabytes. The C library returns such blocks to the
system when they are freed, and the system clears every page when it hands it out again: a page
fault for each 4 KiB of each update.
"""

from __future__ import annotations

import math

import torch

_ALIGNED = 64  # bytes of a cache line, and of the widest vector


class Arena:
    """One block of memory that every pass fills from its beginning.

    The tensors of a pass are overwritten by the next. ``passes`` counts the passes, so that whoever
    keeps a tensor can tell whether its memory is still its own.
    """

    def __init__(self) -> None:
        self._block = torch.UntypedStorage(0)
        self._taken = 0
        self.passes = 0

    def start(self) -> None:
        """Begin a pass. The block grows if the pass before did not fit into it."""
        if self._taken > len(self._block):
            self._block = torch.UntypedStorage(0)  # freed first: never both blocks at once
            # Twice the need: pages that nobody writes to cost nothing, growing again costs all.
            self._block = torch.UntypedStorage(2 * self._taken)
        self._taken = 0
        self.passes += 1

    def take(self, shape: tuple[int, ...], dtype: torch.dtype) -> torch.Tensor:
        """An uninitialised tensor of the block, or of memory of its own where the block is full."""
        begin, size = self._taken, math.prod(shape) * dtype.itemsize
        self._taken += -(-size // _ALIGNED) * _ALIGNED
        if begin + size > len(self._block):
            return torch.empty(shape, dtype=dtype)
        # Not a view: autograd compares versions, and views share the version of their base.
        return torch.empty(0, dtype=dtype).set_(  # type: ignore[call-overload]
            self._block, begin // dtype.itemsize, shape
        )
