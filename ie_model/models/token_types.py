"""Models that read the case of words as token types.

:mod:`ie_model.encoding.letter_case` says what the cases are and how ids carry them.
"""

from __future__ import annotations

from typing import Any

from ie_model.encoding.letter_case import CASES, ID_BITS

FLAG = "letter_case"
"""The key of ``config.json`` that marks such a model."""

WITH_TOKEN_TYPES = {"albert", "bert", "electra"}
"""Model types whose embeddings have token types."""


def add_token_types(model: Any) -> None:
    """Give a pretrained model a token type for each case, in place.

    Each starts as a copy of the first pretrained type, so the model answers as before.
    """
    from torch import nn

    embeddings = model.base_model.embeddings
    table = embeddings.token_type_embeddings
    if not getattr(model.config, FLAG, False):
        types = nn.Embedding(CASES, table.embedding_dim)
        types.weight.data[:] = table.weight.data[0]
        embeddings.token_type_embeddings = types
        model.config.type_vocab_size = CASES
        setattr(model.config, FLAG, True)
    read_token_types(model)


def read_token_types(model: Any) -> None:
    """Let a marked model take its token types from the upper bits of its ids, in place.

    Other models are left as they are.
    """
    if getattr(model.config, FLAG, False) and model.config.model_type in WITH_TOKEN_TYPES:
        model.base_model.embeddings.register_forward_pre_hook(_split, with_kwargs=True)


def _split(module: Any, args: Any, named: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    ids, *others = args or (named["input_ids"],)
    # Division, not shifts: the converters to ONNX and OpenVINO know it.
    types = ids // (1 << ID_BITS)
    return tuple(others), {
        **named, "input_ids": ids - types * (1 << ID_BITS), "token_type_ids": types
    }  # fmt: skip
