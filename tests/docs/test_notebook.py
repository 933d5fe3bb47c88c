"""training/training.ipynb runs top to bottom on a small real run, and is committed with its outputs."""

import json
import os
import shutil

import nbclient
import nbformat
import pytest

from classifier import Classifier
from helpers.paths import ROOT, SHARED
from helpers.photos import make_photos

NOTEBOOK = ROOT / "training" / "training.ipynb"


@pytest.fixture
def small_run(tmp_path) -> dict[str, str]:
    """The environment of a small run: on 60 real photos where they are here, else on coloured noise."""
    bears, weights = SHARED / "data" / "bears", SHARED / "weights" / "mobilenet_v2-imagenet.pth"
    options = {"EPOCHS": "1", "FOLDS": "2", "OUT": str(tmp_path / "export.pkl"), "DATA": str(tmp_path / "photos")}
    if not bears.is_dir():
        make_photos(tmp_path / "photos", size=(160, 120))  # smaller ones do not pass verify
        return {**options, "ARCH": "squeezenet1_1", "PRETRAINED": "no", "IMAGE_SIZE": "64"}
    for label in sorted(bears.iterdir()):
        (tmp_path / "photos" / label.name).mkdir(parents=True)
        for photo in sorted(label.iterdir())[:20]:
            shutil.copy(photo, tmp_path / "photos" / label.name)
    return {**options, "ARCH": "mobilenet_v2", "WEIGHTS": str(weights), "IMAGE_SIZE": "128"}


@pytest.mark.slow
def test_notebook_runs_top_to_bottom(small_run, tmp_path, monkeypatch):
    for name, value in small_run.items():
        monkeypatch.setenv(name, value)
    notebook = nbformat.read(NOTEBOOK, 4)
    try:
        nbclient.NotebookClient(
            notebook, timeout=600, kernel_name="python3", resources={"metadata": {"path": str(NOTEBOOK.parent)}}
        ).execute()
    finally:
        nbformat.write(notebook, tmp_path / "executed.ipynb")  # to look at where it fails
    assert (tmp_path / "export.pkl").stat().st_size > 1_000_000
    assert json.loads((tmp_path / "metrics.json").read_text())["calibration"]["n_folds"] == 2
    assert Classifier.load(tmp_path / "export.pkl").calibrated


def test_committed_outputs_are_whole_and_name_no_machine():
    notebook = nbformat.read(NOTEBOOK, 4)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(cell.execution_count for cell in cells)
    outputs = [output for cell in cells for output in cell.outputs]
    assert not [output for output in outputs if output.output_type == "error"]
    texts = [str(output.get("text", "")) + str(output.get("data", {}).get("text/html", "")) for output in outputs]
    assert not [text for text in texts if str(ROOT.parent) in text or os.path.expanduser("~") in text]
    assert "error_rate" in "".join(texts)  # the lesson's table


def test_committed_pictures_show_no_photo_of_a_dataset():
    """Resizing, augmentation, heatmaps, suspects, answers: of examples/. Confusion, learning rates, reliability."""
    notebook = nbformat.read(NOTEBOOK, 4)
    pictures = [
        cell.source
        for cell in notebook.cells
        if cell.cell_type == "code"
        for output in cell.outputs
        if {"image/png", "image/jpeg"} & set(output.get("data", {}))
    ]
    assert len(pictures) == 8
    allowed = ("examples/", "wide", "plot_confusion_matrix", "plot_reliability", "lr_find")
    assert [source for source in pictures if any(name in source for name in allowed)] == pictures
    assert not [source for source in pictures if "show_batch" in source]
