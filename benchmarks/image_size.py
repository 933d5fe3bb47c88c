"""What serving installs, in megabytes: the packages of requirements.txt and all that they bring in.

Usage:

    python -m benchmarks.image_size
"""

from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from fastcore.script import call_parse
from packaging.requirements import Requirement

from .measuring.apps import ROOT

LARGEST = 15


def needed(requirements: Path) -> dict[str, Distribution]:
    """Return the installed packages that a requirements file brings in, by name."""
    found, waiting = {}, [line for line in requirements.read_text().splitlines() if line and line[0] not in "#-"]
    while waiting:
        requirement = Requirement(waiting.pop())
        name = requirement.name.lower().replace("_", "-")
        if name in found or (requirement.marker and not requirement.marker.evaluate({"extra": ""})):
            continue
        try:
            found[name] = distribution(name)
        except PackageNotFoundError:  # CUDA's, say, beside a CPU build of torch
            continue
        waiting += found[name].requires or []
    return found


def megabytes(package: Distribution) -> float:
    """Return what a package's files take on disk."""
    files = (Path(package.locate_file(file)) for file in package.files or [])
    return sum(file.stat().st_size for file in files if file.is_file()) / 1e6


@call_parse
def main(
    requirements: str = "requirements.txt",  # whose packages, as they are installed here
):
    "Print the installed size of what serving needs."
    sizes = {name: megabytes(package) for name, package in needed(ROOT / requirements).items()}
    for name, size in sorted(sizes.items(), key=lambda item: -item[1])[:LARGEST]:
        print(f"{size:8.0f} MB  {name}")
    print(f"{sum(sizes.values()):8.0f} MB  {len(sizes)} packages in all")
