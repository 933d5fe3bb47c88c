"""training/runs.py, training/run_folder.py: each training is kept, compared with another, and put back in place."""

import csv
import json
import shutil
from pathlib import Path

import pytest
from fastcore.script import CliError

from classifier import Classifier
from classifier.files import sha256
from helpers.paths import TRAINED
from helpers.photos import make_photos
from training.data.photos import readable_photos
from training.metrics import read_metrics
from training.operate import main as operate
from training.run_folder import COLUMNS, MANIFEST, keep_run, read_runs
from training.runs import main


@pytest.fixture
def data(tmp_path) -> Path:
    return make_photos(tmp_path / "data")


@pytest.fixture
def export(tmp_path) -> Path:
    """What a training wrote, in a folder of its own."""
    shutil.copytree(TRAINED, tmp_path / "work")
    return tmp_path / "work" / "export.pkl"


@pytest.fixture
def two(export, data, monkeypatch):
    """Two runs: in the second, a photo went, one has another label, and an option and an answer differ."""
    monkeypatch.chdir(export.parent)
    first = keep_run(export, readable_photos(data), data)
    (data / "red" / "00.png").unlink()
    (data / "red" / "01.png").rename(data / "blue" / "r01.png")
    operate(str(export), precision=0.8)  # another export, with the same answers
    metrics = json.loads((export.parent / "metrics.json").read_text())
    metrics["options"]["seed"] = 7
    own = metrics["held_out"]["targets"]
    digest = next(iter(own))
    metrics["held_out"]["answers"][digest] = {str((own[digest] + 1) % 3): 0.9}
    (export.parent / "metrics.json").write_text(json.dumps(metrics))
    second = keep_run(export, readable_photos(data), data)
    assert first and second and first.name != second.name
    return sorted([first, second], key=lambda run: run.folder.stat().st_mtime_ns)


def test_a_training_is_kept_with_its_photos(export, data):
    (data / "sources.csv").write_text(f"file,sha256,source\nx,{sha256(data / 'red' / '00.png')},a friend's camera\n")
    run = keep_run(export, readable_photos(data), data)
    assert sorted(file.name for file in run.folder.iterdir()) == ["export.onnx", "export.pkl", MANIFEST, "metrics.json"]
    with (run.folder / MANIFEST).open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 30 and tuple(rows[0]) == COLUMNS
    red = next(row for row in rows if row["file"] == "red/00.png")
    assert (red["labels"], red["set"], red["source"]) == ("red", "train", "a friend's camera")
    assert {row["source"] for row in rows if row is not red} == {""}
    assert run.metrics == read_metrics(export) != {}


def test_all_are_listed_and_the_one_in_use_is_marked(two, export, capsys):
    main()
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"  {two[0].name}") and lines[1].startswith(f"* {two[1].name}")
    assert "30 photos, 3 labels, 0.0% wrong" in lines[0] and lines[-1] == "2 trainings in runs; * is export.pkl"


def test_what_changed_is_told(two, capsys):
    main(two[0].name, two[1].name[-12:])
    said = capsys.readouterr().out
    assert "photos: 0 photos came, 1 went, 1 changed their label or set" in said
    assert "went: 1 red" in said and "blue/r01.png: red -> blue" in said
    assert "option seed: 42 -> 7" in said
    assert "answers for 30 photos that both held out: The new one is worse" in said and "  broken  " in said
    main(two[0].name[-12:])  # with the last one
    assert capsys.readouterr().out == said


def test_a_run_is_put_in_the_place_of_the_export(two, export, capsys):
    assert Classifier.load(export).operating_point
    main(promote=two[0].name)
    assert "is that of" in capsys.readouterr().out
    assert sha256(export) == sha256(two[0].export) == read_metrics(export)["export"]["sha256"]
    assert Classifier.load(export).compiled and not Classifier.load(export).operating_point
    export.write_bytes(b"x")  # as cp does, into the same file: what is kept is another one
    assert Classifier.load(two[0].export)


@pytest.mark.parametrize(
    ("names", "options", "sentence"),
    [
        (["2019"], {}, "2019 means no run. They are: 20"),
        (["20"], {}, "20 means several runs"),
        (["20", "20", "20"], {}, "Name two runs"),
        (["20"], {"promote": "20"}, "Name two runs"),
        ([], {"runs": "elsewhere"}, "No training is kept in elsewhere"),
    ],
)
def test_what_cannot_be_meant_gets_one_sentence(two, names, options, sentence):
    with pytest.raises(CliError, match=sentence):
        main(*names, **options)


def test_damaged_figures_hide_no_other_run(two, capsys):
    (two[0].folder / "metrics.json").unlink()
    (two[0].folder / "metrics.json").write_text("{")
    main()
    assert "its figures are damaged" in capsys.readouterr().out.splitlines()[0]
    main(two[0].name, two[1].name)
    assert "answers: not compared" in capsys.readouterr().out


def test_a_folder_that_cannot_be_written_ends_no_training(export, data, capsys):
    (export.parent / "runs").write_text("a file")
    assert keep_run(export, readable_photos(data), data) is None
    assert "This training is not kept in" in capsys.readouterr().out
    with pytest.raises(CliError, match="No training is kept"):
        read_runs(export.parent / "runs")
