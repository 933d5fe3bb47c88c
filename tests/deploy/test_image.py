"""Dockerfile, deploy/slim.py, compose.yaml and nginx.conf: what the image holds, and what stands around it."""

import importlib.util
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from benchmarks.image import ignored, instructions
from helpers.paths import ROOT
from server.environment import ENVIRONMENT
from server.settings import Settings
from training.deploy.lean import LEFT_OUT, lean_requirements
from training.deploy.manifest import serving_files

DOCKERFILE = instructions((ROOT / "Dockerfile").read_text())
IGNORE = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and line[0] != "#"]
LOCK = re.findall(r"^([\w.-]+)==(\S+)", (ROOT / "deploy" / "requirements.lock").read_text(), re.M)
NOT_IN_THE_IMAGE = (
    "README.md",
    "requirements.txt",
    "pre-requirements.txt",
    "metrics.json",
    "examples/README.md",
    "docs/",
)
OF_REDIS = ("redis", "async-timeout")
KNOWN = {name.upper() for name in vars(Settings())} | set(ENVIRONMENT)


def rest_of(name: str) -> list[str]:
    return [rest for instruction, rest in DOCKERFILE if instruction == name]


def test_the_image_gets_what_a_space_gets():
    copied = [word for rest in rest_of("COPY") for word in rest.split()[:-1] if not rest.startswith("--from")]
    for path in serving_files(ROOT):
        if not path.startswith(NOT_IN_THE_IMAGE):
            assert any(path == name or path.startswith(f"{name}/") for name in copied), path
    for name in copied:
        assert (ROOT / name).exists() and not ignored((ROOT / name).relative_to(ROOT), IGNORE), name


@pytest.mark.parametrize("path", ["training/train/__main__.py", ".git/config", "data/a.jpg", "api-keys.txt", ".env"])
def test_nothing_else_reaches_the_builder(path):
    assert ignored(Path(path), IGNORE) and ignored(Path("server/__pycache__"), IGNORE)


def test_its_packages_are_those_of_a_space_without_torch_each_with_hashes():
    """If this fails, requirements.txt or deploy/requirements.txt has changed: run `make lock`."""
    locked = {canonicalize_name(name) for name, _ in LOCK}
    wanted = lean_requirements((ROOT / "requirements.txt").read_text())
    wanted += (ROOT / "deploy" / "requirements.txt").read_text()
    pins = [Requirement(line) for line in wanted.splitlines() if line and line[0] not in "#-"]
    found = {(canonicalize_name(name), version) for name, version in LOCK}
    assert {(canonicalize_name(pin.name), str(pin.specifier)[2:]) for pin in pins} <= found
    assert not locked & {canonicalize_name(name) for name in LEFT_OUT}
    assert any("--require-hashes -r requirements.lock" in rest for rest in rest_of("RUN"))
    everything = (ROOT / "requirements.lock").read_text()
    assert all(f"\n{name}=={version}" in everything for name, version in LOCK if name not in OF_REDIS)


def test_it_runs_as_nobody_in_particular_and_says_whether_it_is_well():
    assert rest_of("USER") == ["10001:10001"] and len(rest_of("FROM")) == 2
    set_here = [word.partition("=")[0] for rest in rest_of("ENV") for word in shlex.split(rest)]
    assert {name for name in set_here if not name.startswith(("PYTHON", "HOME"))} <= KNOWN
    [check] = rest_of("HEALTHCHECK")
    assert "/health" in json.loads(check.partition(" CMD ")[2])[-1]


def test_slim_deletes_tests_and_compiles_what_was_imported(tmp_path):
    spec = importlib.util.spec_from_file_location("slim", ROOT / "deploy" / "slim.py")
    slim = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(slim)
    for path in (
        "a/tests/test_a.py",
        "a/tests/tests/b.py",
        "numpy/testing/tests/c.py",
        "hf_xet/x.py",
        "hf_xet-1.dist-info/y",
    ):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("")
    (tmp_path / "a" / "m.py").write_text("X = 1\n")
    (tmp_path / "a" / "m.pyi").write_text("")
    slim.trim(tmp_path)
    assert sorted(f.relative_to(tmp_path).as_posix() for f in tmp_path.rglob("*") if f.is_file()) == [
        "a/m.py",
        "numpy/testing/tests/c.py",
    ]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    subprocess.run([sys.executable, "-c", "import a.m"], cwd=tmp_path, env=environment, check=True)
    assert slim.fix_bytecode([tmp_path]) == 1
    [compiled] = tmp_path.rglob("*.pyc")
    assert compiled.read_bytes()[4] == 1  # by hash, and not checked: a copy may change times


def test_compose_sets_what_the_app_knows_and_nginx_asks_what_compose_runs():
    compose = yaml.safe_load((ROOT / "compose.yaml").read_text())
    services, app = compose["services"], compose["x-app"]
    assert set(app["environment"]) <= KNOWN and services["app-1"] == services["app-2"] == app
    assert app["read_only"] and app["tmpfs"] == ["/tmp"] and app["cap_drop"] == ["ALL"]
    for file in ("nginx.conf", "prometheus.yml"):
        asked = set(re.findall(r"(app-\d):7860", (ROOT / "deploy" / file).read_text()))
        assert asked == {"app-1", "app-2"}
        assert any(f"./deploy/{file}:" in volume for s in services.values() for volume in s.get("volumes", []))
