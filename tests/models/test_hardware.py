import os

import pytest

from ie_model.models import hardware as cpus


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A file system of a machine with four cores of two hyper-threads each."""
    for cpu in range(8):
        folder = tmp_path / f"sys/devices/system/cpu/cpu{cpu}/topology"
        folder.mkdir(parents=True)
        (folder / "physical_package_id").write_text("0\n")
        (folder / "core_id").write_text(f"{cpu % 4}\n")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    return tmp_path


def write(root, path, text):
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def test_cpus_hyper_threads_of_a_core_count_once(machine):
    assert cpus.available_cpus(machine) == 4


def test_cpus_affinity_counts_not_the_machine(machine, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {1, 2, 5}, raising=False)
    assert cpus.available_cpus(machine) == 2  # 1 and 5 are one core


@pytest.mark.parametrize(
    ("quota", "expected"), [("200000 100000", 2), ("150000 100000", 1), ("50000 100000", 1),
                            ("max 100000", 4), ("1600000 100000", 4)],
)  # fmt: skip
def test_cpus_cgroup_v2_limit(machine, quota, expected):
    write(machine, "proc/self/cgroup", "0::/user/job\n")
    write(machine, "sys/fs/cgroup/user/job/cpu.max", quota + "\n")
    assert cpus.available_cpus(machine) == expected


def test_cpus_limit_of_a_group_above_holds_too(machine):
    write(machine, "proc/self/cgroup", "0::/user/job\n")
    write(machine, "sys/fs/cgroup/user/cpu.max", "300000 100000\n")
    write(machine, "sys/fs/cgroup/user/job/cpu.max", "max 100000\n")
    assert cpus.cgroup_limit(machine) == 3.0


def test_cpus_container_reads_the_mount_point_where_its_path_is_missing(machine):
    write(machine, "proc/self/cgroup", "0::/kubepods/pod7\n")
    write(machine, "sys/fs/cgroup/cpu.max", "250000 100000\n")
    assert cpus.cgroup_limit(machine) == 2.5


def test_cpus_cgroup_v1_limit(machine):
    write(machine, "proc/self/cgroup", "5:memory:/\n4:cpu,cpuacct:/docker/1\n0::/\n")
    write(machine, "sys/fs/cgroup/cpu,cpuacct/docker/1/cpu.cfs_quota_us", "100000\n")
    write(machine, "sys/fs/cgroup/cpu,cpuacct/docker/1/cpu.cfs_period_us", "50000\n")
    write(machine, "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "-1\n")
    write(machine, "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n")
    assert cpus.cgroup_limit(machine) == 2.0


def test_cpus_without_cgroups_there_is_no_limit(machine):
    assert cpus.cgroup_limit(machine) is None


@pytest.mark.parametrize(
    ("flags", "bf16", "int8"),
    [
        ("avx2", False, False),
        ("avx512f avx512_vnni", False, True),
        ("avx512_bf16 avx512_vnni", True, True),
        ("amx_bf16 amx_int8", True, True),
        ("asimd asimddp", False, True),
        ("asimd bf16 i8mm", True, True),
    ],
)
def test_cpus_flags_tell_native_precisions(flags, bf16, int8):
    assert cpus.multiplies_bf16(frozenset(flags.split())) is bf16
    assert cpus.multiplies_int8(frozenset(flags.split())) is int8


def test_cpus_name_and_flags_are_read_from_cpuinfo(tmp_path):
    file = tmp_path / "cpuinfo"
    file.write_text("processor : 0\nmodel name\t: Some CPU @ 2.5GHz\nflags\t\t: fpu avx2\n")
    assert cpus.cpu_name(file) == "Some CPU @ 2.5GHz"
    assert cpus.cpu_flags(file) == {"fpu", "avx2"}
