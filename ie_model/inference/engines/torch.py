"""The torch engine: the Hugging Face model itself, on CPU, CUDA or MPS."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import torch

from ie_model.errors import InputError
from ie_model.inference.engines import forking
from ie_model.inference.engines.cuda import GpuRunner
from ie_model.inference.engines.interface import Done, Ids, Logits, Pending, closed
from ie_model.models.devices import THREADS, native_precision, resolve_device
from ie_model.models.hardware import advise_passive_waiting, available_cpus
from ie_model.models.weights import load_classifier

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}


class TorchEngine:
    """Runs ``AutoModelForTokenClassification`` without gradients.

    fp32, or bf16 where the device multiplies it natively (CUDA from Ampere on, CPUs with
    AMX or AVX512-BF16). bf16 may be asked for on any CPU, where it is emulated and slow.
    On CUDA batches are queued, and packed without padding in bf16 (see ``packing``).
    """

    name = "torch"
    remembers_shapes = False

    def __init__(
        self,
        model_dir: Path,
        precision: str = "auto",
        *,
        threads: int | None = None,
        device: str = "auto",
        compile: bool = False,
    ) -> None:
        self.device = resolve_device(device)
        if precision == "int8":
            raise InputError("the torch engine has no int8: use engine='openvino'")
        self.precision = native_precision(self.device) if precision == "auto" else precision
        self.multiple = 8
        self.batch_tokens = 1024 if self.device.type == "cpu" else 65536
        if self.device.type == "cpu":
            # torch counts the machine's cores; a container may own two of ninety-six.
            granted = threads or min(THREADS, available_cpus())
            if granted != torch.get_num_threads():
                torch.set_num_threads(granted)
            if granted > 1:
                advise_passive_waiting()
        self._model = load_classifier(model_dir, DTYPES[self.precision]).to(self.device)
        self.streams = 1
        self.in_flight = 1
        self._gpu: GpuRunner | None = None
        self._call: Any = self._model
        if self.device.type == "cuda":
            # The packed attention kernels take 16-bit numbers only.
            packed = self.precision == "bf16"
            self._gpu = GpuRunner(self._model, self.device, pack=packed, compile=compile)
            self.in_flight = 3
        elif compile:
            self._call = torch.compile(self._model, dynamic=True)
        forking.watch(self)

    def forward(self, input_ids: Ids, attention_mask: Ids) -> Logits:
        """Logits, float32 [batch, tokens, tags], of ids and mask, int64 [batch, tokens]."""
        if (gpu := self._gpu) is not None:
            return gpu.submit(input_ids, attention_mask).result()
        if (call := self._call) is None:
            raise closed(self.name)
        with torch.inference_mode():
            ids = torch.from_numpy(input_ids).to(self.device)
            mask = torch.from_numpy(attention_mask).to(self.device)
            logits = call(input_ids=ids, attention_mask=mask).logits
            return logits.float().cpu().numpy()

    def submit(self, input_ids: Ids, attention_mask: Ids) -> Pending:
        """Queue a batch on the GPU; on a CPU one batch already uses every thread."""
        if (gpu := self._gpu) is not None:
            return gpu.submit(input_ids, attention_mask)
        return Done(self.forward(input_ids, attention_mask))

    def detach(self) -> None:
        """Copy the weights out of the mapped file."""
        if self.device.type == "cpu" and self._model is not None:
            for tensor in itertools.chain(self._model.parameters(), self._model.buffers()):
                tensor.data = tensor.data.clone()

    def close(self) -> None:
        """Free the model."""
        self._model = self._call = self._gpu = None

    def after_fork(self) -> None:
        """In a forked process: one thread, which needs no others."""
        # GNU OpenMP's worker threads do not survive a fork: a parallel region in the child
        # would wait for them for ever.
        if self.device.type == "cpu":
            torch.set_num_threads(1)
