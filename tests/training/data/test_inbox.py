"""training/data: photos in DATA/_inbox have no label, for any stage; verify checks them too."""

from pathlib import Path

import pytest
from fastcore.script import CliError
from PIL import Image

from helpers.commands import run_module
from helpers.photos import make_pairs, make_photos, noisy_photo
from training.data.files import INBOX, folder_name
from training.data.labels import ListedPhoto, add_to_labels
from training.data.manifest import manifest_sha256
from training.data.photos import get_photos, inbox_photos, readable_photos
from training.gather.hub_files import photos_to_send
from training.gather.sources.opening import opened_source
from training.gather.sources.options import ReadingOptions
from training.journal.moves import Journal
from training.verify.__main__ import main as verify


def fill(data: Path, n: int = 4) -> list[Path]:
    """Put n photos without a label into the inbox, one of them in a folder of its own."""
    files = [data / INBOX / f"{i}.png" for i in range(n - 1)] + [data / INBOX / "phone" / "last.png"]
    for i, file in enumerate(files):
        file.parent.mkdir(parents=True, exist_ok=True)
        noisy_photo((90, 90, 90), 900 + i).save(file)
    return files


@pytest.fixture
def data(tmp_path) -> Path:
    return make_photos(tmp_path / "photos", n=6)


@pytest.fixture
def listed(tmp_path) -> Path:
    return make_pairs(tmp_path / "listed", n=6)


def test_an_inbox_changes_nothing_of_what_is_trained_on(data):
    before = readable_photos(data)
    files = fill(data)
    after = readable_photos(data)
    assert after.train == before.train and manifest_sha256(after) == manifest_sha256(before)
    assert after.notes == [*before.notes, "4 photos left out: in _inbox, without a label yet."]
    assert inbox_photos(data) == sorted(files) and set(files).isdisjoint(get_photos(data))


def test_an_empty_inbox_is_no_label_without_photos(data):
    (data / INBOX).mkdir()
    assert readable_photos(data).notes == [] and inbox_photos(data) == []
    assert inbox_photos(data / "red") == []


def test_an_inbox_beside_sets_is_none_of_them(data):
    for label in ("blue", "green", "red"):
        for split, files in (("valid", ("00.png",)), ("train", ("01.png", "02.png", "03.png", "04.png", "05.png"))):
            (data / split / label).mkdir(parents=True)
            for name in files:
                (data / label / name).rename(data / split / label / name)
        (data / label).rmdir()
    fill(data)
    photos = readable_photos(data)
    assert (len(photos.train), len(photos.valid)) == (15, 3)


def test_with_labels_csv_a_row_is_what_gives_a_photo_labels(listed):
    files, before = fill(listed), readable_photos(listed)
    assert before.notes[-1] == "4 photos left out: in _inbox, without a label yet."
    assert len(before.train) == 42 and inbox_photos(listed) == sorted(files)
    add_to_labels(listed, {files[0]: ListedPhoto(("red",))})
    assert files[0] in readable_photos(listed).train and files[0] not in inbox_photos(listed)


@pytest.mark.parametrize("name", ["_inbox", "_Inbox", " _INBOX "])
def test_no_label_has_the_name_of_the_inbox(name):
    with pytest.raises(CliError, match="is for photos without one"):
        folder_name(name)


def test_other_names_with_an_underscore_are_labels(data):
    (data / "red").rename(data / "_background")
    assert readable_photos(data).labels.vocab(get_photos(data)) == ["_background", "blue", "green"]


def test_a_source_with_an_inbox_is_read_without_it(data):
    fill(data)
    with opened_source(str(data), ReadingOptions()) as found:
        assert {label for _, label in found.count()} == {"blue", "green", "red"}
        assert "4 photos left out: in _inbox, without a label yet." in found.notes


def test_the_hub_gets_no_photo_of_the_inbox(data):
    fill(data)
    assert len(photos_to_send(data)) == 18


@pytest.mark.slow
def test_commands_pass_over_the_inbox(trained, tmp_path):
    data = make_photos(tmp_path / "photos")
    fill(data)
    listing = run_module("training.data", data)
    assert "4 photos left out: in _inbox" in listing.stdout and INBOX not in listing.stdout.replace("in _inbox,", "")
    report = run_module("training.report", trained / "export.pkl", data, "--out", tmp_path / "report")
    assert report.returncode == 0 and not any(
        INBOX in file.read_text(errors="replace") for file in (tmp_path / "report").glob("*.html")
    )
    compared = run_module("training.compare", trained / "export.pkl", trained / "export.pkl", data)
    assert compared.returncode == 0 and INBOX not in compared.stdout


def test_verify_moves_broken_photos_and_copies_out_of_the_inbox(tmp_path):
    data = make_photos(tmp_path / "photos", n=3, size=(200, 160))
    (data / INBOX).mkdir()
    known, fresh = (data / "red" / "00.png").read_bytes(), Image.radial_gradient("L").convert("RGB")
    fresh.save(data / INBOX / "fresh.png")
    (data / INBOX / "known.png").write_bytes(known)
    (data / INBOX / "z-again.png").write_bytes((data / INBOX / "fresh.png").read_bytes())
    (data / INBOX / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 not much of a photo")
    verify(str(data), yes=True)
    assert {file.name for file in (data / ".rejected" / INBOX).iterdir()} == {"broken.jpg", "known.png", "z-again.png"}
    assert inbox_photos(data) == [data / INBOX / "fresh.png"] and (data / "red" / "00.png").read_bytes() == known
    Journal(data).undo("verify")
    assert len(inbox_photos(data)) == 4


def test_verify_takes_a_photo_without_labels_for_no_copy_with_other_labels(tmp_path, capsys):
    data = make_pairs(tmp_path / "listed", n=2, size=(160, 120))
    (data / INBOX).mkdir()
    (data / INBOX / "copy.png").write_bytes((data / "photos" / "000.png").read_bytes())
    verify(str(data), dry_run=True)
    said = capsys.readouterr().out
    assert "_inbox/copy.png: as photos/000.png\n" in said and "as _inbox" not in said


def test_an_inbox_alone_can_be_verified(tmp_path, capsys):
    fill(tmp_path)
    verify(str(tmp_path), dry_run=True)
    assert "4 photos" in capsys.readouterr().out
