"""Data as people have it goes all the way: gathered, understood by a training, trained, and answered."""

import shutil
from collections import Counter
from pathlib import Path
from unittest.mock import patch

import pytest
from PIL import Image

from classifier import Classifier
from helpers.learners import tiny_backbone
from helpers.photos import noisy_photo
from training.data.files import parent_label
from training.data.photos import readable_photos
from training.gather.__main__ import main as gather
from training.train.__main__ import main as train

COLORS = {"cat": (200, 40, 40), "dog": (40, 40, 200)}


def photo(path: Path, label: str, seed: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    noisy_photo(COLORS[label], seed, (64, 64)).save(path, format="PNG")


def of_each(folder: Path, name: str, n: int, start: int = 0) -> None:
    """Write n photos of each label; name: a path with {label} and {i} in it."""
    for k, label in enumerate(COLORS):
        for i in range(start, start + n):
            photo(folder / name.format(label=label, i=i), label, 1000 * k + i)


def splits(folder: Path) -> None:
    for name, n, start in (("train", 8, 0), ("val", 6, 100), ("test", 6, 200)):
        of_each(folder, name + "/{label}/{i}.png", n, start)


def unlabelled_test(folder: Path) -> None:
    of_each(folder, "train/{label}/{i}.png", 8)
    of_each(folder, "test/{label}{i}.png", 4, 100)


def nested(folder: Path) -> None:
    of_each(folder, "{label}/2023/{i}.png", 4)
    of_each(folder, "{label}/2024/{i}.png", 4, 50)


def mac(folder: Path) -> None:
    of_each(folder, "{label}/{i}.png", 8)
    (folder / "__MACOSX" / "cat").mkdir(parents=True)
    (folder / "__MACOSX" / "cat" / "._0.png").write_bytes(b"\0\5\26\7")


def saved(folder: Path) -> None:
    of_each(folder, "{label}/{i}.png", 8)
    (folder / "models").mkdir()
    (folder / "models" / "model.pth").write_bytes(b"x")


def nas(folder: Path) -> None:
    of_each(folder, "{label}/{i}.png", 8)
    of_each(folder, "{label}/@eaDir/{i}.png/SYNOPHOTO_THUMB.png", 3, 100)


def names(folder: Path) -> None:
    of_each(folder, "{label}/{i}.png", 4)
    of_each(folder, "{label}/{i}", 2, 50)
    of_each(folder, "{label}/{i}.png?w=640", 2, 60)


def table(folder: Path) -> None:
    of_each(folder, "images/{label}{i}.png", 8)
    rows = "".join(f"{label}{i}.png,{label}\n" for label in COLORS for i in range(8))
    (folder / "labels.csv").write_text(f"image,label\n{rows}")


LAYOUTS = (splits, unlabelled_test, nested, mac, saved, nas, names, table)


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.__name__)
def test_each_layout_becomes_what_a_training_takes(tmp_path, layout):
    layout(tmp_path / "data")
    gather(source=str(tmp_path / "data"), out=str(tmp_path / "out"))
    photos = readable_photos(tmp_path / "out")
    for own, n in ((photos.train, 8), (photos.valid, 6), (photos.test, 6)):
        expected = n if own is photos.train or layout is splits else 0
        assert Counter(map(parent_label, own)) == Counter({label: expected for label in COLORS if expected})


def cells(folder: Path) -> None:
    own = [";".join(["cat", "dog"][: i % 3]) for i in range(24)]
    for i, labels in enumerate(own):
        photo(folder / f"{i}.png", "dog" if "dog" in labels else "cat", i)
    (folder / "tags.csv").write_text("image,tags\n" + "".join(f"{i}.png,{labels}\n" for i, labels in enumerate(own)))


def columns(folder: Path) -> None:
    for i in range(24):
        photo(folder / "images" / f"{i}.png", "cat", i)
    rows = "".join(f"{i}.png,{int(i % 3 > 0)},{int(i % 3 == 2)}\n" for i in range(24))
    (folder / "truth.csv").write_text(f"image,cat,dog\n{rows}")


def copies(folder: Path) -> None:
    of_each(folder, "{label}/{i}.png", 16)
    for i in range(8):
        shutil.copy(folder / "cat" / f"{i}.png", folder / "dog" / f"{i}.png")
        (folder / "dog" / f"{8 + i}.png").unlink()


@pytest.mark.parametrize(
    "layout, options, n_none",
    [(cells, {"label_delim": ";"}, 8), (columns, {}, 8), (copies, {"labels_per_photo": "several"}, 0)],
    ids=["cells", "columns", "copies"],
)
def test_several_labels_become_what_a_training_takes(tmp_path, layout, options, n_none):
    layout(tmp_path / "data")
    gather(source=str(tmp_path / "data"), out=str(tmp_path / "out"), **options)
    photos = readable_photos(tmp_path / "out")
    counts = Counter(map(photos.labels, photos.train))
    assert counts == Counter({("cat",): 8, ("cat", "dog"): 8, (): n_none}) and photos.labels.multi_label


@pytest.mark.slow
def test_a_zip_of_kaggle_is_gathered_trained_and_answered(tmp_path, capsys):
    data = tmp_path / "data"
    of_each(data, "train/{label}{i}.png", 10)
    of_each(data, "test/x{label}{i}.png", 2, 100)
    ids = [f"{label}{i}" for label in COLORS for i in range(10)]
    (data / "train.csv").write_text("image_id,label\n" + "".join(f"{name},{name[:3]}\n" for name in ids))
    (data / "sample_submission.csv").write_text("image_id,label\nxcat100,cat\n")
    archive = shutil.make_archive(str(tmp_path / "pets"), "zip", data)
    gather(source=archive, out=str(tmp_path / "pets"))
    with patch("training.train.learner.load_backbone", tiny_backbone):
        options = {"arch": "squeezenet1_1", "pretrained": False, "image_size": 64, "quick": True}
        train(str(tmp_path / "pets"), out=str(tmp_path / "export.pkl"), **options)
    classifier = Classifier.load(tmp_path / "export.pkl")
    assert classifier.data_sha256 and "4 photos left out: not named in the table" in capsys.readouterr().out
    for label, color in COLORS.items():
        assert classifier.predict(Image.new("RGB", (64, 64), color)).label == label
