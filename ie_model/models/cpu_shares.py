"""Processes side by side, each on CPUs of its own."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

_THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def share_cpus(count: int) -> list[tuple[int, ...]]:
    """Disjoint sets of logical CPUs, whole cores first; empty sets where there are too few."""
    if not hasattr(os, "sched_getaffinity"):
        return [()] * count
    cpus = sorted(os.sched_getaffinity(0), key=_core)
    each = len(cpus) // count
    if count == 1 or each == 0:
        return [()] * count
    return [tuple(cpus[i * each : (i + 1) * each]) for i in range(count)]


def keep_to(cpus: Sequence[int], threads: int | None) -> None:
    """Keep this process to its CPUs and threads; call it before any numeric library loads."""
    if cpus and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, cpus)
    if threads is not None:
        for name in (*_THREAD_VARIABLES, "RAYON_NUM_THREADS"):
            os.environ[name] = str(threads)


def _core(cpu: int) -> tuple[int, int, int]:
    """Sorts hyper-threads of a core, and cores of a socket, next to each other."""
    topology = Path(f"/sys/devices/system/cpu/cpu{cpu}/topology")
    try:
        package = int((topology / "physical_package_id").read_text())
        return package, int((topology / "core_id").read_text()), cpu
    except (OSError, ValueError):
        return 0, cpu, cpu
