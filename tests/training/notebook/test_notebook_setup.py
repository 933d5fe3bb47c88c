"""training/notebook/setup.py: a host keeps its torch and what is loaded, and gets what is missing."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pip
import pytest

from helpers.paths import ROOT
from training.notebook import setup
from training.notebook.setup import SetupError, fits, missing, prepare, requirements

PREPARE = """
import sys
sys.path.insert(0, {project!r})
import {loaded}
from pathlib import Path
from training.notebook.setup import SetupError, prepare
try:
    print(prepare(Path({root!r})))
except SetupError as error:
    print("SetupError:", error)
"""


def wheel(folder: Path, name: str, version: str, *needs: str) -> Path:
    """Write a wheel with one empty module, and return it."""
    file, info = folder / f"{name}-{version}-py3-none-any.whl", f"{name}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n" + "".join(
        f"Requires-Dist: {need}\n" for need in needs
    )
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(f"{name}.py", "")
        archive.writestr(f"{info}/METADATA", metadata)
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/top_level.txt", f"{name}\n")
        archive.writestr(f"{info}/RECORD", f"{name}.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n")
    return file


class Host:
    """A Python environment of its own, whose packages are small wheels in a folder, and a project's requirements."""

    def __init__(self, folder: Path):
        self.root, self.wheels, self._venv = folder / "project", folder / "wheels", folder / "venv"
        (self.root / "training").mkdir(parents=True)
        self.wheels.mkdir()
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", self._venv], check=True, timeout=120)
        self.python = next(file for file in self._venv.glob("*/python*") if file.is_file())
        packages = next(self._venv.glob("**/site-packages"))
        shutil.copytree(Path(pip.__file__).parent, packages / "pip")  # in a tenth of the time of venv's own

    def install(self, *files: Path) -> None:
        self._run("-m", "pip", "install", "-q", "--no-index", "--no-deps", *files)

    def require(self, serving: str, training: str = "") -> None:
        (self.root / "requirements.txt").write_text(serving)
        (self.root / "training" / "requirements.txt").write_text("-r ../requirements.txt\n" + training)

    def prepare(self, loaded: str = "sys") -> str:
        return self._run("-c", PREPARE.format(project=str(ROOT), root=str(self.root), loaded=loaded))

    def versions(self) -> set[str]:
        return set(self._run("-m", "pip", "list", "--format=freeze").split())

    def _run(self, *arguments: object) -> str:
        environment = {
            "PATH": str(self.python.parent),
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": str(self.wheels),
            "PIP_CONFIG_FILE": "/dev/null",
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        }
        done = subprocess.run(
            [self.python, *arguments], capture_output=True, text=True, timeout=120, env=environment, cwd=self.root
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.fixture
def host(tmp_path):
    """A host with a torch of its own, for which the project's pins are too old."""
    host = Host(tmp_path)
    host.install(wheel(tmp_path, "torch", "9.9+cu1"), wheel(tmp_path, "torchvision", "9.8"))
    for name in ("torch", "torchvision"):
        wheel(host.wheels, name, "2.13.0")
    return host


@pytest.mark.slow
def test_torch_of_the_host_stays_and_what_is_missing_is_installed(host):
    wheel(host.wheels, "fastai", "2.8", "torch<10")
    wheel(host.wheels, "report", "3.11")
    host.require("# pins\ntorch==2.13.0\ntorchvision==2.13.0\nfastai==2.8\n", "report~=3.10\n")
    said = host.prepare()
    assert "2 packages installed; torch 9.9+cu1, torchvision 9.8 stayed as they were." in said
    assert host.versions() == {"torch==9.9+cu1", "torchvision==9.8", "fastai==2.8", "report==3.11"}
    assert host.prepare() == "All packages are there (torch 9.9+cu1, torchvision 9.8).\n"


@pytest.mark.slow
def test_a_package_that_needs_another_torch_is_refused_with_pips_reason(host):
    wheel(host.wheels, "fastai", "2.8", "torch<3")
    host.require("torch==2.13.0\nfastai==2.8\n")
    said = host.prepare()
    assert "SetupError: Packages could not be installed." in said and "fastai 2.8 depends on torch<3" in said
    assert host.versions() == {"torch==9.9+cu1", "torchvision==9.8"}


@pytest.mark.slow
def test_a_loaded_package_stays_unless_another_needs_a_later_one(host, tmp_path):
    host.install(wheel(tmp_path, "held", "1.0"))
    wheel(host.wheels, "held", "2.0")
    wheel(host.wheels, "easy", "1.0", "held")
    host.require("held==2.0\neasy==1.0\n")
    assert "Restart" not in host.prepare(loaded="held")
    assert "held==1.0" in host.versions()
    wheel(host.wheels, "strict", "1.0", "held>=2")
    host.require("held==2.0\neasy==1.0\nstrict==1.0\n")
    said = host.prepare(loaded="held")
    assert "has changed (held 1.0 to 2.0). Restart the kernel, then run this cell again." in said
    assert {"held==2.0", "strict==1.0", "torch==9.9+cu1"} <= host.versions()


@pytest.mark.slow
def test_a_numpy_that_is_too_old_is_replaced_also_where_it_is_loaded(host, tmp_path):
    host.install(wheel(tmp_path, "numpy", "1.26.4"))
    wheel(host.wheels, "numpy", "2.4.6")
    host.require("numpy==2.4.6\n")
    assert "has changed (numpy 1.26.4 to 2.4.6). Restart the kernel" in host.prepare(loaded="numpy")
    assert host.prepare() == "All packages are there (torch 9.9+cu1, torchvision 9.8, numpy 2.4.6).\n"


def test_this_checkout_has_all_packages():
    assert prepare().startswith("All packages are there (torch ")


def test_requirements_are_those_of_serving_and_training_for_this_python():
    found = requirements()
    assert found["gradio"].startswith("==") and found["scikit-learn"].startswith("~=")
    wanted = "==1.10.0" if sys.version_info >= (3, 11) else "==1.7.0"
    line = f'starlette{wanted}; python_version {">=" if sys.version_info >= (3, 11) else "<"} "3.11"'
    assert found["starlette"] == wanted and line in (ROOT / "requirements.txt").read_text()


def test_a_line_that_cannot_be_read_is_named(tmp_path):
    (tmp_path / "training").mkdir()
    (tmp_path / "training" / "requirements.txt").write_text("")
    (tmp_path / "requirements.txt").write_text("demo>=1\n")
    with pytest.raises(SetupError, match=r"demo>=1: NAME==VERSION"):
        requirements(tmp_path)


@pytest.mark.parametrize(
    "installed, wanted, expected",
    [
        ("2.13.0", "==2.13.0", True),
        ("2.13.0+cpu", "==2.13.0", True),
        ("2.13.1", "==2.13.0", False),
        ("", "==2.13.0", False),
        ("3.11", "~=3.10", True),
        ("3.9", "~=3.10", False),
        ("4.0", "~=3.10", False),
        ("0.3.7", "~=0.3", True),
        ("", "~=0.3", False),
    ],
)
def test_version_fits(installed, wanted, expected):
    assert fits(installed, wanted) is expected


def test_torchvision_is_the_one_for_the_hosts_torch(monkeypatch):
    monkeypatch.setattr(setup, "installed_versions", lambda names: {})
    wanted = {"torch": "==2.13.0", "torchvision": "==0.28.0"}
    assert missing(wanted, {"torch": "2.9"}) == ["torchvision"]
    assert missing(wanted, {}) == ["torch==2.13.0", "torchvision==0.28.0"]


def test_a_python_that_is_too_old_is_named(monkeypatch):
    monkeypatch.setattr(setup, "PYTHONS", ((3, 98), (3, 99)))
    with pytest.raises(SetupError, match=r"This is Python 3\.\d+"):
        prepare()


def test_only_the_standard_library_is_imported():
    script = "import sys; sys.path.insert(0, sys.argv[1]); import training.notebook.setup; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-I", "-S", "-c", script, ROOT], capture_output=True, text=True, timeout=60)
    assert "training.host" in done.stdout.split(), done.stderr
