"""Where the time of a batch goes in OpenVINO: each kind of operation, at its best of many runs.

    python scripts/profile_inference.py runs/default/openvino/int8.xml --rows 16 --tokens 64

One thread and one stream, so that an operation's time is its own. On a busy machine the smallest
of many times is still close to what an idle one shows.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np

from ie_model.inference.engines.runtimes import import_openvino
from ie_model.models.hardware import multiplies_bf16

WARM = 3


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("model", type=Path, help="a converted model, .xml")
    parser.add_argument("--rows", type=int, default=16)
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--repeat", type=int, default=25)
    options = parser.parse_args()

    openvino = import_openvino()
    settings = {
        "INFERENCE_NUM_THREADS": 1, "NUM_STREAMS": "1", "PERF_COUNT": True,
        "ENABLE_CPU_PINNING": False,
        "INFERENCE_PRECISION_HINT": "bf16" if multiplies_bf16() else "f32",
    }  # fmt: skip
    request = openvino.Core().compile_model(options.model, "CPU", settings).create_infer_request()
    shape = (options.rows, options.tokens)
    ids = np.random.default_rng(0).integers(1000, 20000, shape)
    inputs = {"input_ids": ids, "attention_mask": np.ones(shape, np.int64)}
    walls: list[float] = []
    best: dict[tuple[str, str, str], float] = {}
    for number in range(WARM + options.repeat):
        began = time.perf_counter()
        request.infer(inputs)
        if number < WARM:
            continue
        walls.append(time.perf_counter() - began)
        for op in request.profiling_info:
            key = (op.node_name, op.node_type, op.exec_type)
            took = 1e3 * op.real_time.total_seconds()
            best[key] = min(best.get(key, took), took)
    times: defaultdict[tuple[str, str], float] = defaultdict(float)
    counts: Counter[tuple[str, str]] = Counter()
    for (_, kind, kernel), took in best.items():
        if took:
            times[kind, kernel] += took
            counts[kind, kernel] += 1
    whole = sum(times.values())
    print(
        f"{options.rows} rows of {options.tokens} tokens: {1e3 * min(walls):.1f} ms at best, "
        f"{ids.size / min(walls):,.0f} tokens/s; operations {whole:.1f} ms"
    )
    for (kind, kernel), took in sorted(times.items(), key=lambda pair: -pair[1]):
        share = took / whole
        print(f"  {kind:30} {kernel:24} {counts[kind, kernel]:3} {took:8.2f} ms {share:6.1%}")


if __name__ == "__main__":
    main()
