"""The model directory of a run: weights, tokenizer, settings, metrics, card."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ie_model.config.schema import Config
from ie_model.documents import Document
from ie_model.files import write_json
from ie_model.inference.gold import evaluate
from ie_model.models.card import example_text, write_card
from ie_model.models.directory import (
    ModelSettings,
    read_settings,
    weights_fingerprint,
    write_settings,
)
from ie_model.models.replacement import new_directory

log = logging.getLogger(__name__)


def write_model(
    model: Any,
    tokenizer: Any,
    settings: ModelSettings,
    config: Config,
    metrics: Mapping[str, Any],
) -> None:
    """Write ``config.output_dir``, whole or not at all.

    Args:
        model: fitted.
        tokenizer: what it was fitted with.
        settings: what the directory says of itself; the weights' fingerprint is added.
        config: written as ``config.yaml``, and told in the card.
        metrics: written as ``metrics.json``, and told in the card.

    Raises:
        RunError: the disk is full or failed.
    """
    with new_directory(config.output_dir, keep_foreign=True) as folder:
        model.cpu().save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        (folder / "config.yaml").write_text(config.to_yaml(), encoding="utf-8")
        origin = {
            **settings.origin,
            "weights_fingerprint": weights_fingerprint(folder),
            "files": sorted(f.name for f in folder.iterdir()),
            "example": example_text(config),
        }
        settings = replace(settings, origin=origin)
        write_settings(folder, settings)
        _write_metrics(folder, config, settings, metrics)


def write_test_scores(config: Config, metrics: dict[str, Any], test: Sequence[Document]) -> None:
    """Add the scores on ``data.test`` to a model directory; a fault here leaves it as it is."""
    folder = config.output_dir
    log.info("%s: saved; evaluating it on %d test documents", folder, len(test))
    metrics["test"] = evaluate(folder, test)
    _write_metrics(folder, config, read_settings(folder), metrics)


def _write_metrics(
    folder: Path, config: Config, settings: ModelSettings, metrics: Mapping[str, Any]
) -> None:
    write_json(folder / "metrics.json", metrics)
    write_card(folder, config, settings, metrics)
