"""The number of workers is that of the usable cores."""

import os
from pathlib import Path

import pytest

from service.hashing.pool import workers


@pytest.fixture(autouse=True)
def eight_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))


def groups(tmp_path: Path, lines: str, files: dict[str, str]) -> int:
    (tmp_path / "self").write_text(lines)
    for name, text in files.items():
        path = tmp_path / "mounts" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return workers.usable_cores(tmp_path / "self", tmp_path / "mounts")


def test_without_a_quota_every_core_of_the_affinity_counts(tmp_path: Path) -> None:
    assert groups(tmp_path, "0::/app\n", {"app/cpu.max": "max 100000\n"}) == 8


def test_where_there_are_no_cgroups_the_affinity_counts(tmp_path: Path) -> None:
    assert workers.usable_cores(tmp_path / "none", tmp_path / "none") == 8


def test_a_quota_of_version_2_counts(tmp_path: Path) -> None:
    assert groups(tmp_path, "0::/app\n", {"app/cpu.max": "200000 100000\n"}) == 2


def test_a_quota_of_a_parent_counts(tmp_path: Path) -> None:
    assert groups(tmp_path, "0::/pod/app\n", {"pod/cpu.max": "300000 100000\n"}) == 3


def test_the_smallest_of_several_quotas_counts(tmp_path: Path) -> None:
    files = {"pod/cpu.max": "300000 100000\n", "pod/app/cpu.max": "100000 100000\n"}
    assert groups(tmp_path, "0::/pod/app\n", files) == 1


def test_a_quota_of_version_1_counts(tmp_path: Path) -> None:
    files = {
        "cpu,cpuacct/docker/x/cpu.cfs_quota_us": "400000\n",
        "cpu,cpuacct/docker/x/cpu.cfs_period_us": "100000\n",
    }
    assert groups(tmp_path, "4:memory:/m\n2:cpu,cpuacct:/docker/x\n0::/\n", files) == 4


def test_an_unlimited_group_of_version_1_sets_no_bound(tmp_path: Path) -> None:
    files = {"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}
    assert groups(tmp_path, "1:cpu:/\n", files) == 8


def test_in_a_container_that_does_not_see_the_host_s_path_its_top_counts(tmp_path: Path) -> None:
    assert groups(tmp_path, "0::/host/path\n", {"cpu.max": "150000 100000\n"}) == 2


def test_a_part_of_a_core_is_one_worker(tmp_path: Path) -> None:
    assert groups(tmp_path, "0::/\n", {"cpu.max": "10000 100000\n"}) == 1


def test_this_machine_has_at_least_one_core() -> None:
    assert workers.usable_cores() >= 1
