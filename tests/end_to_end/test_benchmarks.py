"""benchmarks/: the tables that the README quotes."""

import json
import re
import shutil
from itertools import product

import pytest
from fastcore.script import CliError

from benchmarks import bulk, recipes
from benchmarks.train import add_ten
from helpers.commands import run_module
from helpers.paths import ROOT
from helpers.photos import make_photos
from training.data.photos import get_photos


@pytest.mark.slow
def test_accuracy_measures_held_out_answers_of_its_own_data_and_all_of_others(trained, tmp_path):
    other = make_photos(tmp_path / "other", n=3, seed=5000)
    (other / "red" / "empty.jpg").touch()
    run = run_module("benchmarks.accuracy", trained / "export.pkl", trained / "photos", other)
    assert run.returncode == 0, run.stderr
    head, own, others = run.stdout.splitlines()[-3:]
    metrics = json.loads((trained / "metrics.json").read_text())
    assert head.split()[:3] == ["photos", "part", "n"]
    assert own.split()[:6] == ["photos", "out", "of", "fold", "30", f"{1 - metrics['error_rate']:.1%}"]
    assert own.split()[6] == f"{metrics['error_rate']:.1%}"
    assert others.split()[:4] == ["other", "all,", "raw", "9"]
    assert "empty.jpg: This file is empty" in run.stdout


@pytest.mark.parametrize(
    "arguments, says",
    [
        (["nowhere.pkl", "."], "no export at"),
        (["export.pkl"], "Name the folders"),
        (["export.pkl", "classifier"], "No photos under"),
        (["export.pkl", "nowhere"], "There is no folder"),
    ],
    ids=["no-export", "no-folder", "no-photos", "missing"],
)
def test_accuracy_of_nothing_is_one_sentence(arguments, says):
    run = run_module("benchmarks.accuracy", *arguments)
    assert run.returncode == 1 and says in run.stderr and "Traceback" not in run.stderr


@pytest.mark.slow
def test_recipes_are_compared_on_photos_that_they_have_not_seen(photos):
    shutil.copytree(photos, photos.with_name("others"))
    recipes = ("image_size=64 resize=squish", "image_size=64 epochs=1")
    run = run_module(
        "benchmarks.recipes",
        f"{photos},{photos.with_name('others')}",
        *recipes,
        "--arch",
        "squeezenet1_1",
        "--no-pretrained",
        "--folds",
        "2",
    )
    assert run.returncode == 0, run.stderr
    head, *rows = run.stdout.splitlines()[-5:]
    assert head.split()[-6:] == ["plain", "thumbnail", "mirrored", "cropped", "time", "fine-tuning"]
    for line, (folder, name) in zip(rows, product(("photos", "others"), recipes)):
        assert re.match(rf"{folder} +{name} ", line)
        views = re.findall(r"([\d.]+)% / ([\d.]+)", line)
        assert len(views) == 4 and all(0 <= float(share) <= 100 and float(loss) < 3 for share, loss in views)
        assert re.search(r"kept: loss [\d.]+ to [\d.]+, p = [\d.]+$" if "epochs" in name else r" s  -$", line)


def test_ten_photos_more_are_no_copies(photos):
    before = {file.read_bytes() for file in get_photos(photos)}
    add_ten(photos)
    after = {file.read_bytes() for file in get_photos(photos)}
    assert len(before) == 30 and len(after - before) == 10
    assert {file.parent.name for file in photos.glob("*/more-*.jpg")} == {"blue", "green", "red"}


@pytest.mark.parametrize(
    "arguments, says",
    [
        (["nowhere"], "There is no folder"),
        ([".", "colour=1"], "one of arch"),
        ([".", "epochs=many"], "not such a"),
        ([".", "epochs=0"], "--epochs 0"),
    ],
    ids=["no-folder", "option", "number", "range"],
)
def test_recipe_that_cannot_be_compared_is_one_sentence(arguments, says):
    with pytest.raises(CliError, match=says):
        recipes.main(*arguments)


@pytest.mark.slow
def test_bulk_prints_the_speed_of_each_way_and_the_memory_of_each_number():
    pytest.importorskip("pyarrow", reason="pyarrow is not installed (classifier/bulk/requirements.txt)")
    tiny = ROOT / "tests" / "exports" / "trained" / "export.pkl"
    options = ("--photos", "40", "--rounds", "1", "--engines", "", "--many", "5,25")
    run = run_module("benchmarks.bulk", ROOT / "examples", "--export", tiny, *options)
    assert "failed" not in run.stderr, run.stderr  # that a target is missed depends on what else the machine does
    lines = [line.split() for line in run.stdout.splitlines()]
    assert [line[:2] for line in lines if line[0] in ("csv", "parts") and len(line) == 7] == [
        [way, n] for n in ("5", "25") for way in ("csv", "parts")
    ]
    assert lines[-1][0] == "parts" and "bare pool of threads" in run.stdout


def test_bulk_without_photos_or_engine_is_one_sentence(tmp_path, monkeypatch):
    with pytest.raises(CliError, match="No photos under"):
        bulk.main(str(tmp_path))
    monkeypatch.setattr(bulk, "find_spec", lambda name: None)
    with pytest.raises(CliError, match="requirements-dask"):
        bulk.main(str(ROOT / "examples"))
