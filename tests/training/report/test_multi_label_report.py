"""training/report/ where a photo may have several labels, or none: figures, page, model card, and the commands."""

import json
import re
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from fastcore.script import CliError

from classifier import Classifier
from classifier.files import sha256
from helpers.commands import run_module
from helpers.documents import keys_of
from helpers.learners import make_training_tiny
from helpers.paths import EXPORTS
from helpers.photos import make_pairs, make_photos
from helpers.several_labels import THRESHOLDS, VOCAB, metrics_of_several_labels, several_labels
from training.data.labels import Labels, ListedPhoto, read_labels, write_labels
from training.evaluation.evaluate import ALL, OUT_OF_FOLD, Evaluation, evaluate, evaluate_all
from training.evaluation.held_out import HeldOutPredictions
from training.evaluation.multi_label_predictions import MultiLabelPredictions
from training.metrics import read_metrics
from training.metrics_keys import KEYS
from training.report.__main__ import familiarity_of
from training.report.figures import FamiliarityGroups, figures_of, plot_training, to_png
from training.report.label_tables import (
    TOO_FEW,
    added_rows,
    calibration_rows,
    count_rows,
    label_rows,
    mean_average_precision,
    none_rows,
)
from training.report.model_card import eval_results, with_card
from training.report.multi_label_card import SEVERAL_LABELS_PARTS, parts_of
from training.report.multi_label_figures import MAX_CURVES, plot_precision_recall, worst_ranked
from training.report.multi_label_page import label_differences, n_wrong_where_familiar
from training.report.page import how_trained, to_html
from training.train.__main__ import main

PNG = b"\x89PNG"


def test_each_label_has_a_row_the_lowest_f1_first():
    rows = label_rows(several_labels().by_label(), THRESHOLDS)
    assert [(row["label"], row["f1"]) for row in rows] == [("<b>hat</b>", "0.667"), ("shirt", "0.667"), ("shoes", "-")]
    shirt = rows[1]
    assert (shirt["n"], shirt["said"], shirt["precision"], shirt["recall"]) == ("2", "1", "100.0%", "50.0%")
    assert (shirt["recall_interval"], shirt["threshold"]) == ("9.4% to 90.5%", "0.500")
    assert rows[2] == {
        "label": "shoes",
        "n": "0",
        "remark": TOO_FEW,
        "said": "0",
        "precision": "-",
        "precision_interval": "",
        "recall": "-",
        "recall_interval": "",
        "f1": "-",
        "average_precision": "-",
        "threshold": "0.250",
    }


def test_a_label_with_enough_photos_has_no_remark():
    row = {**several_labels().by_label()["shirt"], "n": 10}
    assert label_rows({"shirt": row}, {})[0]["remark"] == "" and label_rows({"shirt": row}, {})[0]["threshold"] == "-"


def test_photos_are_counted_by_how_many_labels_they_show():
    rows = count_rows(several_labels())
    assert [row[:3] + row[4:] for row in rows] == [
        ("no label", 2, "50.0%", 1),
        ("1 label", 2, "50.0%", 0),
        ("2 labels", 1, "100.0%", 0),
    ]
    many = np.ones((3, 6), dtype=bool)
    of_many = MultiLabelPredictions([], list("abcdef"), many, many * 0.9, predicted_labels=many)
    assert count_rows(of_many)[0][:2] == ("4 or more labels", 3)


def test_answers_for_photos_without_a_label_and_labels_that_are_too_many():
    assert none_rows(several_labels()) == [("no label", 1), ("<b>hat</b>", 1)]
    assert added_rows(several_labels()) == [("shirt", "<b>hat</b>", 1), ("no label", "<b>hat</b>", 1)]
    assert label_differences(several_labels(), 2) == {"added": ["<b>hat</b> 70%"], "missing": ["shirt 30%"]}


def test_a_label_named_none_is_another_thing_than_no_label():
    predictions = replace(several_labels(), vocab=["none", "shirt", "shoes"])
    assert none_rows(predictions) == [("no label", 1), ("none", 1)]
    assert added_rows(predictions) == [("shirt", "none", 1), ("no label", "none", 1)]


def test_labels_that_only_the_export_or_only_the_data_set_has_are_told_and_not_measured(tmp_path):
    predictions = several_labels(tmp_path)
    hashes = list(map(sha256, predictions.files))
    kept = HeldOutPredictions(
        VOCAB, hashes, predictions.probabilities, predicted_labels=np.ones_like(predictions.predicted)
    )
    classifier, metrics = SimpleNamespace(labels=VOCAB), {"held_out": kept.to_data()}
    own = [("shirt",), ("shirt",), (), ("shirt", "bag"), ("cap",)]
    labels = Labels({file: ListedPhoto(names) for file, names in zip(predictions.files, own)})
    found = evaluate(classifier, predictions.files, metrics, labels)
    assert found.predictions.vocab == ["shirt"] and found.predictions.n_wrong == 1
    assert found.notes == (
        "2 photos left out: the export knows no label bag, cap.",
        "not measured, since no photo of the data set has such a label: <b>hat</b>, shoes.",
    )
    page = to_html(found, figures_of(found, {}), {}, n_others=2, thresholds=THRESHOLDS)
    assert "Not measured, since no photo of the data set has such a label: &lt;b&gt;hat&lt;/b&gt;, shoes." in page
    without = Labels(dict.fromkeys(predictions.files, ListedPhoto(())))
    with pytest.raises(CliError, match="The data set has none of the export's labels"):
        evaluate(classifier, predictions.files, metrics, without)


def test_a_data_set_without_labels_csv_counts_folders_as_labels_and_says_so(tmp_path):
    photos = make_photos(tmp_path / "photos", n=2)
    files = [*(photos / "blue").iterdir(), *(photos / "green").iterdir()]
    found = evaluate_all(Classifier.load(EXPORTS / "several-threshold.pkl"), files)
    assert "each photo counts as showing the label of its folder and no other" in found.notes[0]


def test_an_unfamiliar_photo_gets_no_label():
    assert several_labels().n_wrong == 2 and n_wrong_where_familiar(several_labels(), 0.5) == 1


def test_mean_average_precision_is_that_of_the_labels_that_are_shown():
    predictions = several_labels()
    by_label = predictions.by_label()
    assert mean_average_precision(by_label) == pytest.approx(predictions.mean_average_precision, abs=1e-4)
    assert mean_average_precision({"shoes": by_label["shoes"]}) is None


def test_calibration_errors_of_labels_are_told_the_highest_first():
    rows = calibration_rows(metrics_of_several_labels()["calibration"], VOCAB)
    assert rows == [("shirt", "0.200", "0.080"), ("shoes", "0.000", "0.050"), ("<b>hat</b>", "0.100", "0.020")]


def test_precision_and_recall_are_drawn_for_at_most_twelve_labels_that_some_photo_shows():
    assert worst_ranked(several_labels()) == [0, 1]
    rng = np.random.default_rng(0)
    marks = rng.random((60, 20)) < 0.3
    many = MultiLabelPredictions(
        [], [f"label {i}" for i in range(20)], marks, rng.random(marks.shape), predicted_labels=marks
    )
    figure = plot_precision_recall(many)
    assert len(worst_ranked(many)) == MAX_CURVES and to_png(figure).startswith(PNG)
    assert figure.axes[0].get_title() == "The 12 labels with the lowest average precision"


@pytest.mark.parametrize("metric", ["error_rate", "accuracy_multi"])
def test_training_is_drawn_with_the_metric_that_fastai_printed(metric):
    figure = plot_training([{"train_loss": 1.0, "valid_loss": 0.5, metric: 0.9}] * 2)
    assert figure.axes[1].get_title() == f"{metric}, %" and to_png(figure).startswith(PNG)


def page_of(predictions: MultiLabelPredictions, metrics: dict, part: str = OUT_OF_FOLD) -> str:
    evaluation = Evaluation(predictions, part)
    groups = {name: scores for name, scores in familiarity_of(evaluation).items() if scores is not None and len(scores)}
    familiar = FamiliarityGroups(groups, 0.5)
    return to_html(evaluation, figures_of(evaluation, metrics, familiar), metrics, familiar, 0, THRESHOLDS)


def test_page_tells_labels_too_many_and_too_few(tmp_path):
    page = page_of(several_labels(tmp_path), metrics_of_several_labels())
    assert "<b>2 of 5</b> photos have a label too many or too few: <b>40.0%</b>" in page
    assert "3 of the 4 labels that these photos show are found; 2 labels are given" in page
    assert "threshold: the one with the best expected F1. These photos got theirs by thresholds" in page
    assert "<b>1 of 2</b> photos without a label get none: <b>50.0%</b>" in page and TOO_FEW in page
    assert "too many: &lt;b&gt;hat&lt;/b&gt; 70%<br>missing: shirt 30%" in page
    assert "<b>0.100</b> before, <b>0.050</b> after" in page and "with it, 1 have a label too many" in page
    assert page.count("mean average precision <b>0.") == 2, "of the held-out photos and of the test set"
    assert "<td>out of fold, no label</td><td>2</td><td>50.0%</td>" in page
    assert "<b>hat</b>" not in page and not re.findall(r'(?:src|href)="(?!data:)', page)
    assert all(f'alt="{name}' in page for name in ("co-occurrence", "precision and recall", "reliability", "losses"))


def test_page_of_an_export_without_metrics(tmp_path):
    predictions = several_labels(tmp_path)
    some = predictions.subset(predictions.files[:3])
    page = page_of(MultiLabelPredictions(**{**vars(some), "familiarity": None}), {}, ALL)
    assert "plain sigmoids: not calibrated" in page and "only the thresholds decide" in page
    assert "above the label's threshold." in page and "add photos without a label to labels.csv" in page
    assert "These photos got theirs" not in page


def test_page_where_no_photo_shows_a_label(tmp_path):
    predictions = several_labels(tmp_path)
    page = page_of(predictions.subset(predictions.files[3:]), {})
    assert "<b>1 of 2</b> photos have a label too many" in page and "mean average precision" not in page


WORDS = {**metrics_of_several_labels(), "measured": "validation"}


@pytest.mark.parametrize(
    "metrics, says",
    [
        (metrics_of_several_labels(), "it would have taken too long"),
        (WORDS, "its mean average precision was above 0.95, or it would have taken too long"),
        (
            {**metrics_of_several_labels(), "several_labels": {"mean_average_precision": 0.98}},
            "a mean average precision of 0.980 is above the 0.95 below which it is tried",
        ),
    ],
    ids=["too-long", "given-validation-set", "good-enough"],
)
def test_why_fine_tuning_was_not_tried(metrics, says):
    assert f"fine-tuning was not tried, since {says}; --fine-tune" in how_trained(metrics)


def test_card_says_what_labels_are_and_how_thresholds_were_chosen():
    metrics = metrics_of_several_labels()
    parts = {name: part(metrics) for name, part in parts_of(metrics).items()}
    assert r"A photo may show several of its 3 labels, or none: \<b>hat\</b>, shirt, shoes." in parts["what"]
    assert (
        "`labels` in an answer are those whose probability is above the label's threshold, the one with"
        in (parts["what"])
    )
    precise = {**metrics, "options": {**metrics["options"], "precision": 0.9}}
    assert "the lowest that lets expect a precision of 90%" in SEVERAL_LABELS_PARTS["what"](precise)
    assert "Of the 5 photos that were held out, 1 show several labels and 2 none." in parts["data"]
    ranking = f"{metrics['several_labels']['mean_average_precision']:.3f}"
    for name in ("out of fold", "test set"):
        assert f"| {name} | 5 | 60.0% | 40.0% | 11.8% to 76.9% | {ranking} |" in parts["error"]
    assert "Of 2 photos without a label, 50.0% get none." in parts["error"]
    assert "| shirt | 2, too few to tell | 1 | 100.0% |" in parts["error"]
    assert (
        "| out of fold | 5 | 0.100 | 0.050 |" in parts["calibration"]
        and "A photo that is not" in (parts["familiarity"])
    )
    assert "one label" in parts["heatmap"] and "not calibrated" in (
        SEVERAL_LABELS_PARTS["calibration"]({**metrics, "calibration": None})
    )


def test_metadata_has_accuracy_and_mean_average_precision():
    metrics = metrics_of_several_labels()
    results = {result.metric_type: result.metric_value for result in eval_results(metrics)}
    ranking = round(metrics["several_labels"]["mean_average_precision"], 4)
    assert results == {"accuracy": 0.6, "mean_average_precision": ranking}
    card = with_card("---\ntitle: Mine\n---\n<!-- card: error -->\n<!-- /card -->\n", metrics)
    assert card.count("dataset:") == 1 and "type: mean_average_precision" in card and "all labels right" in card


@pytest.fixture(scope="module")
def run_of_pairs(tmp_path_factory):
    """A folder with photos of one colour, of two and of none, a test set, and the export of a training."""
    folder = tmp_path_factory.mktemp("run_of_pairs")
    data = make_pairs(folder / "data")
    listed = read_labels(data).listed
    tested = list(listed)[::7]  # of every kind
    write_labels(data, {**listed, **{file: ListedPhoto(listed[file].labels, "test") for file in tested}})
    with pytest.MonkeyPatch.context() as patch:
        make_training_tiny(patch)
        options = {"pretrained": False, "epochs": 1, "image_size": 32, "folds": 2}  # not pretrained: it is fine-tuned
        main(str(data), out=str(folder / "export.pkl"), **options)
    return folder


@pytest.mark.slow
def test_commands_report_on_a_training_and_compare_it(run_of_pairs, tmp_path):
    export, data = run_of_pairs / "export.pkl", run_of_pairs / "data"
    run = run_module("training.report", export, data, "--out", tmp_path / "report")
    assert run.returncode == 0, run.stderr
    metrics = read_metrics(export)
    assert f"{metrics['n_wrong']} with a label too many or too few, mean average precision" in run.stdout
    names = {file.name for file in (tmp_path / "report").iterdir()}
    assert {"co_occurrence.png", "precision_recall.png", "reliability.png", "top_losses.png", "training.png"} <= names
    page = (tmp_path / "report" / "report.html").read_text()
    assert f"<b>{metrics['n_wrong']} of {metrics['n_valid']}</b> photos have a label too many" in page
    assert f"<b>{metrics['test']['n_wrong']} of 10</b>" in page and "confusion" not in page
    run = run_module("training.compare", export, export, data)
    assert run.returncode == 0, run.stderr
    assert f"{metrics['n_wrong']} of {metrics['n_valid']} with a label too many or too few, error rate" in run.stdout
    assert "mean average precision" in run.stdout and "0 fixed, 0 broken. Neither is better" in run.stdout


@pytest.mark.slow
def test_every_key_of_a_training_is_explained(run_of_pairs):
    found = {
        re.sub(r"_interval\[\]$", "_interval", key)
        for key in keys_of(json.loads((run_of_pairs / "metrics.json").read_text()))
    }
    unknown = {key for key in found - set(KEYS) if not key.startswith("epochs[].")}  # by fastai's column
    assert not unknown
    missing = {key for key in KEYS if key.startswith(("several_labels.", "calibration.", "by_label.", "held_out."))}
    of_one_label = {"calibration.temperature", "calibration.error_rate", "held_out.targets.SHA256"} | {
        f"by_label.LABEL.{name}" for name in ("wrong", "low", "high")
    }
    assert missing - found - of_one_label <= {"held_out.familiarity", "several_labels.none_right"}
