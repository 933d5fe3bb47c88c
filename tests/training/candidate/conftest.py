"""The folder of a project whose model is in use, and what stands for a training of it."""

import json
import shutil
from pathlib import Path

import pytest

from helpers.grown_project import Taught
from helpers.paths import TRAINED
from helpers.photos import make_photos
from training.train.record import versions


@pytest.fixture
def folder(tmp_path, monkeypatch, tiny_training) -> Path:
    """The folder of a project: the model in use, the photos that it was made from, and nothing that came since."""
    shutil.copytree(TRAINED, tmp_path / "work")
    metrics = tmp_path / "work" / "metrics.json"  # of a training in this environment, whatever it has installed
    metrics.write_text(json.dumps({**json.loads(metrics.read_text()), "versions": versions()}))
    make_photos(tmp_path / "work" / "data")
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.delenv("GITHUB_OUTPUT", raising=False)
    return tmp_path / "work"


@pytest.fixture
def taught(monkeypatch) -> Taught:
    """In place of trainings, which take a while, predictions as a test wants them."""
    taught = Taught()
    monkeypatch.setattr("training.train.__main__.main", taught)
    return taught
