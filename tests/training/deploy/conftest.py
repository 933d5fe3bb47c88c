"""The Hub as a stub, and a project to deploy to it."""

import pytest

from helpers.deployments import ANSWER
from helpers.hub_stub import deployed_to_hub
from helpers.paths import ROOT
from training.deploy import deployment, precheck
from training.deploy.checks import Check
from training.deploy.manifest import serving_files


@pytest.fixture
def hub(monkeypatch):
    """The Hub as a stub, one that this process talks to with a token, without waiting."""
    with deployed_to_hub(monkeypatch) as hub:
        hub.answers = [ANSWER]
        yield hub


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A small folder with the serving files, beside much that is not to be sent; its app is taken to answer."""
    for file, content in serving_files(ROOT).items():
        path = tmp_path / "project" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"a model" if file.endswith((".pkl", ".onnx")) else content)
    root = tmp_path / "project"
    for other in (
        "training/train/record.py",
        "data/teddy/1.jpg",
        ".env",
        "server/.env",
        "tests/server/test_app.py",
        "other.pkl",
    ):
        (root / other).parent.mkdir(parents=True, exist_ok=True)
        (root / other).write_text("not to be sent")
    monkeypatch.setattr(deployment, "ROOT", root)
    monkeypatch.setattr(precheck, "smoke_test", lambda files, hardware: (Check("the app, alone", "answers"), ANSWER))
    return root
