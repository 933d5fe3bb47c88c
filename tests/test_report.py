"""training/report.py: the figures, the page, and the command."""
import json
import re

import numpy as np
import pytest
from fastcore.script import CliError
from PIL import Image

from conftest import make_photos, noisy_photo, run_module
from training.answers import Answers, answer_all
from training.figures import (
    plot_confusion_matrix,
    plot_familiarity,
    plot_reliability,
    plot_top_losses,
    plot_training,
    to_png,
)
from training.metrics import read_metrics
from training.report import figures_of, to_html

VOCAB = ["black", "grizzly", "<b>teddy</b>"]


@pytest.fixture
def answers(tmp_path) -> Answers:
    """Six photos: two of each label, one grizzly taken for a black bear, one teddy barely right."""
    targets = np.array([0, 0, 1, 1, 2, 2])
    probabilities = np.array([[0.9, 0.05, 0.05], [0.8, 0.1, 0.1], [0.7, 0.2, 0.1], [0.1, 0.8, 0.1],
                              [0.1, 0.1, 0.8], [0.3, 0.3, 0.4]])
    files = [tmp_path / f"{i} & <co>.jpg" for i in range(6)]
    for i, file in enumerate(files):
        noisy_photo((40 * i, 100, 100), i).save(file)
    return Answers(files, VOCAB, targets, probabilities)


def test_confusion_counts_labels_in_rows_and_predictions_in_columns(answers):
    assert answers.confusion().tolist() == [[2, 0, 0], [1, 1, 0], [0, 0, 2]]
    assert answers.n_wrong == 1


def test_most_confused_leaves_the_diagonal_out(answers):
    assert answers.most_confused() == [("grizzly", "black", 1)]
    assert answers.most_confused(min_val=2) == []


def test_top_losses_are_cross_entropy_highest_first(answers):
    assert answers.top_losses(2) == [2, 5]
    assert answers.losses[2] == pytest.approx(-np.log(0.2))


def test_a_probability_of_zero_is_a_finite_loss():
    answers = Answers([], ["a", "b"], np.array([0]), np.array([[0.0, 1.0]]))
    assert np.isfinite(answers.losses).all()


@pytest.mark.parametrize("n", [2, 200])
def test_confusion_matrix_is_drawn_for_two_labels_or_two_hundred(n):
    answers = Answers([], [f"label {i}" for i in range(n)], np.arange(n), np.eye(n))
    assert to_png(plot_confusion_matrix(answers)).startswith(b"\x89PNG")


def test_figures_are_png(answers):
    epochs = [{"train_loss": 1.0, "valid_loss": 0.5, "error_rate": 0.1}] * 3
    for figure in (plot_top_losses(answers), plot_training(epochs)):
        assert to_png(figure).startswith(b"\x89PNG")


def test_page_needs_no_other_file_and_shows_markup_as_text(answers):
    page = to_html(answers, figures_of(answers, {}), {}, "validation photos", 0)
    assert not re.findall(r'(?:src|href)="(?!data:)', page)
    assert "<b>teddy</b>" not in page and "&lt;b&gt;teddy&lt;/b&gt;" in page
    assert "<co>" not in page
    assert "1 of 6" in page and "16.7%" in page


def test_command_reports_on_the_validation_photos(trained, tmp_path):
    run = run_module("training.report", trained / "export.pkl", trained / "photos", "--out", tmp_path / "report")
    assert run.returncode == 0, run.stderr
    assert "6 validation photos" in run.stdout.splitlines()[-1]
    assert {file.name for file in (tmp_path / "report").iterdir()} == {
        "report.html", "confusion_matrix.png", "top_losses.png", "training.png", "reliability.png", "familiarity.png"}
    wrong = json.loads((trained / "metrics.json").read_text())["n_wrong"]
    assert f"<b>{wrong} of 6</b>" in (tmp_path / "report" / "report.html").read_text()
    Image.open(tmp_path / "report" / "training.png").verify()
    page = (tmp_path / "report" / "report.html").read_text()
    calibration = json.loads((trained / "metrics.json").read_text())["calibration"]
    for name in ("before", "after"):
        assert f"<b>{calibration[name]['error']:.3f}</b> {name}" in page
    assert "training photos, each left out</td><td>24</td>" in page and "validation photos</td><td>6</td>" in page


def test_other_photos_are_set_beside_them(trained, tmp_path):
    other = make_photos(tmp_path / "other", n=3, seed=900)
    noisy_photo((0, 0, 0), 5).save(other / "in no folder.png")
    run = run_module("training.report", trained / "export.pkl", trained / "photos", "--out", tmp_path / "report",
                     "--other", other)
    assert run.returncode == 0, run.stderr
    page = (tmp_path / "report" / "report.html").read_text()
    assert "others, from other</td><td>10</td>" in page and "AUROC" in page


@pytest.mark.parametrize("other, says", [("nowhere", "There is no folder"), ("", "no photos in this folder")])
def test_other_without_photos_is_one_sentence(trained, tmp_path, other, says):
    (tmp_path / "empty").mkdir()
    run = run_module("training.report", trained / "export.pkl", trained / "photos", "--out", tmp_path / "report",
                     "--other", other or tmp_path / "empty")
    assert run.returncode == 1 and says in run.stderr and "Traceback" not in run.stderr


def test_report_of_an_export_without_trust_data_says_so(answers):
    page = to_html(answers, figures_of(answers, {}), {}, "photos", 0)
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
    assert read_metrics(trained / "export.pkl")["n_valid"] == 6


def test_labels_that_the_export_does_not_know_are_named(trained, tmp_path):
    (tmp_path / "photos" / "yellow").mkdir(parents=True)
    noisy_photo((200, 200, 0), 1).save(tmp_path / "photos" / "yellow" / "1.png")
    run = run_module("training.report", trained / "export.pkl", tmp_path / "photos", "--out", tmp_path / "report")
    assert run.returncode == 1
    assert "does not know yellow; it knows blue, green, red" in run.stderr
    assert "Traceback" not in run.stderr


@pytest.mark.parametrize("arguments, says", [
    (["nowhere.pkl", "."], "no export at nowhere.pkl"), (["export.pkl", "nowhere"], "There is no folder nowhere"),
], ids=["export", "folder"])
def test_missing_input_is_one_sentence(arguments, says):
    run = run_module("training.report", *arguments)
    assert run.returncode == 1 and says in run.stderr and "Traceback" not in run.stderr


def test_photos_that_all_fail_are_an_error(trained, tmp_path):
    from classifier import Classifier
    (tmp_path / "red").mkdir()
    (tmp_path / "red" / "1.jpg").touch()
    with pytest.raises(CliError, match="None of the photos"):
        answer_all(Classifier.load(trained / "export.pkl"), [tmp_path / "red" / "1.jpg"])
