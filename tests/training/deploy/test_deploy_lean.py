"""training/deploy/lean.py: a Space that answers from export.onnx needs no torch, and answers without it."""

import json

import pytest
import requests

from helpers.api import by_path, run_predict, upload
from helpers.paths import EXAMPLE, EXPORTS, ROOT
from training.deploy import checks
from training.deploy.lean import HEAD, LEFT_OUT, MODULES, is_lean, lean_requirements, package_of, without_torch
from training.deploy.manifest import CPU, ZERO_GPU, for_hardware, serving_files
from training.deploy.smoke_test import NoAnswer, ask, running_app


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    return serving_files(ROOT)


@pytest.mark.parametrize("hardware", [CPU, ZERO_GPU])
def test_requirements_leave_out_what_only_the_export_needs_and_nothing_else(files, hardware):
    lean = without_torch(for_hardware(files, hardware))
    assert is_lean(lean) and not is_lean(files) and "pre-requirements.txt" not in lean
    before, after = (
        [line for line in text.decode().splitlines() if line[0] != "#"]
        for text in (files["requirements.txt"], lean["requirements.txt"])
    )
    assert after == [line for line in before if package_of(line) not in LEFT_OUT]
    assert {package_of(line) for line in before} - {package_of(line) for line in after} == set(LEFT_OUT)
    others = {path: content for path, content in lean.items() if path != "requirements.txt"}
    assert others.items() <= for_hardware(files, hardware).items()


def test_comments_stay_with_their_packages():
    kept = "# the decoder\n# of photos\npillow==12\n-r more.txt\n"
    text = f"# all of it\ngradio==6\n# the network\ntorch==2\ntimm==1\n{kept}"
    assert lean_requirements(text) == f"{HEAD}gradio==6\n{kept}"


def other_export(files: dict[str, bytes]) -> dict[str, bytes]:
    return {**files, "export.pkl": (EXPORTS / "trained" / "export.pkl").read_bytes()}


@pytest.mark.parametrize(
    "change",
    [
        lambda files: {path: content for path, content in files.items() if path != "export.onnx"},
        lambda files: {**files, "export.onnx": b"no model"},
        other_export,
    ],
    ids=["without", "broken", "of-another-export"],
)
def test_an_export_that_is_not_compiled_goes_with_all_it_needs(files, change):
    changed = change(files)
    assert without_torch(changed) == changed and not is_lean(changed)


def test_versions_of_what_is_left_out_do_not_matter(files):
    metrics = json.loads(files["metrics.json"])
    metrics["versions"] |= {"torch": "2.9.0+cu126", "fastai": "2.8.4", "numpy": "2.0.2"}
    elsewhere = without_torch({**files, "metrics.json": json.dumps(metrics).encode()})
    assert checks.pins(elsewhere).detail == "export.onnx answers, so torch, fastai and timm are left out"
    metrics["versions"]["pillow"] = "9.0.0"
    elsewhere["metrics.json"] = json.dumps(metrics).encode()
    assert "pillow 9.0.0 made it" in checks.pins(elsewhere).problem


@pytest.fixture(scope="module")
def lean_app(files, tmp_path_factory):
    """The address of the app of the lean files alone, with every module missing that only export.pkl needs."""
    folder = tmp_path_factory.mktemp("lean")
    for path, content in without_torch(for_hardware(files, CPU)).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    with running_app(folder, CPU, MODULES) as url:
        yield url


def test_without_torch_the_app_answers_explains_and_has_its_page(lean_app):
    assert ask(lean_app, EXAMPLE.read_bytes())["label"] == "teddy"
    photo = by_path(upload(lean_app, EXAMPLE))
    assert run_predict(lean_app, photo).json()["data"][0]["label"] == "teddy"
    explained = requests.post(f"{lean_app}/gradio_api/run/explain", json={"data": [photo, "black"]}, timeout=60)
    picture = requests.get(explained.json()["data"][0]["url"], timeout=60)
    assert picture.content.startswith(b"\xff\xd8\xff")
    assert "Fieldguide" in requests.get(lean_app, timeout=60).text


def test_without_torch_and_without_its_compiled_copy_the_app_says_what_to_do(files, tmp_path):
    lean = without_torch(files)
    for path, content in lean.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_bytes(b"damaged" if path == "export.onnx" else content)
    with (
        pytest.raises(NoAnswer, match="itself needs torch, which is not installed"),
        running_app(tmp_path, CPU, MODULES),
    ):
        pass
