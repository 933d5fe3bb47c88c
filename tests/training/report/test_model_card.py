"""training/report/model_card.py: card, README and model repository tell what metrics.json does, and nothing else."""

import json
import re

import pytest
import yaml
from fastcore.script import CliError
from huggingface_hub import ModelCard

from benchmarks.trust.tables import row, second_table
from helpers.commands import run_module
from helpers.paths import ROOT
from training.deploy.manifest import CPU, for_hardware
from training.deploy.model_repo import model_files
from training.report.card_parts import PARTS
from training.report.model_card import CARD, FRONT, NOT_RECORDED, with_card, write_card

README = (ROOT / "README.md").read_text()
TEXT = (ROOT / CARD).read_text()
METRICS = json.loads((ROOT / "metrics.json").read_text())
ELSEWHERE = {**METRICS, "error_rate": 0.25, "trust": {}}  # of a training without a second source
EMPTY = "# Model card\n\n" + "".join(f"<!-- card: {name} -->\n<!-- /card -->\n" for name in PARTS)
MINE = '---\ntitle: Mine\n# a comment\npython_version: "3.12"\nmodel-index:\n- name: old\nlicense: mit\n---\n# Mine\n'
SERVING = {"README.md": MINE.encode(), "export.pkl": b"a model", "metrics.json": json.dumps(METRICS).encode()}


def results_of(text: str) -> list[dict]:
    """Return the results in a file's metadata."""
    return yaml.safe_load(FRONT.match(text)[1])["model-index"][0]["results"]


@pytest.mark.parametrize("file", ["README.md", CARD])
def test_readme_and_card_agree_with_metrics(file):
    text = (ROOT / file).read_text()
    assert with_card(text, METRICS) == text, "run: python -m training.report export.pkl DATA --card README.md"


def test_the_card_has_every_part():
    assert sorted(re.findall(r"<!-- card: (\w+) -->", TEXT)) == sorted(PARTS)


def test_links_of_the_card_work_wherever_it_is_shown():
    assert [link for link in re.findall(r"\]\(([^)]+)\)", TEXT) if not link.startswith("https://")] == []


def test_the_page_on_trust_shows_the_figures_of_metrics():
    trust, page = METRICS["trust"], (ROOT / "docs" / "benchmarks" / "trust.md").read_text()
    rows = [*map(row, trust["groups"]), *second_table(trust["scores"], trust["n_known"], trust["n_other"]).splitlines()]
    assert [line for line in rows if f"\n{line}\n" not in page] == []
    for heatmap in trust["heatmaps"]:
        assert (
            "in {share:.1%} of {n} photos (by {top:.2f} against {at_random:.2f} in the median): {photos}\n".format(
                **heatmap
            )
            in page
        )


def test_explanations_have_the_figures_of_metrics():
    trust = METRICS["trust"]
    ours, softmax = trust["scores"]
    left_out = METRICS["familiarity"]["left_out"].values()
    shown = {
        "confidence": [
            f"{METRICS['calibration']['temperature']:.2f}",
            *(f"{of['calibrated']:.3f}" for of in trust["groups"] if "grey" not in of["name"]),
        ],
        "familiarity": [f"{share:.1%}" for share in (ours["known"], ours["other"], softmax["other"])]
        + [f"{worst_or_best(of['unfamiliar'] for of in left_out):.0%}" for worst_or_best in (min, max)],
        "heatmap": [f"{of['share']:.1%}" for of in trust["heatmaps"]],
    }
    for page, figures in shown.items():
        text = (ROOT / "docs" / "explanation" / f"{page}.md").read_text()
        assert [figure for figure in figures if figure not in text] == [], page


def test_every_figure_that_changes_shows():
    for change in ({"error_rate": 0.5, "trust": {}}, {"n_train": 12345}, {"date": "2031-01-01T00:00"}):
        assert with_card(TEXT, {**METRICS, **change}) != TEXT
    groups = [{**group, "right": 0.123} for group in METRICS["trust"]["groups"]]
    changed = {**METRICS, "trust": {**METRICS["trust"], "groups": groups}}
    assert with_card(TEXT, changed).count("| 12.3% |") == len(groups)
    assert with_card(README, changed).count("value: 0.123\n") == len(groups)


def test_results_are_in_the_metadata_that_the_hub_reads():
    results = results_of(README)
    assert [result["dataset"]["name"] for result in results] == [of["name"] for of in METRICS["trust"]["groups"]]
    assert results[0]["metrics"] == [{"type": "accuracy", "value": round(1 - METRICS["error_rate"], 4)}]
    assert all(result["task"] == {"type": "image-classification"} for result in results)


def test_the_rest_of_the_metadata_stays_as_it_was_written():
    written, kept = with_card(MINE, METRICS), MINE.replace("model-index:\n- name: old\n", "").split("---\n")[1]
    assert written.startswith(f"---\n{kept}model-index:\n- name: Mine\n")
    assert kept == 'title: Mine\n# a comment\npython_version: "3.12"\nlicense: mit\n'
    assert written.endswith("---\n# Mine\n") and with_card(written, METRICS) == written


@pytest.mark.parametrize("metrics", [METRICS, ELSEWHERE], ids=["measured-elsewhere", "held-out-only"])
def test_space_and_model_repository_tell_the_same_results(metrics):
    files = {**SERVING, "metrics.json": json.dumps(metrics).encode()}
    space = for_hardware(files, CPU)["README.md"].decode()
    model = model_files(files, "me/bear-model", "me/bears", TEXT)["README.md"].decode()
    assert results_of(space) == results_of(model) == results_of(with_card(README, metrics))
    assert results_of(model)[0]["metrics"][0]["value"] == round(1 - metrics["error_rate"], 4)


def test_card_of_the_model_repository_is_the_projects_card():
    text = model_files(SERVING, "me/bear-model", "me/bears", TEXT)["README.md"].decode()
    card = ModelCard(text)
    assert text.endswith("\n\n" + TEXT.removeprefix("# Model card\n\n")), "everything but its title"
    assert "\n# bear-model\n" in card.text and "https://huggingface.co/spaces/me/bears" in card.text
    assert (card.data.library_name, card.data.license, card.data.model_name) == ("fastai", "mit", "bear-model")
    assert len(card.data.eval_results) == len(METRICS["trust"]["groups"])
    stale = with_card(TEXT, ELSEWHERE)
    assert model_files(SERVING, "me/bear-model", "me/bears", stale)["README.md"].decode() == text


@pytest.mark.parametrize("metrics", [{}, {"metrics.json": b"{}"}], ids=["no-file", "no-error"])
def test_an_export_without_metrics_claims_no_results(metrics):
    files = {"README.md": SERVING["README.md"], "export.pkl": b"a model", **metrics}
    model = model_files(files, "me/bear-model", body=TEXT)["README.md"].decode()
    assert model.count(NOT_RECORDED) == len(PARTS) and "98.8%" not in model
    assert all("model-index" not in text for text in (model, for_hardware(files, CPU)["README.md"].decode()))


@pytest.mark.parametrize("named", ["README.md", CARD])
def test_either_file_of_a_project_updates_both(tmp_path, named, capsys):
    (tmp_path / "docs").mkdir()
    (tmp_path / "README.md").write_text(MINE)
    (tmp_path / CARD).write_text(EMPTY)
    for _ in range(2):  # the second time changes nothing
        write_card(tmp_path / named, METRICS)
        assert (tmp_path / "README.md").read_text() == with_card(MINE, METRICS)
        assert (tmp_path / CARD).read_text() == with_card(EMPTY, METRICS)
    assert capsys.readouterr().out.count("the model card's figures are those of metrics.json") == 4


def test_nothing_is_written_where_one_of_the_two_cannot_be(tmp_path):
    (tmp_path / "docs").mkdir()
    (tmp_path / "README.md").write_text(MINE)
    (tmp_path / CARD).write_text("# no place")
    with pytest.raises(CliError, match="no place for the model card's figures"):
        write_card(tmp_path / "README.md", METRICS)
    assert (tmp_path / "README.md").read_text() == MINE


def test_card_of_a_training_without_a_second_source(trained, tmp_path):
    (tmp_path / "README.md").write_text(f"---\ntitle: Mine\nlicense: mit\n---\n{EMPTY}")
    for _ in range(2):  # the second time changes nothing
        run = run_module(
            "training.report",
            trained / "export.pkl",
            trained / "photos",
            "--out",
            tmp_path / "report",
            "--card",
            tmp_path / "README.md",
        )
        assert run.returncode == 0 and "the model card's figures" in run.stdout, run.stderr
        text = (tmp_path / "README.md").read_text()
    assert "blue" in text and "Not measured yet" in text
    assert text.startswith("---\ntitle: Mine\nlicense: mit\nmodel-index")
    assert yaml.safe_load(FRONT.match(text)[1])["model-index"][0]["name"] == "Mine"


LEFT_OUT = {
    "accepted": 0.985,
    "unfamiliar": 0.45,
    "auroc": 0.93,
    "left_out": {
        "grizzly": {"n": 135, "unfamiliar": 0.25, "auroc": 0.9},
        "black": {"n": 139, "unfamiliar": 0.65, "auroc": 0.96},
    },
}
PROBE = {
    **METRICS,
    "n_train": 416,
    "n_valid": 416,
    "measured": "out of fold",
    "fine_tuning": None,
    "error_rate": 5 / 416,
    "photos": {label: {"train": n, "valid": n} for label, n in (("black", 139), ("grizzly", 277))},
    "by_label": {
        "black": {"n": 139, "wrong": 1, "low": 0.0013, "high": 0.0396},
        "grizzly": {"n": 277, "wrong": 4, "low": 0.0056, "high": 0.0365},
        "none": {"n": 0, "wrong": 0},
    },
    "familiarity": LEFT_OUT,
    "test": {"n": 40, "n_wrong": 2, "error_rate": 0.05, "by_label": {}},
}
TUNED = {**PROBE, "n_train": 333, "n_valid": 83, "measured": "validation", "fine_tuning": {"kept": True}}


def part(name: str, metrics: dict) -> str:
    return PARTS[name](metrics)


def test_card_of_a_frozen_network_with_a_probe():
    assert "pretrained on ImageNet, frozen, with a linear probe, at 224 pixels" in part("what", PROBE)
    data = part("data", PROBE)
    assert "416 photos trained it (139 black, 277 grizzly). For measuring, each photo was held out once" in data
    error = part("error", {**PROBE, "trust": {}})
    assert "| out of fold | 416 | 98.8% | 1.2% |" in error and "| test set | 40 | 95.0% | 5.0% |" in error
    rows = error.split("| out of fold | n | wrong |")[1].splitlines()[2:]
    assert rows == ["| grizzly | 277 | 4 | 1.4% | 0.6% to 3.6% |", "| black | 139 | 1 | 0.7% | 0.1% to 4.0% |"]
    assert "fitted on the scores of 5 models, each on photos that it was not trained on" in part("calibration", PROBE)


def test_card_of_a_fine_tuned_network():
    assert "pretrained on ImageNet, fine-tuned for 4 epochs at 224 pixels" in part("what", TUNED)
    assert "frozen, with a linear probe" in part("what", {**TUNED, "fine_tuning": {"kept": False}})
    assert "from random weights" in part("what", {**TUNED, "options": {**METRICS["options"], "pretrained": False}})
    assert "333 trained it, 83 were held out" in part("data", TUNED)
    assert "| validation | n | wrong |" in part("error", TUNED)
    assert "| validation, cross-fitted |" in part("calibration", TUNED)
    assert "fitted on its own scores of its validation photos" in part("calibration", TUNED)


def test_card_names_the_labels_with_the_highest_error_of_many():
    rows = {f"{i:03}": {"n": 10, "wrong": i % 10, "low": 0, "high": 1} for i in range(100)}
    error = part("error", {**PROBE, "by_label": rows})
    assert error.count("| 10 | 9 | 90.0% |") == 10 and "the highest error, of 100" in error


@pytest.mark.parametrize(
    "known, says",
    [
        (
            LEFT_OUT,
            "45% of the photos of the missing label count as unfamiliar (AUROC 0.930). The lowest share has "
            "grizzly, 25%.",
        ),
        ({**LEFT_OUT, "unfamiliar": None, "auroc": None, "left_out": {}}, "could not be measured on these photos"),
        ({**LEFT_OUT, "accepted": None}, "It cannot tell which photos are familiar"),
    ],
    ids=["measured", "two-labels", "tells-nothing"],
)
def test_card_says_how_often_a_label_that_was_left_out_is_told(known, says):
    assert says in part("familiarity", {**PROBE, "familiarity": known})
    assert says in part("familiarity", {**PROBE, "familiarity": known, "trust": {}})


def test_labels_with_markup_stand_as_text():
    photos = {"a|b`<script>": {"train": 1, "valid": 1}}
    text = with_card("<!-- card: data -->\n<!-- /card -->", {**METRICS, "photos": photos})
    assert r"a\|b'\<script>" in text


@pytest.mark.parametrize(
    "text, says",
    [
        ("# no place", "put <!-- card: NAME --> and <!-- /card --> where what, data, error,"),
        ("<!-- card: nonsense -->\n<!-- /card -->", "a part 'nonsense'"),
        ("---\ntitle: [\n---\n", "is not YAML"),
        ("---\n- a\n- list\n---\n", "is not YAML"),
    ],
)
def test_a_file_without_a_place_for_them_is_told_how_to_make_one(text, says):
    with pytest.raises(CliError, match=re.escape(says)):
        with_card(text, METRICS)


@pytest.mark.parametrize("text", [TEXT, README], ids=["card", "readme"])
@pytest.mark.parametrize("metrics", [{}, {**METRICS, "photos": 7, "trust": 7}, {**METRICS, "trust": {"groups": [{}]}}])
def test_figures_that_are_missing_are_named(metrics, text):
    with pytest.raises(CliError, match="lacks what the card needs"):
        with_card(text, metrics)
