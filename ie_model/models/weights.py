"""The weights of a model directory as a torch module."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ie_model.errors import InputError
from ie_model.models.soundness import check_loadable
from ie_model.models.token_types import read_token_types

if TYPE_CHECKING:
    import torch


def load_classifier(model_dir: Path, dtype: torch.dtype | None = None) -> Any:
    """The token classifier in ``model_dir``, in evaluation mode.

    Nothing is fetched, nothing asked, no code of the folder's run, and no pickle loaded.

    Args:
        model_dir: a Hugging Face model directory.
        dtype: of the weights; float32 by default.

    Raises:
        InputError: there is no model in it that can be loaded.
    """
    import torch
    from transformers import AutoModelForTokenClassification

    check_loadable(model_dir)
    try:
        with no_progress_bars():
            model, report = AutoModelForTokenClassification.from_pretrained(
                model_dir,
                dtype=dtype or torch.float32,
                local_files_only=True,
                use_safetensors=True,  # never a pickle
                # Left open, transformers would ask, and take standard input for the answer.
                trust_remote_code=False,
                output_loading_info=True,
            )
    except Exception as error:  # each class of models fails in its own way at a damaged config
        raise InputError(f"{model_dir} holds no model that can be loaded: {error}") from error
    if missing := sorted(report["missing_keys"]):
        # transformers would let chance fill them in.
        raise InputError(
            f"{model_dir} holds no model that can be loaded: its weights lack {missing[0]}"
            + (f" and {len(missing) - 1} more" if len(missing) > 1 else "")
        )
    read_token_types(model)
    return model.eval()


@contextlib.contextmanager
def no_progress_bars() -> Iterator[None]:
    """Loads of weights in this block show no bars; those elsewhere do as before."""
    from transformers.utils import logging as transformers_logging

    bars = transformers_logging.is_progress_bar_enabled()
    transformers_logging.disable_progress_bar()
    try:
        yield
    finally:
        if bars:
            transformers_logging.enable_progress_bar()
