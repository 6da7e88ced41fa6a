"""Where torch computes and in which precision: asked by training, engines and teachers alike."""

from __future__ import annotations

import torch

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
