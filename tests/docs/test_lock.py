"""requirements.lock: what requirements.txt pins and all that it needs, for each Python and system, with hashes."""

import re

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from helpers.paths import ROOT

PYTHONS = ("3.10", "3.11", "3.12", "3.13")
SYSTEMS = {"linux": "Linux", "darwin": "Darwin", "win32": "Windows"}
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
ENTRY = re.compile(r"^(?P<requirement>[^\s#][^\\\n]*?)(?P<hashes>(?: \\\n    --hash=sha256:[0-9a-f]{64})+)$", re.M)


def requirements(text: str) -> list[Requirement]:
    """Return the requirements in a file's text, one a line; options and comments are left out."""
    lines = [line.partition(" #")[0].strip() for line in text.splitlines()]
    return [Requirement(line) for line in lines if line and line[0] not in "#-"]


def versions(pins: list[Requirement], python: str, system: str) -> dict[str, str]:
    """Return the version of each package that is pinned for a Python on a system."""
    environment = {
        "python_version": python,
        "python_full_version": f"{python}.0",
        "sys_platform": system,
        "platform_system": SYSTEMS[system],
        "platform_machine": "x86_64",
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
    }
    chosen = [pin for pin in pins if pin.marker is None or pin.marker.evaluate(environment)]
    found = {canonicalize_name(pin.name): str(pin.specifier) for pin in chosen}
    assert len(found) == len(chosen), f"a package is pinned twice for Python {python} on {system}"
    return found


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("python", PYTHONS)
def test_the_lock_has_what_requirements_pin(python, system):
    """If this fails, requirements.txt has changed: run `make lock`."""
    locked = versions([Requirement(entry["requirement"]) for entry in ENTRY.finditer(LOCK)], python, system)
    for file in ("requirements.txt", "pre-requirements.txt"):
        pinned = versions(requirements((ROOT / file).read_text(encoding="utf-8")), python, system)
        assert pinned and {name: locked.get(name) for name in pinned} == pinned, file
    assert len(locked) > 100, "what the pinned packages need is locked too"
    assert all(re.fullmatch(r"==[^=,]+", version) for version in locked.values())


def test_the_lock_holds_nothing_but_pins_with_hashes():
    rest = [line for line in ENTRY.sub("", LOCK).splitlines() if line and line[0] != "#"]
    assert not rest, "a line without a hash, an option, or the address of a package registry"
    assert "://" not in LOCK


def test_the_lock_installs_no_cuda():
    """pre-requirements.txt installs torch without it, see CONTRIBUTING.md."""
    names = [Requirement(entry["requirement"]).name for entry in ENTRY.finditer(LOCK)]
    assert "torch" in names and not [name for name in names if name.startswith(("nvidia-", "cuda-", "triton"))]
