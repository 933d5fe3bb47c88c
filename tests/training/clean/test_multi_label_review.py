"""training/clean/review/labelled.py with labels.csv: photos, suggestions and copies, each with its reason."""

import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from fastcore.script import CliError
from PIL import Image

from helpers.commands import run_module
from helpers.feedback import feedback
from helpers.photos import COLOURS, make_pairs
from training.clean.review.labelled import review
from training.clean.review.multi_label_photo import MultiLabelPhoto
from training.data.labels import ListedPhoto, read_labels, write_labels
from training.feedback import Suggestions
from training.journal.moves import Change, Journal

LABELS = sorted(COLOURS)


class Colours:
    """In place of a classifier: it knows the colours of both halves of a photo, and "two words", which none has."""

    labels = (*LABELS, "two words")
    multi_label = True
    thresholds = dict.fromkeys(labels, 0.5)

    def predict_with_features(self, photo: Image.Image) -> tuple[SimpleNamespace, np.ndarray]:
        halves = np.asarray(photo.resize((2, 1), Image.Resampling.BOX), dtype=float).reshape(2, 3)
        distances = [min(np.abs(half - COLOURS[label]).sum() for half in halves) for label in LABELS]
        probabilities = [0.97 if distance < 60 else 0.03 for distance in distances]
        return SimpleNamespace(probabilities=dict(zip(self.labels, [*probabilities, 0.01]))), halves.ravel()


@pytest.fixture
def data(tmp_path, monkeypatch) -> Path:
    """Photos of one colour, of two and of none, reviewed by `Colours`; three have a wrong row."""
    monkeypatch.setattr("training.clean.review.labelled.load_classifier", lambda _: Colours())
    data = make_pairs(tmp_path / "data")
    relabel(data, **{"000": ("blue", "red"), "040": (), "065": ("red",)})
    return data


def relabel(data: Path, **labels: tuple[str, ...]) -> None:
    listed = {data / "photos" / f"{name}.png": ListedPhoto(own) for name, own in labels.items()}
    write_labels(data, {**read_labels(data).listed, **listed})


def reviewed(data: Path) -> dict[str, MultiLabelPhoto]:
    export = data.parent / "export.pkl"
    export.touch()
    return {photo.file.stem: photo for photo in review(export, data)[0]}


def test_wrong_rows_lead_with_the_labels_that_are_missing_or_too_many(data):
    photos = reviewed(data)
    assert len(photos) == 70 and {"000", "040", "065"} <= set(list(photos)[:12])
    assert photos["000"].likely == "blue" and photos["000"].reason.startswith("the other photos make it no red (")
    assert photos["040"].likely == "blue|red" and photos["040"].reason.startswith("the other photos make it blue (")
    assert photos["065"].likely == "" and "make it no red (" in photos["065"].reason
    assert (photos["065"].words, photos["065"].answer, photos["066"].words) == ("red", {}, "none of the labels")
    assert photos["000"].loss > 0.5 > photos["001"].loss


def test_labels_are_those_that_labels_csv_can_have(data):
    (data.parent / "export.pkl").touch()
    _, labels, unreadable = review(data.parent / "export.pkl", data)
    assert labels == LABELS and unreadable == {}


def test_a_label_that_the_export_does_not_know_is_named(data):
    relabel(data, **{"001": ("blue", "mauve")})
    photo = reviewed(data)["001"]
    assert "the export knows no label mauve" in photo.reason and "mauve" in photo.likely


def test_copies_with_other_labels_name_them(data):
    shutil.copy(data / "photos" / "010.png", data / "photos" / "copy.png")
    relabel(data, copy=())
    photos = reviewed(data)
    assert set(list(photos)[:2]) == {"010", "copy"}
    assert photos["010"].reason.startswith("a copy of photos/copy.png, which has none of the labels")
    assert photos["copy"].reason.startswith("a copy of photos/010.png, which has green")


def test_suggestions_lead_with_the_labels_that_the_user_gave(data, tmp_path):
    Suggestions(data).add_all(feedback(tmp_path / "said", (11, "green|red")))
    photo = next(iter(reviewed(data).values()))
    assert photo.suggested and photo.labels == ("green", "red") and photo.likely == "blue"
    assert photo.reason.startswith("suggested by a user")


def test_photos_without_a_row_are_left_out(data):
    shutil.copy(data / "photos" / "010.png", data / "photos" / "new.png")
    assert "new" not in reviewed(data)


@pytest.mark.parametrize(
    ("rows", "message"),
    [({}, "names none"), ({"gone": ("blue",)}, "names 1 photo"), ({"000": ("mauve",)}, "none of the labels")],
    ids=["empty", "gone", "other labels"],
)
def test_what_cannot_be_cleaned_is_one_sentence(data, rows, message):
    write_labels(data, {data / "photos" / f"{name}.png": ListedPhoto(own) for name, own in rows.items()})
    with pytest.raises(CliError, match=message):
        reviewed(data)


def test_command_takes_an_export_with_one_label_a_photo_and_takes_edits_back(trained, tmp_path):
    data = make_pairs(tmp_path / "data", n=3)
    run = run_module("training.clean", trained / "export.pkl", data, "--list", "4")
    assert run.returncode == 0, run.stderr
    lines = [line for line in run.stdout.splitlines() if line.strip()]
    assert len(lines) == 6 and all("; predicted " in line for line in lines[1:5])
    assert lines[-1].endswith("21 photos of 3 labels, 0 unreadable")
    photo = data / "photos" / "000.png"
    Journal(data).change("clean", [Change(photo, photo, "is none", "blue", "")])
    run = run_module("training.clean", trained / "export.pkl", data, "--undo")
    assert run.stdout == f"{data}: 1 photos are back as they were\n" and read_labels(data)(photo) == ("blue",)
