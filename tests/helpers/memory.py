"""What a process has taken of the memory."""

import os
import sys
from pathlib import Path

try:
    import resource
except ImportError:  # Windows
    resource = None


def peak_megabytes() -> float:
    """Return the largest memory that this process has taken, in MB; 0 on Windows, which keeps no such count."""
    if resource is None:
        return 0
    unit = 1_000_000 if sys.platform == "darwin" else 1000  # macOS counts bytes, Linux kB
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit


def resident_megabytes(pid: int) -> float:
    """Return the memory that a process holds at present, in MB. Linux only."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
