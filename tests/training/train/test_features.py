"""training/train/network/features.py: what the frozen network sees in photos, computed once and kept."""

import random
from functools import partial

import numpy as np
import pytest
import torch
from fastcore.script import CliError
from PIL import Image

from classifier.photo import open_photo
from helpers.learners import tiny_backbone
from helpers.photos import make_photos, noisy_photo
from training.data.photos import get_photos
from training.data.splits import Photos
from training.export.writer import engine_of
from training.options import TrainingOptions
from training.train.learner import prepare
from training.train.network.features import Features
from training.train.network.views import VIEWS, as_thumbnail, cropped

TINY = TrainingOptions(image_size=32, batch_size=4)


@pytest.fixture
def files(tmp_path):
    """Nine photos of three labels."""
    return get_photos(make_photos(tmp_path / "photos", n=3))


@pytest.fixture(autouse=True)
def _tiny_network(monkeypatch):
    monkeypatch.setattr("training.train.learner.load_backbone", tiny_backbone)


@pytest.fixture
def learn(files):
    """A Learner over the photos."""
    return prepare(Photos(files), TINY)[0]


def features_of(files, cache, options: TrainingOptions = TINY) -> Features:
    """Return the features of photos as a training computes and keeps them."""
    features = prepare(Photos(files), options, cache=cache)[1]
    features.of(files)
    features.save(files)
    return features


def test_photos_are_computed_once(files, tmp_path):
    first = features_of(files, tmp_path / "cache")
    assert first.n_computed == 9
    again = features_of(files, tmp_path / "cache")
    assert again.n_computed == 0
    assert np.array_equal(again.of(files), first.of(files)) and again.of(files).shape == (9, 24)


def test_ten_photos_more_are_ten_photos_to_compute(files, tmp_path):
    features_of(files, tmp_path / "cache")
    more = get_photos(make_photos(tmp_path / "more", n=4, seed=50))[:10]
    features = features_of([*files, *more], tmp_path / "cache")
    assert features.n_computed == 10
    assert features.of([*files, *more]).shape == (19, 24)


def test_a_photo_that_moves_or_has_a_copy_is_known(files, tmp_path):
    features_of(files, tmp_path / "cache")
    files[0].rename(files[-1].parent / "moved.png")
    (files[1].parent / "copy.png").write_bytes(files[1].read_bytes())
    assert features_of(get_photos(tmp_path / "photos"), tmp_path / "cache").n_computed == 0


@pytest.mark.parametrize("change", [{"image_size": 48}, {"resize": "squish"}, {"arch": "resnet34"}], ids=str)
def test_another_network_or_preprocessing_computes_anew(files, tmp_path, change):
    features_of(files, tmp_path / "cache")
    changed = TrainingOptions(**{"image_size": 32, "batch_size": 4, **change})
    assert features_of(files, tmp_path / "cache", changed).n_computed == 9
    assert features_of(files, tmp_path / "cache").n_computed == 0  # both are kept


def test_other_weights_of_the_same_network_compute_anew(files, tmp_path, monkeypatch):
    features_of(files, tmp_path / "cache")
    monkeypatch.setattr("training.train.learner.load_backbone", partial(tiny_backbone, seed=1))
    assert features_of(files, tmp_path / "cache").n_computed == 9


@pytest.mark.parametrize(
    "content", [b"", b"not features", b"PK\3\4 cut off", None], ids=["empty", "text", "zip", "cut"]
)
def test_a_broken_cache_is_computed_anew(files, tmp_path, content):
    expected = features_of(files, tmp_path / "cache").of(files)
    (kept,) = (tmp_path / "cache").iterdir()
    kept.write_bytes(kept.read_bytes()[:-200] if content is None else content)
    again = features_of(files, tmp_path / "cache")
    assert again.n_computed == 9 and np.array_equal(again.of(files), expected)
    assert features_of(files, tmp_path / "cache").n_computed == 0


def test_damage_anywhere_in_a_cache_stops_nothing(files, learn, tmp_path):
    engine, rng = engine_of(learn), random.Random(0)
    first = Features(engine, "name", tmp_path / "cache")
    first.of(files)
    first.save(files)
    (kept,) = (tmp_path / "cache").iterdir()
    whole = kept.read_bytes()
    for _ in range(300):
        broken = bytearray(whole)
        for _ in range(rng.randint(1, 4)):
            broken[rng.randrange(len(broken))] = rng.randrange(256)
        kept.write_bytes(broken)
        Features(engine, "name", tmp_path / "cache")


def test_a_folder_that_cannot_be_written_is_one_sentence(files, tmp_path, capsys):
    (tmp_path / "cache").write_text("a file is where the folder should be")
    features = features_of(files, tmp_path / "cache")
    said = capsys.readouterr().out.strip().splitlines()
    assert len(said) == 1 and said[0].startswith("The features were not kept in")
    assert features.of(files).shape == (9, 24)


def test_photos_that_are_gone_are_not_kept(files, tmp_path):
    features_of(files, tmp_path / "cache")
    more = get_photos(make_photos(tmp_path / "more", n=1, seed=50))
    features_of([*files[:4], *more], tmp_path / "cache")
    assert features_of(files, tmp_path / "cache").n_computed == 5


def test_each_photo_has_the_same_crop_in_every_run(files, learn):
    one, other = (Features(engine_of(learn), "").of(files, "cropped") for _ in range(2))
    assert np.array_equal(one, other)
    plain = Features(engine_of(learn), "").of(files)
    assert not np.allclose(one, plain)


def test_features_are_those_that_the_served_engine_gives(files, learn):
    engine = engine_of(learn)
    served = np.array([engine.answer(open_photo(file, max_reduction=engine.max_reduction))[1] for file in files])
    assert Features(engine, "").of(files) == pytest.approx(served, abs=1e-4)


@pytest.mark.parametrize("view", ["plain", "cropped thumbnail"])
def test_a_gpu_computes_the_same_in_batches(files, learn, view):
    one_by_one = Features(engine_of(learn), "").of(files, view)
    features = Features(engine_of(learn), "")
    features._gpu = True
    features._compute_batches = partial(on_the_cpu, features._compute_batches)
    assert features.of(files, view) == pytest.approx(one_by_one, abs=1e-5)


def on_the_cpu(compute, pool, files, keys, device):
    """Compute in batches, as on a GPU."""
    return compute(pool, files, keys, torch.device("cpu"))


def test_a_photo_that_changes_meanwhile_is_one_sentence(files, learn):
    features = Features(engine_of(learn), "")
    features.of(files[:3])
    noisy_photo((1, 2, 3), 99).save(files[1])
    assert len(features.of(files[:3])) == 3  # known by what it was
    with pytest.raises(CliError, match=f"{files[1]} changed while the training ran. Train again."):
        features.of(files[:3], "mirrored")


def test_views_are_of_the_same_photo():
    photo, rng = noisy_photo((100, 100, 100), 0, (640, 480)), random.Random(0)
    views = {name: view(photo, rng) for name, view in VIEWS.items()}
    assert views["plain"] is photo and views["mirrored"].size == photo.size
    assert max(views["thumbnail"].size) == max(views["cropped thumbnail"].size) == 225
    assert views["cropped"].width * views["cropped"].height == pytest.approx(0.5 * 640 * 480, rel=0.01)


@pytest.mark.parametrize("size", [(1, 1), (1, 900), (900, 1), (3, 2)])
def test_the_smallest_photos_have_views_too(size):
    photo = Image.new("RGB", size)
    assert min(cropped(photo, random.Random(0)).size) >= 1
    assert min(as_thumbnail(photo).size) >= 1
