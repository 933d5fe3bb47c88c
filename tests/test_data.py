"""training/data.py: which photos are trained on, how they are split, and what is said of the rest."""
import numpy as np
import pytest
from fastai.data.transforms import RandomSplitter
from fastai.vision.core import PILImage
from fastcore.script import CliError
from PIL import Image

from classifier.photo import open_photo
from conftest import noisy_photo, run_module
from training.data import RESIZES, check_photos, get_dls, get_photos, photo_class, readable_photos, sha256, splitter


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
    readable, unreadable = readable_photos(photos)
    assert len(readable) == 30
    assert not [file for file in readable if "loop" in file.parts]
    assert "There is no file" in unreadable[photos / "red" / "gone.png"]


@pytest.mark.parametrize("suffix", ["heic", "avif", "webp", "tiff", "gif", "bmp", "jpg", "JPG", "jfif"])
def test_every_format_of_the_decoder_is_found(photos, suffix):
    path = photos / "red" / f"phone.{suffix}"
    noisy_photo((200, 40, 40), 7).save(path, format={"heic": "HEIF", "jpg": "JPEG", "jfif": "JPEG"}.get(
        suffix.lower(), suffix.upper()))
    assert path in get_photos(photos)
    assert check_photos([path]) == {}


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
    readable, unreadable = readable_photos(photos)
    assert len(readable) == 30
    assert {file.name: why.split(".")[0] for file, why in unreadable.items()} == {
        "empty.jpg": "This file is empty", "page.jpg": "This is a web page, not a photo"}


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


def nothing_readable(folder):
    one_label(folder)
    (folder / "green").mkdir()
    for i in range(6):
        (folder / "green" / f"{i}.jpg").touch()


@pytest.mark.parametrize("make, says", [
    (lambda folder: None, "There is no folder"), (empty, "No photos under"), (one_label, "Only one label"),
    (few_photos, r"green \(4\)"), (empty_label, r"green \(0\)"), (nothing_readable, r"green \(0\)"),
], ids=["missing", "empty", "one-label", "few-photos", "empty-label", "nothing-readable"])
def test_a_folder_that_cannot_be_trained_on_is_one_sentence(tmp_path, make, says):
    make(tmp_path / "photos")
    with pytest.raises(CliError, match=says):
        readable_photos(tmp_path / "photos")


def test_same_seed_same_split_as_the_lesson(photos):
    files = get_photos(photos)
    train, valid = splitter(0.2, 42)(files)
    assert sorted(RandomSplitter(0.2, seed=42)(files)[1]) == valid
    assert splitter(0.2, 42)(files) == (train, valid)
    assert splitter(0.2, 43)(files)[1] != valid
    assert sorted(train + valid) == list(range(30)) and len(valid) == 6


def test_photos_validated_before_stay_in_validation(photos):
    files = get_photos(photos)
    _, valid = splitter(0.2, 42)(files)
    held_out = [sha256(files[i]) for i in valid]
    for i in range(20):  # the folder grows, and its old photos get other neighbours
        noisy_photo((40, 60, 200), 500 + i).save(photos / "blue" / f"a{i:02}.png")
    grown = get_photos(photos)
    train, valid_now = splitter(0.2, 7, keep=held_out)(grown)
    assert {sha256(grown[i]) for i in valid_now} >= set(held_out)
    assert len(valid_now) == 10
    assert sorted(train + valid_now) == list(range(50))


def test_photos_validated_before_stay_even_beyond_the_share(photos):
    files = get_photos(photos)
    held_out = [sha256(file) for file in files[:12]]
    assert splitter(0.2, 42, keep=held_out)(files)[1] == list(range(12))


def straddling(files, train, valid) -> set[str]:
    """Return the names of copies, "<name>-<n>", that lie on both sides."""
    return {files[i].stem.partition("-")[0] for i in train} & {files[i].stem.partition("-")[0] for i in valid}


@pytest.fixture
def copied(photos):
    """Photos that each lie there five times: as they are, again under another name, recompressed, smaller, cropped."""
    for file in get_photos(photos):
        photo = Image.open(file).resize((160, 120))
        file.unlink()
        photo.save(file.with_name(f"{file.stem}-0.png"))
        photo.save(file.with_name(f"{file.stem}-1.png"))
        photo.save(file.with_name(f"{file.stem}-2.jpg"), quality=60)
        photo.resize((128, 96)).save(file.with_name(f"{file.stem}-3.png"))
        photo.crop((2, 2, 158, 118)).save(file.with_name(f"{file.stem}-4.png"))
    for label in ("blue", "green", "red"):
        for file in (photos / label).iterdir():
            file.rename(file.with_name(f"{label}{file.name}"))
    return photos


@pytest.mark.parametrize("seed", [1, 42, 7])
def test_copies_stay_on_one_side_of_the_split(copied, seed):
    files = get_photos(copied)
    train, valid = splitter(0.2, seed)(files)
    assert straddling(files, train, valid) == set()
    assert sorted(train + valid) == list(range(150)) and len(valid) == 30
    assert splitter(0.2, seed)(files) == (train, valid)


def test_copies_of_validated_photos_join_them(copied):
    files = get_photos(copied)
    held_out = [sha256(file) for file in files if file.stem in ("red00-2", "blue03-0")]
    train, valid = splitter(0.2, 42, keep=held_out)(files)
    assert straddling(files, train, valid) == set()
    assert {"red00-4", "blue03-3"} <= {files[i].stem for i in valid}
    train, valid = splitter(0, 42, keep=held_out)(files)  # as a fold holds photos out
    assert {files[i].stem for i in valid} >= {"red00-2", "blue03-0", "blue03-1"}


def test_twenty_four_copies_no_longer_straddle(photos, capsys):
    for i in range(24):
        noisy_photo((200, 40, 40), 7).save(photos / "red" / f"copy-{i}.png")
    files = get_photos(photos)
    for seed in range(10):
        assert "copy" not in straddling(files, *splitter(0.2, seed)(files))
    get_dls(files, image_size=48)
    assert "23 of the photos are copies of another one" in capsys.readouterr().out


def test_a_label_of_copies_alone_is_trained_on(photos):
    for file in (photos / "red").iterdir():
        noisy_photo((200, 40, 40), 7).save(file)
    files = get_photos(photos)
    for seed in range(10):
        train, _ = splitter(0.4, seed)(files)
        assert "red" in {files[i].parent.name for i in train}


def test_blank_and_broken_photos_are_copies_of_nothing(photos):
    for i in range(5):
        Image.new("RGB", (80, 60), (40 * i, 0, 0)).save(photos / "red" / f"0{i}.png")
        (photos / "blue" / f"0{i}.png").write_bytes(b"no photo")
    files = get_photos(photos)
    assert splitter(0.2, 42)(files)[1] == sorted(RandomSplitter(0.2, seed=42)(files)[1])


def test_photos_of_one_kind_are_not_taken_for_copies(photos, monkeypatch):
    monkeypatch.setattr("training.copies.NEAR", {"phash": 64, "dhash": 64})  # all are near each other
    files = get_photos(photos)
    assert splitter(0.2, 42)(files)[1] == sorted(RandomSplitter(0.2, seed=42)(files)[1])


@pytest.mark.parametrize("resize", RESIZES)
def test_each_resize_gives_batches_of_its_size(photos, resize):
    dls = get_dls(get_photos(photos), resize, 48, batch_size=8, stats=([0.5] * 3, [0.2] * 3))
    x, y = dls.one_batch()
    assert (tuple(x.shape), tuple(y.shape)) == ((8, 3, 48, 48), (8,))
    assert list(dls.vocab) == ["blue", "green", "red"]


def test_random_crops_are_validated_larger_where_the_model_takes_that(photos):
    for larger, side in ((True, 55), (False, 48)):
        dls = get_dls(get_photos(photos), "random_crop", 48, batch_size=8, larger=larger)
        assert dls.train.one_batch()[0].shape[2:] == (48, 48)
        assert dls.valid.one_batch()[0].shape[2:] == (side, side)


def test_grey_takes_the_colours_of_that_share_away(photos):
    dls = get_dls(get_photos(photos), "crop", 48, batch_size=24, grey=1.0)
    for loader, is_grey in ((dls.train, True), (dls.valid, False)):
        samples = loader.one_batch()[0]
        assert bool(((samples[:, 0] - samples[:, 2]).abs().amax((1, 2)) < 0.02).all()) is is_grey


def test_a_label_wholly_in_validation_is_refused(photos):
    keep = [sha256(file) for file in get_photos(photos) if file.parent.name == "red"]
    with pytest.raises(CliError, match="All photos of red"):
        get_dls(get_photos(photos), image_size=48, keep=keep)


def test_too_small_a_validation_share_is_refused(photos):
    with pytest.raises(CliError, match="No photo is left to validate"):
        get_dls(get_photos(photos), image_size=48, valid_pct=0.01)


def test_command_counts_photos_by_label(photos):
    (photos / "red" / "empty.jpg").touch()
    run = run_module("training.data", photos)
    assert run.returncode == 0
    assert "empty.jpg: This file is empty" in run.stdout
    assert run.stdout.splitlines()[-4:] == ["    10 blue", "    10 green", "    10 red",
                                            "30 photos, 3 labels, 1 unreadable"]
