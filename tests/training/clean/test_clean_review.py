"""training/clean/review/: photos as an export sees them, and what users suggest, most suspicious first."""

import json
import shutil
from collections import Counter
from pathlib import Path

import pytest
from fastcore.script import CliError

from classifier.files import sha256
from helpers.cleaners import LABELS, open_cleaner
from helpers.commands import run_module
from helpers.feedback import feedback
from helpers.paths import ROOT
from helpers.photos import make_photos, noisy_photo
from training.clean.review.labelled import ReviewedPhoto, review
from training.clean.session import Cleaner, describe
from training.data.photos import get_photos
from training.feedback import Suggestions, pending_suggestions
from training.journal.moves import Journal


@pytest.fixture
def exported(trained, tmp_path) -> tuple[Path, Path]:
    """An export, and a copy of the photos it was trained on."""
    shutil.copytree(trained / "photos", tmp_path / "photos")
    return trained / "export.pkl", tmp_path / "photos"


def test_splits_are_those_of_a_run_that_held_photos_out_altogether(exported, tmp_path):
    export, data = exported
    assert {photo.split for photo in review(export, data)[0]} == {""}, "it learned from all of them"
    shutil.copy(export, tmp_path / "export.pkl")
    held_out = [sha256(data / "red" / f"0{i}.png") for i in range(6)]
    (tmp_path / "metrics.json").write_text(json.dumps({"export": {"sha256": sha256(export)}, "valid_sha256": held_out}))
    photos = review(tmp_path / "export.pkl", data)[0]
    assert Counter(photo.split for photo in photos) == {"valid": 6, "train": 24}


def test_review_knows_probabilities_and_what_cannot_be_opened(exported):
    export, data = exported
    photos, labels, unreadable = review(export, data)
    assert labels == LABELS and [file.name for file in unreadable] == ["broken.jpg"]
    assert len(photos) == 30
    assert all(sum(photo.probabilities.values()) == pytest.approx(1, abs=1e-5) for photo in photos)
    assert [photo.suspicion for photo in photos] == sorted((photo.suspicion for photo in photos), reverse=True)


def test_copies_lead_with_the_name_of_what_they_are_a_copy_of(exported):
    export, data = exported
    shutil.copy(data / "red" / "00.png", data / "blue" / "copy.png")
    photos, _, _ = review(export, data)
    assert {f"{photo.label}/{photo.file.name}" for photo in photos[:2]} == {"red/00.png", "blue/copy.png"}
    assert any("a copy of blue/copy.png" in photo.reason for photo in photos[:2])


def test_views_are_kept_and_used_only_for_the_same_export(exported, monkeypatch, tmp_path):
    export, data = exported
    (data / "red" / "broken.jpg").unlink()
    first, _, _ = review(export, data)

    def not_again(*_):
        raise AssertionError("looked at a photo that is known")

    monkeypatch.setattr("training.clean.review.analysis._analyse", not_again)
    again, _, _ = review(export, data)
    assert [photo.file for photo in again] == [photo.file for photo in first]
    monkeypatch.undo()
    cache = data / ".clean" / "views.npz"
    kept = cache.read_bytes()
    cache.write_bytes(kept[: len(kept) // 2])
    assert len(review(export, data)[0]) == 30 and cache.stat().st_size == len(kept)


def test_a_label_that_the_export_does_not_know_is_reviewed_too(exported):
    export, data = exported
    make_photos(data.parent / "more", n=1)
    (data / "red").rename(data / "crimson")
    (data.parent / "more" / "red").rename(data / "red")
    photos, labels, _ = review(export, data)
    assert labels == ["blue", "crimson", "green", "red"]
    assert {photo.reason for photo in photos if photo.label == "crimson"} == {"the export knows no label crimson"}


@pytest.mark.parametrize(
    ("folder", "message"),
    [
        ("nowhere", "There is no folder"),
        ("empty", "No photos under"),
        ("other", "knows none of the labels"),
        ("broken", "can be opened"),
    ],
)
def test_what_cannot_be_cleaned_is_one_sentence(exported, tmp_path, folder, message):
    export, _ = exported
    (tmp_path / "empty").mkdir()
    (tmp_path / "other" / "mugs").mkdir(parents=True)
    noisy_photo((1, 2, 3), 1).save(tmp_path / "other" / "mugs" / "1.png")
    (tmp_path / "broken" / "red").mkdir(parents=True)
    (tmp_path / "broken" / "red" / "1.png").write_text("no photo")
    with pytest.raises(CliError, match=message):
        review(export, tmp_path / folder)


def test_command_lists_the_most_suspicious_and_takes_back(exported):
    export, data = exported
    (data / "red" / "00.png").rename(data / "blue" / "wrong.png")
    run = run_module("training.clean", export, data, "--list", "3")
    assert run.returncode == 0, run.stderr
    lines = [line for line in run.stdout.splitlines() if line.strip()]
    assert lines[0].startswith("looking at") and len(lines) == 5
    assert lines[-1].endswith("30 photos of 3 labels, 1 unreadable")
    Journal(data).reject("clean", [(data / "red" / "01.png", "deleted")])
    run = run_module("training.clean", export, data, "--undo")
    assert run.stdout.endswith("1 photos are back where they were\n") and (data / "red" / "01.png").exists()
    run = run_module("training.clean", ROOT / "README.md", data)
    assert run.returncode and len(run.stderr.strip().splitlines()) == 1


@pytest.fixture
def suggested(data, tmp_path) -> Cleaner:
    """A cleaner of photos and four suggestions, two of them blue."""
    suggestions = Suggestions(data)
    suggestions.add_all(feedback(tmp_path / "said", (1, "blue"), (2, "blue"), (3, "green"), (4, "pink")))
    return with_suggestions(data)


def with_suggestions(data: Path) -> Cleaner:
    of_users = [
        ReviewedPhoto(file, sha256(file), "", dict.fromkeys(LABELS, 1 / 3), file.parent.name, 1.0, why, from_user=True)
        for file, why in sorted(pending_suggestions(data).items())
    ]
    return Cleaner(data, [*of_users, *open_cleaner(data).photos], [*LABELS, "pink"])


def test_suggestions_lead_and_say_so(suggested, data):
    first = [photo for _, photo, _ in suggested.select()][:4]
    assert [photo.label for photo in first] == ["blue", "blue", "green", "pink"]
    assert all(photo.reason.startswith("suggested by a user; the app said red") for photo in first)
    assert len(get_photos(data)) == 12


def test_a_suggestion_becomes_a_photo_when_a_person_keeps_it_and_only_then(suggested, data):
    kept, deleted, moved, left = [name for name, *_ in suggested.select()[:4]]
    suggested.choose(kept, "keep")
    suggested.choose(deleted, "delete")
    suggested.choose(moved, "label", "red")
    assert len(get_photos(data)) == 12 and suggested.counts() == (1, 2, 3)
    assert {name for name, *_ in suggested.select(show="marked")} == {kept, deleted, moved}
    assert suggested.apply() == (1, 2)
    assert len(get_photos(data)) == 14
    assert suggested.by_id[kept].file.parent == data / "blue" and suggested.by_id[moved].file.parent == data / "red"
    assert suggested.by_id[deleted].file.is_relative_to(data / ".rejected")
    assert [photo.label for photo in with_suggestions(data).photos if photo.suggested] == ["pink"]
    assert suggested.by_id[kept].suspicion == 0 and "kept" in suggested.by_id[kept].reason
    assert next(iter(suggested.select()))[0] == left, "what is decided leads no longer"
    assert suggested.counts() == (0, 0, 0) and suggested.apply() == (0, 0)
    again = Suggestions(data)
    again.add_all(data.parent / "said")
    assert again.counts["new"] == 0, "a suggestion is made once"
    assert suggested.undo() == 3 and len(get_photos(data)) == 12
    assert suggested.counts() == (1, 2, 3) and suggested.by_id[kept].suggested


@pytest.mark.parametrize(
    "more, says",
    [
        ('"familiar": false', "none of these, if any red (60%)"),
        ('"familiar": true, "labels": []', "none of these, if any red (60%)"),
        ('"familiar": true, "labels": ["red"]', "red (60%)"),
    ],
    ids=["unfamiliar", "no-label", "a-label"],
)
def test_a_suggestion_says_what_the_app_had_answered(data, tmp_path, more, says):
    said = feedback(tmp_path / "said", (1, "blue"))
    record = next(said.glob("??/*.json"))
    record.write_text(record.read_text().replace('"familiar": true', more))
    Suggestions(data).add_all(said)
    assert list(pending_suggestions(data).values()) == [f"suggested by a user; the app said {says}"]


def test_a_suggestion_has_no_say_in_what_the_photos_are(trained, tmp_path):
    data = tmp_path / "photos"
    shutil.copytree(trained / "photos", data)
    before, _, _ = review(trained / "export.pkl", data)
    Suggestions(data).add_all(feedback(tmp_path / "said", (1, "blue"), (2, "<b>pink</b>".replace("/", ""))))
    after, labels, _ = review(trained / "export.pkl", data)
    assert [photo.from_user for photo in after] == [True] + [False] * len(before), "a name with < is no folder's"
    assert [(photo.file, photo.suspicion, photo.reason) for photo in after[1:]] == [
        (photo.file, photo.suspicion, photo.reason) for photo in before
    ]
    assert set(after[0].probabilities) == set(labels) == {"blue", "green", "red"}
    assert "suggested by a user" in describe(after[0])
