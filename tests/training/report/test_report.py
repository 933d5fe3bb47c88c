"""training/report/ and evaluation/: whose predictions are shown, the figures, the page, the command."""

import re
import warnings
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from fastcore.script import CliError
from PIL import Image

from classifier import Classifier
from classifier.files import sha256
from helpers.commands import run_module
from helpers.photos import make_photos, noisy_photo
from training.data.photos import get_photos
from training.evaluation.evaluate import ALL, HELD_OUT, OUT_OF_FOLD, VALIDATION, Evaluation, evaluate
from training.evaluation.predict import predict_labelled
from training.evaluation.predictions import Predictions
from training.metrics import read_metrics
from training.report.figures import (
    FamiliarityGroups,
    figures_of,
    plot_confusion_matrix,
    plot_familiarity,
    plot_reliability,
    plot_top_losses,
    plot_training,
    to_png,
)
from training.report.page import how_trained, not_tried, templates, to_html

VOCAB = ["black", "grizzly", "<b>teddy</b>"]


@pytest.fixture
def predictions(tmp_path) -> Predictions:
    """Six photos: two of each label, one grizzly taken for a black bear, one teddy barely right."""
    targets = np.array([0, 0, 1, 1, 2, 2])
    probabilities = np.array(
        [[0.9, 0.05, 0.05], [0.8, 0.1, 0.1], [0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.1, 0.1, 0.8], [0.3, 0.3, 0.4]]
    )
    files = [tmp_path / f"{i} & <co>.jpg" for i in range(6)]
    for i, file in enumerate(files):
        noisy_photo((40 * i, 100, 100), i).save(file)
    return Predictions(files, VOCAB, targets, probabilities)


def test_confusion_counts_labels_in_rows_and_predictions_in_columns(predictions):
    assert predictions.confusion().tolist() == [[2, 0, 0], [1, 1, 0], [0, 0, 2]]
    assert predictions.n_wrong == 1


def test_most_confused_leaves_the_diagonal_out(predictions):
    assert predictions.most_confused() == [("grizzly", "black", 1)]
    assert predictions.most_confused(min_val=2) == []


def test_top_losses_are_cross_entropy_highest_first(predictions):
    assert predictions.top_losses(2) == [2, 5]
    assert predictions.losses[2] == pytest.approx(-np.log(0.2))


def test_a_probability_of_zero_is_a_finite_loss():
    predictions = Predictions([], ["a", "b"], np.array([0]), np.array([[0.0, 1.0]]))
    assert np.isfinite(predictions.losses).all()


@pytest.mark.parametrize("n", [2, 200])
def test_confusion_matrix_is_drawn_for_two_labels_or_two_hundred(n):
    predictions = Predictions([], [f"label {i}" for i in range(n)], np.arange(n), np.eye(n))
    assert to_png(plot_confusion_matrix(predictions)).startswith(b"\x89PNG")


@pytest.mark.parametrize(
    "labels, turned",
    [
        (["black", "grizzly", "teddy"], False),
        ([f"label {i}" for i in range(7)], True),
        ([f"strawberr{i}" for i in range(6)], True),
        (["a label of more than forty characters, two"] * 2, True),
        ([f"ラベル写真{i}" for i in range(6)], True),
    ],
    ids=["short", "many", "long", "longest", "japanese"],
)
def test_names_below_the_confusion_matrix_do_not_overlap(labels, turned):
    n = len(labels)
    figure = plot_confusion_matrix(Predictions([], labels, np.arange(n), np.eye(n)))
    names = figure.axes[0].get_xticklabels()
    assert [name.get_rotation() for name in names] == [90 if turned else 0] * n
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        figure.draw_without_rendering()
    boxes = [name.get_window_extent() for name in names]
    assert all(left.x1 < right.x0 for left, right in pairwise(boxes))


def test_letters_that_the_font_lacks_are_no_warning(predictions):
    japanese = replace(predictions, vocab=["黒熊", "灰色熊", "テディ"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(figures_of(Evaluation(japanese, OUT_OF_FOLD), {})) == 2


def test_figures_are_png(predictions):
    epochs = [{"train_loss": 1.0, "valid_loss": 0.5, "error_rate": 0.1}] * 3
    for figure in (plot_top_losses(predictions), plot_training(epochs)):
        assert to_png(figure).startswith(b"\x89PNG")


def page_of(
    predictions: Predictions, metrics: dict, part: str = OUT_OF_FOLD, familiar: FamiliarityGroups | None = None
) -> str:
    evaluation = Evaluation(predictions, part)
    return to_html(evaluation, figures_of(evaluation, metrics, familiar), metrics, familiar)


def test_page_needs_no_other_file_and_shows_markup_as_text(predictions):
    page = page_of(predictions, {})
    assert not re.findall(r'(?:src|href)="(?!data:)', page)
    assert "<b>teddy</b>" not in page and "&lt;b&gt;teddy&lt;/b&gt;" in page
    assert "<co>" not in page
    assert "1 of 6" in page and "16.7%" in page


def test_page_says_which_photos_these_are(predictions):
    assert "6 photos, each answered by a model that had not seen it." in page_of(predictions, {})
    assert "6 validation photos." in page_of(predictions, {}, VALIDATION)
    evaluation = Evaluation(predictions, VALIDATION, {predictions.files[0]: "damaged"})
    page = to_html(evaluation, figures_of(evaluation, {}), {}, n_others=3)
    assert "1 more could not be opened. 3 other photos of the folder are left out" in page


def test_error_by_label_is_told_with_its_interval(predictions):
    rows = re.findall(r"<tr>(.*?)</tr>", page_of(predictions, {}).split("Error by label")[1].split("</table>")[0])
    assert rows[1] == "<td>grizzly</td><td>2</td><td>1</td><td>50.0%</td><td>9.4% to 90.5%</td>", "the worst first"
    assert rows[2].startswith("<td>black</td><td>2</td><td>0</td><td>0.0%</td><td>0.0% to ")


def test_test_set_is_told_where_there_is_one(predictions):
    test = {
        "n": 10,
        "n_wrong": 1,
        "error_rate": 0.1,
        "by_label": {"black": {"n": 10, "wrong": 1, "low": 0.0179, "high": 0.4042}},
    }
    page = page_of(predictions, {"test": test})
    assert "<b>1 of 10</b> wrong: error rate <b>10.0%</b>, 95% interval 1.8% to 40.4%" in page
    assert "The test set" not in page_of(predictions, {})


LEFT_OUT = {
    "accepted": 0.985,
    "unfamiliar": 0.45,
    "auroc": 0.93,
    "left_out": {"<i>": {"n": 20, "unfamiliar": 0.45, "auroc": 0.93}},
}


@pytest.mark.parametrize(
    "known, says, says_not",
    [
        (
            LEFT_OUT,
            [
                "<b>98.5%</b> count as familiar",
                "AUROC <b>0.930</b>",
                "<b>45%</b> of the photos of the missing label count as unfamiliar",
                "<td>&lt;i&gt;</td><td>20</td><td>45%</td><td>0.930</td>",
            ],
            "little better than chance",
        ),
        ({**LEFT_OUT, "auroc": 0.69}, ["similar things will often count as familiar"], "cannot be measured"),
        ({**LEFT_OUT, "unfamiliar": None, "auroc": None, "left_out": {}}, ["too few labels were held out"], "AUROC"),
        ({"accepted": None, "unfamiliar": None, "auroc": None, "left_out": {}}, [""], "familiar"),
        (None, [""], "familiar"),
    ],
    ids=["works", "chance", "one-validated", "tells-nothing", "of-before"],
)
def test_what_is_told_of_a_label_that_was_left_out(known, says, says_not):
    told = templates().get_template("sections.html").module.left_out(known)
    assert all(part in told for part in says) and says_not not in told


VERDICT = {"kept": True, "loss_before": 0.3, "loss_after": 0.2, "p": 0.012, "n": 83}
TRAINED = {"n_train": 416, "options": {"quick": False}, "calibration": {"error_rate": 0.012}}


@pytest.mark.parametrize(
    "metrics, says",
    [
        ({}, "how it was trained is not known"),
        ({**TRAINED, "fine_tuning": VERDICT}, "the fine-tuned network; fine-tuning is kept: held-out loss 0.200 after"),
        (
            {**TRAINED, "fine_tuning": {**VERDICT, "kept": False}},
            "that learned from 416 photos: fine-tuning is not kept",
        ),
        ({**TRAINED, "fine_tuning": None}, "fine-tuning was not tried, since 1.2% wrong is less than the 5%"),
    ],
    ids=["unknown", "kept", "not-kept", "not-tried"],
)
def test_page_says_what_is_served_and_why(metrics, says):
    assert says in how_trained(metrics)


def test_why_fine_tuning_was_not_tried():
    assert not_tried({**TRAINED, "options": {"quick": True}}).startswith("--quick")
    assert "too long" in not_tried({**TRAINED, "calibration": {"error_rate": 0.2}})
    assert "too long" in not_tried({**TRAINED, "calibration": None, "error_rate": 0.2})


def test_command_reports_on_the_photos_that_were_held_out(trained, tmp_path):
    run = run_module("training.report", trained / "export.pkl", trained / "photos", "--out", tmp_path / "report")
    assert run.returncode == 0, run.stderr
    metrics, last = read_metrics(trained / "export.pkl"), run.stdout.splitlines()[-1]
    assert f"30 photos, each answered by a model that had not seen it; {metrics['n_wrong']} wrong" in last
    assert "1 others left out" in last, "the one that cannot be opened"
    expected = {"report.html", "confusion_matrix.png", "top_losses.png", "training.png", "reliability.png"}
    assert {file.name for file in (tmp_path / "report").iterdir()} - {"familiarity.png"} == expected
    page = (tmp_path / "report" / "report.html").read_text()
    assert f"<b>{metrics['n_wrong']} of 30</b>" in page and "fine-tuning is not kept" in page
    Image.open(tmp_path / "report" / "training.png").verify()
    for name in ("before", "after"):
        assert f"<b>{metrics['calibration'][name]['error']:.3f}</b> {name}" in page
    assert "out of fold</td><td>30</td>" in page and "of the missing label count as unfamiliar" in page


@pytest.fixture
def asked(trained) -> tuple[Classifier, list, dict]:
    """A classifier, the photos that it learned from, and its metrics."""
    photos = [file for file in get_photos(trained / "photos") if file.name != "broken.jpg"]
    return Classifier.load(trained / "export.pkl"), photos, read_metrics(trained / "export.pkl")


def test_photos_that_were_held_out_are_answered_by_models_that_had_not_seen_them(asked):
    classifier, photos, metrics = asked
    evaluation = evaluate(classifier, photos, metrics)
    assert (evaluation.part, evaluation.predictions.files) == (OUT_OF_FOLD, photos)
    assert evaluation.predictions.n_wrong == metrics["n_wrong"]
    some = [sha256(file) for file in photos[:6]]
    assert evaluate(classifier, photos, {**metrics, "valid_sha256": some}).part == HELD_OUT
    assert evaluate(classifier, photos[:6], {**metrics, "valid_sha256": some}).part == VALIDATION


def test_an_export_that_kept_no_answers_is_asked_again(asked, tmp_path):
    classifier, photos, metrics = asked
    of_before = {"valid_sha256": [sha256(file) for file in photos[:6]]}
    evaluation = evaluate(classifier, photos, of_before)
    assert (evaluation.part, evaluation.predictions.files) == (VALIDATION, photos[:6])
    assert evaluate(classifier, photos, {}).part == ALL
    others = get_photos(make_photos(tmp_path / "others", n=2, seed=700))
    assert evaluate(classifier, others, metrics).description == "6 photos (not the ones that it was validated on)"


def test_other_photos_are_set_beside_them(trained, tmp_path):
    other = make_photos(tmp_path / "other", n=3, seed=900)
    noisy_photo((0, 0, 0), 5).save(other / "in no folder.png")
    run = run_module(
        "training.report", trained / "export.pkl", trained / "photos", "--out", tmp_path / "report", "--other", other
    )
    assert run.returncode == 0, run.stderr
    page = (tmp_path / "report" / "report.html").read_text()
    assert "others, from other</td><td>10</td>" in page and "AUROC" in page


@pytest.mark.parametrize("other, says", [("nowhere", "There is no folder"), ("", "no photos in this folder")])
def test_other_without_photos_is_one_sentence(trained, tmp_path, other, says):
    (tmp_path / "empty").mkdir()
    run = run_module(
        "training.report",
        trained / "export.pkl",
        trained / "photos",
        "--out",
        tmp_path / "report",
        "--other",
        other or tmp_path / "empty",
    )
    assert run.returncode == 1 and says in run.stderr and "Traceback" not in run.stderr


def test_report_of_an_export_without_trust_data_says_so(predictions):
    page = page_of(predictions, {}, ALL)
    assert "not calibrated" in page and "cannot tell when a photo is none of its labels" in page


def test_trust_figures_are_drawn_for_one_photo_and_for_many():
    one = {"error": 0.1, "bins": [{"n": 1, "confidence": 0.9, "accuracy": 1.0}]}
    assert to_png(plot_reliability({"before": one, "after": one})).startswith(b"\x89PNG")
    scores = {"validation": np.array([0.5]), "others": np.linspace(0, 1, 500)}
    assert to_png(plot_familiarity(scores, 0.4)).startswith(b"\x89PNG")
    assert to_png(plot_familiarity({"validation": np.zeros(3)}, 0.0)).startswith(b"\x89PNG")


def test_without_metrics_all_photos_are_reported_on(trained, tmp_path):
    (tmp_path / "export.pkl").write_bytes((trained / "export.pkl").read_bytes())
    run = run_module("training.report", tmp_path / "export.pkl", trained / "photos", "--out", tmp_path / "report")
    assert run.returncode == 0, run.stderr
    assert "30 photos" in run.stdout and "1 unreadable" in run.stdout and "3 figures" in run.stdout


def test_metrics_of_another_export_are_not_taken(trained, tmp_path):
    (tmp_path / "export.pkl").write_bytes(b"another")
    (tmp_path / "metrics.json").write_bytes((trained / "metrics.json").read_bytes())
    assert read_metrics(tmp_path / "export.pkl") == {}
    assert read_metrics(trained / "export.pkl")["n_valid"] == 30


def test_labels_that_the_export_does_not_know_are_named(trained, tmp_path):
    (tmp_path / "photos" / "yellow").mkdir(parents=True)
    noisy_photo((200, 200, 0), 1).save(tmp_path / "photos" / "yellow" / "1.png")
    run = run_module("training.report", trained / "export.pkl", tmp_path / "photos", "--out", tmp_path / "report")
    assert run.returncode == 1
    assert "does not know yellow; it knows blue, green, red" in run.stderr
    assert "Traceback" not in run.stderr


@pytest.mark.parametrize(
    "arguments, says",
    [
        (["nowhere.pkl", "."], "no export at nowhere.pkl"),
        (["export.pkl", "nowhere"], "There is no folder nowhere"),
    ],
    ids=["export", "folder"],
)
def test_missing_input_is_one_sentence(arguments, says):
    run = run_module("training.report", *arguments)
    assert run.returncode == 1 and says in run.stderr and "Traceback" not in run.stderr


def test_photos_that_all_fail_are_an_error(trained, tmp_path):
    (tmp_path / "red").mkdir()
    (tmp_path / "red" / "1.jpg").touch()
    with pytest.raises(CliError, match="None of the photos"):
        predict_labelled(Classifier.load(trained / "export.pkl"), [tmp_path / "red" / "1.jpg"])
