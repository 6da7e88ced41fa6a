"""Where the time of a training update goes: self time of every kind of work.

    python scripts/profile_training.py configs/default.yaml [training.precision=fp32 ...]

Makes a few updates without, then with the profiler of torch, on the configured corpora. One
thread's time is shown (the others work inside the same operations). The profiler itself costs
time, most of it where operations are short, so the speed is measured before it is started.
"""

from __future__ import annotations

import argparse
import re
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import ie_model  # noqa: F401  (before torch: how threads wait)
from ie_model import load_config
from ie_model.models.devices import resolve_device
from ie_model.training.fitting import fit
from ie_model.training.model import make_model
from ie_model.training.preparation import prepare
from ie_model.training.trainer import resolve_precision

import torch  # isort: skip
from transformers import TrainerCallback  # isort: skip

KINDS = {
    "matrix products": r"aten::(addmm|mm|bmm|linear|baddbmm)|mkldnn|onednn",
    "attention": r"attention|softmax",
    "dropout and its random numbers": r"dropout|bernoulli",
    "normalisation": r"layer_norm|LayerNorm",
    "activation": r"gelu|Gelu",
    "copies and casts": r"copy_|_to_copy|clone|contiguous|fill_|zero_|aten::cat|empty",
    "optimiser": r"adamw|adam|Optimizer|lerp|addcmul|addcdiv|Master",
    "clipping": r"norm$|_foreach|linalg_vector_norm|clamp|stack|reciprocal|isinf|isnan",
    "loss": r"nll|cross_entropy|log_softmax|SpanLoss",
    "embeddings": r"embedding|index",
    "additions, sums, products": r"aten::(add|add_|sum|mul|mul_|div|div_|sub|where)$",
}


class Watch(TrainerCallback):
    """Times updates first, then profiles some more."""

    def __init__(self, warm: int, timed: int) -> None:
        self._warm, self._timed = warm, timed
        self.profiler = torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU])
        self.seconds = self.profiled_seconds = 0.0
        self._began = self._profiled = 0.0

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Start the clock, then the profiler."""
        step = state.global_step
        if step == self._warm:
            self._began = time.perf_counter()
        elif step == self._warm + self._timed:
            self.seconds = time.perf_counter() - self._began
            self.profiler.start()
            self._profiled = time.perf_counter()

    def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Stop the profiler."""
        self.profiled_seconds = time.perf_counter() - self._profiled
        self.profiler.stop()


def kind(name: str) -> str:
    """Which row of the table an operation's time goes to."""
    return next((k for k, pattern in KINDS.items() if re.search(pattern, name)), "everything else")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("config", type=Path)
    parser.add_argument("overrides", nargs="*", help="training.precision=fp32")
    parser.add_argument("--warm", type=int, default=5)
    parser.add_argument("--updates", type=int, default=15, help="timed, and as many profiled")
    parser.add_argument("--operations", type=int, default=0, help="list the longest so many")
    options = parser.parse_args()

    config = load_config(options.config, options.overrides)
    steps = options.warm + 2 * options.updates
    settings = config.training.model_copy(update={"max_steps": steps})
    config = config.model_copy(update={"training": settings})
    ready = prepare(config)
    device = resolve_device(settings.device)
    precision = resolve_precision(settings, device)
    model = make_model(
        config.model,
        ready.labels,
        ready.vocabulary,
        seed=settings.seed,
        letter_case=ready.encoder.letter_case,
    )
    watch = Watch(options.warm, options.updates)
    with tempfile.TemporaryDirectory() as work:
        fit(
            model, ready.windows, ready.plan, ready.labels, ready.vocabulary.pad_id, settings,
            Path(work), device=device.type, precision=precision, progress=False,
            callbacks=[watch],
        )  # fmt: skip
    lengths = ready.windows.lengths
    batches = ready.plan.batches.batches(0)[options.warm : options.warm + options.updates]
    tokens = sum(int(lengths[i]) for batch in batches for i in batch)
    print(
        f"{options.config.name} in {precision}, {torch.get_num_threads()} threads: "
        f"{tokens / watch.seconds:,.0f} tokens/s, {1e3 * watch.seconds / options.updates:.0f} ms "
        f"an update of {tokens / options.updates:.0f} tokens"
    )
    times: dict[str, float] = defaultdict(float)
    main_thread = 0.0
    events = watch.profiler.key_averages()
    for event in events:
        times[kind(event.key)] += event.self_cpu_time_total / 1e3 / options.updates
        main_thread += event.self_cpu_time_total / 1e3 / options.updates
    whole = 1e3 * watch.profiled_seconds / options.updates
    print(f"{whole:.0f} ms an update under the profiler, {whole - main_thread:.1f} of them Python")
    for name, milliseconds in sorted(times.items(), key=lambda pair: -pair[1]):
        print(f"  {name:32} {milliseconds:8.1f} ms {milliseconds / whole:6.1%}")
    if options.operations:
        ops = sorted(events, key=lambda e: -e.self_cpu_time_total)[: options.operations]
        for e in ops:
            each = e.self_cpu_time_total / 1e3 / options.updates
            print(f"    {e.key:48} {each:8.2f} ms {e.count / options.updates:7.1f} times")


if __name__ == "__main__":
    main()
