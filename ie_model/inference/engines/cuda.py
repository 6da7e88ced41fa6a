"""How the torch engine runs on a GPU: packed where the model allows it, several in flight."""

from __future__ import annotations

import logging
import threading
from typing import Any

import numpy as np
import torch

from ie_model.inference.engines.interface import Ids, Logits
from ie_model.inference.engines.packing import PACKABLE, PackedModel, unpack
from ie_model.models.devices import attention_of_any_shape

log = logging.getLogger(__name__)

LARGEST_GAP = 0.1
"""Packed and padded logits may differ by this share of the largest one in bf16; more means
that the model does something that packing does not know of, and it runs padded."""


class GpuRunner:
    """Queues batches on a device and gives back their logits when they are ready.

    Copies go through page-locked memory and do not block, so the next batch is prepared
    while one is computed. ``device`` may be the CPU, where nothing of this is in the
    background; tests use that.
    """

    def __init__(self, model: Any, device: torch.device, *, pack: bool, compile: bool) -> None:
        self._device = device
        self._lock = threading.Lock()  # the order of copies and kernels on the stream
        self._packed: PackedModel | None = None
        self._call: Any = model
        if pack and model.config.model_type in PACKABLE:
            self._packed = _packed_if_right(model, device, compile)
        if self._packed is None and compile:
            self._call = torch.compile(model, dynamic=True)

    def submit(self, ids: Ids, mask: Ids) -> InFlight:
        """Queue one batch, int64 ``[rows, tokens]``."""
        with self._lock, torch.inference_mode(), attention_of_any_shape(self._device):
            if self._packed is None:
                output = self._call(
                    input_ids=self._to_device(ids), attention_mask=self._to_device(mask)
                )
                return InFlight(output.logits, None)
            packed = self._packed.pack(ids, mask)
            logits = self._packed(
                self._to_device(packed.ids),
                self._to_device(packed.positions),
                self._to_device(packed.bounds),
                packed.longest,
            )
            return InFlight(logits, mask)

    def _to_device(self, array: np.ndarray) -> torch.Tensor:
        tensor = torch.from_numpy(array)
        if self._device.type == "cuda":
            tensor = tensor.pin_memory()
        return tensor.to(self._device, non_blocking=True)


class InFlight:
    """A batch on the device; the copy of its logits to the host is queued behind it."""

    def __init__(self, logits: torch.Tensor, mask: Ids | None) -> None:
        self._mask = mask
        self._event = None
        if logits.is_cuda:
            self._host = torch.empty(logits.shape, dtype=torch.float32, pin_memory=True)
            self._host.copy_(logits.float(), non_blocking=True)
            self._event = torch.cuda.Event()
            self._event.record()
        else:
            self._host = logits.float()

    def result(self) -> Logits:
        """Wait for the logits, float32 ``[rows, tokens, tags]``."""
        if self._event is not None:
            self._event.synchronize()
        logits = self._host.numpy()
        # A copy either way: page-locked memory is scarce and goes back to its pool.
        return np.array(logits) if self._mask is None else unpack(logits, self._mask)


def _packed_if_right(model: Any, device: torch.device, compile: bool) -> PackedModel | None:
    """The model packed, if it then still gives its own logits."""
    usual = model.config._attn_implementation
    rng = np.random.default_rng(0)
    vocabulary = model.config.vocab_size
    ids = rng.integers(vocabulary // 2, vocabulary, (3, 40), dtype=np.int64)
    mask = (np.arange(40) < np.array([[40], [23], [5]])).astype(np.int64)
    ids[mask == 0] = model.config.pad_token_id or 0
    try:
        padded = GpuRunner(model, device, pack=False, compile=False).submit(ids, mask).result()
        runner = GpuRunner(model, device, pack=False, compile=False)
        runner._packed = PackedModel(model)
        gap = np.abs(runner.submit(ids, mask).result() - padded)[mask == 1].max()
    except (RuntimeError, NotImplementedError, TypeError, ValueError) as error:
        log.warning("%s runs padded: %s", type(model).__name__, error)
        model.set_attn_implementation(usual)
        return None
    if gap > LARGEST_GAP * max(1.0, float(np.abs(padded[mask == 1]).max())):
        log.warning("%s runs padded: packed logits differ by %.2g", type(model).__name__, gap)
        model.set_attn_implementation(usual)
        return None
    return PackedModel(model, compile)
