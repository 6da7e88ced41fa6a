"""What the benchmark compares with: the Hugging Face pipeline, and an engine that does nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ie_model.inference.engines.interface import Done, Ids, Logits
from ie_model.inference.extractor import Extractor
from ie_model.models.hardware import available_cpus, multiplies_bf16
from ie_model.models.weights import no_progress_bars

Run = Callable[[Sequence[str]], None]

_TUNED_BATCHES = {"cpu": (16,), "cuda": (32, 128, 512)}


def hugging_face(
    model_dir: Path, device: str = "cpu", threads: int | None = None
) -> list[tuple[str, Run]]:
    """The pipeline as documented (fp32, one text at a time), and as an expert would tune it.

    Tuned: texts sorted by length, in batches, in bf16 where the device multiplies it
    natively. Both have the threads that the process may use, where none are given.
    """
    import torch
    from transformers import pipeline
    from transformers.utils import logging as transformers_logging

    transformers_logging.set_verbosity_error()
    cuda = device.startswith("cuda")
    torch.set_num_threads(threads or available_cpus())

    def make(dtype: Any) -> Any:
        with no_progress_bars():
            return pipeline(
                "token-classification", model=str(model_dir), device=device, dtype=dtype,
                aggregation_strategy="simple",
            )  # fmt: skip

    plain = make(torch.float32)

    def default(texts: Sequence[str]) -> None:
        for _ in plain(list(texts)):
            pass

    runs: list[tuple[str, Run]] = [("hf default", default)]
    tuned = make(torch.bfloat16 if cuda or multiplies_bf16() else torch.float32)
    for batch in _TUNED_BATCHES["cuda" if cuda else "cpu"]:

        def sorted_batches(texts: Sequence[str], batch: int = batch) -> None:
            for _ in tuned(sorted(texts, key=len), batch_size=batch):
                pass

        name = "hf tuned" if len(_TUNED_BATCHES["cuda" if cuda else "cpu"]) == 1 else f"hf {batch}"
        runs.append((name, sorted_batches))
    return runs


class DryEngine:
    """Gives back recorded logits: what is left is everything but the forward passes."""

    name, precision, streams, in_flight, remembers_shapes = "dry", "fp32", 1, 1, False

    def __init__(self, extractor: Extractor, texts: Sequence[str]) -> None:
        self._engine = extractor.engine
        self.multiple, self.batch_tokens = extractor.engine.multiple, extractor.batch_tokens
        self._recorded: dict[bytes, Logits] = {}
        extractor.with_engine(self, batch_tokens=self.batch_tokens).predict(list(texts))

    def forward(self, input_ids: Ids, attention_mask: Ids) -> Logits:
        """The logits of a batch seen before; the first time, the engine's."""
        key = input_ids.tobytes()
        if key not in self._recorded:
            self._recorded[key] = np.array(self._engine.forward(input_ids, attention_mask))
        return self._recorded[key]

    def submit(self, input_ids: Ids, attention_mask: Ids) -> Done:
        """``forward`` now."""
        return Done(self.forward(input_ids, attention_mask))

    def detach(self) -> None:
        """It has no files."""

    def close(self) -> None:
        """Nothing to free."""
