"""The tokenizer of a run: the backbone's, with the words that the config adds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ie_model.config.schema import ModelConfig
from ie_model.errors import InputError
from ie_model.training.backbone import backbone_folder, source_options


@dataclass(frozen=True)
class Vocabulary:
    """A tokenizer, and for each id added to it the ids whose mean its embedding starts from."""

    tokenizer: Any
    added: Mapping[int, list[int]]

    @property
    def pad_id(self) -> int:
        """What batches are filled up with."""
        return self.tokenizer.pad_token_id or 0


def load_vocabulary(model: ModelConfig) -> Vocabulary:
    """The backbone's tokenizer with ``model.added_tokens``.

    An uncased vocabulary has one token for ``IS`` and ``is``; an added word is a token of its
    own, matched with its case and only as a whole word.

    Raises:
        InputError: there is no backbone, or no tokenizer in it.
    """
    from tokenizers import AddedToken
    from transformers import AutoTokenizer

    folder = backbone_folder(model)
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, **source_options(model))
    except (OSError, ValueError) as error:
        raise InputError(f"backbone {folder}: its tokenizer cannot be loaded: {error}") from None
    words = model.added_tokens
    known = len(tokenizer)
    origins = {
        word: tokenizer(like, add_special_tokens=False)["input_ids"] for word, like in words.items()
    }
    tokenizer.add_tokens([AddedToken(w, normalized=False, single_word=True) for w in words])
    ids = {word: int(tokenizer.convert_tokens_to_ids(word)) for word in words}  # type: ignore[arg-type]
    return Vocabulary(tokenizer, {i: origins[word] for word, i in ids.items() if i >= known})
