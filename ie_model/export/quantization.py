"""int8 models: calibrated on real windows, sensitive layers left out where that is needed."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ie_model.encoding.windows import Window
from ie_model.errors import InputError
from ie_model.export.quantizers import OnnxQuantizer, OpenVINOQuantizer, Quantizer, Run
from ie_model.inference.batching import pad_batch, token_budget_batches
from ie_model.inference.decoding import best_path, spans_of
from ie_model.inference.engines import artifacts
from ie_model.inference.engines.interface import Logits
from ie_model.labels import LabelSet
from ie_model.models.hardware import multiplies_int8

log = logging.getLogger(__name__)

CALIBRATION_WINDOWS = 300
"""Activation ranges hardly move after a few hundred windows (NNCF's own default)."""

SEARCH_WINDOWS = 100
"""Windows on which layers are ranked by how much quantising them changes the logits."""

Span = tuple[int, int, int]
"""First unit, last unit, label."""


@dataclass(frozen=True)
class Quantized:
    """An int8 model that can be saved, and how it was made."""

    save: Callable[[Path], None]
    facts: dict[str, Any]


def quantize(
    model_dir: Path,
    engine: str,
    windows: Sequence[Window],
    search: Sequence[Window],
    labels: LabelSet,
    *,
    target: float = 0.99,
    reduce_range: bool | None = None,
) -> Quantized:
    """Quantise the fp32 conversion of a model to int8.

    Args:
        model_dir: the model; its fp32 conversion must be there (see ``conversion.convert``).
        engine: ``openvino`` (weights, and activations by calibrated ranges) or ``onnx``
            (weights; activations by the range that each batch has).
        windows: real model inputs to calibrate on; up to 300, evenly taken, are used.
        search: others, to compare with fp32. Not windows the model was trained on, if there
            are any: there it is surer of its answers, and rounding changes fewer.
        labels: what the logits mean.
        target: the entity agreement with fp32 below which the most sensitive layers are
            found and left in fp32.
        reduce_range: 7-bit weights, for CPUs that add int8 products in 16 bits; by default
            when this CPU is one.

    Raises:
        InputError: fewer than 8 windows to calibrate on, or the packages are not installed.
    """
    if len(windows) < 8 or not search:
        raise InputError(
            f"int8 needs at least 8 windows of text to calibrate on, found {len(windows)}: "
            "give more documents with --calibration"
        )
    reduce = not multiplies_int8() if reduce_range is None else reduce_range
    path = artifacts.locate(model_dir, engine, "fp32")
    assert path is not None, "convert first"
    step = max(1, len(windows) // CALIBRATION_WINDOWS)
    calibration = list(windows[::step])[:CALIBRATION_WINDOWS]
    quantizer = _quantizer(engine, path, calibration, reduce)
    left_out = left_in_fp32(quantizer, search, labels, target)
    facts = {
        "engine": engine,
        "precision": "int8",
        "reduced_range": reduce,
        "left_in_fp32": left_out,
        "calibration_windows": len(calibration),
        "made_with": quantizer.made_with,
    }
    return Quantized(lambda target: quantizer.save(left_out, target), facts)


def _quantizer(engine: str, path: Path, calibration: list[Window], reduce: bool) -> Quantizer:
    if engine == "onnx":
        return OnnxQuantizer(path, reduce)
    return OpenVINOQuantizer(path, calibration, reduce)


def left_in_fp32(
    quantizer: Quantizer, windows: Sequence[Window], labels: LabelSet, target: float
) -> list[str]:
    """The fewest matrix products to leave in fp32 so that ``target`` is met, or half of them.

    Groups of products are put back to fp32 each by itself and ranked by how much that
    lowers the error of the logits, divided by the size of their matrices (what it costs in
    speed); then they are put back one after the other until the agreement is reached.
    """
    fp32 = Answers(quantizer.fp32(), windows, labels)
    full = Answers(quantizer.variant(()), windows, labels)
    agreement = full.agreement(fp32)
    log.info("int8, every layer: entity agreement with fp32 %.2f %%", 100 * agreement)
    if agreement >= target:
        return []
    log.info("below %.1f %%: looking for the layers to leave in fp32", 100 * target)
    step = max(1, len(windows) // SEARCH_WINDOWS)
    sample, exact = windows[::step], fp32.every(step)
    base = full.every(step).error(exact)
    gains: list[tuple[float, list[str]]] = []
    for names, size in quantizer.groups():
        error = Answers(quantizer.variant(names), sample, labels).error(exact)
        gains.append(((base - error) / size, names))
    gains.sort(key=lambda gain: -gain[0])
    left_out: list[str] = []
    for _, names in gains[: len(gains) // 2]:
        left_out += names
        agreement = Answers(quantizer.variant(left_out), windows, labels).agreement(fp32)
        log.info("%d left in fp32, now %s: %.2f %%", len(left_out), names[0], 100 * agreement)
        if agreement >= target:
            break
    return left_out


class Answers:
    """What a model says about some windows, each taken by itself."""

    def __init__(self, run: Run, windows: Sequence[Window], labels: LabelSet) -> None:
        lengths = [len(w.input_ids) for w in windows]
        self.logits: list[Logits] = [np.empty((0, 0), np.float32)] * len(windows)
        for batch in token_budget_batches(lengths, 2048):
            rows = run(*pad_batch([windows[i].input_ids for i in batch], 0))
            for row, index in zip(rows, batch, strict=True):
                self.logits[index] = row[windows[index].positions]
        self._labels = labels

    def every(self, step: int) -> Answers:
        """The answers to every ``step``-th window."""
        some = copy(self)
        some.logits = self.logits[::step]
        return some

    @cached_property
    def spans(self) -> set[Span]:
        """The entities, units counted through all windows."""
        bases = np.cumsum([0, *map(len, self.logits)])
        heads = np.zeros(bases[-1], dtype=bool)
        heads[bases[:-1][np.diff(bases) > 0]] = True
        path = best_path(np.concatenate(self.logits), heads, self._labels)
        first, last = spans_of(path, heads, self._labels)
        kinds = self._labels.label_ids[path[first]]
        return set(zip(first.tolist(), last.tolist(), kinds.tolist(), strict=True))

    def agreement(self, other: Answers) -> float:
        """F1 of one model's entities against the other's."""
        total = len(self.spans) + len(other.spans)
        return 2 * len(self.spans & other.spans) / total if total else 1.0

    def error(self, other: Answers) -> float:
        """Mean squared difference of the logits: finer than the agreement, for ranking."""
        gaps = np.concatenate(self.logits) - np.concatenate(other.logits)
        return float(np.square(gaps).mean())
