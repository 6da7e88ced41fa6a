"""How long an engine in a process of its own takes to its first answer."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

from ie_model.models.plan import Plan

_START = """
import sys, time
started = time.perf_counter()
from ie_model import Extractor
extractor = Extractor.from_pretrained(sys.argv[1], sys.argv[2], precision=sys.argv[3],
                                      device=sys.argv[4])
sentence = "Iraqi federal police cleared Hawija on Tuesday."
extractor.predict(sentence)
first = time.perf_counter() - started
times = []
for _ in range(20):
    started = time.perf_counter()
    extractor.predict(sentence)
    times.append(time.perf_counter() - started)
from ie_model.models.hardware import peak_memory
print(first, sorted(times)[10], peak_memory())
"""


def first_answer(folder: Path, plan: Plan | None) -> dict[str, Any]:
    """Seconds from a new process's first line to its first answer, and what it took."""
    assert plan is not None
    device = plan.device if plan.engine == "torch" else "auto"
    command = [sys.executable, "-c", _START, str(folder), plan.engine, plan.precision, device]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    values = done.stdout.split()
    if done.returncode or len(values) != 3:
        return {"engine": plan.engine, "precision": plan.precision, "error": done.stderr[-400:]}
    return {
        "engine": plan.engine,
        "precision": plan.precision,
        "first_answer_seconds": round(float(values[0]), 3),
        "sentence_milliseconds": round(1e3 * float(values[1]), 2),
        "peak_memory_mb": round(int(values[2]) / 2**20, 1),
    }
