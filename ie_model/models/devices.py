"""Where torch computes and in which precision: asked by training, engines and teachers alike."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from ie_model.errors import InputError
from ie_model.models.hardware import multiplies_bf16

THREADS = torch.get_num_threads()
"""CPU threads torch started with: OMP_NUM_THREADS, or the machine's cores."""


def resolve_device(device: str, setting: str = "device") -> torch.device:
    """``auto`` is CUDA, then MPS, then CPU; ``setting`` is how the user calls this choice.

    Raises:
        InputError: an unknown device, or one that this machine does not have.
    """
    if device == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        chosen = torch.device(device)
    except RuntimeError as error:
        raise InputError(f"{setting}: {device!r} is unknown: use auto, cpu, cuda or mps") from error
    present = {
        "cpu": True,
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
    }
    if not present.get(chosen.type, False):
        raise InputError(f"{setting}: {device!r} is not present on this machine: use cpu or auto")
    return chosen


def native_precision(device: torch.device) -> str:
    """``bf16`` where the device multiplies it natively, else ``fp32``."""
    if device.type == "cuda":
        native = torch.cuda.is_bf16_supported(including_emulation=False)
    else:
        native = device.type == "cpu" and multiplies_bf16()
    return "bf16" if native else "fp32"


def attention_of_any_shape(device: torch.device) -> AbstractContextManager[Any]:
    """Attention kernels that suit batches of ever new shapes; nothing changes on CPUs.

    In bf16 on recent GPUs torch prefers cuDNN's, which plans for every shape it has not met:
    about 10 ms each time on an H200, several times what the rest of an update takes.
    """
    if device.type != "cuda":
        return nullcontext()
    kernels = [SDPBackend.FLASH_ATTENTION, SDPBackend.EFFICIENT_ATTENTION, SDPBackend.MATH]
    return sdpa_kernel(kernels)
