"""Train a config with several seeds and score each model on held-out documents.

    python scripts/measure_seeds.py configs/default.yaml gold.jsonl --seeds 5 [KEY=VALUE ...]

Prints span F1, precision and recall per seed and their mean and range, and the training
time. The models are written to a temporary folder and removed.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from pathlib import Path

from ie_model import evaluate, load_config, train


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("config", type=Path)
    parser.add_argument("gold", type=Path)
    parser.add_argument("overrides", nargs="*")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()

    rows = []
    for seed in range(options.seeds):
        with tempfile.TemporaryDirectory() as folder:
            changes = [f"training.seed={seed}", f"output_dir={folder}/model", *options.overrides]
            result = train(load_config(options.config, changes))
            span = evaluate(result.model_dir, options.gold)["span"]
        labels = {label: scores["f1"] for label, scores in span["labels"].items()}
        rows.append({"seed": seed, "seconds": result.seconds, **span["micro"], "labels": labels})
        shown = "  ".join(f"{label} {100 * f1:.1f}" for label, f1 in labels.items())
        print(
            f"seed {seed}: F1 {100 * span['micro']['f1']:.1f}  precision "
            f"{100 * span['micro']['precision']:.1f}  recall {100 * span['micro']['recall']:.1f}  "
            f"{shown}  ({result.seconds:.0f} s)",
            flush=True,
        )
    f1s = [100 * float(row["f1"]) for row in rows]
    print(f"mean F1 {statistics.mean(f1s):.1f}, range {min(f1s):.1f} to {max(f1s):.1f}")
    if options.json:
        options.json.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
