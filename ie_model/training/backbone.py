"""Where the encoder of a run lies, and what it can take."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ie_model.config.schema import ModelConfig
from ie_model.errors import InputError
from ie_model.models.backbones import BACKBONES, resolve
from ie_model.models.directory import SETTINGS_FILE
from ie_model.models.token_types import WITH_TOKEN_TYPES

_OFFSET_POSITIONS = {"roberta", "xlm-roberta", "camembert", "mpnet", "longformer", "data2vec-text"}


def backbone_folder(model: ModelConfig) -> str:
    """The folder, or hub id, that transformers loads the encoder from.

    Raises:
        InputError: it is not installed, or may not be fetched.
    """
    return str(
        resolve(model.backbone, allow_download=model.allow_download, revision=model.revision)
    )


def source_options(model: ModelConfig) -> dict[str, Any]:
    """How transformers may fetch and load the parts of a backbone."""
    return {
        "revision": model.revision,
        "trust_remote_code": model.trust_remote_code,
        "local_files_only": not model.allow_download,
    }


def _config(model: ModelConfig) -> Any:
    from transformers import AutoConfig

    folder = backbone_folder(model)
    try:
        return AutoConfig.from_pretrained(folder, **source_options(model))
    except (OSError, ValueError) as error:
        raise InputError(f"backbone {folder}: its config cannot be loaded: {error}") from None


def window_limit(model: ModelConfig) -> int:
    """Tokens of the longest window that the encoder takes.

    Raises:
        InputError: there is no such backbone, or its config cannot be read.
    """
    known = _config(model)
    places = getattr(known, "max_position_embeddings", None)
    if not places or places < 0 or getattr(known, "position_biased_input", True) is False:
        return 1 << 30
    # RoBERTa and its kin start counting positions after the padding token.
    offset = known.pad_token_id + 1 if known.model_type in _OFFSET_POSITIONS else 0
    return int(places) - offset


def carries_letter_case(model: ModelConfig, asked: bool | str, tokenizer: Any) -> bool:
    """Whether tokens are to carry the case of words: if that is asked for, and with ``auto``
    where the vocabulary has lower case alone and the encoder has token types.

    Raises:
        InputError: it is asked for, and the encoder has none.
    """
    if asked is False:
        return False
    kind = _config(model).model_type
    if asked == "auto":
        uncased = tokenizer.tokenize("A") == tokenizer.tokenize("a")
        return uncased and kind in WITH_TOKEN_TYPES
    if kind not in WITH_TOKEN_TYPES:
        raise InputError(
            f"encoding.letter_case: {model.backbone} ({kind}) has no token types to carry it: "
            "say auto, or false"
        )
    return True


def trained_backbone(backbone: str) -> Path | None:
    """The backbone where it is a model of this package, trained before."""
    folder = Path(backbone).expanduser()
    named = backbone in BACKBONES
    return folder if not named and (folder / SETTINGS_FILE).is_file() else None
