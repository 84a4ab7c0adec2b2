"""How many cores this process may really use: its affinity and its cgroups' quotas. Elsewhere than on Linux, all.

A container that may use two of sixty-four cores would be stopped by the kernel for most of each period if
sixty-four threads hashed at once. Sources: https://docs.kernel.org/admin-guide/cgroup-v2.html (`cpu.max`),
https://docs.kernel.org/scheduler/sched-bwc.html (`cpu.cfs_quota_us`).
"""

import math
import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath


def usable_cores(proc: Path = Path("/proc/self/cgroup"), mounts: Path = Path("/sys/fs/cgroup")) -> int:
    """Count the cores that the scheduler and every cgroup around us allow; a fraction counts as a whole one."""
    quotas = [quota for directory in _directories(proc, mounts) if (quota := _quota(directory)) is not None]
    return max(1, math.ceil(min([float(_affinity()), *quotas])))


def _affinity() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _directories(proc: Path, mounts: Path) -> Iterator[Path]:
    """Yield the directories that may hold a quota: our group's and its parents', in both versions of cgroups."""
    for line in _text(proc).splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        own = PurePosixPath(path.lstrip("/"))
        # Version 2 is mounted at the top, or at `unified` beside version 1. The path may be one of the host's,
        # which a container does not see: its own group is then the top.
        for mount in [controllers] if controllers else ["", "unified"]:
            for group in {own, *own.parents}:
                yield mounts / mount / group


def _quota(directory: Path) -> float | None:
    words = _text(directory / "cpu.max").split() or [
        *_text(directory / "cpu.cfs_quota_us").split(),
        *_text(directory / "cpu.cfs_period_us").split(),
    ]
    match words:
        case [quota, period] if quota not in {"max", "-1"}:
            return int(quota) / int(period)
    return None


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
