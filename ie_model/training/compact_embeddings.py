"""Train only the embedding rows that the training data uses.

A vocabulary has tens of thousands of rows, a corpus uses a few thousand of them. The rest
get no gradient, yet a dense optimiser reads and writes each of them, and both its moments,
at every update; with a small encoder on a CPU that is most of the update's time. While
training, the used rows stand in a small table of their own, and are put back afterwards.
Gradients, clipping and updates of the used rows are exactly those of the full table; the
unused rows keep their pretrained values (the full table would only decay them).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn.functional import embedding

WORTHWHILE = 0.7
"""Share of the rows above which the full table is trained as it is."""


class CompactEmbedding(nn.Module):
    """An embedding table split into trained rows and the rest.

    Args:
        full: the table, float32 ``[vocabulary, size]``; not changed before :meth:`merged`.
        used: ids of the rows to train, sorted, int64 ``[rows]``.
    """

    places: torch.Tensor
    rest: torch.Tensor

    def __init__(self, full: nn.Embedding, used: NDArray[np.int64]) -> None:
        super().__init__()
        ids = torch.from_numpy(used)
        places = torch.full((full.num_embeddings,), -1)
        places[ids] = torch.arange(len(ids))
        self.weight = nn.Parameter(full.weight.detach()[ids].clone())
        self.register_buffer("places", places, persistent=False)
        self.register_buffer("rest", full.weight.detach(), persistent=False)
        padding = -1 if full.padding_idx is None else int(places[full.padding_idx])
        self._padding = None if padding < 0 else padding
        self._full = [full]  # in a list: not a submodule, so not saved and not trained
        self._ids = ids

    def forward(self, input_ids: torch.Tensor) -> torch.Tensor:
        """Vectors, ``[..., size]``, of ids ``[...]``; unused ids are allowed when evaluating."""
        places = self.places[input_ids]
        if self.training:
            return embedding(places, self.weight, self._padding)
        known = places >= 0
        trained = embedding(places.clamp(min=0), self.weight)
        return torch.where(known[..., None], trained, embedding(input_ids, self.rest))

    def merged(self) -> nn.Embedding:
        """The full table, trained rows put back in their places."""
        (full,) = self._full
        with torch.no_grad():
            full.weight[self._ids] = self.weight.detach().to(full.weight.device)
        return full


def compact(model: Any, used: NDArray[np.int64]) -> bool:
    """Replace the model's input embeddings by a :class:`CompactEmbedding`, where it pays."""
    full = model.get_input_embeddings()
    # A subclass may do more than look rows up (scale them, say): leave those alone.
    if type(full) is not nn.Embedding or len(used) > WORTHWHILE * full.num_embeddings:
        return False
    model.set_input_embeddings(CompactEmbedding(full, used))
    return True


def restore(model: Any) -> None:
    """Undo :func:`compact`, keeping what was learned."""
    current = model.get_input_embeddings()
    if isinstance(current, CompactEmbedding):
        model.set_input_embeddings(current.merged())
