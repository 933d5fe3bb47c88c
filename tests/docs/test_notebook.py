"""training/training.ipynb runs top to bottom on a small real run, fetches the project, and has its outputs."""

import json
import os
import shutil
from pathlib import Path

import nbclient
import nbformat
import pytest

from classifier import Classifier
from helpers.paths import ROOT, SHARED
from helpers.photos import make_photos
from training.static.runtime import LIBHEIF, ONNX_RUNTIME, cache_folder

NOTEBOOK = ROOT / "training" / "training.ipynb"


def has_runtime() -> bool:
    """Return whether what the page at the end runs on was fetched once: `python -m training.static` does."""
    return all((cache_folder() / f"{kept.name}-{kept.version}").is_dir() for kept in (ONNX_RUNTIME, LIBHEIF))


def executed(notebook: nbformat.NotebookNode, folder: Path) -> None:
    """Run a notebook in a folder; its outputs come into it."""
    client = nbclient.NotebookClient(
        notebook, timeout=600, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
    )
    client.execute()


@pytest.fixture
def small_run(tmp_path) -> dict[str, str]:
    """The environment of a small run: on 60 real photos where they are here, else on coloured noise."""
    bears, weights = SHARED / "data" / "bears", SHARED / "weights" / "mobilenet_v2-imagenet.pth"
    options = {"EPOCHS": "1", "FOLDS": "2", "OUT": str(tmp_path / "export.pkl"), "DATA": str(tmp_path / "photos")}
    options["SITE"] = str(tmp_path / "site") if has_runtime() else ""
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
        executed(notebook, NOTEBOOK.parent)
    finally:
        nbformat.write(notebook, tmp_path / "executed.ipynb")  # to look at where it fails
    assert (tmp_path / "export.pkl").stat().st_size > 1_000_000
    assert json.loads((tmp_path / "metrics.json").read_text())["calibration"]["n_folds"] == 2
    assert Classifier.load(tmp_path / "export.pkl").calibrated
    shown = "".join(str(output.get("data", "")) for cell in notebook.cells for output in cell.get("outputs", []))
    assert "?key=" in shown, "the cleaner is shown"
    assert (tmp_path / "site" / "index.html").is_file() == has_runtime()


@pytest.mark.slow
def test_a_host_with_the_notebook_alone_fetches_the_project(tmp_path, monkeypatch):
    monkeypatch.setenv("REPOSITORY", str(ROOT))
    notebook = nbformat.read(NOTEBOOK, 4)
    names = ["get-project", "install"]
    notebook.cells = [cell for cell in notebook.cells if cell.id in names]
    assert [cell.id for cell in notebook.cells] == names
    executed(notebook, tmp_path)
    assert (tmp_path / "fieldguide" / "training" / "training.ipynb").is_file()
    assert "All packages are there" in str(notebook.cells[1].outputs)
    executed(notebook, tmp_path)  # a kernel that started anew finds it


def test_committed_outputs_are_whole_and_name_no_machine():
    notebook = nbformat.read(NOTEBOOK, 4)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert all(cell.execution_count for cell in cells)
    outputs = [output for cell in cells for output in cell.outputs]
    assert not [output for output in outputs if output.output_type == "error"]
    texts = [str(output.get("text", "")) + str(output.get("data", {}).get("text/html", "")) for output in outputs]
    assert not [text for text in texts if str(ROOT.parent) in text or os.path.expanduser("~") in text]
    assert "error_rate" in "".join(texts)  # the lesson's table
    assert "<iframe" not in "".join(texts), "a page that nobody serves any more"


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
