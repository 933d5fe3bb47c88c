"""training/deploy/handler.py: an inference endpoint's handler, called as Hugging Face's toolkit does."""

import json
import os
import subprocess
import sys

import pytest

from helpers.paths import EXAMPLE, ROOT
from training.deploy.manifest import serving_files
from training.deploy.model_repo import model_files

# as the toolkit does: the folder comes first on the path, handler.py is imported by its file, and errors are texts
TOOLKIT = """
import base64, builtins, importlib.util, io, json, sys
folder, photo = sys.argv[1:]
allowed = builtins.__import__
def forbid(name, *rest):
    if name.partition(".")[0] in ("torch", "torchvision", "fastai", "timm", "server", "training", "gradio"):
        raise ImportError(f"an endpoint has no {name}")
    return allowed(name, *rest)
builtins.__import__ = forbid
spec = importlib.util.spec_from_file_location("handler", f"{folder}/handler.py")
sys.path.insert(0, folder)
handler = importlib.util.module_from_spec(spec)
sys.modules["handler"] = handler
spec.loader.exec_module(handler)
answer = handler.EndpointHandler(folder)
import classifier
assert classifier.__file__.startswith(folder)
from PIL import Image
data = open(photo, "rb").read()
text = base64.b64encode(data).decode()
inputs = {"image": Image.open(photo).convert("RGB"), "bytes": data, "base64": text}
inputs["url"] = f"data:image/jpeg;base64,{text}"
told = {name: answer({"inputs": value}) for name, value in inputs.items()}
told["top"] = answer({"inputs": data, "parameters": {"top_k": 1}})
told["details"] = answer({"inputs": data, "parameters": {"details": True}})
for name, wrong in {"address": "https://bears.example/a.jpg", "path": "/etc/passwd", "nothing": None, "empty": b"",
                    "text": base64.b64encode(b"no photo").decode(), "list": [data]}.items():
    try:
        told[name] = answer({"inputs": wrong})
    except ValueError as error:
        told[name] = str(error)
try:
    answer({"inputs": data, "parameters": {"top_k": "many"}})
except ValueError as error:
    told["top_k"] = str(error)
print(json.dumps(told))
"""


@pytest.fixture(scope="module")
def files():
    return model_files(serving_files(ROOT), "ada/bear-model")


@pytest.fixture(scope="module")
def told(files, tmp_path_factory):
    """What a handler answers that runs from an empty folder with the repository's files alone."""
    folder = tmp_path_factory.mktemp("repository")
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [sys.executable, "-c", TOOLKIT, str(folder), str(EXAMPLE)]
    empty = tmp_path_factory.mktemp("empty")
    run = subprocess.run(command, cwd=empty, env=environment, capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


def test_it_answers_as_image_classifiers_do_there(told, expected):
    for way in ("bytes", "base64", "url"):
        assert {row["label"]: row["score"] for row in told[way]} == pytest.approx(expected, abs=1e-6)
    scores = [row["score"] for row in told["image"]]
    assert told["image"][0]["label"] == "teddy" and scores == sorted(scores, reverse=True)
    assert told["top"] == told["bytes"][:1]


def test_details_are_what_classify_answers(told):
    details = told["details"]
    assert details["label"] == "teddy" and details["familiar"] is True and len(details["model_version"]) == 12


@pytest.mark.parametrize("wrong", ["address", "path", "nothing", "empty", "text", "list", "top_k"])
def test_what_is_no_photo_is_told_in_a_sentence(told, wrong):
    assert isinstance(told[wrong], str) and told[wrong].endswith(".") and "/" not in told[wrong]


def test_its_requirements_are_pins_of_ours(files):
    ours = (ROOT / "requirements.txt").read_text().splitlines()
    pins = files["requirements.txt"].decode().splitlines()[1:]
    assert len(pins) == 7 and set(pins) <= set(ours)


def test_without_a_compiled_copy_there_is_no_handler():
    files = {path: content for path, content in serving_files(ROOT).items() if path != "export.onnx"}
    assert "handler.py" not in model_files(files, "ada/bear-model")


def test_an_endpoint_that_left_the_compiled_copy_out_says_what_to_set(tmp_path):
    from training.deploy.handler import EndpointHandler

    with pytest.raises(FileNotFoundError, match="HF_FRAMEWORK=onnx"):
        EndpointHandler(str(tmp_path))
