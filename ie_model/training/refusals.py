"""Everything that can be refused before a corpus is read, in one place.

A dry run looks at it as the run itself does.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ie_model.config.schema import Config, DistillationConfig, TrainingConfig
from ie_model.documents import Document
from ie_model.errors import InputError
from ie_model.files import scratch_folder
from ie_model.labels import LabelSet
from ie_model.models.catalogue import BACKBONES
from ie_model.models.devices import resolve_device
from ie_model.models.replacement import check_destination
from ie_model.training.backbone import trained_backbone, window_limit
from ie_model.training.processes import is_first_process, world_size
from ie_model.training.teachers import check_teachers
from ie_model.training.trackers import events_parent
from ie_model.training.trainer import resolve_precision

if TYPE_CHECKING:
    from datasets import Dataset

log = logging.getLogger(__name__)

SMALLEST_RATE = 1e-9
"""Half of a float32's last place at 0.02, the size of an encoder's weights."""
SMALLEST_NORM = 1e-8
"""AdamW's epsilon, which it adds to what it divides by."""


def refuse(
    config: Config, dev: Sequence[Document] | Dataset | None = None, *, given: bool = False
) -> None:
    """Refuse what cannot work; warn of what does nothing.

    Args:
        config: the run.
        dev: documents that the caller gives instead of ``data.dev``.
        given: whether the caller gives documents instead of ``data.train``.

    Raises:
        InputError: no ``Config``; or see the functions below.
    """
    require_config(config)
    with config.named():
        _refuse(config, dev, given)
    if is_first_process():
        warn_of_idle(config)


def require_config(given: object) -> None:
    """Refuse what is no ``Config``.

    Raises:
        InputError: it is none.
    """
    if not isinstance(given, Config):
        raise InputError(
            f"expected a Config, found {type(given).__name__}; load_config(...) makes one of a "
            "file, or of the name of a shipped config"
        )


def _refuse(config: Config, dev: Sequence[Document] | Dataset | None, given: bool) -> None:
    if not (given or config.data.train):
        raise InputError(
            "data.train: names no corpus to train on; name one, or give documents to train()"
        )
    check_settings(config)
    check_output(config)
    if "tensorboard" in config.training.loggers:
        events = events_parent(config.output_dir, config.training.log_dir)
        _check_makes(f"training.log_dir {events}", events.absolute())
    section = config.distillation
    if section.unlabelled and not section.teachers:
        raise InputError(
            "distillation.unlabelled: texts without annotations teach nothing unless "
            "distillation.teachers names a model that marks them"
        )
    check_teachers(section.teachers, LabelSet.declare(config.labels, config.scheme))
    data = config.data
    held_out = data.dev if dev is None else dev
    if config.training.early_stopping and not (held_out or data.dev_fraction):
        raise InputError(
            "training.early_stopping: there are no dev documents to stop by; set data.dev or "
            "data.dev_fraction"
        )
    limit = window_limit(config.model)
    if config.encoding.window > limit:
        raise InputError(
            f"encoding.window: {config.encoding.window} tokens, but {config.model.backbone} "
            f"takes {limit} at most"
        )


def check_settings(config: Config) -> None:
    """Refuse settings that this machine or the labels cannot fulfil.

    Raises:
        InputError: a device that is not there, a precision it does not have, a class weight
            for a label that is not declared, values with which nothing is learned, a tracker that
            is not installed.
    """
    from transformers.integrations import get_available_reporting_integrations

    training = config.training
    resolve_precision(training, resolve_device(training.device, "training.device"))
    for label in training.class_weights:
        if label not in (*config.labels, "O"):
            raise InputError(
                f"training.class_weights: {label!r} is not a declared label; there are "
                f"{', '.join(config.labels)} and O"
            )
    check_learns(training, config.labels)
    installed = get_available_reporting_integrations() if training.loggers else []
    for name in training.loggers:
        if name not in installed:
            raise InputError(
                f"training.loggers: {name} is not installed; run: pip install {name}, or leave "
                "it out"
            )


def check_learns(training: TrainingConfig, labels: Sequence[str]) -> None:
    """Refuse values with which a run would end in order and have learned nothing.

    Raises:
        InputError: every label has the class weight 0, or updates are too small for weights to
            take up, or take them away whole.
    """
    if not any(training.class_weights.get(label, 1.0) for label in labels):
        raise InputError(
            "training.class_weights: every label has the weight 0, so none is learned; give one "
            "more"
        )
    rates = {
        "training.learning_rate": training.learning_rate,
        "training.head_learning_rate": training.head_learning_rate or training.learning_rate,
    }
    # AdamW moves a weight by the rate at most; to a weight of 0.02 less is lost in rounding.
    if max(rates.values()) < SMALLEST_RATE:
        raise InputError(
            f"training.learning_rate: {training.learning_rate:g} is less than weights can take up "
            f"({SMALLEST_RATE:g}), so nothing is learned; backbones learn at about 1e-5 to 1e-3"
        )
    for name, rate in rates.items():
        if rate * training.weight_decay >= 1:
            raise InputError(
                f"training.weight_decay: {training.weight_decay:g} times {name} {rate:g} is 1 or "
                "more: each update would take the weights away whole; give a smaller one"
            )
    if training.max_grad_norm < SMALLEST_NORM:
        raise InputError(
            f"training.max_grad_norm: gradients cut to {training.max_grad_norm:g} are less than "
            f"AdamW tells from none ({SMALLEST_NORM:g}), so nothing is learned; 1 is usual"
        )


def check_cross_validation(config: Config) -> None:
    """:func:`check_settings`, and what would make out-of-fold scores untrue; warns of a backbone
    that may have learned from the documents.

    Raises:
        InputError: also for teachers, and in one of several processes.
    """
    with config.named():
        _refuse_cross_validation(config)
    if backbone := trained_backbone(config.model.backbone):
        log.warning(
            "model.backbone: %s is a trained model; if it learned from documents that are tested "
            "here, the scores are too good", backbone,
        )  # fmt: skip


def _refuse_cross_validation(config: Config) -> None:
    if not config.data.train:
        raise InputError("data.train: names no corpus to cross-validate on")
    if config.distillation.teachers:
        raise InputError(
            "cross-validation: a teacher may have learned from the documents that are tested; "
            "cross-validate the config without distillation.teachers, and measure a distilled "
            "model on documents that neither has seen"
        )
    if world_size() > 1:
        raise InputError(
            "cross-validation: runs in one process; start it without torchrun or accelerate launch"
        )
    check_settings(config)


def warn_of_idle(config: Config) -> None:
    """Say which settings of augmentation and distillation do nothing, and why."""
    section, augment = config.distillation, config.data.augment
    if config.data.dev and config.data.dev_fraction:
        log.warning("data.dev_fraction: has no effect, data.dev names the dev documents")
    if not section.teachers and section != DistillationConfig():
        log.warning("distillation: no teacher is named, so its settings have no effect")
    if section.teachers and not section.weight and not any(s.weight for s in section.unlabelled):
        log.warning("distillation.weight: is 0 and no text is unlabelled, so no teacher teaches")
    steps = [name for name, chance in augment if isinstance(chance, float) and chance > 0]
    if steps and not augment.copies:
        log.warning("data.augment: copies is 0, so %s has no effect", ", ".join(steps))
        return
    if augment.copies and not steps:
        log.warning("data.augment: every probability is 0, so there is no copy that differs")
    for name, needed in (
        ("resample_numbers", augment.number_labels),
        ("resample_dates", augment.date_labels),
        ("add_abbreviations", augment.organisation_labels),
    ):
        if name in steps and not set(needed) & set(config.labels):
            log.warning(
                "data.augment.%s: of the labels it is for (%s) none is declared; it has no effect",
                name, ", ".join(needed),
            )  # fmt: skip


def check_output(config: Config) -> None:
    """Refuse an ``output_dir`` that cannot be written, or that the run would learn from.

    Raises:
        InputError: it is a file, holds other things than a model, cannot be made, or is the
            backbone or a teacher (a folder that holds one of them counts as well).
    """
    target = config.output_dir
    check_destination(target)
    _check_makes(f"output_dir {target}", target.absolute().parent)
    sources = list(config.distillation.teachers)
    if config.model.backbone not in BACKBONES:
        sources.append(Path(config.model.backbone).expanduser())
    for source in sources:
        place = source.resolve()
        if source.is_dir() and target.resolve() in (place, *place.parents):
            raise InputError(
                f"output_dir {target}: the new model would replace {source}, which it is to "
                "learn from; choose another output_dir"
            )


def _check_makes(what: str, folder: Path) -> None:
    """Refuse what is to stand in a folder that is not there and cannot be made, or written."""
    standing = next(place for place in (folder, *folder.parents) if place.exists())
    try:
        # Made and taken away again: permissions alone say too little of mounts and of root.
        with scratch_folder(standing):
            pass
    except OSError as error:
        reason = "is not writable" if standing.is_dir() else "is a file"
        raise InputError(
            f"{what}: cannot be made, {standing} {reason}: {error.strerror or error}"
        ) from error
