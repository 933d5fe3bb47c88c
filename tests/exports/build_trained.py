"""Train a network of two layers on the tests' photos, and keep the run's files beside this one.

Reads  nothing: the photos are made here, from fixed seeds, and are the same bytes on every machine
Writes trained/export.pkl, export.onnx and metrics.json, as `training.train` does

    PYTHONPATH=.:tests python tests/exports/build_trained.py

The fixture `trained` gives them to the tests, so that a test which needs a trained export does not wait for a
training. Run this when `training.train` writes something new: tests/training/train/test_train.py compares them with
a run.
"""

import shutil
import tempfile
from pathlib import Path
from unittest.mock import patch

from training import torchvision_operators  # noqa: F401  before fastai.vision, torchvision and timm

# isort: split
from helpers.learners import tiny_backbone
from helpers.photos import add_broken, make_photos
from training.train.__main__ import main

FOLDER = Path(__file__).parent / "trained"
FILES = ("export.pkl", "export.onnx", "metrics.json")
OPTIONS = {"arch": "squeezenet1_1", "pretrained": False, "epochs": 1, "image_size": 64, "batch_size": 8, "folds": 5}


def build() -> None:
    """Train in a temporary folder and copy what is kept."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        add_broken(make_photos(folder / "photos"))
        # the name of the network stays in the options; what is trained has two convolutions, and fits into git
        with patch("training.train.learner.load_backbone", tiny_backbone):
            main(str(folder / "photos"), out=str(folder / "export.pkl"), **OPTIONS)
        FOLDER.mkdir(exist_ok=True)
        for file in FILES:
            shutil.copyfile(folder / file, FOLDER / file)


if __name__ == "__main__":
    build()
