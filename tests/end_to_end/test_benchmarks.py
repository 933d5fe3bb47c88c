"""benchmarks/: the tables that the README quotes."""

import json
import re
import shutil
from itertools import product

import pytest
from fastcore.script import CliError

from benchmarks import recipes
from benchmarks.train import add_ten
from helpers.commands import run_module
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
