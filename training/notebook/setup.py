"""Install what the notebook needs into a host that has its own torch, such as Colab or Kaggle.

Reads  requirements.txt and training/requirements.txt
Writes missing packages into the environment of this Python; where all are there, nothing

torch, torchvision, numpy from 2.0 on, and every package that this process has loaded keep their version. Standard
library only, since it runs before anything is installed:

    from training.notebook.setup import prepare
    print(prepare())
"""

import importlib
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from pathlib import Path

from training.host import COLAB, KAGGLE, host_name

ROOT = Path(__file__).parents[2]
FILES = ("requirements.txt", "training/requirements.txt")
KEPT = ("torch", "torchvision", "numpy")  # the host's fit its GPU, and each other
OLDEST = {"numpy": (2,)}  # an older one is replaced, also where it is loaded: the project needs functions of this one
PYTHONS = ((3, 10), (3, 14))  # from, and below
LINE = re.compile(r'([\w.-]+)([=~]=)([\w.]+)(?:; python_version (>=|<) "3\.(\d+)")?')
LINES_SHOWN = 15  # of what pip prints where it fails
RESTART = {COLAB: "Runtime > Restart session", KAGGLE: "Run > Restart kernel"}
INTERNET = "Are the address and the network there? On Kaggle: Settings > Turn on internet."


class SetupError(Exception):
    """Raised, with what to do, where the environment cannot be made."""


def normal(name: str) -> str:
    """Return a package's name as registries compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def requirements(root: Path = ROOT) -> dict[str, str]:
    """Return the version that each package needs to have in this Python, such as "==1.2", by its name."""
    found = {}
    for line in "\n".join((root / file).read_text(encoding="utf-8") for file in FILES).splitlines():
        if not line.strip() or line.startswith(("#", "-r ")):
            continue
        match = LINE.fullmatch(line.strip())
        if match is None:
            raise SetupError(f"{line}: NAME==VERSION or NAME~=VERSION is expected in {' and '.join(FILES)}.")
        name, operator, wanted, side, minor = match.groups()
        if side is None or (sys.version_info >= (3, int(minor))) == (side == ">="):
            found[normal(name)] = operator + wanted
    return found


def numbers(text: str) -> tuple[int, ...]:
    """Return the numbers of a version, without what follows them: (2, 13, 0) for 2.13.0+cpu."""
    match = re.match(r"\d+(\.\d+)*", text)
    return tuple(map(int, match[0].split("."))) if match else ()


def fits(installed: str, wanted: str) -> bool:
    """Return whether an installed version is the wanted "==1.2", or for "~=1.2" that or a later 1.x."""
    have, need = numbers(installed), numbers(wanted[2:])
    if wanted.startswith("=="):
        return installed.partition("+")[0] == wanted[2:]
    return have >= need and have[: len(need) - 1] == need[:-1]


def too_old(name: str, installed: str) -> bool:
    """Return whether the project cannot work with the host's version of a package that it would keep."""
    return numbers(installed) < OLDEST.get(name, ())


def installed_versions(names: Iterable[str]) -> dict[str, str]:
    """Return the versions of those of the packages that are installed."""
    found = {}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def loaded_packages() -> set[str]:
    """Return the packages of which this process has loaded a module: another version of them would not fit it."""
    modules = {name.partition(".")[0] for name in list(sys.modules)}
    return {
        normal(package) for name, owners in packages_distributions().items() if name in modules for package in owners
    }


def missing(wanted: dict[str, str], kept: dict[str, str]) -> list[str]:
    """Return what is to be installed, as pip reads it; kept: packages that stay whatever their version."""
    found = installed_versions(wanted)
    specs = [name + spec for name, spec in wanted.items() if name not in kept and not fits(found.get(name, ""), spec)]
    if "torch" in kept:  # then torchvision is the one for it
        specs = ["torchvision" if spec.startswith("torchvision==") else spec for spec in specs]
    return specs


def install(specs: list[str], kept: dict[str, str]) -> str:
    """Install packages while others keep their version; return what pip said where that failed, else ""."""
    with tempfile.TemporaryDirectory() as folder:
        constraints = Path(folder) / "constraints.txt"
        constraints.write_text("".join(f"{name}=={held}\n" for name, held in kept.items()), encoding="utf-8")
        command = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--progress-bar", "off"]
        done = subprocess.run(
            [*command, "-c", str(constraints), *specs], text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
    importlib.invalidate_caches()
    if done.returncode == 0:
        return ""
    return "\n".join(done.stdout.strip().splitlines()[-LINES_SHOWN:]) or f"pip ended with {done.returncode}"


def prepare(root: Path = ROOT) -> str:
    """Install what is missing and return, in words, what was done; SetupError where it cannot be had."""
    if not PYTHONS[0] <= sys.version_info[:2] < PYTHONS[1]:
        raise SetupError(f"This is Python {sys.version.split()[0]}; 3.10 to 3.13 is needed.")
    wanted, loaded, host = requirements(root), installed_versions(loaded_packages()), installed_versions(KEPT)
    host = {name: held for name, held in host.items() if not too_old(name, held)}
    kept = {name: held for name, held in loaded.items() if not too_old(name, held)} | host
    specs = missing(wanted, kept)
    words = ", ".join(f"{name} {held}" for name, held in host.items()) or "no torch"
    if not specs:
        return f"All packages are there ({words})."
    print(f"installing {counted(specs)} beside {words}: this takes minutes ...", flush=True)
    problem = install(specs, kept)
    if problem and kept.keys() - host:  # a package that is loaded stands in the way: it is replaced, and said
        problem = install(missing(wanted, host), host)
    if problem:
        raise SetupError(f"Packages could not be installed. {INTERNET}\n{problem}")
    return said_after(specs, host, loaded)


def counted(specs: list[str]) -> str:
    """Return how many packages these are."""
    return f"{len(specs)} package{'s' * (len(specs) > 1)}"


def said_after(specs: list[str], host: dict[str, str], loaded: dict[str, str]) -> str:
    """Return what was installed and kept, and whether the kernel has to start anew."""
    stayed = ", ".join(f"{name} {held}" for name, held in host.items())
    said = f"{counted(specs)} installed" + (f"; {stayed} stayed as they were." if stayed else ".")
    now = installed_versions(loaded)
    if changed := [f"{name} {held} to {now.get(name)}" for name, held in loaded.items() if now.get(name) != held]:
        how = RESTART.get(host_name(), "Restart the kernel")
        said += f" What this process had loaded has changed ({', '.join(changed)}). {how}, then run this cell again."
    return said
