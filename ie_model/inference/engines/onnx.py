"""The ONNX engine: the exported model in ONNX Runtime, on CPUs."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from ie_model.errors import InputError
from ie_model.inference.engines import artifacts, forking
from ie_model.inference.engines.conversion import convert
from ie_model.inference.engines.interface import Done, Ids, Logits, closed
from ie_model.inference.engines.runtimes import import_onnxruntime
from ie_model.models.hardware import available_cpus


class OnnxEngine:
    """Runs ``onnx/fp32.onnx`` or ``onnx/int8.onnx`` of a model directory.

    The session is created on first use, and anew in a forked process.
    """

    name = "onnx"
    multiple = 8
    remembers_shapes = False
    batch_tokens = 1024
    streams = 1
    in_flight = 1

    def __init__(
        self,
        model_dir: Path,
        precision: str = "auto",
        *,
        threads: int | None = None,
        path: Path | None = None,
    ) -> None:
        if precision == "bf16":
            raise InputError("the onnx engine has no bf16: use engine='torch' or 'openvino'")
        self.precision = "fp32" if precision == "auto" else precision
        self._threads = threads or available_cpus()
        self._path = path or _exported(model_dir, self.precision)
        self._lock = threading.Lock()
        self._session: Any = None
        self._closed = False
        forking.watch(self)

    def forward(self, input_ids: Ids, attention_mask: Ids) -> Logits:
        """Logits, float32 [batch, tokens, tags], of ids and mask, int64 [batch, tokens]."""
        feed = {"input_ids": input_ids, "attention_mask": attention_mask}
        return self._ready().run(["logits"], feed)[0]

    def submit(self, input_ids: Ids, attention_mask: Ids) -> Done:
        """``forward`` now: one batch already uses every thread."""
        return Done(self.forward(input_ids, attention_mask))

    def detach(self) -> None:
        """Read the model now; ONNX Runtime maps no file."""
        self._ready()

    def close(self) -> None:
        """Free the session."""
        with self._lock:
            self._session, self._closed = None, True

    def after_fork(self) -> None:
        """In a forked process: a session of its own when it is next used."""
        forking.abandon(self._session)
        self._session, self._lock = None, threading.Lock()

    def _ready(self) -> Any:
        with self._lock:
            if self._closed:
                raise closed(self.name)
            if self._session is None:
                runtime = import_onnxruntime()
                options = runtime.SessionOptions()
                options.intra_op_num_threads = self._threads
                options.inter_op_num_threads = 1
                self._session = runtime.InferenceSession(
                    str(self._path), options, providers=["CPUExecutionProvider"]
                )
            return self._session


def _exported(model_dir: Path, precision: str) -> Path:
    if precision == "int8":
        return artifacts.locate_int8(model_dir, "onnx")
    return artifacts.locate(model_dir, "onnx", precision) or convert(model_dir, "onnx")
