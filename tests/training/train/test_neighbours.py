"""training/train/neighbours.py: what an export tells of the photos that it learned from."""

import io
import shutil
from collections import Counter

import numpy as np
import pytest
from fastcore.script import CliError
from PIL import Image

from benchmarks import neighbours as benchmark
from classifier import Classifier
from classifier.inference.confidence import normalised
from helpers.photos import make_pairs, make_photos, noisy_photo
from training.train import neighbours
from training.train.__main__ import main
from training.train.neighbours import different, name_of, principal_axes, spread, thumbnail, thumbnails

OPTIONS = {"arch": "squeezenet1_1", "image_size": 32, "quick": True, "folds": 2, "keep": False}


@pytest.fixture
def train_tiny(tiny_training, tmp_path):
    """Train two layers on a folder, and return the classifier in the export."""

    def trained(photos, **options) -> Classifier:
        main(str(photos), out=str(tmp_path / "export.pkl"), **OPTIONS, **options)
        return Classifier.load(tmp_path / "export.pkl")

    return trained


def test_the_committed_small_export_names_its_photos(trained):
    known = Classifier.load(trained / "export.pkl").neighbours
    assert len(known.files) == 30 and known.pictures is None
    assert {(name.partition("/")[0],) for name in known.files} == set(known.labels)
    assert all((trained / "photos" / name).is_file() for name in known.files)


@pytest.mark.slow
def test_an_answer_names_the_photo_itself_and_none_twice(train_tiny, photos, capsys):
    shutil.copyfile(photos / "red" / "00.png", photos / "red" / "copy.png")
    classifier = train_tiny(photos)
    assert "the export names 30 photos that it learned from; --no-neighbours names none" in capsys.readouterr().out
    assert len(set(classifier.neighbours.files)) == 30 and "red/copy.png" not in classifier.neighbours.files
    for name in ("red/copy.png", "blue/03.png"):
        found = classifier.predict(photos / name).neighbours
        assert found[0].file == name.replace("copy", "00") and found[0].similarity > 0.98
        assert len({one.file for one in found}) == 5


@pytest.mark.slow
def test_thumbnails_are_in_the_export_where_they_are_asked_for(train_tiny, photos, capsys):
    classifier = train_tiny(photos, thumbnails=True)
    assert "and shows 30 of them, to whoever has it" in capsys.readouterr().out
    first = classifier.predict(photos / "green" / "02.png").neighbours[0]
    assert Image.open(io.BytesIO(classifier.neighbours.picture(first))).size == (80, 60)


@pytest.mark.slow
def test_an_export_names_none_where_that_is_asked_for(train_tiny, photos):
    classifier = train_tiny(photos, neighbours=False)
    assert classifier.neighbours is None and "neighbours" not in classifier.facts


@pytest.mark.slow
def test_photos_with_several_labels_or_none_are_named_with_them(train_tiny, tmp_path):
    classifier = train_tiny(make_pairs(tmp_path / "pairs"))
    labels = set(classifier.neighbours.labels)
    assert {(), ("blue",), ("blue", "green")} <= {tuple(sorted(own)) for own in labels}
    told = classifier.predict(tmp_path / "pairs" / "photos" / "000.png").to_dict()["neighbours"]
    assert told[0]["file"] == "photos/000.png" and told[0]["labels"] == ["blue"]


def test_options_that_contradict_each_other_are_refused(photos):
    with pytest.raises(CliError, match="Leave one of the two away"):
        main(str(photos), neighbours=False, thumbnails=True)


def test_each_label_has_as_many_as_another():
    labels = ["cat"] * 900 + ["dog"] * 90 + ["emu"] * 10
    chosen = Counter(labels[i] for i in spread(range(1000), labels, 100))
    assert chosen == {"cat": 45, "dog": 45, "emu": 10}
    assert sorted(spread(range(1000), labels, 2000)) == list(range(1000))
    assert spread(range(50), labels, 20) == spread(range(50), labels, 20)


def test_of_copies_the_first_is_told(tmp_path):
    files = []
    for i, (colour, seed) in enumerate([("red", 1), ("red", 1), ("blue", 2), ("teal", 3)]):
        files.append(tmp_path / f"{i}.png")
        noisy_photo({"red": (200, 40, 40), "blue": (40, 60, 200), "teal": (0, 120, 120)}[colour], seed).save(files[-1])
    blank = tmp_path / "blank.png", tmp_path / "blank-2.png"
    for file in blank:
        Image.new("RGB", (80, 60), "white").save(file)
    assert different([*files, *blank]) == [0, 2, 3, 4]


def test_names_lie_below_the_data_or_are_the_name_alone(tmp_path):
    assert name_of(tmp_path / "train" / "cat" / "1.jpg", tmp_path) == "train/cat/1.jpg"
    assert name_of(tmp_path / "cat" / "1.jpg", tmp_path / "other") == "1.jpg"


def test_axes_keep_cosines():
    rows = normalised(np.random.default_rng(0).random((300, 20)) @ np.random.default_rng(1).normal(size=(20, 400)))
    axes = principal_axes(rows)
    assert axes.shape == (192, 400)
    assert np.abs((rows @ axes.T) @ (rows @ axes.T).T - rows @ rows.T).max() < 1e-3


def test_the_benchmark_compares_with_all_features():
    rows = normalised(np.random.default_rng(0).random((60, 30), dtype=np.float32))
    asked = benchmark.mixed(rows, 20)
    assert benchmark.recall(rows, asked, benchmark.named(rows, 30)) > (0.95, 0.9)
    assert benchmark.recall(rows, asked, benchmark.named(rows, 2)) < (0.9, 0.9)
    nearest, told = benchmark.cosines(rows, asked, benchmark.named(rows, 2))
    assert told < nearest and benchmark.saved_bytes(benchmark.named(rows, 2)) > 1000


def test_a_thumbnail_is_upright_small_and_without_metadata(tmp_path):
    photo = noisy_photo((200, 40, 40), 0, (800, 600))
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "a camera"
    photo.save(tmp_path / "turned.jpg", exif=exif, comment=b"a secret")
    data = thumbnail(tmp_path / "turned.jpg")
    small = Image.open(io.BytesIO(data))
    assert small.size == (72, 96) and not small.getexif() and "comment" not in small.info
    assert b"camera" not in data and b"secret" not in data


def test_thumbnails_that_do_not_fit_are_left_out_evenly(tmp_path, monkeypatch):
    photos = make_photos(tmp_path / "photos", n=6)
    files = sorted(photos.glob("*/*.png"))
    each = len(thumbnail(files[0]))
    monkeypatch.setattr(neighbours, "MAX_PICTURES", 9 * each + each // 2)
    kept = thumbnails(files, [file.parent.name for file in files])
    shown = Counter(file.parent.name for i, file in enumerate(files) if kept.of(i))
    assert len(kept.data) <= 9 * each + each // 2 and kept.n == sum(shown.values())
    assert max(shown.values()) - min(shown.values()) <= 1 and kept.n >= 7
