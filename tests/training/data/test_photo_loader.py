"""training/data/photo_loader.py: batches made ahead in threads are like those of fastai."""

import json
import random
from dataclasses import replace

import numpy as np
import pytest
import torch
from fastai.data.core import TfmdDL
from fastai.vision.augment import RandomResizedCrop
from PIL import Image

from helpers.photos import make_pairs, make_photos
from training.data.batch_resize import resized
from training.data.loaders import get_dls
from training.data.photo_loader import PhotoLoader, random_box, resized_box
from training.data.photo_store import PhotoStore
from training.data.photos import readable_photos
from training.data.store_writer import StoreWriter
from training.evaluation.predict import load_classifier
from training.export.portable_pickle import to_bytes
from training.export.writer import portable
from training.metrics import metrics_path
from training.options import TrainingOptions
from training.train.__main__ import main
from training.train.accelerator import Bfloat16, photo_writer
from training.train.fine_tune import fine_tune, validation_scores
from training.train.learner import prepare

SMALL = TrainingOptions(image_size=32, batch_size=8, base_lr=1e-2)
STATS = ([0.5] * 3, [0.25] * 3)


@pytest.fixture(params=["one label", "several"])
def photos(tmp_path, request):
    """Photos with one label each, or several."""
    several = request.param == "several"
    return readable_photos((make_pairs if several else make_photos)(tmp_path / "photos", n=8, size=(90, 60)))


@pytest.mark.parametrize("resize", ["random_crop", "crop", "pad", "squish"])
def test_validation_batches_are_those_of_fastai(photos, resize):
    options = replace(SMALL, resize=resize)
    plain, fast = (get_dls(photos, options, STATS, store=store) for store in (None, PhotoStore(46)))
    assert fast.vocab == plain.vocab and len(fast.valid) == len(plain.valid)
    for (x, y), (own, target) in zip(plain.valid, fast.valid):
        assert type(own) is type(x) and type(target) is type(y) and target.dtype == y.dtype
        assert torch.equal(target, y) and torch.allclose(own, x, atol=1e-6)


def test_each_photo_comes_once_an_epoch_with_its_own_crop_and_target(photos):
    torch.manual_seed(0)
    dls = get_dls(photos, replace(SMALL, batch_size=7), STATS, store=PhotoStore(46))
    x, y = dls.one_batch()
    assert x.shape == (7, 3, 32, 32) and x.dtype == torch.float32 and len(dls.train) == len(dls.train_ds) // 7
    drawn = []
    dls.train.after_batch.fs.clear()
    for x, y in dls.train:
        assert x.dtype == torch.uint8
        drawn += [(own.numpy().tobytes(), np.asarray(target).tolist()) for own, target in zip(x, y)]
    assert len({crop for crop, _ in drawn}) == len(drawn) == len(dls.train) * 7


def test_the_same_seed_draws_the_same_batches_however_threads_take_turns(photos, monkeypatch):
    def batches(n_cores: int) -> list[torch.Tensor]:
        monkeypatch.setattr("training.data.photo_loader.cores", lambda: n_cores)
        random.seed(3)
        dls = get_dls(photos, SMALL, store=PhotoStore(46))
        dls.train.after_batch.fs.clear()
        return [x for x, _ in dls.train]

    for one, other in zip(batches(1), batches(8)):
        assert torch.equal(one, other)


@pytest.mark.parametrize("resize", ["random_crop", "crop", "pad", "squish"])
def test_a_gpu_is_given_crops_to_resize_and_gets_the_same_photos(photos, monkeypatch, resize):
    def batches(on_device: bool) -> list[torch.Tensor]:
        monkeypatch.setattr(PhotoLoader, "_on_device", on_device)
        random.seed(3)
        dls = get_dls(photos, replace(SMALL, resize=resize), store=PhotoStore(46))
        dls.train.after_batch.fs.clear()
        return list(dls.train)

    for (x, y), (own, targets) in zip(batches(False), batches(True)):
        assert own.shape == x.shape and own.dtype == x.dtype and type(own) is type(x) and torch.equal(targets, y)
        assert (own.int() - x.int()).abs().max() <= 1


@pytest.mark.parametrize("side", [224, 32, 7])
def test_a_batch_is_resized_as_pillow_resizes_each_photo(side):
    rng = np.random.default_rng(0)
    sizes = [(320, 426), (230, 300), (100, 90), (320, 60), (5, 5), (1, 1)]
    photos = [rng.integers(0, 256, (*size, 3), dtype=np.uint8) for size in sizes]
    batch = np.full((len(photos), 320, 426, 3), 255, np.uint8)  # what lies beside a photo does not count
    for whole, photo in zip(batch, photos):
        whole[: photo.shape[0], : photo.shape[1]] = photo
    own = resized(torch.from_numpy(batch).permute(0, 3, 1, 2), torch.tensor(sizes), side)
    for photo, result in zip(photos, own):
        expected = np.asarray(Image.fromarray(photo).resize((side, side), Image.Resampling.BILINEAR))
        assert np.abs(expected.astype(int) - result.permute(1, 2, 0).numpy()).max() <= 1


@pytest.mark.parametrize("size", [(640, 480), (300, 900), (1000, 100), (5, 5)], ids=str)
def test_crops_are_drawn_as_fastai_draws_them(size):
    crop, photo = RandomResizedCrop(32, min_scale=0.5), Image.new("RGB", size)
    for seed in range(50):
        random.seed(seed)
        crop.before_call(photo, 0)
        left, top = crop.tl
        expected = left, top, left + crop.cp_size[0], top + crop.cp_size[1]
        assert random_box(size, random.Random(seed)) == expected


def test_a_padded_or_cropped_photo_is_whole_or_in_the_middle_of_it():
    rng = random.Random(0)
    assert resized_box((90, 60), "squish", rng) == (0, 0, 90, 60)
    for _ in range(20):
        left, top, right, bottom = resized_box((90, 60), "crop", rng)
        assert (right - left, bottom - top) == (60, 60) and 0 <= left <= 30 and top == 0
        left, top, right, bottom = resized_box((90, 60), "pad", rng)
        assert (right - left, bottom - top) == (90, 90) and left == 0 and -30 <= top <= 0


def test_an_export_holds_plain_loaders(photos, tiny_training):
    learn = prepare(replace(photos, store=PhotoStore(46)), SMALL)[0]
    assert type(learn.dls.train) is not TfmdDL
    plain = portable(learn)
    assert all(type(dl) is TfmdDL for dl in plain.dls.loaders)
    assert b"photo_loader" not in to_bytes(plain)


@pytest.mark.parametrize("half", [False, True], ids=["float32", "bfloat16"])
def test_fine_tuning_learns_from_kept_photos(tmp_path, monkeypatch, tiny_training, half):
    if half:
        monkeypatch.setattr("training.train.fine_tune.half_precision", lambda device: [Bfloat16()])
    photos = readable_photos(make_photos(tmp_path / "photos", n=12))
    learn = prepare(replace(photos, store=PhotoStore(46)), SMALL)[0]
    with learn.no_bar():
        table, _ = fine_tune(learn, 6, 2e-2, from_probe=False, quiet=True)
    assert table[-1]["valid_loss"] < 0.7 * table[0]["valid_loss"]
    scores = validation_scores(learn)
    assert scores.dtype == np.float32 and len(scores) == len(learn.dls.valid_ds)


def test_a_photo_that_cannot_be_opened_stops_the_epoch(photos):
    dls = get_dls(photos, SMALL, store=PhotoStore(46))
    for file in photos.train:
        file.unlink()
    with pytest.raises(ValueError, match="no file"):
        list(dls.train)


@pytest.mark.slow
def test_a_training_on_many_photos_keeps_them_while_it_runs(tmp_path, monkeypatch, capsys, tiny_training):
    monkeypatch.setattr("training.train.accelerator.MANY", 10)
    data = make_photos(tmp_path / "photos")
    main(str(data), out=str(tmp_path / "export.pkl"), image_size=32, epochs=1, batch_size=8, fine_tune=True)
    assert "30 photos are kept at 46 pixels" in capsys.readouterr().out
    assert json.loads(metrics_path(tmp_path / "export.pkl").read_text())["epochs"]
    assert list((data / ".features").glob("photos-*.???")) == []
    assert load_classifier(tmp_path / "export.pkl").predict(data / "red" / "00.png").label


def test_many_photos_are_kept_only_where_fine_tuning_is_to_be_expected(tmp_path, monkeypatch):
    def keeps(**options) -> bool:
        return isinstance(photo_writer(TrainingOptions(**options), tmp_path), StoreWriter)

    assert not keeps() and not keeps(quick=True, pretrained=False)
    assert keeps(fine_tune=True) and keeps(pretrained=False)
    monkeypatch.setattr("training.train.accelerator.default_device", lambda: torch.device("cuda"))
    assert keeps() and not keeps(quick=True)
