"""What serving installs, in megabytes: the packages of requirements.txt and all that they bring in.

Usage:

    python -m benchmarks.image_size

A Space that answers from export.onnx gets fewer of them (`training.deploy.lean`): these are summed up too. The sizes
are those of the files as pip installs them, of which the bytecode that pip compiles is given apart.
"""

from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from fastcore.script import call_parse
from packaging.requirements import Requirement

from training.deploy.lean import lean_requirements

from .measuring.apps import ROOT

LARGEST = 15


def needed(requirements: str) -> dict[str, Distribution]:
    """Return the installed packages that the text of a requirements file brings in, by name."""
    waiting = [(Requirement(line), "") for line in requirements.splitlines() if line and line[0] not in "#-"]
    found: dict[str, Distribution] = {}
    done = set()
    while waiting:
        requirement, extra = waiting.pop()
        name = requirement.name.lower().replace("_", "-")
        if requirement.marker and not requirement.marker.evaluate({"extra": extra}):
            continue
        try:
            found[name] = distribution(name)
        except PackageNotFoundError:  # CUDA's, say, beside a CPU build of torch
            continue
        for wanted in {"", *requirement.extras}:
            if (name, wanted) not in done:
                done.add((name, wanted))
                waiting += [(Requirement(line), wanted) for line in found[name].requires or []]
    return found


def megabytes(package: Distribution) -> tuple[float, float]:
    """Return what a package's files take on disk, and the part of it that is bytecode."""
    files = [Path(package.locate_file(file)) for file in package.files or []]
    sizes = [(file.suffix, file.stat().st_size / 1e6) for file in files if file.is_file()]
    return sum(size for _, size in sizes), sum(size for suffix, size in sizes if suffix == ".pyc")


def total(sizes: dict[str, tuple[float, float]]) -> str:
    """Return the sum of what packages take, in words."""
    all_of_it, bytecode = (sum(column) for column in zip(*sizes.values()))
    return f"{all_of_it:8.0f} MB  {len(sizes)} packages in all, {bytecode:.0f} MB of it bytecode"


@call_parse
def main(
    requirements: str = "requirements.txt",  # whose packages, as they are installed here
):
    "Print the installed size of what serving needs, with torch and without."
    text = (ROOT / requirements).read_text()
    for kind, wanted in (("export.pkl", text), ("export.onnx", lean_requirements(text))):
        sizes = {name: megabytes(package) for name, package in needed(wanted).items()}
        print(f"an app that answers from {kind}:")
        for name, (size, _) in sorted(sizes.items(), key=lambda item: -item[1][0])[:LARGEST]:
            print(f"{size:8.0f} MB  {name}")
        print(total(sizes))
