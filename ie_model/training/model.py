"""The model before its first update: the backbone with a head for the run's tags."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import torch
from transformers import AutoConfig, AutoModelForTokenClassification, set_seed
from transformers.utils import logging as logging_of_transformers

from ie_model.config.schema import ModelConfig
from ie_model.errors import InputError
from ie_model.labels import LabelSet
from ie_model.models.soundness import check_loadable
from ie_model.models.token_types import add_token_types
from ie_model.training.backbone import backbone_folder, source_options
from ie_model.training.layers import keep_layers
from ie_model.training.vocabulary import Vocabulary

log = logging.getLogger(__name__)


def make_model(
    settings: ModelConfig, labels: LabelSet, vocabulary: Vocabulary, *, seed: int,
    letter_case: bool = False, gradient_checkpointing: bool = False,
) -> Any:  # fmt: skip
    """The backbone with a token-classification head; new weights follow the seed.

    Raises:
        InputError: the backbone cannot be loaded, or has not the layers that are asked for.
    """
    # What it reports of missing heads and of loading is said by us, where it matters.
    logging_of_transformers.set_verbosity_error()
    logging_of_transformers.disable_progress_bar()
    set_seed(seed)
    backbone = backbone_folder(settings)
    options = source_options(settings)
    attention = {"attn_implementation": settings.attention} if settings.attention else {}
    if Path(backbone).is_dir():
        check_loadable(Path(backbone))
    try:
        model = AutoModelForTokenClassification.from_pretrained(
            backbone,
            **options,
            id2label=dict(enumerate(labels.tags)),
            label2id=labels.tag_ids,
            ignore_mismatched_sizes=True,  # another label set: see _keep_head_rows
            use_safetensors=True,  # never a pickle
            dtype="float32",
            **attention,
        )
    except Exception as error:  # each class of models fails in its own way at a damaged config
        raise InputError(f"backbone {backbone}: cannot be loaded: {error}") from None
    _keep_head_rows(model, backbone, options, labels)
    if settings.layers is not None:
        keep_layers(model, settings.layers)
    _add_embeddings(model, vocabulary)
    if letter_case:
        add_token_types(model)
    if gradient_checkpointing:
        model.gradient_checkpointing_enable()
    if settings.dropout is not None:
        _set_dropout(model, settings.dropout)
    return model


def _add_embeddings(model: Any, vocabulary: Vocabulary) -> None:
    if vocabulary.added:
        model.resize_token_embeddings(len(vocabulary.tokenizer), mean_resizing=False)
        table = model.get_input_embeddings().weight.data
        for id_, origin in vocabulary.added.items():
            table[id_] = table[origin].mean(dim=0)


def _set_dropout(model: Any, rate: float) -> None:
    for module in model.modules():
        if type(module).__name__ in ("Dropout", "StableDropout"):
            module.p = rate
    for name in vars(model.config):
        if name.endswith(("dropout", "dropout_prob")) and name != "classifier_dropout":
            setattr(model.config, name, rate)


def _keep_head_rows(model: Any, backbone: str, options: dict[str, Any], labels: LabelSet) -> None:
    """Where the backbone is a span model itself: what its head knows of the tags we share.

    transformers matches head rows by their number, so with as many tags of other names it
    would hand one label's row to another.
    """
    known = AutoConfig.from_pretrained(backbone, **options)
    if not any("ForTokenClassification" in name for name in known.architectures or ()):
        return
    old = {tag: int(id_) for id_, tag in known.id2label.items()}
    new = labels.tag_ids
    if old == new:
        return
    source = AutoModelForTokenClassification.from_pretrained(
        backbone, use_safetensors=True, dtype="float32", **options
    )
    before: dict[str, torch.Tensor] = dict(source.named_parameters())
    shared = [tag for tag in new if tag in old]
    for name, parameter in model.named_parameters():
        is_head = not name.startswith(f"{model.base_model_prefix}.")
        if not is_head or len(parameter) != len(new) or len(before[name]) != len(old):
            continue
        deviation = getattr(model.config, "initializer_range", 0.02) if parameter.ndim > 1 else 0
        parameter.data.normal_(0.0, deviation)
        for tag in shared:
            parameter.data[new[tag]] = before[name].data[old[tag]]
    log.info(
        "warm start from %s: the head keeps %d of its %d tags, %d are new",
        backbone, len(shared), len(old), len(new) - len(shared),
    )  # fmt: skip
