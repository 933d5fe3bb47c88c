"""benchmarks/: the tables that the README quotes."""
import json

import pytest

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
