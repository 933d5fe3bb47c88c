"""training/train/: sets that folders give, from photos to the export; one run is shared by these tests."""

import json
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from fastai.learner import load_learner

from classifier import Classifier
from classifier.files import sha256
from classifier.photo import open_photo
from helpers.learners import tiny_backbone
from helpers.photos import make_photos, noisy_photo
from training.data.photos import get_photos
from training.data.splits import Photos
from training.train.__main__ import main
from training.train.pipeline import print_counts


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    """A folder with photos in train, valid and test, of which some are in another label's folder; a run's files."""
    folder = tmp_path_factory.mktemp("given")
    for split, n, seed in (("train", 8, 0), ("valid", 4, 300), ("test", 3, 600)):
        make_photos(folder / "photos" / split, n, seed)
    noisy_photo((200, 40, 40), 901).save(folder / "photos" / "valid" / "blue" / "red.png")
    for i in range(2):
        noisy_photo((40, 180, 60), 902 + i).save(folder / "photos" / "test" / "blue" / f"green {i}.png")
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(StringIO()) as log:
        patch.setattr("training.train.learner.load_backbone", tiny_backbone)
        main(str(folder / "photos"), image_size=32, folds=3, quick=True, out=str(folder / "export.pkl"))
    (folder / "log.txt").write_text(log.getvalue())
    return folder


def hashes_in(folder: Path) -> set[str]:
    return set(map(sha256, get_photos(folder)))


def test_a_given_validation_set_gives_the_error(given):
    metrics, classifier = json.loads((given / "metrics.json").read_text()), Classifier.load(given / "export.pkl")
    valid = get_photos(given / "photos" / "valid")
    wrong = sum(classifier.predict(file).label != file.parent.name for file in valid)
    assert metrics["n_wrong"] == wrong >= 1
    assert (metrics["measured"], metrics["n_train"], metrics["n_valid"]) == ("validation", 24, 13)
    assert set(metrics["valid_sha256"]) == hashes_in(given / "photos" / "valid")
    assert metrics["calibration"]["n_photos"] == 24
    assert f"({wrong} of 13 photos held out for validation" in (given / "log.txt").read_text()


def test_a_given_test_set_is_only_measured(given):
    metrics, test = json.loads((given / "metrics.json").read_text()), hashes_in(given / "photos" / "test")
    looked_at = hashes_in(given / "photos" / "train") | hashes_in(given / "photos" / "valid")
    assert set(metrics["held_out"]["answers"]) == looked_at and not test & looked_at
    (features,) = (given / "photos" / ".features").iterdir()
    assert set(np.load(features)["names"]) == looked_at


def test_error_on_a_given_test_set_is_told_and_kept(given):
    of_test = json.loads((given / "metrics.json").read_text())["test"]
    assert (of_test["n"], of_test["n_wrong"]) == (11, 2) and of_test["error_rate"] == 2 / 11
    assert (of_test["by_label"]["blue"]["n"], of_test["by_label"]["blue"]["wrong"]) == (5, 2)
    assert "test set: 2 of 11 wrong, 18.2% (95% interval" in (given / "log.txt").read_text()


def test_a_probe_is_explained_cell_by_cell(given):
    classifier, file = Classifier.load(given / "export.pkl"), given / "photos" / "test" / "red" / "00.png"
    scores, _ = classifier._engine.answer(open_photo(file))
    for label, score in zip(classifier.labels, scores):
        heatmap = classifier.explain(file, label).heatmap
        assert heatmap.contributions.size > 1
        assert heatmap.contributions.sum() + heatmap.bias == pytest.approx(score, abs=1e-4)


def test_stock_fastai_answers_as_the_app_does(given):
    learn, classifier = load_learner(given / "export.pkl"), Classifier.load(given / "export.pkl")
    classifier.temperature = 1  # fastai does not calibrate
    file = given / "photos" / "test" / "red" / "00.png"
    with learn.no_bar(), learn.no_logging():
        probabilities = dict(zip(learn.dls.vocab, learn.predict(file)[2].tolist()))
    assert probabilities == pytest.approx(classifier.predict(file).probabilities, abs=1e-4)


def files_of(**counts) -> Photos:
    return Photos([Path(label, f"{i}.png") for label, n in counts.items() for i in range(n)])


@pytest.mark.parametrize(
    "photos, says",
    [
        (files_of(ant=100, bee=25), "one label has 4 times as many photos as another"),
        (files_of(ant=30, bee=10), ""),
        (files_of(ant=12, bee=6, fly=9), "few photos: bee, fly. What is measured of them says little"),
    ],
    ids=["uneven", "even enough", "few"],
)
def test_uneven_and_few_photos_are_told(capsys, photos, says):
    print_counts(photos)
    said = capsys.readouterr().out
    assert says in said and len(said.splitlines()) == (1 if says else 0)
