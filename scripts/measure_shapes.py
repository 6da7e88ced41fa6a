"""What memory an engine keeps for the shapes of batches it has seen (Linux).

    python scripts/measure_shapes.py runs/default --precision fp32

Every shape that a server can meet (each length the engine pads to, and as many windows as its
budget of tokens allows, half of them, a quarter, ... one) is computed with all threads on it, and
one batch a stream; all of it twice. Memory is that of the process without mapped files.
"""

from __future__ import annotations

import argparse
import random
import re
import time
from pathlib import Path

import numpy as np

from ie_model import Extractor
from ie_model.inference.batching import steps


def resident_mib() -> float:
    found = re.search(r"RssAnon:\s*(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None, "Linux only"
    return int(found.group(1)) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("--engine", default="openvino")
    parser.add_argument("--precision", default="auto")
    options = parser.parse_args()
    extractor = Extractor.from_pretrained(
        options.model, options.engine, precision=options.precision
    )
    engine, budget = extractor.engine, extractor.batch_tokens
    lengths = range(engine.multiple, extractor.encoder.window + 1, engine.multiple)
    shapes = [(rows, length) for length in lengths for rows in steps(length, budget)]

    def compute(rows: int, length: int) -> None:
        ids = np.ones((rows, length), np.int64)
        engine.forward(ids, ids)
        for pending in [engine.submit(ids, ids) for _ in range(engine.streams)]:
            pending.result()

    print(f"{len(shapes)} shapes, {engine.streams} streams: {resident_mib():.0f} MiB before any")
    for rows, length in sorted(shapes, key=lambda s: -s[0] * s[1])[:12]:
        compute(rows, length)
    print(f"after the 12 largest: {resident_mib():.0f} MiB")
    for turn in (1, 2):
        random.Random(turn).shuffle(shapes)
        began = time.process_time()
        for rows, length in shapes:
            compute(rows, length)
        seconds = time.process_time() - began
        print(f"all, turn {turn}: {resident_mib():.0f} MiB, {seconds:.1f} s of CPU", flush=True)
    extractor.close()


if __name__ == "__main__":
    main()
