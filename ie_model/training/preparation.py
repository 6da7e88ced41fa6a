"""What stands before the first update: tokenizer, encoded data, planned batches, fresh model."""

from __future__ import annotations

import contextlib
import logging
import math
import os
import platform
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import Any

from ie_model.config.schema import Config, ModelConfig, TrainingConfig
from ie_model.corpus import reading as corpus
from ie_model.corpus.leakage import repeated
from ie_model.documents import Document
from ie_model.encoding.windows import Encoder
from ie_model.errors import InputError
from ie_model.inference.batching import padding_waste
from ie_model.inference.gold import check_annotated
from ie_model.labels import LabelSet
from ie_model.models.backbones import default_cache_dir, resolve
from ie_model.models.directory import ModelSettings
from ie_model.training.batches import LengthGroupedBatches, is_first_process, world_size
from ie_model.training.inputs import (
    SoftTargets,
    TrainingWindows,
    WeightedDocuments,
    encode_documents,
    encode_sources,
    read_sources,
    read_texts,
)
from ie_model.training.refusals import check_output, check_settings, warn_of_idle

log = logging.getLogger(__name__)

_SCRATCH = "windows-"  # a folder in the work folder for each process's own windows


@dataclass
class Preparation:
    """Everything that stands before the first update; also what a dry run shows."""

    config: Config
    labels: LabelSet
    encoder: Encoder
    tokenizer: Any
    backbone: str
    windows: TrainingWindows
    dev: list[Document]
    test: list[Document]
    batches: LengthGroupedBatches
    steps: int
    added_tokens: dict[int, list[int]] = field(default_factory=dict)
    scratch: Path | None = field(default=None)

    def discard(self) -> None:
        """Remove windows that were encoded for this run alone."""
        if self.scratch is not None:
            shutil.rmtree(self.scratch, ignore_errors=True)
            with contextlib.suppress(OSError):  # not empty: a run's checkpoints
                self.scratch.parent.rmdir()

    def settings(self) -> ModelSettings:
        """What the model directory will say of itself, but for its origin."""
        encoding, floor = self.config.encoding, self.config.min_score
        return ModelSettings(
            labels=self.labels.labels,
            tags=self.labels.tags,
            window=encoding.window,
            overlap=encoding.overlap,
            lines=encoding.lines,
            touching=self.labels.touching,
            whole_words=encoding.whole_words,
            thresholds=dict.fromkeys(self.labels.labels, floor) if floor else {},
        )

    def describe(self) -> dict[str, Any]:
        """The resolved run in plain values: data ledger, batches, steps."""
        epoch, ledger = self.batches.batches(0), self.windows.ledger
        return {
            "backbone": self.backbone,
            "labels": list(self.labels.labels),
            "tags": len(self.labels.tags),
            "ledger": ledger.to_dict(),
            "entities": {label: ledger.entities[label] for label in self.labels.labels},
            "dev_documents": len(self.dev),
            "test_documents": len(self.test),
            "batches_per_epoch": len(self.batches),
            "steps": self.steps,
            "padding_waste": round(padding_waste(self.windows.lengths.tolist(), epoch, 1), 4),
        }


def prepare(
    config: Config,
    documents: WeightedDocuments | None = None,
    dev: Sequence[Document] | None = None,
) -> Preparation:
    """Check settings, load the tokenizer, encode the data, plan batches. See :func:`train`."""
    from transformers import AutoTokenizer

    check_settings(config)
    check_output(config)
    if is_first_process():
        warn_of_idle(config)
    labels = LabelSet.declare(config.labels, config.scheme)
    chosen = config.model
    backbone = str(
        resolve(chosen.backbone, allow_download=chosen.allow_download, revision=chosen.revision)
    )
    try:
        tokenizer = AutoTokenizer.from_pretrained(backbone, **_source_options(config.model))
    except (OSError, ValueError) as error:
        raise InputError(f"backbone {backbone}: its tokenizer cannot be loaded: {error}") from None
    added = _add_tokens(tokenizer, chosen.added_tokens)
    limit = _window_limit(backbone, config)
    if config.encoding.window > limit:
        raise InputError(
            f"encoding.window: {config.encoding.window} tokens, but {config.model.backbone} "
            f"takes {limit} at most"
        )
    encoding = config.encoding
    encoder = Encoder(
        tokenizer, encoding.window, encoding.overlap, encoding.lines,
        whole_words=encoding.whole_words,
    )  # fmt: skip
    test = [d for _, d in read_sources(config.data.test, config.labels)]
    if dev is None:
        dev = [d for _, d in read_sources(config.data.dev, config.labels)]
    _check_held_out(config, documents, {"data.dev": dev, "data.test": test})
    if config.data.dev_fraction and not dev:
        documents, dev = _split(config, documents)
    if config.training.early_stopping and not dev:
        raise InputError(
            "training.early_stopping: there are no dev documents to stop by; set data.dev or "
            "data.dev_fraction"
        )
    if config.data.augment.copies:
        documents = _augmented(config, documents)
    scratch = None
    cache = config.data.cache_dir or default_cache_dir()
    soft = _soft_targets(config, labels, cache)
    if documents is None and soft is None:
        windows = encode_sources(config.data.train, encoder, labels, cache)
    else:
        if documents is None:
            documents = read_sources(config.data.train, config.labels)
        scratch = work_dir(config) / f"{_SCRATCH}{platform.node()}-{os.getpid()}"
        shutil.rmtree(scratch, ignore_errors=True)
        windows = encode_documents(documents, encoder, labels, scratch, soft)
    if windows.ledger.representable == 0:
        raise InputError(
            "the training documents hold no entity that can be learned; check data.train and labels"
        )
    absent = windows.ledger.without_examples(labels.labels)
    if absent and soft is None and is_first_process():
        log.warning(
            "the training documents hold no example of %s; they teach nothing of it",
            ", ".join(absent),
        )
    touching = config.touching
    labels = replace(labels, touching=windows.ledger.spans_touch if touching is None else touching)
    batches, steps = _planned(config.training, windows)
    return Preparation(
        config, labels, encoder, tokenizer, backbone, windows, list(dev), test, batches, steps,
        added, scratch,
    )  # fmt: skip


def _check_held_out(
    config: Config,
    documents: WeightedDocuments | None,
    held_out: Mapping[str, Sequence[Document]],
) -> None:
    """Refuse dev or test documents that cannot be scored; warn of those that are trained on.

    Documents that can be read only once, and are given as an iterator, are not compared.
    """
    given = [(name, document) for name, some in held_out.items() for document in some]
    for name, some in held_out.items():
        if some:
            check_annotated(some, name)
    readable = documents is None or isinstance(documents, Sequence)
    if not given or not readable or not is_first_process():
        return
    pairs = read_texts(config.data.train) if documents is None else documents
    plain = read_texts(config.distillation.unlabelled)
    found = repeated([d for _, d in given], (d for _, d in chain(pairs, plain)))
    for name, count in Counter(given[i][0] for i in found).items():
        log.warning(
            "%s: %d of %d documents are (nearly) the same as training documents; scores on them "
            "are too good",
            name, count, len(held_out[name]),
        )  # fmt: skip


def _planned(
    training: TrainingConfig, windows: TrainingWindows
) -> tuple[LengthGroupedBatches, int]:
    """The batches, the same number in every epoch there will be, and the updates in all."""

    def planned(epochs: int) -> LengthGroupedBatches:
        return LengthGroupedBatches(
            windows.lengths, windows.weights, tokens=training.batch_tokens,
            windows=training.batch_windows, epochs=epochs, seed=training.seed,
            world=world_size(),
        )  # fmt: skip

    epochs = math.ceil(training.epochs)
    batches = planned(epochs)
    updates = batches.updates(training.gradient_accumulation)
    steps = training.max_steps or math.ceil(updates * training.epochs)
    if steps > updates * epochs:
        batches = planned(-(-steps // updates))
    return batches, steps


def _add_tokens(tokenizer: Any, words: Mapping[str, str]) -> dict[int, list[int]]:
    """Make words tokens of their own, matched with their case and only as whole words.

    An uncased vocabulary has one token for ``IS`` and ``is``. Returns for each new id the
    ids whose mean its embedding starts from.
    """
    from tokenizers import AddedToken

    known = len(tokenizer)
    origins = {
        word: tokenizer(like, add_special_tokens=False)["input_ids"] for word, like in words.items()
    }
    tokenizer.add_tokens([AddedToken(w, normalized=False, single_word=True) for w in words])
    ids = {word: tokenizer.convert_tokens_to_ids(word) for word in words}
    return {id_: origins[word] for word, id_ in ids.items() if id_ >= known}


def _source_options(model: ModelConfig) -> dict[str, Any]:
    """How transformers may fetch and load the parts of a backbone."""
    return {
        "revision": model.revision,
        "trust_remote_code": model.trust_remote_code,
        "local_files_only": not model.allow_download,
    }


def work_dir(config: Config) -> Path:
    """Where a run keeps what must survive its interruption; removed when it is done."""
    target = config.output_dir
    return target.with_name(f".{target.name}.training")


def remove_scratch(work: Path) -> None:
    """Remove what killed runs of one process left; several on one machine may be starting."""
    if world_size() == 1:
        for old in work.glob(f"{_SCRATCH}*"):
            shutil.rmtree(old, ignore_errors=True)


def _soft_targets(config: Config, labels: LabelSet, cache: Path) -> SoftTargets | None:
    settings = config.distillation
    if not settings.teachers:
        if settings.unlabelled:
            raise InputError(
                "distillation.unlabelled: texts without annotations teach nothing unless "
                "distillation.teachers names a model that marks them"
            )
        return None
    from ie_model.training.teachers import Teachers

    training = config.training
    teachers = Teachers(
        settings.teachers, labels, settings.temperature, cache, training.device, training.threads
    )
    return SoftTargets(teachers, settings.weight, read_texts(settings.unlabelled))


def _split(
    config: Config, documents: WeightedDocuments | None
) -> tuple[list[tuple[float, Document]], list[Document]]:
    if documents is None:
        documents = read_sources(config.data.train, config.labels)
    weighted = list(documents)
    _, dev = corpus.split_documents(
        [d for _, d in weighted], config.data.dev_fraction, config.training.seed
    )
    held_out = {id(d) for d in dev}
    return [(w, d) for w, d in weighted if id(d) not in held_out], dev


def _augmented(config: Config, documents: WeightedDocuments | None) -> list[tuple[float, Document]]:
    from ie_model.corpus.augmentation import numbered_copies

    if documents is None:
        documents = read_sources(config.data.train, config.labels)
    weighted = list(documents)
    copies = numbered_copies([d for _, d in weighted], config.data.augment, config.training.seed)
    return weighted + [(weighted[number][0], copy) for number, copy in copies]


def _window_limit(backbone: str, config: Config) -> int:
    from transformers import AutoConfig

    try:
        model_config = AutoConfig.from_pretrained(backbone, **_source_options(config.model))
    except (OSError, ValueError) as error:
        raise InputError(f"backbone {backbone}: its config cannot be loaded: {error}") from None
    places = getattr(model_config, "max_position_embeddings", None)
    if not places or places < 0 or getattr(model_config, "position_biased_input", True) is False:
        return 1 << 30
    # RoBERTa and its kin start counting positions after the padding token.
    offset = model_config.pad_token_id + 1 if model_config.model_type in _OFFSET_POSITIONS else 0
    return int(places) - offset


_OFFSET_POSITIONS = {"roberta", "xlm-roberta", "camembert", "mpnet", "longformer", "data2vec-text"}


def new_model(ready: Preparation) -> Any:
    """The backbone with a fresh token-classification head; its weights follow the seed."""
    from transformers import AutoModelForTokenClassification

    settings = ready.config.model
    kwargs: dict[str, Any] = {}
    if settings.attention:
        kwargs["attn_implementation"] = settings.attention
    try:
        model = AutoModelForTokenClassification.from_pretrained(
            ready.backbone,
            **_source_options(settings),
            id2label=dict(enumerate(ready.labels.tags)),
            label2id=ready.labels.tag_ids,
            ignore_mismatched_sizes=True,  # another label set: see _keep_head_rows
            use_safetensors=True,  # never a pickle
            dtype="float32",
            **kwargs,
        )
    except (OSError, ValueError) as error:
        raise InputError(f"backbone {ready.backbone}: cannot be loaded: {error}") from None
    _keep_head_rows(model, ready)
    if ready.added_tokens:
        model.resize_token_embeddings(len(ready.tokenizer), mean_resizing=False)
        table = model.get_input_embeddings().weight.data
        for id_, origin in ready.added_tokens.items():
            table[id_] = table[origin].mean(dim=0)
    if ready.config.training.gradient_checkpointing:
        model.gradient_checkpointing_enable()
    if settings.dropout is not None:
        for module in model.modules():
            if type(module).__name__ in ("Dropout", "StableDropout"):
                module.p = settings.dropout
        for name in vars(model.config):
            if name.endswith(("dropout", "dropout_prob")) and name != "classifier_dropout":
                setattr(model.config, name, settings.dropout)
    return model


def _keep_head_rows(model: Any, ready: Preparation) -> None:
    """Where the backbone is a span model itself: what its head knows of the tags we share.

    transformers matches head rows by their number, so with as many tags of other names it
    would hand one label's row to another.
    """
    from transformers import AutoConfig, AutoModelForTokenClassification

    options = _source_options(ready.config.model)
    known = AutoConfig.from_pretrained(ready.backbone, **options)
    if not any("ForTokenClassification" in name for name in known.architectures or ()):
        return
    old = {tag: int(id_) for id_, tag in known.id2label.items()}
    new = ready.labels.tag_ids
    if old == new:
        return
    source = AutoModelForTokenClassification.from_pretrained(
        ready.backbone, use_safetensors=True, dtype="float32", **options
    )
    before = dict(source.named_parameters())
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
        ready.backbone, len(shared), len(old), len(new) - len(shared),
    )  # fmt: skip
