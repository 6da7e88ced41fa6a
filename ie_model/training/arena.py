"""Memory for the tensors of a forward pass, asked of the system once.

Activations of an update are hundreds of megabytes. The C library gives them back to the system as
they are freed, and the system hands every page out anew, cleared: a page fault for each 4 KiB.
"""

from __future__ import annotations

import math

import torch

_ALIGNED = 64  # bytes of a cache line, and of the widest vector


class Arena:
    """One block of memory that every pass fills from its beginning.

    What a pass took is overwritten by the next: ``passes`` says which one it is, so that whoever
    kept something can tell whether it is still there.
    """

    def __init__(self) -> None:
        self._block = torch.UntypedStorage(0)
        self._taken = 0
        self.passes = 0

    def start(self) -> None:
        """Begin a pass; a block that the one before did not fit into grows."""
        if self._taken > len(self._block):
            self._block = torch.UntypedStorage(0)  # first, so that both are not there at once
            # Pages that nothing was written to cost nothing, and growing costs all of them.
            self._block = torch.UntypedStorage(2 * self._taken)
        self._taken = 0
        self.passes += 1

    def take(self, shape: tuple[int, ...], dtype: torch.dtype) -> torch.Tensor:
        """A tensor with whatever was there before, of memory of its own where the block ends."""
        begin, size = self._taken, math.prod(shape) * dtype.itemsize
        self._taken += -(-size // _ALIGNED) * _ALIGNED
        if begin + size > len(self._block):
            return torch.empty(shape, dtype=dtype)
        # No view: each has a version of its own, which autograd compares.
        return torch.empty(0, dtype=dtype).set_(  # type: ignore[call-overload]
            self._block, begin // dtype.itemsize, shape
        )
