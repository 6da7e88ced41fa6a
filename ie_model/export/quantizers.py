"""How OpenVINO and ONNX Runtime models are brought to int8, for :mod:`.quantization`."""

from __future__ import annotations

import logging
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from ie_model.encoding.windows import Window
from ie_model.errors import InputError
from ie_model.inference.engines.interface import Ids, Logits
from ie_model.inference.engines.runtimes import import_onnxruntime, import_openvino

Run = Callable[[Ids, Ids], Logits]


class Quantizer(Protocol):
    """What the search asks of an engine's quantiser; matrix products go by their names."""

    made_with: str

    def fp32(self) -> Run:
        """The model as it is."""
        ...

    def groups(self) -> list[tuple[list[str], int]]:
        """Products that are quantised together, and the size of their matrices."""
        ...

    def variant(self, left_out: Sequence[str]) -> Run:
        """The int8 model with some products in fp32, made quickly."""
        ...

    def save(self, left_out: Sequence[str], path: Path) -> None:
        """Write that model in its final form."""
        ...


class OpenVINOQuantizer:
    """NNCF's post-training quantisation: weights per channel, activations by calibration."""

    def __init__(self, path: Path, calibration: Sequence[Window], reduce_range: bool) -> None:
        self._openvino = import_openvino()
        try:
            import nncf
        except ImportError as error:
            raise InputError(
                "int8 needs the nncf package: pip install 'ie-model[openvino]'"
            ) from error
        self._nncf, self._path, self._reduce = nncf, path, reduce_range
        self._core = self._openvino.Core()
        self._final: tuple[list[str], Any] | None = None
        self._feeds = []
        for window in calibration:  # one by one: padding would count into the ranges
            ids = window.input_ids[None].astype(np.int64)
            self._feeds.append({"input_ids": ids, "attention_mask": np.ones_like(ids)})
        self.made_with = f"openvino {self._openvino.__version__}, nncf {nncf.__version__}"

    def fp32(self) -> Run:
        """The model as it is."""
        return self._run(self._path)

    def groups(self) -> list[tuple[list[str], int]]:
        """Matrix products by shared quantised input, and the size of their matrices."""
        groups: dict[str, tuple[list[str], int]] = {}
        for node in self._full.get_ops():
            quantizers = _quantizers(node) if node.get_type_name() == "MatMul" else []
            weights = [q for _, q in quantizers if q.get_output_partial_shape(0).is_static]
            if not quantizers or not weights:
                continue
            shared = quantizers[0][1].get_friendly_name()
            names, size = groups.get(shared, ([], 0))
            size += int(np.prod(weights[0].get_output_shape(0)))
            groups[shared] = ([*names, node.get_friendly_name()], size)
        return list(groups.values())

    def variant(self, left_out: Sequence[str]) -> Run:
        """The int8 model with some products in fp32: their quantisers are bypassed."""
        model, wanted = self._full.clone(), set(left_out)
        for node in model.get_ops():
            if node.get_friendly_name() in wanted:
                for k, quantizer in _quantizers(node):
                    node.input(k).replace_source_output(quantizer.input_value(0))
        return self._run(model)

    def save(self, left_out: Sequence[str], path: Path) -> None:
        """Quantise anew without those products, weights stored in int8, and write it."""
        if self._final is None or self._final[0] != list(left_out):
            self._final = list(left_out), self._quantize(left_out, compress_weights=True)
        self._openvino.save_model(self._final[1], path, compress_to_fp16=False)

    @cached_property
    def _full(self) -> Any:
        return self._quantize((), compress_weights=False)

    def _quantize(self, left_out: Sequence[str], compress_weights: bool) -> Any:
        nncf = self._nncf
        overflow = nncf.OverflowFix.ENABLE if self._reduce else nncf.OverflowFix.DISABLE
        with _calm(), redirect_stdout(sys.stderr):
            # Not nncf.set_log_level, which turns down handlers that are the caller's.
            logging.getLogger("nncf").setLevel(logging.ERROR)
            return nncf.quantize(
                self._core.read_model(self._path),
                nncf.Dataset(self._feeds),
                model_type=nncf.ModelType.TRANSFORMER,
                preset=nncf.QuantizationPreset.MIXED,
                subset_size=len(self._feeds),
                # Embeddings are looked up, not multiplied: int8 there costs accuracy for nothing.
                ignored_scope=nncf.IgnoredScope(
                    types=["Gather"], names=list(left_out), validate=False
                ),
                advanced_parameters=nncf.AdvancedQuantizationParameters(
                    overflow_fix=overflow, backend_params={"compress_weights": compress_weights}
                ),
            )

    def _run(self, model: Any) -> Run:
        options = {
            "INFERENCE_PRECISION_HINT": "f32",
            "PERFORMANCE_HINT": "LATENCY",
            "ENABLE_CPU_PINNING": False,
        }
        compiled = self._core.compile_model(model, "CPU", options)
        return lambda ids, mask: compiled({"input_ids": ids, "attention_mask": mask})[0]


def _quantizers(product: Any) -> list[tuple[int, Any]]:
    inputs = [(k, product.input_value(k).get_node()) for k in range(product.get_input_size())]
    return [(k, node) for k, node in inputs if node.get_type_name() == "FakeQuantize"]


class OnnxQuantizer:
    """ONNX Runtime's dynamic quantisation: weights per channel, activations as they come."""

    def __init__(self, path: Path, reduce_range: bool) -> None:
        self._runtime = import_onnxruntime()
        self._path, self._reduce = path, reduce_range
        self.made_with = f"onnxruntime {self._runtime.__version__}"

    def fp32(self) -> Run:
        """The model as it is."""
        return self._run(self._path)

    def groups(self) -> list[tuple[list[str], int]]:
        """Each matrix product with a constant matrix, and its size."""
        import onnx

        graph = onnx.load(self._path).graph
        sizes = {x.name: int(np.prod(x.dims)) for x in graph.initializer}
        products = [n for n in graph.node if n.op_type == "MatMul" and n.input[1] in sizes]
        return [([n.name], sizes[n.input[1]]) for n in products]

    def variant(self, left_out: Sequence[str]) -> Run:
        """The int8 model with some products in fp32."""
        with tempfile.TemporaryDirectory() as scratch:
            path = Path(scratch) / "int8.onnx"
            self.save(left_out, path)
            return self._run(path)

    def save(self, left_out: Sequence[str], path: Path) -> None:
        """Quantise all products but those, and write the model."""
        from onnxruntime.quantization import QuantType, quantize_dynamic

        with _calm():
            quantize_dynamic(
                self._path,
                path,
                op_types_to_quantize=["MatMul"],
                per_channel=True,
                reduce_range=self._reduce,
                weight_type=QuantType.QInt8,
                nodes_to_exclude=list(left_out),
            )

    def _run(self, path: Path) -> Run:
        session = self._runtime.InferenceSession(
            path.read_bytes(), providers=["CPUExecutionProvider"]
        )
        return lambda ids, mask: session.run(
            ["logits"], {"input_ids": ids, "attention_mask": mask}
        )[0]


@contextmanager
def _calm() -> Iterator[None]:
    """Without the packages' notes on each layer: what matters is logged by the search."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)
