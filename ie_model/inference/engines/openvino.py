"""The OpenVINO engine: the converted model on x86 and Arm CPUs, several batches at a time."""

from __future__ import annotations

import os
import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ie_model.errors import InputError, RunError
from ie_model.inference.engines import artifacts, forking
from ie_model.inference.engines.conversion import convert
from ie_model.inference.engines.interface import Engine, Ids, Logits, closed
from ie_model.inference.engines.runtimes import import_openvino
from ie_model.models.hardware import available_cpus, is_x86, multiplies_bf16

_first_pid: int | None = None


class OpenVINOEngine:
    """Runs the model converted from PyTorch, in fp32, bf16 or int8.

    ``forward`` serves one batch with every thread (lowest latency); ``submit`` serves many
    over throughput streams. Each is compiled on first use, under the model directory's
    compile cache, so that an engine which is only built costs no threads and may be forked.

    Args:
        model_dir: a model directory.
        precision: ``auto`` (bf16 where the CPU multiplies it), ``fp32``, ``bf16`` (x86-64 only)
            or ``int8``.
        threads: CPU threads; by default those the process may use.
        streams: batches worked on side by side; by default OpenVINO's own choice.
        path: a converted model to use in place of the model directory's own.
        fallback: makes the engine that answers in a process which was forked off after
            OpenVINO had started; without one such a process gets a :class:`RunError`.

    Raises:
        InputError: no int8 export, one that this CPU would add up wrongly, or no bf16 here.
        RunError: the model cannot be converted.
    """

    name = "openvino"
    multiple = 8
    remembers_shapes = True
    batch_tokens = 1024  # a layer's activations stay in a core's L2 cache

    def __init__(
        self,
        model_dir: Path,
        precision: str = "auto",
        *,
        threads: int | None = None,
        streams: int | None = None,
        path: Path | None = None,
        fallback: Callable[[], Engine] | None = None,
    ) -> None:
        if precision == "auto":
            precision = "bf16" if _computes_bf16() else "fp32"
        if precision == "bf16" and not is_x86():
            raise InputError("OpenVINO computes bf16 on x86-64 only: use precision='fp32'")
        self.precision = precision
        self.threads = threads or available_cpus()
        self._model_dir = model_dir
        self._streams = streams
        self._path = path or _converted(model_dir, precision)
        self._lock = threading.Lock()
        self._compiled: dict[str, Any] = {}
        self._idle: dict[str, list[Any]] = {"LATENCY": [], "THROUGHPUT": []}
        self._streams_used = 0
        self._make_fallback = fallback
        self._fallback: Engine | None = None
        self._closed = False
        forking.watch(self)

    @property
    def streams(self) -> int:
        """How many batches it works on side by side."""
        if self._survived_fork():
            return 1
        if not self._streams_used:
            model = self._compile("THROUGHPUT")
            self._streams_used = int(model.get_property("OPTIMAL_NUMBER_OF_INFER_REQUESTS"))
        return self._streams_used

    @property
    def in_flight(self) -> int:
        """Batches to submit before waiting for the first: one at work and one ready a stream."""
        return 1 if self._survived_fork() else 2 * self.streams

    def forward(self, input_ids: Ids, attention_mask: Ids) -> Logits:
        """Logits, float32 [batch, tokens, tags], of ids and mask, int64 [batch, tokens]."""
        return self._start("LATENCY", input_ids, attention_mask).result()

    def submit(self, input_ids: Ids, attention_mask: Ids) -> Any:
        """Start one batch; its ``result()`` waits for the logits."""
        return self._start("THROUGHPUT", input_ids, attention_mask)

    def detach(self) -> None:
        """Read the weights into memory of this process's own, and compile from there."""
        if self._survived_fork():
            return
        core = import_openvino().Core()
        core.set_property({"ENABLE_MMAP": False})
        # Read once: both compiled models share what they do not rearrange.
        model = core.read_model(self._path)
        with self._lock:
            if self._closed:
                raise closed(self.name)
            for hint in ("THROUGHPUT",) if self.threads == 1 else ("LATENCY", "THROUGHPUT"):
                if hint not in self._compiled:
                    self._compiled[hint] = core.compile_model(model, "CPU", self._options(hint))

    def close(self) -> None:
        """Free the compiled models."""
        with self._lock:
            self._closed = True
            self._let_go()
            if self._fallback is not None:
                self._fallback.close()

    def after_fork(self) -> None:
        """In a forked process: let go of everything that has threads."""
        requests = [request for idle in self._idle.values() for request in idle]
        forking.abandon(*self._compiled.values(), *requests)
        self._let_go()
        self._lock = threading.Lock()

    def _let_go(self) -> None:
        self._idle = {"LATENCY": [], "THROUGHPUT": []}
        self._compiled.clear()

    def _start(self, hint: str, input_ids: Ids, attention_mask: Ids) -> Any:
        if self._closed:
            raise closed(self.name)
        if self._survived_fork():
            assert self._fallback is not None
            return self._fallback.submit(input_ids, attention_mask)
        model = self._compile(hint)
        with self._lock:
            if self._closed:  # while it was compiled
                raise closed(self.name)
            idle = self._idle[hint]
            request = idle.pop() if idle else model.create_infer_request()
        request.start_async(
            {"input_ids": input_ids, "attention_mask": attention_mask}, share_inputs=True
        )
        return _Pending(request, idle, (input_ids, attention_mask))

    def _compile(self, hint: str) -> Any:
        if self.threads == 1:
            hint = "THROUGHPUT"  # one thread has one way to work
        with self._lock:
            if self._closed:
                raise closed(self.name)
            if hint not in self._compiled:
                self._compiled[hint] = self._compile_now(hint)
            return self._compiled[hint]

    def _compile_now(self, hint: str) -> Any:
        options = self._options(hint)
        core = import_openvino().Core()
        try:
            cache = self._path.parent / "cache"
            with artifacts.exclusive(self._model_dir, "openvino", wait=30.0):
                cached = {"CACHE_DIR": str(cache), "CACHE_MODE": "OPTIMIZE_SIZE"}
                return core.compile_model(self._path, "CPU", {**options, **cached})
        except (OSError, RunError):  # no place to lock or to write: compile every time
            return core.compile_model(self._path, "CPU", options)

    def _options(self, hint: str) -> dict[str, Any]:
        """How to compile; from now on OpenVINO counts as started."""
        global _first_pid
        _first_pid = _first_pid or os.getpid()
        low = "bf16" if self.precision == "bf16" or _computes_bf16() else "f32"
        options: dict[str, Any] = {
            "PERFORMANCE_HINT": hint,
            "INFERENCE_NUM_THREADS": self.threads,
            "INFERENCE_PRECISION_HINT": "f32" if self.precision == "fp32" else low,
            # Pinned threads of several processes would all sit on the same first cores.
            "ENABLE_CPU_PINNING": False,
        }
        if hint == "THROUGHPUT" and self._streams:
            options["NUM_STREAMS"] = str(min(self._streams, self.threads))
        return options

    def _survived_fork(self) -> bool:
        """Whether OpenVINO was started before this process was forked off.

        Its threads stay behind in the parent, and the library can neither run nor be
        started again: such a process goes on with the fallback.
        """
        if _first_pid is None or os.getpid() == _first_pid:
            return False
        with self._lock:
            if self._fallback is None:
                remedy = "load the model after forking, or use the spawn start method"
                if self._make_fallback is None:
                    raise RunError(f"OpenVINO does not survive a fork: {remedy}")
                self._fallback = self._make_fallback()
                self.name, self.precision = self._fallback.name, self._fallback.precision
                warnings.warn(
                    f"OpenVINO does not survive a fork: this process goes on with {self.name}, "
                    f"in {self.precision}. For full speed {remedy}.",
                    RuntimeWarning,
                    stacklevel=4,
                )
        return True


class _Pending:
    """A batch that a request is working on; :meth:`result` may be called once."""

    def __init__(self, request: Any, idle: list[Any], inputs: tuple[Ids, Ids]) -> None:
        self._request, self._idle = request, idle
        self._inputs = inputs  # shared, not copied: must live until the request is done

    def result(self) -> Logits:
        """Wait for the logits, float32 [batch, tokens, tags]; frees the request."""
        self._request.wait()
        logits = np.array(self._request.get_output_tensor(0).data, dtype=np.float32)
        self._idle.append(self._request)
        return logits


def _converted(model_dir: Path, precision: str) -> Path:
    if precision == "int8":
        return artifacts.locate_int8(model_dir, "openvino")
    # bf16 is a way to compute: the converted weights are the same.
    path = artifacts.locate(model_dir, "openvino", "fp32")
    if path is None:
        path = convert(model_dir, "openvino")
    return path


def _computes_bf16() -> bool:
    return is_x86() and multiplies_bf16()
