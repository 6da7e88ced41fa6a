"""A shallower encoder: some of a pretrained model's layers, the others left out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import nn

from ie_model.errors import InputError


def chosen_layers(asked: int | Sequence[int], depth: int) -> list[int]:
    """Numbers of the layers to keep, of ``depth`` that there are; a number means the lowest.

    The lower half of MiniLM learned 3.5 points of F1 more than layers spread over all of it
    (docs/quality.md).

    Raises:
        InputError: more layers, or others, than there are.
    """
    numbers = list(range(asked)) if isinstance(asked, int) else list(asked)
    if numbers[-1] >= depth:
        raise InputError(
            f"model.layers: {asked} cannot be had of an encoder with {depth} layers "
            f"(numbers 0 to {depth - 1})"
        )
    return numbers


def keep_layers(model: Any, asked: int | Sequence[int]) -> None:
    """Leave out all but the chosen layers of a model's encoder, in place.

    Raises:
        InputError: more layers, or others, than there are; an encoder that does not hold its
            layers in one list, as BERT and its relatives do.
    """
    depth = int(model.config.num_hidden_layers)
    kept = chosen_layers(asked, depth)
    stacks = [
        (parent, name)
        for parent in model.base_model.modules()
        for name, child in parent.named_children()
        if isinstance(child, nn.ModuleList) and len(child) == depth
    ]
    if len(stacks) != 1:
        raise InputError(
            f"model.layers: {type(model).__name__} does not hold its layers in one list; "
            "leave model.layers out, or take another backbone"
        )
    parent, name = stacks[0]
    layers = getattr(parent, name)
    setattr(parent, name, nn.ModuleList(layers[i] for i in kept))
    model.config.num_hidden_layers = len(kept)
    types = getattr(model.config, "layer_types", None)  # ModernBERT: which attend to all
    if types:
        model.config.layer_types = [types[i] for i in kept]
