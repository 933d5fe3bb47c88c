"""benchmarks/: the tables that the README quotes."""
import json

import pytest
from fastcore.script import CliError

from benchmarks import recipes
from conftest import make_photos, run_module


def test_accuracy_measures_validation_photos_of_its_own_data_and_all_of_others(trained, tmp_path):
    other = make_photos(tmp_path / "other", n=3, seed=5000)
    (other / "red" / "empty.jpg").touch()
    run = run_module("benchmarks.accuracy", trained / "export.pkl", trained / "photos", other)
    assert run.returncode == 0, run.stderr
    head, own, others = run.stdout.splitlines()[-3:]
    metrics = json.loads((trained / "metrics.json").read_text())
    assert head.split()[:3] == ["photos", "part", "n"]
    assert own.split()[:5] == ["photos", "validation", "6", f"{1 - metrics['error_rate']:.1%}",
                               f"{metrics['error_rate']:.1%}"]
    assert others.split()[:4] == ["other", "all,", "raw", "9"]
    assert "empty.jpg: This file is empty" in run.stdout


@pytest.mark.parametrize("arguments, says", [
    (["nowhere.pkl", "."], "no export at"), (["export.pkl"], "Name the folders"),
    (["export.pkl", "classifier"], "No photos under"), (["export.pkl", "nowhere"], "There is no folder"),
], ids=["no-export", "no-folder", "no-photos", "missing"])
def test_accuracy_of_nothing_is_one_sentence(arguments, says):
    run = run_module("benchmarks.accuracy", *arguments)
    assert run.returncode == 1 and says in run.stderr and "Traceback" not in run.stderr


def test_recipes_are_compared_on_photos_that_they_have_not_seen(photos):
    run = run_module("benchmarks.recipes", photos, "resize=squish image_size=64", "image_size=64",
                     "--arch", "squeezenet1_1", "--no-pretrained", "--folds", "2")
    assert run.returncode == 0, run.stderr
    head, *rows = run.stdout.splitlines()[-3:]
    assert head.split()[-6:] == ["plain", "thumbnail", "mirrored", "cropped", "loss", "time"]
    for line, name in zip(rows, ("resize=squish image_size=64", "image_size=64")):
        assert line.startswith(photos.name) and name in line
        shares = [float(share.rstrip("%")) for share in line.partition(name)[2].split()[:4]]
        assert all(0 <= share <= 100 for share in shares)


@pytest.mark.parametrize("arguments, says", [
    (["nowhere"], "There is no folder"), ([".", "colour=1"], "one of image_size"), ([".", "folds=many"], "not such a"),
    ([".", "folds=1"], "--folds 1"),
], ids=["no-folder", "option", "number", "range"])
def test_recipe_that_cannot_be_compared_is_one_sentence(arguments, says):
    with pytest.raises(CliError, match=says):
        recipes.main(*arguments)
