"""training/report/model_card.py: the model card says what metrics.json does, and nothing else."""
import json
import re

import pytest
import yaml
from fastcore.script import CliError

from helpers.commands import run_module
from helpers.paths import ROOT
from training.report.model_card import FRONT, PARTS, with_card

README = (ROOT / "README.md").read_text()
METRICS = json.loads((ROOT / "metrics.json").read_text())


def test_readmes_card_agrees_with_metrics():
    assert with_card(README, METRICS) == README, "run: python -m training.report export.pkl DATA --card README.md"


def test_every_figure_that_changes_shows():
    for change in ({"error_rate": 0.5, "trust": {}}, {"n_train": 12345}, {"date": "2031-01-01T00:00"}):
        assert with_card(README, {**METRICS, **change}) != README
    groups = [{**group, "right": 0.123} for group in METRICS["trust"]["groups"]]
    changed = with_card(README, {**METRICS, "trust": {**METRICS["trust"], "groups": groups}})
    assert changed.count("12.3%") == len(groups) and "value: 0.123" in changed


def test_results_are_in_the_metadata_that_the_hub_reads():
    results = yaml.safe_load(FRONT.match(README)[1])["model-index"][0]["results"]
    assert [result["dataset"]["name"] for result in results] == [of["name"] for of in METRICS["trust"]["groups"]]
    assert results[0]["metrics"][0] == {"type": "accuracy", "value": round(1 - METRICS["error_rate"], 4)}
    assert all(result["task"] == {"type": "image-classification"} for result in results)


def test_card_of_a_training_without_a_second_source(trained, tmp_path):
    parts = "".join(f"<!-- card: {name} -->\n<!-- /card -->\n" for name in PARTS)
    (tmp_path / "README.md").write_text(f"---\ntitle: Mine\nlicense: mit\n---\n# Mine\n{parts}")
    for _ in range(2):  # the second time changes nothing
        run = run_module("training.report", trained / "export.pkl", trained / "photos", "--out", tmp_path / "report",
                         "--card", tmp_path / "README.md")
        assert run.returncode == 0 and "the model card's figures" in run.stdout, run.stderr
        text = (tmp_path / "README.md").read_text()
    assert "blue" in text and "Not measured yet" in text
    assert text.startswith("---\ntitle: Mine\nlicense: mit\nmodel-index")
    assert yaml.safe_load(FRONT.match(text)[1])["model-index"][0]["name"] == "Mine"


LEFT_OUT = {"accepted": 0.985, "unfamiliar": 0.45, "auroc": 0.93, "left_out": {
    "grizzly": {"n": 135, "unfamiliar": 0.25, "auroc": 0.9}, "black": {"n": 139, "unfamiliar": 0.65, "auroc": 0.96}}}
PROBE = {**METRICS, "n_train": 416, "n_valid": 416, "measured": "out of fold", "fine_tuning": None,
         "error_rate": 5 / 416,
         "photos": {label: {"train": n, "valid": n} for label, n in (("black", 139), ("grizzly", 277))},
         "by_label": {"black": {"n": 139, "wrong": 1, "low": 0.0013, "high": 0.0396},
                      "grizzly": {"n": 277, "wrong": 4, "low": 0.0056, "high": 0.0365}, "none": {"n": 0, "wrong": 0}},
         "familiarity": LEFT_OUT, "test": {"n": 40, "n_wrong": 2, "error_rate": 0.05, "by_label": {}}}
TUNED = {**PROBE, "n_train": 333, "n_valid": 83, "measured": "validation", "fine_tuning": {"kept": True}}


def part(name: str, metrics: dict) -> str:
    return PARTS[name](metrics)


def test_card_of_a_frozen_network_with_a_probe():
    assert "pretrained on ImageNet, frozen, with a linear probe, at 224 pixels" in part("what", PROBE)
    assert "416 photos trained it (139 black, 277 grizzly). Each was also held out in turn" in part("data", PROBE)
    error = part("error", {**PROBE, "trust": {}})
    assert "| out of fold | 416 | 98.8% | 1.2% |" in error and "| test set | 40 | 95.0% | 5.0% |" in error
    rows = error.split("| out of fold | n | wrong |")[1].splitlines()[2:]
    assert rows == ["| grizzly | 277 | 4 | 1.4% | 0.6% to 3.6% |", "| black | 139 | 1 | 0.7% | 0.1% to 4.0% |"]
    assert "fitted on what 5 models said of photos that they had not seen" in part("calibration", PROBE)


def test_card_of_a_fine_tuned_network():
    assert "pretrained on ImageNet, fine-tuned for 4 epochs at 224 pixels" in part("what", TUNED)
    assert "frozen, with a linear probe" in part("what", {**TUNED, "fine_tuning": {"kept": False}})
    assert "from random weights" in part("what", {**TUNED, "options": {**METRICS["options"], "pretrained": False}})
    assert "333 trained it, 83 were held out" in part("data", TUNED)
    assert "| validation | n | wrong |" in part("error", TUNED)
    assert "| validation, cross-fitted |" in part("calibration", TUNED)
    assert "fitted on what it said of its validation photos" in part("calibration", TUNED)


def test_card_names_the_labels_with_the_highest_error_of_many():
    rows = {f"{i:03}": {"n": 10, "wrong": i % 10, "low": 0, "high": 1} for i in range(100)}
    error = part("error", {**PROBE, "by_label": rows})
    assert error.count("| 10 | 9 | 90.0% |") == 10 and "the highest error, of 100" in error


@pytest.mark.parametrize("known, says", [
    (LEFT_OUT, "45% were told as unfamiliar: each label was left out in turn (AUROC 0.930). The fewest were of "),
    ({**LEFT_OUT, "unfamiliar": None, "auroc": None, "left_out": {}}, "could not be measured on these photos"),
    ({**LEFT_OUT, "accepted": None}, "It cannot tell what is familiar"),
], ids=["measured", "two-labels", "tells-nothing"])
def test_card_says_how_often_a_label_that_was_left_out_is_told(known, says):
    assert says in part("familiarity", {**PROBE, "familiarity": known})
    assert says in part("familiarity", {**PROBE, "familiarity": known, "trust": {}})


def test_labels_with_markup_stand_as_text():
    photos = {"a|b`<script>": {"train": 1, "valid": 1}}
    text = with_card("<!-- card: data -->\n<!-- /card -->", {**METRICS, "photos": photos})
    assert r"a\|b'\<script>" in text


@pytest.mark.parametrize("readme, says", [("# no place", "no card part"),
                                          ("<!-- card: nonsense -->\n<!-- /card -->", "'nonsense'")])
def test_a_readme_without_a_place_for_them_is_told_how_to_make_one(readme, says):
    with pytest.raises(CliError, match=re.escape(says)):
        with_card(readme, METRICS)


@pytest.mark.parametrize("metrics", [{}, {**METRICS, "photos": 7}, {**METRICS, "trust": {"groups": [{}]}}])
def test_figures_that_are_missing_are_named(metrics):
    with pytest.raises(CliError, match="lacks what the card needs"):
        with_card(README, metrics)
