"""CPU time of training updates in this checkout and in another one, in turns.

    python scripts/benchmark_updates.py --against ../other-checkout --threads 1
    python scripts/benchmark_updates.py --against ../other-checkout --backbone minilm

Each turn trains on the same text (`--data`, the shipped annotations by default) for the same few
updates in a fresh process, and counts the CPU time and the tokens, padding apart, of the updates
after the first ones. CPU time says the same beside other work as without it, but for the caches
that are shared. The peak is that of a product of the size that an update of MPNet makes (640 by
768 by 3,072), measured in the same process with as many threads.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from itertools import islice, product
from pathlib import Path
from typing import Any

from ie_model import read_documents, write_documents

HERE = Path(__file__).resolve().parents[1]
LABELS = ["ACTOR", "LOCATION", "QUANTITY", "OPERATION", "DATE"]
ROWS, WIDTH = 640, 768


def settings(options: argparse.Namespace, folder: str) -> dict[str, Any]:
    """A config of keys that every version has had."""
    return {
        "output_dir": f"{folder}/model",
        "labels": LABELS,
        "data": {
            "train": [{"path": str(options.data)}],
            "cache_dir": f"{folder}/cache",
        },
        "model": {"backbone": options.backbone},
        "training": {
            "epochs": 1,
            "max_steps": options.warm + options.updates,
            "learning_rate": 1e-4,
            "batch_tokens": 1024,
            "batch_windows": 8,
            "precision": options.precision,
            "threads": options.threads,
            "device": "cpu",
        },
    }


def measure(options: argparse.Namespace) -> dict[str, float]:
    """Train with the package that this process imports."""
    from ie_model import train
    from ie_model.config.loading import parse_config

    import torch  # isort: skip
    import transformers  # isort: skip

    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    torch.set_num_threads(options.threads)
    dtype = torch.bfloat16 if options.precision == "bf16" else torch.float32
    left, right = torch.rand(ROWS, WIDTH, dtype=dtype), torch.rand(WIDTH, 4 * WIDTH, dtype=dtype)
    best = float("inf")
    for _ in range(20):
        began = time.process_time()
        left @ right
        best = min(best, time.process_time() - began)
    peak = 2 * ROWS * 4 * WIDTH**2 / best

    tokens = 0
    ends: list[tuple[float, int, int]] = []  # CPU seconds, page faults and tokens so far
    begin, step = transformers.Trainer.__init__, transformers.Trainer.training_step

    class Ends(transformers.TrainerCallback):
        def on_step_end(self, *_: Any, **__: Any) -> None:
            faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
            ends.append((time.process_time(), faults, tokens))

    def with_ends(self: Any, *given: Any, **named: Any) -> None:
        begin(self, *given, **named)
        self.add_callback(Ends())

    def counted(self: Any, model: Any, inputs: dict[str, Any], *rest: Any) -> Any:
        nonlocal tokens
        tokens += int(inputs["attention_mask"].sum())
        return step(self, model, inputs, *rest)

    # Neither version knows of this script; both train with the Trainer.
    trainer: Any = transformers.Trainer
    trainer.__init__, trainer.training_step = with_ends, counted
    with tempfile.TemporaryDirectory() as folder:
        result = train(parse_config(settings(options, folder)), progress=False)
    first, last = ends[options.warm - 1], ends[-1]
    seconds, faults, trained = (b - a for a, b in zip(first, last, strict=True))
    return {
        "seconds": seconds,
        "updates": options.updates,
        "tokens": trained,
        "faults": faults / options.updates,
        "peak": peak,
        "loss": result.losses[-1][1],
    }


def turn(tree: Path, data: Path, options: argparse.Namespace) -> dict[str, float]:
    """Measure a checkout in a process of its own."""
    command = [sys.executable, __file__, *sys.argv[1:], "--data", str(data), "--worker"]
    environment = {**os.environ, "PYTHONPATH": str(tree), "OMP_NUM_THREADS": str(options.threads)}
    output = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True).stdout
    return json.loads(output.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--against", type=Path, metavar="CHECKOUT")
    parser.add_argument("--backbone", default="mpnet")
    parser.add_argument("--data", type=Path, default=HERE / "annotations" / "authored")
    parser.add_argument("--documents", type=int, default=400, help="its first so many")
    parser.add_argument("--precision", choices=["fp32", "bf16"], default="fp32")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--warm", type=int, default=3, help="updates before the clock starts")
    parser.add_argument("--updates", type=int, default=10)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        print(json.dumps(measure(options)))
        return
    trees = {"here": HERE} | ({"there": options.against.resolve()} if options.against else {})
    rates: dict[str, list[float]] = {name: [] for name in trees}
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "texts.jsonl"
        write_documents(islice(read_documents(options.data), options.documents), data)
        for _, name in product(range(options.turns), trees):
            row = turn(trees[name], data, options)
            rates[name].append(row["tokens"] / row["seconds"])
            print(
                f"{name:5} {rates[name][-1]:8.1f} tokens a CPU second, "
                f"{row['seconds'] / row['updates']:.3f} CPU s an update of "
                f"{row['tokens'] / row['updates']:.0f} tokens, {row['faults']:,.0f} page faults, "
                f"peak {row['peak'] / 1e9:.0f} GFLOP/s, loss {row['loss']:.3f}",
                flush=True,
            )
    if options.against:
        ratios = [a / b for a, b in zip(rates["here"], rates["there"], strict=True)]
        print(
            f"times the other: {', '.join(f'{r:.2f}' for r in ratios)}; "
            f"median {statistics.median(ratios):.2f}"
        )


if __name__ == "__main__":
    main()
