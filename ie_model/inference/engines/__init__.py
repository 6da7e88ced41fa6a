"""Engines: token ids and mask in, logits out, and nothing else.

An engine is chosen by name with :func:`load_engine`; each lives in a module of its own
whose heavy imports run only when it is chosen.
"""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt

from ie_model.errors import InputError

Ids = npt.NDArray[np.int64]
Logits = npt.NDArray[np.float32]

ENGINES = ("auto", "torch", "openvino", "onnx")
PRECISIONS = ("auto", "fp32", "bf16", "int8")


class Pending(Protocol):
    """A batch at work. The arrays it was given must not change before its result is taken."""

    def result(self) -> Logits:
        """Wait for the logits, float32 [batch, tokens, tags]; to be called once."""
        ...


class Done:
    """A batch that is finished already."""

    def __init__(self, logits: Logits) -> None:
        self._logits = logits

    def result(self) -> Logits:
        """The logits, float32 [batch, tokens, tags]."""
        return self._logits


class Engine(Protocol):
    """What the pipeline asks of an engine. Calls from several threads at once are allowed.

    ``multiple`` is the length that padded batches should be rounded up to, ``batch_tokens``
    how many padded tokens a batch should hold when nothing was measured (see
    :mod:`ie_model.models.plan`). An engine that ``remembers_shapes`` keeps some memory for every
    shape of batch it has seen.
    """

    name: str
    precision: str
    multiple: int
    batch_tokens: int
    remembers_shapes: bool

    @property
    def streams(self) -> int:
        """How many batches it works on side by side."""
        ...

    @property
    def in_flight(self) -> int:
        """How many batches to submit before waiting for the first of them."""
        ...

    def forward(self, input_ids: Ids, attention_mask: Ids) -> Logits:
        """Logits, float32 [batch, tokens, tags], of ids and mask, int64 [batch, tokens]."""
        ...

    def submit(self, input_ids: Ids, attention_mask: Ids) -> Pending:
        """Start one batch and return at once where the engine can work in the background."""
        ...

    def close(self) -> None:
        """Free the model; the engine cannot be used afterwards."""
        ...


def load_engine(
    model_dir: str | os.PathLike[str],
    engine: str = "auto",
    precision: str = "auto",
    *,
    threads: int | None = None,
    device: str = "auto",
    compile: bool = False,
    streams: int | None = None,
) -> Engine:
    """Load the model in ``model_dir`` into an engine.

    ``engine="auto"`` is torch where CUDA is present, else OpenVINO where it is installed,
    else torch. ``precision="auto"`` is bf16 where the hardware multiplies it natively, else
    fp32; int8 is never chosen here, only asked for (it needs an export that passed the
    quality gate). ``threads`` is by default the number of CPUs the process may use.
    ``device`` (auto, cpu, cuda, cuda:N, mps) and ``compile`` are for torch alone,
    ``streams`` (batches worked on side by side; its own choice when None) for OpenVINO alone.

    Raises :class:`InputError` for an unknown name, a missing folder, a package that is not
    installed, or a combination that does not exist.
    """
    model_dir = Path(model_dir)
    _one_of("engine", engine, ENGINES)
    _one_of("precision", precision, PRECISIONS)
    if threads is not None and threads < 1:
        raise InputError(f"threads is {threads}: give a number of at least 1")
    if not (model_dir / "config.json").is_file():
        raise InputError(f"{model_dir} is no model directory: it holds no config.json")
    if engine == "auto":
        engine = choose_engine(device)
    if engine == "torch":
        from ie_model.inference.engines.torch import TorchEngine

        return TorchEngine(model_dir, precision, threads=threads, device=device, compile=compile)
    if device not in ("auto", "cpu"):
        raise InputError(f"engine {engine!r} runs on the CPU only: device={device!r} needs 'torch'")
    if engine == "onnx":
        from ie_model.inference.engines.onnx import OnnxEngine

        return OnnxEngine(model_dir, precision, threads=threads)
    from ie_model.inference.engines.openvino import OpenVINOEngine

    return OpenVINOEngine(model_dir, precision, threads=threads, streams=streams)


def choose_engine(device: str = "auto") -> str:
    """The engine that ``auto`` stands for on this machine."""
    if device not in ("auto", "cpu") or not installed("openvino"):
        return "torch"
    if device == "auto" and has_nvidia_driver():
        import torch

        if torch.cuda.is_available():
            return "torch"
    return "openvino"


def installed(package: str) -> bool:
    """Whether a package can be imported, found out without importing it."""
    return importlib.util.find_spec(package) is not None


def has_nvidia_driver() -> bool:
    """A cheap test that spares CPU machines the import of torch (a second or more)."""
    return os.name == "nt" or any(
        Path(path).exists() for path in ("/dev/nvidiactl", "/proc/driver/nvidia", "/dev/dxg")
    )


def _one_of(what: str, value: str, allowed: tuple[str, ...]) -> None:
    if value not in allowed:
        raise InputError(f"{what} {value!r} is unknown: use one of {', '.join(allowed)}")
