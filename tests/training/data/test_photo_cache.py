"""training/data/photo_cache.py: each photo is decoded once, at the size that training works with."""

import os

import numpy as np
import pytest
from PIL import Image

from classifier.photo import PhotoError
from helpers.photos import noisy_photo
from training.data.photo_cache import PhotoCache


def save(folder, name, size=(640, 480), **options):
    noisy_photo((200, 40, 40), 1, size).save(folder / name, **options)
    return folder / name


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp"])
@pytest.mark.parametrize("side, size", [(64, (214, 160)), (100, (320, 240)), (224, (640, 480)), (500, (640, 480))])
def test_photos_keep_twice_the_side_that_the_model_sees(tmp_path, name, side, size):
    photo = PhotoCache().open(save(tmp_path, name), side)
    if name == "a.jpg" and side == 64:
        size = (320, 240)  # libjpeg knows halves and quarters: what is left over is taken by `reduce`, if whole
    assert photo.mode == "RGB" and photo.size == size


def test_a_photo_is_opened_once_until_it_changes(tmp_path):
    opened, file = PhotoCache(), save(tmp_path, "a.png")
    first = opened.open(file, 224)
    assert opened.open(file, 224) is first
    Image.new("RGB", (300, 300)).save(file)
    os.utime(file, ns=(1, 1))
    assert opened.open(file, 224).size == (300, 300)


def test_memory_is_bounded(tmp_path):
    files = [save(tmp_path, f"{i}.png", (100, 100)) for i in range(3)]
    opened = PhotoCache(max_bytes=80_000)
    first, _, third = (opened.open(file, 224) for file in files)
    assert opened.open(files[0], 224) is first
    again = opened.open(files[2], 224)
    assert again is not third and (np.asarray(again) == np.asarray(third)).all()
    opened.keep_only(files[1:])
    third = opened.open(files[2], 224)
    assert opened.open(files[2], 224) is third


def test_what_cannot_be_opened_is_named(tmp_path):
    with pytest.raises(PhotoError, match="no file"):
        PhotoCache().open(tmp_path / "nowhere.jpg", 64)
    (tmp_path / "a.jpg").write_text("hello")
    with pytest.raises(PhotoError, match="not a photo"):
        PhotoCache().open(tmp_path / "a.jpg", 64)
