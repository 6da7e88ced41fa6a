"""Calibrate a model from the out-of-fold predictions of its cross-validation.

The models of a cross-validation differ from the one trained on everything, which is a
little better; their scores are the only ones that come from unseen text, so the final
model borrows their calibration.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ie_model.config.loading import load_config
from ie_model.config.schema import describe_differences, differences, without_places
from ie_model.encoding.alignment import align
from ie_model.errors import InputError
from ie_model.evaluation.calibrators import (
    cross_fitted,
    fit_knots,
    fit_temperature,
    reliability,
)
from ie_model.evaluation.out_of_fold import OofRun, Prediction
from ie_model.evaluation.thresholds import ScoredSpans, choose_thresholds, review_bands
from ie_model.inference.decoding import decode
from ie_model.inference.thresholds import calibrate_scores
from ie_model.metrics.bootstrap import FEWEST_DOCUMENTS
from ie_model.metrics.spans import score_documents
from ie_model.models.card import refresh_card
from ie_model.models.directory import read_settings, write_settings

log = logging.getLogger(__name__)

_GROUPS = 10  # for cross-fitting over paragraphs when documents are few


def calibrate_run(
    run: OofRun, *, precision: float | None = None, review_precision: float = 0.95
) -> dict[str, Any]:
    """Fit temperature, calibrator, thresholds and review bands on a whole run, all seeds.

    Args:
        run: a complete cross-validation.
        precision: wished for each label; ``None`` chooses thresholds for the best F1.
        review_precision: spans that would be this precise need no review.

    Returns:
        ``temperature``; ``knots``; ``thresholds`` (see
        :func:`~ie_model.evaluation.thresholds.choose_thresholds`); ``review``; ``before``,
        ``after``: :func:`~ie_model.evaluation.calibrators.reliability` of the scores as the
        models gave them and of scores calibrated without the document (below ten documents:
        the paragraph) they are in; ``cross_validation`` (span scores of the run); ``spans``,
        ``groups`` (what was left out together).

    Raises:
        InputError: the run is incomplete or predicted nothing, or a bad precision.
    """
    found = [p for seed in run.protocol.seeds for p in run.predictions(seed)]
    tags = [align(p.units, p.gold.entities, run.label_set, p.gold.unannotated)[0] for p in found]
    temperature = fit_temperature(np.concatenate([p.logits for p in found]), np.concatenate(tags))
    raw, correct, labels, groups = _scored(found, run, 1.0)
    if not len(raw):
        raise InputError(
            f"{run.path}: the models predicted no span, so there is nothing to calibrate; "
            "train longer or on more documents"
        )
    tempered = _scored(found, run, temperature)[0]
    knots = fit_knots(tempered, correct)
    index = {label: i for i, label in enumerate(run.labels)}
    gold = np.bincount(
        [index[e.label] for p in found for e in p.gold.entities], minlength=len(run.labels)
    )
    fitted = calibrate_scores(tempered, {"knots": knots})
    spans = ScoredSpans(fitted, correct, labels, gold)
    thresholds = choose_thresholds(spans, run.labels, precision)
    keep = {label: thresholds[label]["threshold"] for label in run.labels}
    return {
        "temperature": temperature,
        "knots": knots,
        "thresholds": thresholds,
        "review": review_bands(spans, run.labels, keep, review_precision),
        "before": reliability(raw, correct),
        "after": reliability(cross_fitted(tempered, correct.astype(float), groups), correct),
        "cross_validation": _scores(run),
        "spans": len(raw),
        "groups": len(np.unique(groups)),
    }


def warn_of_other_origin(run: OofRun, model_dir: str | Path) -> None:
    """Warn, in one line, when the model was trained otherwise than those of the run.

    Compared are the configs, but for the seed and what says only where and on which machine,
    and how many documents and characters there were.

    Raises:
        InputError: not a model directory.
    """
    settings = read_settings(model_dir)
    file = Path(model_dir) / "config.yaml"
    if not file.is_file():
        return
    try:
        config = load_config(file)
    except InputError as error:
        log.warning("%s; whether the model was trained as the run was cannot be told", error)
        return
    before, now = _essence(run.protocol.config), _essence(config.model_dump(mode="json"))
    ledger, data = settings.origin.get("ledger"), run.protocol.data
    if ledger and not (config.data.dev_fraction or config.data.augment.copies):
        for name in ("documents", "characters") if not ledger["unlabelled"] else ():
            before[name], now[name] = data[name] + data[f"train_only_{name}"], ledger[name]
    found = differences(before, now)
    if found:
        log.warning(
            "%s: not trained as the models of %s were, whose calibration may not fit it: %s",
            model_dir, run.path, describe_differences(found),
        )  # fmt: skip


def _essence(config: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a config that decide what a model learns, but for its seed."""
    values = without_places(config)
    for key in (
        "output_dir",
        "touching",
        "license",
        "languages",
    ):  # a run settles the second for all its folds
        values.pop(key, None)
    for key in ("seed", "device", "threads", "checkpoint_every", "loggers"):
        values.get("training", {}).pop(key, None)
    data = values.get("data", {})
    data.pop("test", None)
    for source in data.get("train", []):
        source.pop("train_only", None)
    return values


def store_calibration(model_dir: str | Path, fitted: Mapping[str, Any], *, keep_all: bool) -> None:
    """Write what :func:`calibrate_run` found into a model directory's ``ie_model.json``.

    Args:
        model_dir: the model that gets the calibration; its labels must be those of the run.
        fitted: from :func:`calibrate_run`.
        keep_all: calibrate the scores and set no thresholds.

    Raises:
        InputError: not a model directory, or one with other labels.
    """
    settings = read_settings(model_dir)
    labels = [name for name in fitted["thresholds"] if name in fitted["review"]]
    if set(labels) != set(settings.labels):
        raise InputError(
            f"{model_dir}: has the labels {', '.join(settings.labels)} but the run has "
            f"{', '.join(labels)}; calibrate with a cross-validation of the same label set"
        )
    calibration = {
        "knots": dict(fitted["knots"]),
        "review": {
            label: [0.0 if keep_all else low, high]
            for label, (low, high) in fitted["review"].items()
        },
        "ece_before": fitted["before"]["ece"],
        "ece_after": fitted["after"]["ece"],
        "spans": fitted["spans"],
        "cross_validation": fitted["cross_validation"],
    }
    thresholds = {name: fitted["thresholds"][name]["threshold"] for name in labels}
    write_settings(
        model_dir,
        replace(
            settings,
            temperature=fitted["temperature"],
            calibration=calibration,
            thresholds={} if keep_all else thresholds,
        ),
    )
    if not refresh_card(Path(model_dir)):
        log.warning("%s: its card was left as it is (what it tells of cannot be read)", model_dir)


def _scores(run: OofRun) -> dict[str, float]:
    """Exact span scores of a run, the mean over its seeds, as the card tells them."""
    rows = [
        score_documents(*run.pairs(seed), run.labels)["span"]["micro"]
        for seed in run.protocol.seeds
    ]
    means = {k: float(np.mean([r[k] for r in rows])) for k in ("precision", "recall", "f1")}
    documents = sum(map(len, run.protocol.folds))
    return {**means, "documents": documents, "seeds": len(run.protocol.seeds)}


def _scored(
    found: list[Prediction], run: OofRun, temperature: float
) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.int64], NDArray[np.int64]]:
    """Score, correctness, label and group of every predicted span at a temperature."""
    decoded = decode(
        [p.logits for p in found],
        [p.units for p in found],
        [p.gold.text for p in found],
        run.label_set,
        temperature,
    )
    index = {label: i for i, label in enumerate(run.labels)}
    number: dict[str, int] = {}
    by_document = len({p.gold.id for p in found}) >= FEWEST_DOCUMENTS
    rows = []
    for p, entities in zip(found, decoded, strict=True):
        gold = {e.key for e in p.gold.entities}
        document = number.setdefault(p.gold.id, len(number))
        for e in entities:
            line = p.gold.text.count("\n", 0, e.start)
            group = document if by_document else (document * 7919 + line) % _GROUPS
            rows.append((e.score or 0.0, e.key in gold, index[e.label], group))
    table = np.array(rows, dtype=np.float64).reshape(-1, 4)
    return (
        table[:, 0],
        table[:, 1] > 0,
        table[:, 2].astype(np.int64),
        table[:, 3].astype(np.int64),
    )
