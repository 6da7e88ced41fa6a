"""Retrain on two public corpora from their configs and report test F1.

    python scripts/measure_public.py re3d --seeds 3
    python scripts/measure_public.py wnut17 --seeds 3 [KEY=VALUE ...]

re3d has no split of its own: with each seed a fifth of its documents is set aside at random
(near-duplicates stay together) and the rest trained on, without `data.dev_fraction`. WNUT-17
comes with its test file. Paths are those of `configs/re3d.yaml` and `configs/wnut17.yaml`, or
overrides of them.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from pathlib import Path
from typing import Any

from ie_model import evaluate, load_config, train
from ie_model.config.schema import Config
from ie_model.corpus.splits import split_documents
from ie_model.training.inputs import read_sources

CONFIGS = Path(__file__).resolve().parents[1] / "configs"


def re3d(config: Config, seed: int) -> tuple[dict[str, Any], float]:
    """Train on four fifths of the documents; the scores on the others, and the seconds."""
    weighted = list(read_sources(config.data.train, config.labels))
    _, test = split_documents([document for _, document in weighted], 0.2, seed)
    held_out = {id(document) for document in test}
    result = train(config, documents=[(w, d) for w, d in weighted if id(d) not in held_out])
    return evaluate(result.model_dir, test), result.seconds


def wnut17(config: Config, seed: int) -> tuple[dict[str, Any], float]:
    """Train on the training file; the scores on the test file, and the seconds."""
    result = train(config)
    return result.metrics["test"], result.seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("corpus", choices=["re3d", "wnut17"])
    parser.add_argument("overrides", nargs="*")
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_intermixed_args()

    measured = {"re3d": re3d, "wnut17": wnut17}[options.corpus]
    f1s, strict = [], []
    for seed in range(options.seeds):
        with tempfile.TemporaryDirectory() as folder:
            changes = [f"training.seed={seed}", f"output_dir={folder}/model", *options.overrides]
            config = load_config(CONFIGS / f"{options.corpus}.yaml", changes)
            metrics, seconds = measured(config, seed)
        f1s.append(100 * metrics["span"]["micro"]["f1"])
        strict.append(100 * metrics["seqeval"]["f1"])
        labels = metrics["span"]["labels"].items()
        print(
            f"seed {seed}: span F1 {f1s[-1]:.1f}, strict {strict[-1]:.1f}, {seconds:.0f} s  "
            + "  ".join(f"{label} {100 * s['f1']:.1f}" for label, s in labels),
            flush=True,
        )
    print(
        f"mean span F1 {statistics.mean(f1s):.1f} ({min(f1s):.1f} to {max(f1s):.1f}), "
        f"seqeval strict {statistics.mean(strict):.1f}"
    )


if __name__ == "__main__":
    main()
