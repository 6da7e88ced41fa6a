"""Ways to int8: how many entities stay those of fp32, and what a full batch costs.

    python scripts/compare_int8.py runs/default ../shared/data/news_unlabelled/news.jsonl

Every other document calibrates, the others are judged by, in paragraphs taken evenly. One thread,
CPU time, the ways in turns. Compared are the exported model, quantising on these texts, the
outputs of the first feed-forward layers left in fp32, a weaker SmoothQuant, and int8 weights with
activations scaled as they come.
"""

from __future__ import annotations

import argparse
import functools
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ie_model import Extractor, read_documents
from ie_model.export.acceptance import entity_agreement
from ie_model.export.quantization import Answers
from ie_model.export.quantizers import OpenVINOQuantizer, Run
from ie_model.inference.engines.interface import Done, Ids, Logits

OPTIONS = {
    "INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": "1", "ENABLE_CPU_PINNING": False,
    "INFERENCE_PRECISION_HINT": "f32",
}  # fmt: skip
ROWS, TOKENS, REPEAT = 16, 64, 12
OUTPUT = "layer.{}.output.dense/"
say = functools.partial(print, flush=True)


class RunEngine:
    """A compiled model as an engine."""

    name, precision, multiple, batch_tokens = "trial", "int8", 8, 1024
    streams, in_flight, remembers_shapes = 1, 1, True

    def __init__(self, run: Run) -> None:
        self._run = run

    def forward(self, input_ids: Ids, attention_mask: Ids) -> Logits:
        """Logits of a batch."""
        return np.array(self._run(input_ids, attention_mask))

    def submit(self, input_ids: Ids, attention_mask: Ids) -> Done:
        """The same; nothing runs in the background."""
        return Done(self.forward(input_ids, attention_mask))

    def detach(self) -> None:
        """It has no files."""

    def close(self) -> None:
        """Nothing to free."""


def halves(file: Path, count: int, others: int) -> tuple[list[str], list[str]]:
    """So many paragraphs to judge by, and so many of other documents to calibrate on."""
    lines: tuple[dict[str, None], dict[str, None]] = {}, {}
    for number, document in enumerate(read_documents(file)):
        some = (x.strip() for x in document.text.splitlines() if len(x.split()) >= 5)
        lines[number % 2].update(dict.fromkeys(some))
    calibrate = list(lines[0])
    judge = [line for line in lines[1] if line not in lines[0]]

    def evenly(some: Sequence[str], n: int) -> list[str]:
        return [some[k * len(some) // n] for k in range(min(n, len(some)))]

    return evenly(judge, count), evenly(calibrate, others)


class Ways:
    """Compiled models by what they are called."""

    def __init__(self, model: Path, windows: list[Any]) -> None:
        import nncf
        import openvino

        self._nncf = nncf
        self._fp32 = model / "openvino" / "fp32.xml"
        self._quantizer = OpenVINOQuantizer(self._fp32, windows, reduce_range=False)
        self._core = openvino.Core()
        self.runs = {
            "fp32": self._compiled(self._fp32),
            "int8 as exported": self._compiled(model / "openvino" / "int8.xml"),
            "int8 calibrated on these texts": self._quantizer.variant(()),
        }
        names = [name for group, _ in self._quantizer.groups() for name in group]
        for some in ((0,), (0, 2), (0, 1, 2), (0, 1, 2, 3)):
            left = [n for n in names if any(OUTPUT.format(k) in n for k in some)]
            if left:
                called = f"  outputs of layers {', '.join(map(str, some))} in fp32"
                self.runs[called] = self._quantizer.variant(left)
        self.runs["SmoothQuant 0.7"] = self._smoother(windows, 0.7)
        compressed = nncf.compress_weights(
            self._core.read_model(self._fp32),
            mode=nncf.CompressWeightsMode.INT8_SYM,
            ignored_scope=nncf.IgnoredScope(types=["Gather"], validate=False),
        )
        for size in ("384", "64", "0"):
            called = f"int8 weights, activations by {size} as they come"
            if size == "0":
                called = "int8 weights alone"
            self.runs[called] = self._compiled(compressed, DYNAMIC_QUANTIZATION_GROUP_SIZE=size)

    def _compiled(self, model: Any, **options: str) -> Run:
        compiled = self._core.compile_model(model, "CPU", {**OPTIONS, **options})
        return lambda ids, mask: compiled({"input_ids": ids, "attention_mask": mask})[0]

    def _smoother(self, windows: list[Any], alpha: float) -> Run:
        feeds = [{"input_ids": w.input_ids[None].astype(np.int64)} for w in windows]
        for feed in feeds:
            feed["attention_mask"] = np.ones_like(feed["input_ids"])
        nncf = self._nncf
        model = nncf.quantize(
            self._core.read_model(self._fp32),
            nncf.Dataset(feeds),
            model_type=nncf.ModelType.TRANSFORMER,
            preset=nncf.QuantizationPreset.MIXED,
            subset_size=len(feeds),
            ignored_scope=nncf.IgnoredScope(types=["Gather"], validate=False),
            advanced_parameters=nncf.AdvancedQuantizationParameters(
                overflow_fix=nncf.OverflowFix.DISABLE,
                smooth_quant_alphas=nncf.AdvancedSmoothQuantParameters(matmul=alpha),
            ),
        )
        return self._compiled(model)


def costs(runs: dict[str, Run]) -> dict[str, float]:
    """CPU seconds of a full batch, the best of several taken in turns."""
    ids = np.random.default_rng(0).integers(1000, 20000, (ROWS, TOKENS))
    mask = np.ones_like(ids)
    best = dict.fromkeys(runs, float("inf"))
    for number in range(REPEAT):
        for name, run in runs.items():
            began = time.process_time()
            run(ids, mask)
            if number:
                best[name] = min(best[name], time.process_time() - began)
    return best


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("model", type=Path, help="with an int8 export of OpenVINO")
    parser.add_argument("texts", type=Path)
    parser.add_argument("--paragraphs", type=int, default=1000)
    parser.add_argument("--calibration", type=int, default=200)
    options = parser.parse_args()

    texts, others = halves(options.texts, options.paragraphs, options.calibration)
    extractor = Extractor.from_pretrained(options.model, "openvino", precision="fp32", threads=1)
    windows = [w for e in extractor.encoder.encode(others) for w in e.windows]
    ways = Ways(options.model, windows[::2]).runs
    expected = extractor.predict(texts)
    exact = Answers(ways["fp32"], windows[1::2], extractor.label_set)
    spent = costs(ways)
    count = sum(len(d.entities) for d in expected)
    say(
        f"{len(texts):,} paragraphs, {count:,} entities in fp32; calibrated on "
        f"{len(windows[::2])} windows"
    )
    for name, run in ways.items():
        found = extractor.with_engine(RunEngine(run)).predict(texts)
        error = Answers(run, windows[1::2], extractor.label_set).error(exact)
        say(
            f"{name:50} {entity_agreement(expected, found):7.2%} of the entities, error of the "
            f"logits {1000 * error:.2f} / 1000, {1000 * spent[name]:.1f} ms of CPU"
        )


if __name__ == "__main__":
    main()
