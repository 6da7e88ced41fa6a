"""What an engine is: token ids and mask in, logits out, and nothing else."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

from ie_model.errors import InputError

Ids = npt.NDArray[np.int64]
Logits = npt.NDArray[np.float32]

ENGINES = ("auto", "torch", "openvino", "onnx")
PRECISIONS = ("auto", "fp32", "bf16", "int8")


class Pending(Protocol):
    """A batch at work. The arrays it was given must not change before its result is taken."""

    def result(self) -> Logits:
        """Wait for the logits, float32 [batch, tokens, tags]; to be called once."""
        ...


class Done:
    """A batch that is finished already."""

    def __init__(self, logits: Logits) -> None:
        self._logits = logits

    def result(self) -> Logits:
        """The logits, float32 [batch, tokens, tags]."""
        return self._logits


class Engine(Protocol):
    """What the pipeline asks of an engine. Calls from several threads at once are allowed.

    ``multiple`` is the length that padded batches should be rounded up to, ``batch_tokens``
    how many padded tokens a batch should hold when nothing was measured (see
    :mod:`ie_model.models.plan`). An engine that ``remembers_shapes`` takes time and
    keeps memory for every size of batch it meets.
    """

    name: str
    precision: str
    multiple: int
    batch_tokens: int
    remembers_shapes: bool

    @property
    def streams(self) -> int:
        """How many batches it works on side by side."""
        ...

    @property
    def in_flight(self) -> int:
        """How many batches to submit before waiting for the first of them."""
        ...

    def forward(self, input_ids: Ids, attention_mask: Ids) -> Logits:
        """Logits, float32 [batch, tokens, tags], of ids and mask, int64 [batch, tokens]."""
        ...

    def submit(self, input_ids: Ids, attention_mask: Ids) -> Pending:
        """Start one batch and return at once where the engine can work in the background."""
        ...

    def detach(self) -> None:
        """Hold the weights in memory of its own, whatever becomes of the model's files.

        Before that they may be mapped: shared with other processes, and changed with the file.
        """
        ...

    def close(self) -> None:
        """Free the model; a batch at work is finished, another one gets :func:`closed`."""
        ...


def closed(name: str) -> InputError:
    """What an engine that was closed answers to a batch."""
    return InputError(f"the {name} engine is closed: load the model again")
