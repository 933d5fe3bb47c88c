"""Count the CPU cores that this process may use: a container's share, not the machine's.

Usage:

    cores()
"""

import logging
import math
import os
from pathlib import Path

log = logging.getLogger(__name__)

CGROUP = Path("/sys/fs/cgroup")


def cores() -> int:
    """Return the number of cores to compute on, 1 or more: the lowest of three limits.

    They are CPU_CORES in the environment, which Spaces set; the cgroup's quota, which limits containers; and the cores
    that this process may run on. More threads than cores only wait for each other.
    """
    known = [_from_environment(), _from_cgroup(), _allowed()]
    return max(1, min(math.floor(n) for n in known if n is not None))


def _allowed() -> int:
    """Return the number of cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _from_environment() -> float | None:
    """Return CPU_CORES; None, with a line in the log, where it is no number."""
    given = os.environ.get("CPU_CORES")
    if not given:
        return None
    try:
        n = float(given)
    except ValueError:
        n = math.nan
    if not 0 < n < math.inf:
        log.warning("CPU_CORES=%r is not a number of cores: left out of account.", given)
        return None
    return n


def _from_cgroup() -> float | None:
    """Return the cgroup's quota of CPU time in cores, version 2 or 1; None where it sets no limit."""
    try:
        quota, period = (CGROUP / "cpu.max").read_text().split()
    except (OSError, ValueError):
        try:
            quota, period = ((CGROUP / "cpu" / f"cpu.cfs_{name}_us").read_text() for name in ("quota", "period"))
        except OSError:
            return None
    try:
        share = float(quota) / float(period)  # "max" in version 2 and -1 in version 1 mean no limit
    except (ValueError, ZeroDivisionError):
        return None
    return share if share > 0 else None
