"""From the trained PyTorch model to OpenVINO and ONNX files, each checked against torch."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ie_model.encoding.letter_case import CASES, ID_BITS
from ie_model.errors import InputError, RunError
from ie_model.inference.engines import artifacts
from ie_model.inference.engines.interface import Ids, Logits
from ie_model.inference.engines.runtimes import import_onnxruntime, import_openvino
from ie_model.models.token_types import FLAG
from ie_model.models.weights import load_classifier

TOLERANCE = 1e-3
"""Largest difference of a logit between torch and a converted model, both in fp32, relative
to the largest logit (at least 1): kernels add up in different orders, nothing more."""

_SHAPES = ((1, 5), (3, 24), (2, 61))


def convert(model_dir: Path, engine: str) -> Path:
    """Convert the model in ``model_dir`` for ``engine`` (openvino, onnx) in fp32; the new file.

    Does nothing when a conversion of the present weights is there already. The result is
    compared with torch on batches of several shapes, padding included, before it is stored.

    Raises :class:`RunError` when the model cannot be converted or answers differently.
    """
    with artifacts.exclusive(model_dir, engine):
        there = artifacts.locate(model_dir, engine, "fp32")
        if there is not None:
            return there
        model = load_classifier(model_dir)
        maker = _openvino if engine == "openvino" else _onnx
        try:
            with _quiet():
                save, run, version = maker(model)
        except InputError:
            raise
        except Exception as error:  # whatever the converters raise on an unknown model
            raise RunError(
                f"{type(model).__name__} in {model_dir} cannot be converted for {engine}: "
                f"{error}; use engine='torch'"
            ) from error
        worst = largest_difference(model, run)
        if worst > TOLERANCE:
            raise RunError(
                f"{model_dir} converted for {engine} gives other logits than torch "
                f"(relative difference {worst:.2g}, allowed {TOLERANCE:g}); use engine='torch'"
            )
        facts: dict[str, Any] = {
            "engine": engine,
            "precision": "fp32",
            "made_with": version,
            "largest_difference": round(worst, 9),
        }
        return artifacts.store(model_dir, engine, "fp32", save, facts)


def largest_difference(model: Any, run: Callable[[Ids, Ids], Logits]) -> float:
    """The largest difference of a logit over real tokens, relative to the largest logit."""
    import torch

    rng = np.random.default_rng(0)
    vocabulary = model.config.vocab_size
    worst = 0.0
    for rows, length in _SHAPES:
        ids = rng.integers(vocabulary // 2, vocabulary, (rows, length), dtype=np.int64)
        real = np.maximum(length - 3 * np.arange(rows), 1)
        mask = (np.arange(length) < real[:, None]).astype(np.int64)
        if getattr(model.config, FLAG, False):
            ids += rng.integers(CASES, size=ids.shape) << ID_BITS
        ids[mask == 0] = model.config.pad_token_id or 0
        with torch.inference_mode():
            expected = model(
                input_ids=torch.from_numpy(ids), attention_mask=torch.from_numpy(mask)
            ).logits.numpy()
        gap = np.abs(run(ids, mask) - expected)[mask == 1].max()
        worst = max(worst, float(gap / max(1.0, np.abs(expected).max())))
    return worst


Made = tuple[Callable[[Path], None], Callable[[Ids, Ids], Logits], str]


def _example(model: Any) -> dict[str, Any]:
    import torch

    ids = torch.full((2, 16), model.config.vocab_size // 2, dtype=torch.long)
    mask = torch.ones_like(ids)
    mask[1, 12:] = 0  # with padding, or the tracer may leave the mask out
    ids[1, 12:] = model.config.pad_token_id or 0
    return {"input_ids": ids, "attention_mask": mask}


def _openvino(model: Any) -> Made:
    openvino = import_openvino()
    converted = openvino.convert_model(model, example_input=_example(model))
    compiled = openvino.Core().compile_model(
        converted, "CPU", {"INFERENCE_PRECISION_HINT": "f32", "ENABLE_CPU_PINNING": False}
    )

    def save(path: Path) -> None:
        openvino.save_model(converted, path, compress_to_fp16=False)

    def run(ids: Ids, mask: Ids) -> Logits:
        return compiled({"input_ids": ids, "attention_mask": mask})[0]

    return save, run, f"openvino {openvino.__version__}"


def _onnx(model: Any) -> Made:
    runtime = import_onnxruntime()
    import onnx
    import torch

    class Logit(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
            return self.model(input_ids=input_ids, attention_mask=attention_mask).logits

    example = _example(model)
    axes = {0: "batch", 1: "tokens"}
    buffer: Any = io.BytesIO()
    torch.onnx.export(
        Logit().eval(),
        (example["input_ids"], example["attention_mask"]),
        buffer,
        input_names=["input_ids", "attention_mask"],
        output_names=["logits"],
        dynamic_axes={"input_ids": axes, "attention_mask": axes, "logits": axes},
        opset_version=17,
        dynamo=False,
    )
    data = buffer.getvalue()
    onnx.checker.check_model(onnx.load_from_string(data))
    session = runtime.InferenceSession(data, providers=["CPUExecutionProvider"])

    def run(ids: Ids, mask: Ids) -> Logits:
        return session.run(["logits"], {"input_ids": ids, "attention_mask": mask})[0]

    def save(path: Path) -> None:
        path.write_bytes(data)

    return save, run, f"onnx {onnx.__version__}"


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without the converters' notes on tracing: the comparison with torch is what counts."""
    loggers = [logging.getLogger(name) for name in ("nncf", "transformers")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
