"""How many workers a machine gets, and where they run."""

from __future__ import annotations

from pathlib import Path

from ie_model.errors import InputError
from ie_model.inference.engines.runtimes import has_nvidia_driver
from ie_model.models.cpu_shares import share_cpus
from ie_model.models.hardware import available_cpus
from ie_model.scoring.options import CutOptions
from ie_model.scoring.worker import Placement

WORKER_MEMORY = 400 << 20
"""Bytes of a worker without its model: Python, the engine, two shards, activations."""


def place(
    workers: int | None = None,
    threads: int | None = None,
    device: str = "auto",
    model_bytes: int = 0,
) -> list[Placement]:
    """Where the workers of one machine run.

    On GPUs one process each (``device`` ``cuda``, or ``auto`` where there are any);
    ``cuda:1`` is that one alone. On CPUs one process for each core, of one thread, pinned,
    or as many as there is memory for with the threads shared out. One thread a process
    was never slower than threads that share a process (``docs/scaling.md``).

    Args:
        workers: how many, in place of that.
        threads: compute threads of each.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.
        model_bytes: the size of the model's files; a worker is taken to need twice that
            and :data:`WORKER_MEMORY`.

    Raises:
        InputError: a number below 1, or more workers than GPUs.
    """
    if workers is not None and workers < 1:
        raise InputError(
            f"workers is {workers}: give a number of at least 1 (for score also 0: none besides "
            "its own process)"
        )
    if threads is not None and threads < 1:
        raise InputError(f"threads is {threads}: give a number of at least 1")
    gpus = _gpus(device)
    if gpus:
        count = workers or len(gpus)
        if count > len(gpus):
            raise InputError(f"{count} workers but {len(gpus)} GPUs: one process runs on each")
        return [Placement(threads, (), gpu) for gpu in gpus[:count]]
    if device not in ("auto", "cpu"):
        return [Placement(threads, (), device)] * (workers or 1)
    cores = available_cpus()
    if workers is None:
        fitting = _available_memory() // (WORKER_MEMORY + 2 * model_bytes)
        workers = max(1, min(cores // (threads or 1), fitting))
    each = threads or max(1, cores // workers)
    return [Placement(each, cpus, "cpu") for cpus in share_cpus(workers)]


def _available_memory(root: Path = Path("/")) -> int:
    """Bytes that may still be used: of the machine, and of the cgroup; a lot where unknown."""
    found = [1 << 62]
    try:
        for line in (root / "proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                found.append(int(line.split()[1]) << 10)
        group = root / "sys/fs/cgroup"
        limit = int((group / "memory.max").read_text())
        found.append(limit - int((group / "memory.current").read_text()))
    except (OSError, ValueError):  # no such file, or "max"
        pass
    return max(0, min(found))


def default_cut(device: str, input_bytes: int) -> CutOptions:
    """Shards of some seconds' work, and enough of them for every worker to have one.

    A GPU does in a second what takes a core a minute. There a shard must also be several
    look-ahead buffers of the extractor long (some thousand documents each), or tokenising,
    forward and decoding find nothing to overlap; a pinned core has nothing to overlap with.
    Of a small input (``input_bytes``, 0 where unknown) a shard is a 64th part, or a 16th.
    """
    rows, share, least = (32_000, 16, 1 << 20) if device.startswith("cuda") else (500, 64, 1 << 16)
    most = CutOptions(rows).max_bytes
    size = min(most, max(least, input_bytes // share)) if input_bytes else most
    return CutOptions(rows, size)


def _gpus(device: str) -> list[str]:
    if device.startswith("cuda:"):
        return [device]
    if device == "cuda" or (device == "auto" and has_nvidia_driver()):
        import torch

        return [f"cuda:{i}" for i in range(torch.cuda.device_count())]
    return []
