"""training/data/splits.py: sets that folders give, and the draw of a validation set where they give none."""

import shutil
from collections import Counter

import pytest
from PIL import Image

from classifier.files import sha256
from helpers.photos import make_photos, noisy_photo
from training.data.drawn_split import n_to_validate, splitter
from training.data.loaders import get_dls
from training.data.photos import get_photos, readable_photos
from training.data.splits import Photos
from training.options import TrainingOptions


@pytest.fixture
def given(tmp_path):
    """Three labels in train (six photos each), valid (three) and test (two)."""
    for split, n, seed in (("train", 6, 0), ("valid", 3, 300), ("test", 2, 600)):
        make_photos(tmp_path / "data" / split, n, seed)
    return tmp_path / "data"


def sizes(folder) -> tuple[int, int, int]:
    photos = readable_photos(folder)
    return len(photos.train), len(photos.valid), len(photos.test)


def test_sets_that_folders_give_are_kept(given):
    photos = readable_photos(given)
    assert sizes(given) == (18, 9, 6) and photos.notes == []
    for split, own in (("train", photos.train), ("valid", photos.valid), ("test", photos.test)):
        assert {file.relative_to(given).parts[0] for file in own} == {split}


@pytest.mark.parametrize("names", [("Train", "val", "TEST"), ("training", "validation", "testing")])
def test_usual_names_of_splits_are_known(given, names):
    for old, new in zip(("train", "valid", "test"), names):
        (given / old).rename(given / f"{new}-")
        (given / f"{new}-").rename(given / new)
    assert sizes(given) == (18, 9, 6)


def test_sets_below_a_single_folder_are_found(given):
    (given / "bears").mkdir()
    for name in ("train", "valid", "test"):
        (given / name).rename(given / "bears" / name)
    assert sizes(given) == (18, 9, 6)


def test_train_alone_is_split_by_a_draw(given):
    shutil.rmtree(given / "valid")
    shutil.rmtree(given / "test")
    assert sizes(given) == (18, 0, 0)


def test_a_flat_test_folder_is_no_label(given):
    for file in get_photos(given / "test"):
        file.rename(given / "test" / f"{file.parent.name}-{file.name}")
    for label in ("blue", "green", "red"):
        (given / "test" / label).rmdir()
    photos = readable_photos(given)
    assert sizes(given) == (18, 9, 0)
    assert photos.notes == [
        f"6 photos left out: directly in {given / 'test'}, in no label's folder. To use them, "
        f"move them to {given / 'test'}/<label>/."
    ]


def test_folders_of_splits_without_photos_are_reported(given):
    (given / "train" / "models").mkdir()
    shutil.rmtree(given / "valid")
    (given / "valid").mkdir()
    assert readable_photos(given).notes == ["No labels, because they hold no photos: valid, train/models."]


@pytest.mark.parametrize("name", ["test", "train", "valid"])
def test_a_label_that_is_named_as_a_split_stays_one(photos, name):
    (photos / "red").rename(photos / name)
    assert sizes(photos) == (30, 0, 0)
    assert {file.parent.name for file in readable_photos(photos).train} == {"blue", "green", name}


def test_a_test_set_beside_ordinary_labels_is_not_trained_on(photos):
    make_photos(photos / "test", 2, 600)
    assert sizes(photos) == (30, 0, 6)


def test_labels_that_are_not_trained_on_are_left_out_of_the_other_sets(given):
    (given / "test" / "red").rename(given / "test" / "purple")
    assert sizes(given) == (18, 9, 4)
    assert readable_photos(given).notes == [
        "2 photos of the test set left out: the training set has no photos of purple. Add some to it."
    ]


def test_unreadable_photos_of_every_set_are_named(given):
    for split in ("train", "valid", "test"):
        (given / split / "red" / "broken.jpg").touch()
    assert sizes(given) == (18, 9, 6)
    assert len(readable_photos(given).unreadable) == 3


def test_photos_of_the_other_sets_are_not_trained_on(given):
    make_photos(given / "train" / "more", 6, 50)
    for label in ("blue", "green", "red"):
        for file in (given / "train" / "more" / label).iterdir():
            file.rename(given / "train" / label / f"more-{file.name}")
    shutil.rmtree(given / "train" / "more")
    shutil.copy(given / "test" / "red" / "00.png", given / "train" / "red" / "copy.png")
    Image.open(given / "valid" / "blue" / "00.png").resize((160, 120)).save(given / "train" / "blue" / "near.png")
    Image.new("RGB", (80, 60)).save(given / "test" / "green" / "blank.png")
    shutil.copy(given / "test" / "green" / "blank.png", given / "train" / "red" / "blank.png")
    photos = readable_photos(given)
    assert sizes(given) == (37, 9, 7)
    assert photos.notes == [
        "2 photos to train on left out: also in the validation or test set. A photo that was trained on tells nothing "
        "about new ones.",
        "Near copies of a photo in the validation or test set, trained on all the same: 1 photo. If "
        "they are copies, the error there is too low.",
    ]


def by_label(files, indices) -> Counter:
    return Counter(files[i].parent.name for i in indices)


def test_same_photos_and_seed_give_the_same_split(photos):
    files = get_photos(photos)
    train, valid = splitter(0.2, 42)(files)
    assert splitter(0.2, 42)(files) == (train, valid)
    assert splitter(0.2, 43)(files)[1] != valid
    assert sorted(train + valid) == list(range(30))


@pytest.mark.parametrize(
    "n, pct, held_out",
    [
        (100, 0.2, 20),
        (7, 0.2, 1),
        (5, 0.01, 1),
        (4, 0.01, 0),
        (8, 0.2, 2),
        (3, 0.9, 2),
        (100, 0, 0),
    ],
    ids=["share", "rounded", "at-least-one", "too-few", "rounded-up", "never-all", "none"],
)
def test_each_label_gives_its_share(n, pct, held_out):
    assert n_to_validate(["red"] * n, pct) == {"red": held_out}


def test_a_small_label_is_validated_as_well(photos):
    files = [file for file in get_photos(photos) if file.parent.name != "red" or int(file.stem) < 6]
    for seed in range(10):
        assert by_label(files, splitter(0.2, seed)(files)[1]) == {"blue": 2, "green": 2, "red": 1}


def test_photos_validated_before_stay_in_validation(photos):
    files = get_photos(photos)
    _, valid = splitter(0.2, 42)(files)
    held_out = [sha256(files[i]) for i in valid]
    for i in range(20):  # the folder grows, and its old photos get other neighbours
        noisy_photo((40, 60, 200), 500 + i).save(photos / "blue" / f"a{i:02}.png")
    grown = get_photos(photos)
    train, valid_now = splitter(0.2, 7, keep=held_out)(grown)
    assert {sha256(grown[i]) for i in valid_now} >= set(held_out)
    assert by_label(grown, valid_now) == {"blue": 6, "green": 2, "red": 2}
    assert sorted(train + valid_now) == list(range(50))


def test_photos_validated_before_stay_even_beyond_the_share(photos):
    files = get_photos(photos)
    held_out = [sha256(file) for file in files[:12]]
    valid = splitter(0.2, 42, keep=held_out)(files)[1]
    assert valid[:12] == list(range(12))
    assert by_label(files, valid) == {"blue": 10, "green": 2, "red": 2}


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
    assert sorted(train + valid) == list(range(150))
    assert by_label(files, valid) == {"blue": 10, "green": 10, "red": 10}
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
    get_dls(Photos(files), TrainingOptions(image_size=48))
    assert "23 of the photos are copies of another one" in capsys.readouterr().out


def test_a_label_of_copies_alone_is_trained_on(photos):
    for file in (photos / "red").iterdir():
        noisy_photo((200, 40, 40), 7).save(file)
    files = get_photos(photos)
    for seed in range(10):
        train, _ = splitter(0.4, seed)(files)
        assert "red" in {files[i].parent.name for i in train}


def test_a_label_of_large_groups_of_copies_is_validated_on_the_fewest(photos):
    for i in range(10):
        noisy_photo((200, 40, 40), 900 + (i > 3)).save(photos / "red" / f"0{i}.png")
    files = get_photos(photos)
    for seed in range(10):
        assert by_label(files, splitter(0.2, seed)(files)[1]) == {"blue": 2, "green": 2, "red": 4}


def test_blank_and_broken_photos_are_copies_of_nothing(photos):
    for i in range(5):
        Image.new("RGB", (80, 60), (40 * i, 0, 0)).save(photos / "red" / f"0{i}.png")
        (photos / "blue" / f"0{i}.png").write_bytes(b"no photo")
    files = get_photos(photos)
    assert by_label(files, splitter(0.2, 42)(files)[1]) == {"blue": 2, "green": 2, "red": 2}


def test_photos_of_one_kind_are_not_taken_for_copies(photos, monkeypatch):
    # all are near each other
    monkeypatch.setattr("training.data.duplicates.MAX_HASH_DISTANCES", {"phash": 64, "dhash": 64})
    files = get_photos(photos)
    assert by_label(files, splitter(0.2, 42)(files)[1]) == {"blue": 2, "green": 2, "red": 2}
