"""training/data/photos.py and left_out.py: which photos are found and loaded, and what is reported of the rest."""

from dataclasses import replace

import numpy as np
import pytest
from fastai.vision.augment import RandomResizedCrop, Resize
from fastai.vision.core import PILImage
from fastcore.script import CliError
from PIL import Image

from classifier.files import sha256
from classifier.photo import open_photo
from helpers.commands import run_module
from helpers.photos import make_photos, noisy_photo
from training.data.contents import read_photos
from training.data.loaders import RESIZES, get_dls, photo_class, resizing
from training.data.manifest import manifest_sha256
from training.data.photos import get_photos, imbalance_ratio, labels_with_few_photos, readable_photos
from training.data.splits import Photos
from training.options import TrainingOptions

SMALL = TrainingOptions(image_size=48)


def test_photos_are_found_sorted_and_hidden_ones_left_out(photos):
    noisy_photo((1, 1, 1), 1).save(photos / "loose.png")
    (photos / ".rejected" / "red").mkdir(parents=True)
    noisy_photo((1, 1, 1), 2).save(photos / ".rejected" / "red" / "x.png")
    (photos / "red" / "._00.png").write_bytes(b"what a Mac leaves behind")
    (photos / "red" / "notes.txt").write_text("no photo")
    found = get_photos(photos)
    assert len(found) == 30
    assert found == sorted(found)


def test_photos_behind_links_count_once(photos):
    (photos / "red" / "loop").symlink_to(photos)
    (photos / "red" / "again.png").symlink_to(photos / "red" / "00.png")
    (photos / "red" / "gone.png").symlink_to(photos / "red" / "nothing.png")
    found = readable_photos(photos)
    assert len(found.train) == 30
    assert not [file for file in found.train if "loop" in file.parts]
    assert "There is no file" in found.unreadable[photos / "red" / "gone.png"]


@pytest.mark.parametrize("suffix", ["heic", "avif", "webp", "tiff", "gif", "bmp", "jpg", "JPG", "jfif"])
def test_every_format_of_the_decoder_is_found(photos, suffix):
    path = photos / "red" / f"phone.{suffix}"
    noisy_photo((200, 40, 40), 7).save(
        path, format={"heic": "HEIF", "jpg": "JPEG", "jfif": "JPEG"}.get(suffix.lower(), suffix.upper())
    )
    assert path in get_photos(photos)
    assert read_photos([path]) == {}


def test_photos_train_as_they_are_served(tmp_path):
    exif = Image.Exif()
    exif[274] = 6
    turned = Image.new("RGBA", (60, 40), (0, 0, 0, 0))
    turned.save(tmp_path / "turned.png", exif=exif)
    trained_on = photo_class(64).create(tmp_path / "turned.png")
    assert isinstance(trained_on, PILImage)
    assert trained_on.size == (40, 60)
    assert np.array_equal(trained_on, open_photo(tmp_path / "turned.png"))
    assert trained_on.getpixel((0, 0)) == (255, 255, 255)


def test_unreadable_photos_are_named_with_their_reason(photos):
    (photos / "red" / "empty.jpg").touch()
    (photos / "red" / "page.jpg").write_text("<!doctype html>")
    found = readable_photos(photos)
    assert len(found.train) == 30 and found.notes == []
    assert {file.name: why.split(".")[0] for file, why in found.unreadable.items()} == {
        "empty.jpg": "This file is empty",
        "page.jpg": "This is a web page, not a photo",
    }


def empty(folder):
    folder.mkdir()


def one_label(folder):
    (folder / "red").mkdir(parents=True)
    for i in range(6):
        noisy_photo((200, 40, 40), i).save(folder / "red" / f"{i}.png")


def few_photos(folder):
    one_label(folder)
    (folder / "green").mkdir()
    for i in range(4):
        noisy_photo((40, 200, 40), i).save(folder / "green" / f"{i}.png")


def empty_label(folder):
    one_label(folder)
    (folder / "green").mkdir()
    (folder / "green" / "notes.txt").write_text("no photo")


def only_a_test_set(folder):
    one_label(folder / "test")


def nothing_readable(folder):
    one_label(folder)
    (folder / "green").mkdir()
    for i in range(6):
        (folder / "green" / f"{i}.jpg").touch()


@pytest.mark.parametrize(
    "make, says",
    [
        (lambda folder: None, "There is no folder"),
        (empty, "No photos under"),
        (one_label, "Only one label"),
        (few_photos, r"green \(4\)"),
        (empty_label, "Only one label"),
        (nothing_readable, r"green \(0\)"),
        (only_a_test_set, "only a validation or test set"),
    ],
    ids=["missing", "empty", "one-label", "few-photos", "empty-label", "nothing-readable", "only-a-test-set"],
)
def test_a_folder_that_cannot_be_trained_on_is_one_sentence(tmp_path, make, says):
    make(tmp_path / "photos")
    with pytest.raises(CliError, match=says):
        readable_photos(tmp_path / "photos")


def test_folders_that_are_no_labels_are_left_out_and_reported(photos):
    for i, folder in enumerate(("red/@eaDir/00.png", "__MACOSX/red", ".rejected")):
        (photos / folder).mkdir(parents=True)
        noisy_photo((1, 1, 1), i).save(photos / folder / "thumb.jpg")
    for name in ("models", "purple", ".features"):
        (photos / name).mkdir()
    (photos / "models" / "stage-1.pth").write_bytes(b"a network")
    found = readable_photos(photos)
    assert len(found.train) == len(get_photos(photos)) == 30
    assert found.notes == [
        "Left out, because folders of such names are no labels: .rejected (1 photo), @eaDir (1 photo), "
        "__MACOSX (1 photo).",
        "No labels, because they hold no photos: models, purple.",
    ]


def test_files_without_a_photos_name_are_counted(photos):
    for name in ("photo", "photo.jpg?w=640", "notes.txt", ".DS_Store"):
        noisy_photo((1, 1, 1), 1).save(photos / "red" / name, format="JPEG")
    assert readable_photos(photos).notes == [
        "Left out, because their names do not end in .jpg, .png or the like: 2, such as "
        f"{photos / 'red' / 'photo'}. If they are photos, rename them."
    ]


@pytest.mark.parametrize("resize", RESIZES)
def test_each_resize_gives_batches_of_its_size(photos, resize):
    dls = get_dls(Photos(get_photos(photos)), replace(SMALL, resize=resize, batch_size=8), ([0.5] * 3, [0.2] * 3))
    x, y = dls.one_batch()
    assert (tuple(x.shape), tuple(y.shape)) == ((8, 3, 48, 48), (8,))
    assert list(dls.vocab) == ["blue", "green", "red"]


def test_random_crops_are_validated_larger_where_the_model_takes_that(photos):
    for larger, side in ((True, 55), (False, 48)):
        dls = get_dls(Photos(get_photos(photos)), replace(SMALL, batch_size=8), larger=larger)
        assert dls.train.one_batch()[0].shape[2:] == (48, 48)
        assert dls.valid.one_batch()[0].shape[2:] == (side, side)
        assert [type(tfm) for tfm in dls.valid.after_item.fs[:2]] == [RandomResizedCrop, Resize]


@pytest.mark.parametrize("larger, size", [(True, 128), (False, 112)])
def test_a_random_crop_is_validated_on_the_middle_of_the_photo(tmp_path, larger, size):
    photo = PILImage(noisy_photo((40, 60, 200), 1, (300, 200)))
    train, valid = resizing("random_crop", 112, larger)
    assert train(photo, split_idx=1) is photo and valid(photo, split_idx=0) is photo
    assert train(photo, split_idx=0).size == (112, 112)
    middle = photo.crop((50, 0, 250, 200)).resize((size, size), Image.Resampling.BILINEAR)
    assert np.array_equal(valid(photo, split_idx=1), middle)


def test_a_given_validation_set_is_exactly_that(photos):
    files = get_photos(photos)
    given = [files[i] for i in (3, 14, 25, 26)]
    dls = get_dls(Photos(files, given), SMALL, keep=[sha256(files[0])])
    assert list(dls.valid_ds.items) == given
    assert list(dls.train_ds.items) == [file for file in files if file not in given]
    assert [int(y) for _, y in dls.valid_ds] == [0, 1, 2, 2]


def test_thin_labels_and_imbalance_are_counted():
    labels = ["red"] * 30 + ["green"] * 9 + ["blue"] * 10
    assert labels_with_few_photos(labels) == ["green"]
    assert imbalance_ratio(labels) == 30 / 9
    assert imbalance_ratio(["red", "blue"]) == 1


def test_grey_takes_the_colours_of_that_share_away(photos):
    dls = get_dls(Photos(get_photos(photos)), replace(SMALL, resize="crop", batch_size=24, grey=1.0))
    for loader, is_grey in ((dls.train, True), (dls.valid, False)):
        samples = loader.one_batch()[0]
        assert bool(((samples[:, 0] - samples[:, 2]).abs().amax((1, 2)) < 0.02).all()) is is_grey


def test_a_label_wholly_in_validation_is_refused(photos):
    keep = [sha256(file) for file in get_photos(photos) if file.parent.name == "red"]
    with pytest.raises(CliError, match="All photos of red"):
        get_dls(Photos(get_photos(photos)), SMALL, keep=keep)


def test_too_small_a_validation_share_is_refused(photos):
    few = [file for file in get_photos(photos) if int(file.stem) < 4]
    with pytest.raises(CliError, match="No photo is left to validate"):
        get_dls(Photos(few), replace(SMALL, valid_pct=0.01))


def test_command_counts_photos_by_label(photos):
    (photos / "red" / "empty.jpg").touch()
    run = run_module("training.data", photos)
    assert run.returncode == 0
    assert "empty.jpg: This file is empty" in run.stdout
    assert run.stdout.splitlines()[-5:] == [
        "    10 blue",
        "    10 green",
        "    10 red",
        f"SHA-256 of their list: {manifest_sha256(readable_photos(photos))}",
        "30 photos, 3 labels, 1 unreadable",
    ]


def test_command_counts_photos_by_split(tmp_path):
    for split, n, seed in (("train", 6, 0), ("valid", 3, 300), ("test", 2, 600)):
        make_photos(tmp_path / split, n, seed)
    noisy_photo((1, 1, 1), 1).save(tmp_path / "test" / "loose.png")
    run = run_module("training.data", tmp_path)
    assert run.returncode == 0
    assert f"1 photo left out: directly in {tmp_path / 'test'}, in no label's folder." in run.stdout
    assert run.stdout.splitlines()[-6:] == [
        " train  valid   test label",
        "     6      3      2 blue",
        "     6      3      2 green",
        "     6      3      2 red",
        f"SHA-256 of their list: {manifest_sha256(readable_photos(tmp_path))}",
        "33 photos, 3 labels, 0 unreadable",
    ]


def test_folder_of_data_sets_is_asked_about(tmp_path):
    for name in ("clothes", "shoes"):
        make_photos(tmp_path / name)
    with pytest.raises(CliError, match=rf"Did you mean {tmp_path}/clothes or {tmp_path}/shoes\? Else `python -m"):
        get_photos(tmp_path)
    (tmp_path / "red").mkdir()
    (tmp_path / "clothes" / "red" / "00.png").rename(tmp_path / "red" / "00.png")
    with pytest.raises(CliError, match="which of them is the label") as error:
        get_photos(tmp_path)
    assert "Did you mean" not in str(error.value)
