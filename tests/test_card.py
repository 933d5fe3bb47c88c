"""training/card.py: the model card says what metrics.json does, and nothing else."""
import json
import re

import pytest
import yaml
from fastcore.script import CliError

from conftest import ROOT, run_module
from training.card import FRONT, PARTS, with_card

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
