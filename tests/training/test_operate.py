"""training/operate.py, training/export/facts.py: an operating point is put into an export without training."""

import json
import pickle
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from fastcore.script import CliError

from classifier import Classifier
from helpers.paths import EXPORTS, ROOT, TRAINED
from helpers.photos import make_photos
from training.export.facts import with_fact
from training.metrics import read_metrics
from training.operate import main


@pytest.fixture
def export(tmp_path: Path) -> Path:
    for file in TRAINED.iterdir():
        shutil.copy(file, tmp_path)
    return tmp_path / "export.pkl"


def test_a_promise_is_put_into_the_export_its_copy_and_its_figures(export, capsys):
    main(str(export), precision=0.8)
    said = capsys.readouterr().out
    assert "each label: alone from" in said and "on 30 photos, each answered by a model that had not seen it" in said
    facts = read_metrics(export)["operating_point"]
    classifier = Classifier.load(export)
    assert classifier.compiled  # export.onnx was made from this very export
    assert classifier.operating_point.precision == facts["precision"] == 0.8
    assert list(classifier.operating_point.thresholds.values()) == facts["thresholds"]
    assert facts["right"] == 1 and facts["n"] <= 30
    assert sorted(file.name for file in export.parent.iterdir()) == ["export.onnx", "export.pkl", "metrics.json"]


def test_it_is_changed_and_removed_without_a_trace(export):
    main(str(export), precision=0.8, candidates=0.9)
    first = Classifier.load(export)
    assert first.operating_point.coverage == 0.9
    main(str(export), precision=0.9)
    assert Classifier.load(export).operating_point.precision == 0.9
    main(str(export), clear=True)
    last = Classifier.load(export)
    assert last.operating_point is None and "operating_point" not in read_metrics(export)
    assert last.labels == first.labels and last.temperature == first.temperature
    assert (last.familiarity.threshold == first.familiarity.threshold) and export.stat().st_size < 200_000


def test_stock_fastai_still_opens_it(export):
    main(str(export), precision=0.8)
    script = (
        "import sys; from classifier.torchvision_compat import declare_operators; declare_operators()\n"
        "from fastai.vision.all import load_learner\n"
        "learn = load_learner(sys.argv[1]); print(learn.fieldguide['operating_point']['precision'], *learn.dls.vocab)"
    )
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script, export], cwd=ROOT, capture_output=True, text=True
    )
    assert run.stdout.split() == ["0.8", "blue", "green", "red"]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({}, "Say what is wanted"),
        ({"precision": 1.5}, "give a share between 0 and 1"),
        ({"precision": float("nan")}, "give a share between 0 and 1"),
        ({"precision": 0.9, "label": "pink=0.99"}, "There is no label pink"),
        ({"precision": 0.9, "label": "red"}, "write NAME=NUMBER"),
        ({"precision": 0.9, "label": "red=much"}, "write NAME=NUMBER"),
        ({"label": "red=0.9"}, "give --precision too"),
        ({"precision": 0.9, "wrong": 5.0}, "give one of them"),
        ({"wrong": 5.0, "ask": 0.0}, "Say what is wanted"),
        ({"cost": "red=5"}, "write TRUTH>ANSWER=COST"),
        ({"cost": "red>blue=-5"}, "with a cost of 0 or more"),
        ({"precision": 0.9, "candidates": 2.0}, "give a share between 0 and 1"),
    ],
)
def test_what_cannot_be_meant_is_told_and_changes_nothing(export, options, sentence):
    before = {file.name: file.read_bytes() for file in export.parent.iterdir()}
    with pytest.raises(CliError, match=sentence):
        main(str(export), **options)
    assert {file.name: file.read_bytes() for file in export.parent.iterdir()} == before


def test_costs_and_labels_that_have_changed_since(export, tmp_path, capsys):
    main(str(export), wrong=20.0, cost="red>blue=100")
    assert read_metrics(export)["operating_point"]["precision"] is None
    photos = make_photos(tmp_path / "photos")
    main(str(export), precision=0.8, data=str(photos))
    assert "on 30 photos" in capsys.readouterr().out
    with pytest.raises(CliError, match="none of these photos was held out"):
        main(str(export), precision=0.8, data=str(make_photos(tmp_path / "others", seed=5000)))


def test_figures_without_labels_and_exports_without_figures_are_told(export):
    path = export.with_name("metrics.json")
    metrics = json.loads(path.read_text())
    del metrics["held_out"]["targets"]
    path.write_text(json.dumps(metrics))
    with pytest.raises(CliError, match="name the photos with --data"):
        main(str(export), precision=0.8)
    path.unlink()
    with pytest.raises(CliError, match=r"No metrics\.json with predictions"):
        main(str(export), precision=0.8)


def test_a_file_without_facts_is_left_alone(tmp_path):
    for name in ("lesson-bears.pkl", "photo.png"):
        with pytest.raises(CliError, match=r"no export of training\.train"):
            with_fact((EXPORTS / name).read_bytes(), "operating_point", None)


def test_nothing_in_the_file_is_run(export):
    """A stranger's export may hold any code: adding a fact imports and calls nothing."""
    ran = export.with_name("ran")

    class Evil:
        def __reduce__(self):
            return Path.touch, (ran,)

    with zipfile.ZipFile(export) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    program = next(name for name in members if name.endswith("data.pkl"))
    members[program] = members[program][:-1] + pickle.dumps(Evil(), 2)[2:-1] + b"0."
    with zipfile.ZipFile(export, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    with_fact(export.read_bytes(), "operating_point", None)
    assert not ran.exists()
