"""compare: photos that both held out or never saw, which predictions changed, and a plain verdict."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from fastcore.script import CliError

from classifier.files import sha256
from helpers.commands import run_module
from helpers.photos import make_photos, noisy_photo
from helpers.several_labels import several_labels
from training.compare import check_kinds, compare, with_known_labels
from training.data.labels import BY_FOLDER, Labels, ListedPhoto
from training.data.photos import get_photos
from training.evaluation.comparison import Comparison, describe_changes, describe_export, describe_left_out
from training.evaluation.held_out import HeldOutPredictions
from training.evaluation.predictions import Predictions
from training.metrics import metrics_path, read_metrics, validated_before

VOCAB = ["blue", "green", "red"]


def predictions_of(tmp_path, predictions: list[int], targets: list[int], vocab=VOCAB) -> Predictions:
    """Return predictions, indices into `vocab`, for photos of labels, indices into VOCAB."""
    files = [tmp_path / VOCAB[target] / f"{i}.png" for i, target in enumerate(targets)]
    own = np.array([vocab.index(VOCAB[target]) for target in targets])
    return Predictions(files, vocab, own, np.eye(len(vocab))[predictions])


def test_photos_that_changed_sides_are_named_with_both_answers(tmp_path):
    targets = [0, 1, 2, 1]
    comparison = Comparison(
        predictions_of(tmp_path, [0, 0, 2, 0], targets), predictions_of(tmp_path, [0, 1, 0, 0], targets)
    )
    assert (comparison.fixed, comparison.broken) == ([1], [2])
    assert describe_changes(comparison, comparison.fixed, "fixed ") == ["  fixed   green/1.png: blue -> green"]
    assert comparison.verdict == "Neither is better: both get 2 of 4 wrong."


def test_a_worse_model_is_called_worse(tmp_path):
    targets = [0] * 20
    comparison = Comparison(
        predictions_of(tmp_path, [0] * 20, targets), predictions_of(tmp_path, [1] * 10 + [0] * 10, targets)
    )
    assert comparison.verdict == "The new one is worse: 50.0% wrong instead of 0.0%."
    assert comparison.p_value == pytest.approx(2 / 2**10)  # ten of ten changes to the worse


def test_a_difference_that_can_be_chance_is_called_so(tmp_path):
    comparison = Comparison(predictions_of(tmp_path, [1, 0], [0, 0]), predictions_of(tmp_path, [0, 0], [0, 0]))
    assert comparison.verdict.startswith(
        "The new one is better: 0.0% wrong instead of 50.0%. With 2 photos that can be"
    )


def test_labels_count_by_name_where_the_vocabs_differ_in_order(tmp_path):
    turned = predictions_of(tmp_path, [2], [0], vocab=["red", "green", "blue"])
    comparison = Comparison(predictions_of(tmp_path, [0], [0]), turned)
    assert comparison.fixed == comparison.broken == []


def test_many_changes_are_counted(tmp_path):
    comparison = Comparison(predictions_of(tmp_path, [1] * 30, [0] * 30), predictions_of(tmp_path, [0] * 30, [0] * 30))
    assert describe_changes(comparison, comparison.fixed, "fixed ")[-1] == "  and 10 more"


def exchange_two_answers(metrics: dict) -> dict:
    """Return the metrics of a run that answered the first photo as this one answered the last, and the reverse."""
    answers = metrics["held_out"]["answers"]
    first, *_, last = answers
    answers = {**answers, first: answers[last], last: answers[first]}
    return {**metrics, "n_wrong": metrics["n_wrong"] + 2, "held_out": {**metrics["held_out"], "answers": answers}}


@pytest.mark.slow
def test_two_runs_are_compared_on_what_both_held_out(trained, tmp_path):
    for kind in ("pkl", "onnx"):
        for name in ("export", "new"):
            shutil.copy(trained / f"export.{kind}", tmp_path / f"{name}.{kind}")
    shutil.copy(trained / "metrics.json", tmp_path)
    (tmp_path / "new.metrics.json").write_text(json.dumps(exchange_two_answers(read_metrics(trained / "export.pkl"))))
    of_old, of_new = (read_metrics(tmp_path / name)["n_wrong"] for name in ("export.pkl", "new.pkl"))
    run = run_module("training.compare", tmp_path / "export.pkl", tmp_path / "new.pkl", trained / "photos")
    assert run.returncode == 0, run.stderr
    assert f"export.pkl: {of_old} of 30 wrong" in run.stdout and f"new.pkl: {of_new} of 30 wrong" in run.stdout
    assert "30 photos held out by each when it answered them: 0 fixed, 2 broken" in run.stdout and of_new == of_old + 2
    run = run_module("training.compare", tmp_path / "export.pkl", tmp_path / "new.pkl", trained / "photos", "--unseen")
    assert "30 photos" in run.stdout and "left out" in run.stdout


def test_an_export_of_before_is_asked_about_its_validation_photos(trained, tmp_path):
    photos = [file for file in get_photos(trained / "photos") if file.name != "broken.jpg"]
    shutil.copy(trained / "export.pkl", tmp_path / "old.pkl")
    metrics = {name: value for name, value in read_metrics(trained / "export.pkl").items() if name != "held_out"}
    (tmp_path / "old.metrics.json").write_text(json.dumps({**metrics, "valid_sha256": list(map(sha256, photos[5:12]))}))
    comparison, left_out, _ = compare(str(tmp_path / "old.pkl"), str(trained / "export.pkl"), photos)
    assert comparison.old.files == comparison.new.files == photos[5:12] and left_out == {}
    kept = HeldOutPredictions.from_metrics(read_metrics(trained / "export.pkl")).predictions_for(photos[5:12])
    assert np.array_equal(comparison.new.probabilities, kept.probabilities)
    assert not np.array_equal(comparison.old.probabilities, kept.probabilities), "the export itself was asked"


def test_a_renamed_export_keeps_its_figures(trained, tmp_path):
    shutil.copy(trained / "export.pkl", tmp_path / "first.pkl")
    shutil.copy(trained / "metrics.json", tmp_path / "metrics.json")
    assert read_metrics(tmp_path / "first.pkl")["n_valid"] == 30


def test_each_export_of_a_folder_has_figures_of_its_own(tmp_path):
    assert metrics_path(tmp_path / "export.pkl").name == "metrics.json"
    assert metrics_path(tmp_path / "new.pkl").name == "new.metrics.json"
    (tmp_path / "metrics.json").write_text(json.dumps({"valid_sha256": ["a"]}))
    assert validated_before(tmp_path / "new.pkl") == ["a"]
    (tmp_path / "new.metrics.json").write_text(json.dumps({"valid_sha256": ["b"]}))
    assert validated_before(tmp_path / "new.pkl") == ["b"]


def test_photos_that_an_export_may_have_learned_are_refused(trained, tmp_path):
    shutil.copy(trained / "export.pkl", tmp_path / "export.pkl")
    export, photos = str(trained / "export.pkl"), get_photos(trained / "photos")
    with pytest.raises(CliError, match="say --unseen"):
        compare(export, str(tmp_path / "export.pkl"), photos)
    others = get_photos(make_photos(tmp_path / "others", n=2, seed=50))
    with pytest.raises(CliError, match="None of these photos was held out by"):
        compare(export, export, others)


def test_two_that_held_out_different_photos_cannot_be_compared(trained, tmp_path):
    photos, metrics = get_photos(trained / "photos"), read_metrics(trained / "export.pkl")
    answers = metrics["held_out"]["answers"]
    for name, kept in (("one", list(answers)[:6]), ("other", list(answers)[6:])):
        shutil.copy(trained / "export.pkl", tmp_path / f"{name}.pkl")
        held_out = {**metrics["held_out"], "answers": {photo: answers[photo] for photo in kept}}
        (tmp_path / f"{name}.metrics.json").write_text(json.dumps({**metrics, "held_out": held_out}))
    with pytest.raises(CliError, match="held out by both exports"):
        compare(str(tmp_path / "one.pkl"), str(tmp_path / "other.pkl"), photos)


@pytest.mark.slow
def test_labels_that_only_one_knows_are_left_out_and_named(trained, tmp_path):
    data = make_photos(tmp_path / "photos", n=2, seed=50)
    (data / "yellow").mkdir()
    noisy_photo((200, 200, 0), 1).save(data / "yellow" / "1.png")
    export = trained / "export.pkl"
    run = run_module("training.compare", export, export, data, "--unseen")
    assert f"1 photo left out: {export} knows no label yellow; yellow/1.png\n" in run.stdout
    assert "6 photos that neither learned from: " in run.stdout
    shutil.rmtree(data / "red"), shutil.rmtree(data / "blue"), shutil.rmtree(data / "green")
    run = run_module("training.compare", export, export, data, "--unseen")
    assert run.returncode == 1 and "Traceback" not in run.stderr
    assert f"No photo is left: {export} knows no label yellow. Are these" in run.stderr


def test_an_answer_of_several_labels_is_right_where_all_are():
    old, marks = several_labels(), several_labels().predicted.copy()
    marks[4], marks[0] = False, [True, True, False]
    comparison = Comparison(old, replace(old, predicted_labels=marks))
    assert (comparison.fixed, comparison.broken) == ([4], [0])
    assert describe_changes(comparison, [4], "fixed ") == ["  fixed   photos/4.jpg: <b>hat</b> -> no label"]
    assert describe_changes(comparison, [0], "broken") == ["  broken  photos/0.jpg: <b>hat</b> -> <b>hat</b>|shirt"]
    assert comparison.verdict == "Neither is better: both get 2 of 5 wrong."
    line = describe_export("old", "old.pkl", old)
    assert "old.pkl: 2 of 5 with a label too many or too few, error rate 40.0%, mean average precision 0." in line


def knowing(*labels: str, multi_label: bool = True) -> SimpleNamespace:
    """Return what is asked of a classifier here."""
    return SimpleNamespace(labels=list(labels), multi_label=multi_label)


def listed(**rows: tuple[str, ...]) -> Labels:
    return Labels({Path(name): ListedPhoto(own) for name, own in rows.items()})


def test_one_label_and_several_cannot_be_compared():
    exports, labels = ["old.pkl", "new.pkl"], listed(a=("hat",), b=("hat", "scarf"), c=())
    photos, one, several = list(labels.listed), knowing("hat", multi_label=False), knowing("hat")
    with pytest.raises(CliError, match="gives a photo several labels or none, old"):
        check_kinds(exports, [one, several], photos, labels)
    with pytest.raises(CliError, match=r"Both exports give a photo several .* one each, their folder"):
        check_kinds(exports, [several, several], [Path("hat/a")], BY_FOLDER)
    with pytest.raises(CliError, match=r"Both exports give a photo one label.*--labels-per-photo one --out NEW"):
        check_kinds(exports, [one, one], photos, labels)
    check_kinds(exports, [several, several], photos, labels)
    check_kinds(exports, [one, one], photos[:1], labels)
    check_kinds(exports, [one, one], [Path("hat/a")], BY_FOLDER)


def test_photos_of_which_an_export_does_not_know_every_label_are_left_out_in_one_line():
    labels = listed(a=("hat",), b=("hat", "scarf"), c=(), d=("shoe",), e=("scarf",), f=("bag", "hat"), g=("bag",))
    exports, photos = ["old.pkl", "new.pkl"], list(labels.listed)
    known, left_out = with_known_labels(
        exports, [knowing("hat", "shoe"), knowing("hat", "bag", "shoe")], photos, labels
    )
    assert known == [Path("a"), Path("c"), Path("d")]
    assert sorted(describe_left_out(left_out)) == [
        "2 photos left out: old.pkl and new.pkl know no label scarf; /b, /e",
        "2 photos left out: old.pkl knows no label bag; /f, /g",
    ]


def test_only_the_export_that_knows_none_of_the_labels_is_said_to(monkeypatch):
    exports = {"old.pkl": knowing("hat", "shoe"), "new.pkl": knowing("coat")}
    monkeypatch.setattr("training.compare.load_classifier", exports.get)
    labels = listed(a=("hat",), b=("shoe",))
    with pytest.raises(CliError, match=r"^No photo is left: new\.pkl knows no label hat, shoe\. Are these"):
        compare("old.pkl", "new.pkl", list(labels.listed), labels=labels)


def test_many_photos_left_out_are_one_line():
    left_out = {Path(f"hat/{i}.jpg"): "This file is empty." for i in range(9)}
    assert describe_left_out(left_out) == [
        "9 photos left out: This file is empty; hat/0.jpg, hat/1.jpg, hat/2.jpg and 6 more"
    ]
