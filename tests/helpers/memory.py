"""What the test's own process has taken at most."""
import sys

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
