"""How fast this machine multiplies matrices, and how many products a model needs.

Their ratio says how much of the hardware an engine uses, which a figure in tokens per
second does not.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from ie_model.inference.engines.runtimes import import_openvino, installed
from ie_model.models.hardware import multiplies_bf16, multiplies_int8
from ie_model.models.weights import load_classifier

_SIZE = 2048
_REPEATS = 3


def measured_peaks(
    threads: int, device: str = "cpu", clock: Callable[[], float] = time.perf_counter
) -> dict[str, float]:
    """Best observed operations per second of a square matrix product, by precision.

    A multiplication and an addition count as two operations. Precisions that the hardware
    only emulates are left out. The best of a few repeats is taken: a peak is what the
    machine can do, and disturbances only lower it. ``clock`` may be that of CPU time.
    """
    import torch

    peaks: dict[str, float] = {}
    size = 8192 if device.startswith("cuda") else _SIZE
    types = {"fp32": torch.float32}
    if device.startswith("cuda") or multiplies_bf16():
        types["bf16"] = torch.bfloat16
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        for name, dtype in types.items():
            left = torch.randn(size, size, device=device).to(dtype)
            right = torch.randn(size, size, device=device).to(dtype)

            def multiply(a: Any = left, b: Any = right) -> None:
                a @ b
                if a.is_cuda:
                    torch.cuda.synchronize()

            peaks[name] = _best(multiply, size, clock)
    finally:
        torch.set_num_threads(before)
    if device == "cpu" and multiplies_int8():
        multiply_int8 = _openvino_int8(threads)
        if multiply_int8 is not None:
            peaks["int8"] = _best(multiply_int8, size, clock)
    return peaks


def _best(multiply: Callable[[], None], size: int, clock: Callable[[], float]) -> float:
    multiply()
    times = []
    for _ in range(_REPEATS):
        started = clock()
        multiply()
        times.append(clock() - started)
    return 2 * size**3 / min(times)


def _openvino_int8(threads: int) -> Callable[[], None] | None:
    if not installed("openvino"):
        return None
    openvino = import_openvino()
    import openvino.opset13 as ops

    def scalar(value: float) -> Any:
        return ops.constant(np.float32(value))

    f32 = openvino.Type.f32
    rows = ops.parameter([_SIZE, _SIZE], f32)
    quantised = ops.fake_quantize(rows, scalar(0), scalar(2.55), scalar(0), scalar(2.55), 256)
    weights = np.random.default_rng(0).integers(-127, 128, (_SIZE, _SIZE), dtype=np.int8)
    matrix = ops.multiply(ops.convert(ops.constant(weights), f32), scalar(0.01))
    product = ops.matmul(quantised, matrix, False, True)
    model = openvino.Model([ops.result(product)], [rows])
    options = {"INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": "1", "ENABLE_CPU_PINNING": False}
    request = openvino.Core().compile_model(model, "CPU", options).create_infer_request()
    values = np.random.default_rng(1).random((_SIZE, _SIZE), dtype=np.float32)
    return lambda: request.infer([values], share_inputs=True) and None


def model_operations(model_dir: Path, lengths: Iterable[int]) -> float:
    """Operations that a model's matrix products need for windows of these lengths.

    Two for each weight of a linear layer and token, and ``4 * layers * hidden * n**2`` for
    the attention of a window of ``n`` tokens (scores, and their product with the values).
    Padding, softmax and normalisation are not counted.
    """
    from transformers import AutoConfig

    config = AutoConfig.from_pretrained(model_dir, local_files_only=True, trust_remote_code=False)
    import torch

    model = load_classifier(model_dir)
    weights = sum(m.weight.numel() for m in model.modules() if isinstance(m, torch.nn.Linear))
    tokens = np.fromiter(lengths, dtype=np.float64)
    attention = 4 * config.num_hidden_layers * config.hidden_size * np.square(tokens).sum()
    return float(2 * weights * tokens.sum() + attention)
