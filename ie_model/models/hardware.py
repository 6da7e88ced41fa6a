"""What this process may use of the machine, and what it used: CPUs, their products, memory.

A container or a job scheduler often grants two CPUs of a machine with ninety-six; threads
started by the machine's count then fight over two. Affinity and cgroup limits say what was
granted, ``os.cpu_count()`` does not.
"""

from __future__ import annotations

import contextlib
import logging
import math
import os
import platform
import subprocess
import sys
from functools import cache
from pathlib import Path

log = logging.getLogger(__name__)

WAITS_ACTIVELY = (
    "torch was imported before ie_model, so its threads wait actively and take CPUs from each "
    "other on a busy machine; import ie_model first, or set OMP_WAIT_POLICY=passive"
)


def waits_actively() -> bool:
    """Whether OpenMP threads spin while they wait.

    The package sets the policy when it is imported; that is too late when torch was there first.
    """
    variables = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")
    return not any(name in os.environ for name in variables)


@cache
def advise_passive_waiting() -> None:
    """One line a process, where torch is about to compute with threads that spin."""
    if waits_actively():
        log.warning(WAITS_ACTIVELY)


def available_cpus(root: Path = Path("/")) -> int:
    """CPUs worth one compute thread each: affinity, cgroup limits, one per physical core.

    ``root`` is the file system's root; tests put another one in its place. A limit of 1.5
    CPUs counts as 1: a second thread would be throttled for half of every period, and its
    partner would wait for it.
    """
    allowed = _affinity()
    cores = _physical_cores(allowed, root)
    limit = cgroup_limit(root)
    if limit is not None:
        cores = min(cores, max(1, math.floor(limit)))
    return max(1, cores)


def _affinity() -> set[int]:
    if hasattr(os, "sched_getaffinity"):
        return os.sched_getaffinity(0)
    return set(range(os.cpu_count() or 1))


def _physical_cores(allowed: set[int], root: Path) -> int:
    """Distinct cores behind these logical CPUs: hyper-threads share one matrix unit."""
    cores = set()
    for cpu in allowed:
        topology = root / f"sys/devices/system/cpu/cpu{cpu}/topology"
        try:
            package = (topology / "physical_package_id").read_text().strip()
            core = (topology / "core_id").read_text().strip()
        except OSError:
            return len(allowed)
        cores.add((package, core))
    return len(cores)


def cgroup_limit(root: Path = Path("/")) -> float | None:
    """The CPU bandwidth limit of this process's cgroup or any above it, in CPUs; or None.

    Reads ``cpu.max`` (cgroup v2) and ``cpu.cfs_quota_us`` / ``cpu.cfs_period_us`` (v1), as
    described in the Linux kernel's admin guide. Inside a container the paths of
    ``/proc/self/cgroup`` may not exist below the mount point; the mount point itself is
    then the container's own cgroup, and is always read too.
    """
    mount = root / "sys/fs/cgroup"
    limits = []
    for line in _lines(root / "proc/self/cgroup") or ["0::/"]:
        _, controllers, path = (*line.split(":", 2), "", "")[:3]
        if controllers == "":
            base = mount
        elif "cpu" in controllers.split(","):
            base = mount / controllers if (mount / controllers).is_dir() else mount / "cpu"
        else:
            continue
        folder = base / path.strip("/")
        while True:
            limits.append(_folder_limit(folder))
            if folder == base or base not in folder.parents:
                break
            folder = folder.parent
    found = [limit for limit in limits if limit is not None]
    return min(found) if found else None


def _folder_limit(folder: Path) -> float | None:
    fields = " ".join(_lines(folder / "cpu.max")).split()
    if not fields:
        quota = "".join(_lines(folder / "cpu.cfs_quota_us"))
        period = "".join(_lines(folder / "cpu.cfs_period_us"))
        fields = [quota, period]
    try:
        quota_us, period_us = float(fields[0]), float(fields[1])
    except (ValueError, IndexError):  # "max", or no such file
        return None
    return quota_us / period_us if quota_us > 0 and period_us > 0 else None


def _lines(path: Path) -> list[str]:
    with contextlib.suppress(OSError):
        return path.read_text().split("\n")[:64] if path.is_file() else []
    return []


@cache
def cpu_flags(cpuinfo: Path = Path("/proc/cpuinfo")) -> frozenset[str]:
    """The feature flags of the first CPU, in the kernel's spelling; empty when unknown."""
    if platform.system() == "Darwin":
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            names = ("FEAT_BF16", "FEAT_I8MM", "FEAT_DotProd")
            keys = [f"hw.optional.arm.{name}" for name in names]
            command = ["/usr/sbin/sysctl", "-n", *keys]
            done = subprocess.run(command, capture_output=True, text=True, timeout=5, check=False)
            kernel_names = ("bf16", "i8mm", "asimddp")
            pairs = zip(kernel_names, done.stdout.split(), strict=False)
            return frozenset(name for name, value in pairs if value == "1")
        return frozenset()
    with contextlib.suppress(OSError), cpuinfo.open() as lines:
        for line in lines:
            key, _, value = line.partition(":")
            if key.strip() in ("flags", "Features"):
                return frozenset(value.split())
    return frozenset()


def cpu_name(cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """The CPU's marketing name where the system tells it, else its architecture."""
    with contextlib.suppress(OSError), cpuinfo.open() as lines:
        for line in lines:
            key, _, value = line.partition(":")
            if key.strip() in ("model name", "Hardware"):
                return value.strip()
    return platform.processor() or platform.machine()


def is_x86() -> bool:
    """Whether the CPU is of the family that OpenVINO computes bf16 on; elsewhere it uses fp32."""
    return platform.machine() in ("x86_64", "AMD64")


def multiplies_bf16(flags: frozenset[str] | None = None) -> bool:
    """Whether the CPU multiplies bf16 natively; elsewhere it is emulated, slower than fp32."""
    flags = cpu_flags() if flags is None else flags
    return bool(flags & {"avx512_bf16", "amx_bf16", "bf16"})


def multiplies_int8(flags: frozenset[str] | None = None) -> bool:
    """Whether int8 products are added up in 32 bits (VNNI, AMX, Arm dot product).

    x86 CPUs without it add pairs in 16 bits with saturation: int8 weights must then be
    quantised to a reduced range of 7 bits, or answers are wrong.
    """
    flags = cpu_flags() if flags is None else flags
    return bool(flags & {"avx512_vnni", "avx_vnni", "amx_int8", "asimddp", "i8mm"})


def peak_memory() -> int:
    """The largest resident set of this process so far, in bytes; 0 where unknown."""
    # getrusage() would do, but on Linux a process begins with the figure of its parent.
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    if sys.platform == "darwin":
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return 0
