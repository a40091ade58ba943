from __future__ import annotations

import os

import pytest

from ocr_core.cgroup import cpu_quota, memory_limit
from ocr_core.cpu import available_cores


@pytest.fixture(autouse=True)
def eight_cores(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(8)), raising=False)


def write(folder, files):
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content + "\n")
    return folder


@pytest.mark.parametrize(
    ("files", "cores"),
    [
        pytest.param({}, 8, id="no cgroup: the affinity mask"),
        pytest.param({"cpu.max": "max 100000"}, 8, id="v2 without a quota"),
        pytest.param({"cpu.max": "200000 100000"}, 2, id="v2"),
        pytest.param({"cpu.max": "150000 100000"}, 2, id="v2, one core and a half"),
        pytest.param({"cpu.max": "20000 100000"}, 1, id="v2, a fifth of a core"),
        pytest.param({"cpu.max": "6400000 100000"}, 8, id="v2, more than the mask"),
        pytest.param({"cpu.max": "75000 50000"}, 2, id="v2, another period"),
        pytest.param({"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, 8, id="v1 without a quota"),
        pytest.param({"cpu/cpu.cfs_quota_us": "300000", "cpu/cpu.cfs_period_us": "100000"}, 3, id="v1"),
        pytest.param({"cpu/cpu.cfs_quota_us": "250000", "cpu/cpu.cfs_period_us": "100000"}, 3, id="v1, two and a half"),
        pytest.param({"cpu/cpu.cfs_quota_us": "300000"}, 8, id="v1, half of it"),
    ],
)
def test_available_cores(tmp_path, files, cores):
    assert available_cores(write(tmp_path, files)) == cores


def test_affinity_below_the_quota(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {3, 5}, raising=False)
    assert available_cores(write(tmp_path, {"cpu.max": "400000 100000"})) == 2


def test_systems_without_an_affinity_mask(tmp_path, monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 6)
    assert available_cores(tmp_path) == 6


UNIFIED = "0::/machine/job\n"
SPLIT = "4:memory:/docker/1\n3:cpu,cpuacct:/docker/1\n0::/\n"


@pytest.mark.parametrize(
    ("process", "files", "quota"),
    [
        pytest.param(UNIFIED, {"machine/job/cpu.max": "50000 100000"}, 0.5, id="of the group itself"),
        pytest.param(
            UNIFIED, {"machine/cpu.max": "50000 100000", "machine/job/cpu.max": "max 100000"}, 0.5, id="above"
        ),
        pytest.param(
            UNIFIED, {"machine/job/cpu.max": "150000 100000", "cpu.max": "100000 100000"}, 1.0, id="the least"
        ),
        pytest.param(UNIFIED, {"other/cpu.max": "50000 100000"}, None, id="of another group"),
        pytest.param(UNIFIED, {"cpu.max": "50000 100000"}, 0.5, id="in a container, whose group is the root"),
        pytest.param(
            SPLIT, {"cpu/docker/1/cpu.cfs_quota_us": "50000", "cpu/docker/1/cpu.cfs_period_us": "100000"}, 0.5, id="v1"
        ),
        pytest.param(SPLIT, {"cpu/cpu.cfs_quota_us": "50000", "cpu/cpu.cfs_period_us": "100000"}, 0.5, id="v1, root"),
        pytest.param("nonsense", {"cpu.max": "nonsense"}, None, id="nonsense"),
    ],
)
def test_quotas_of_the_group_and_of_those_above_count(tmp_path, process, files, quota):
    file = tmp_path / "process"
    file.write_text(process)
    assert cpu_quota(write(tmp_path / "cgroup", files), file) == quota


@pytest.mark.parametrize(
    ("files", "limit"),
    [
        ({}, None),
        ({"memory.max": "max"}, None),
        ({"memory.max": "536870912"}, 2**29),
        ({"machine/job/memory.max": "536870912", "machine/memory.max": "268435456"}, 2**28),
        ({"memory/memory.limit_in_bytes": "9223372036854771712"}, None),
        ({"memory/memory.limit_in_bytes": "536870912"}, 2**29),
    ],
)
def test_memory_limits(tmp_path, files, limit):
    process = tmp_path / "process"
    process.write_text(UNIFIED)
    assert memory_limit(write(tmp_path / "cgroup", files), process) == limit
