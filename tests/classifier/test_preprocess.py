"""classifier/preprocess.py: an export's own transforms, translated, answer as `learn.predict` does."""

import re

import numpy as np
import pytest
from fastai.data.block import TransformBlock
from fastai.data.transforms import IntToFloatTensor, Normalize
from fastai.torch_core import TensorImage
from fastai.vision.augment import (
    AffineCoordTfm,
    CropPad,
    RandomCrop,
    RandomErasing,
    RandomResizedCrop,
    RandomResizedCropGPU,
    Resize,
    aug_transforms,
)
from fastai.vision.core import PILImage, PILImageBW
from fastai.vision.data import ImageBlock
from PIL import ImageOps

from classifier import Classifier
from classifier.export import ExportError, read_export
from classifier.preprocess import Preprocess
from classifier.resample import Resample
from helpers.learners import NORMALIZE, PRESIZED, SIZES, TOLERANCE, expected_probabilities, export, make_learner
from helpers.photos import noisy_photo

ITEM_TFMS = {
    "resize-crop": Resize(64),
    "resize-pad-zeros": Resize(64, "pad", pad_mode="zeros"),
    "resize-pad-reflection": Resize(64, "pad", pad_mode="reflection"),
    "resize-pad-border": Resize(64, "pad", pad_mode="border"),
    "resize-squish": Resize(64, "squish"),
    "resize-not-square": Resize((48, 96)),
    "resize-not-square-pad": Resize((96, 48), "pad", pad_mode="zeros"),
    "random-resized-crop": RandomResizedCrop(64, min_scale=0.5),
    "random-resized-crop-not-square": RandomResizedCrop((48, 96), val_xtra=0.3),
    "random-resized-crop-no-extra": RandomResizedCrop(64, val_xtra=0),
    "resize-then-crop": [Resize(80), RandomCrop(64)],
    "crop-pad": CropPad(64, pad_mode="zeros"),
    "crop-pad-reflection": CropPad((96, 128), pad_mode="reflection"),
}
BATCH_TFMS = {
    "none": [],
    "normalize": [NORMALIZE],
    "augment": [*aug_transforms(), NORMALIZE],
    "augment-without-normalize": [*aug_transforms(max_rotate=30, max_warp=0.4)],
    "erase": [*aug_transforms(), NORMALIZE, RandomErasing(p=1.0)],
}


def check_parity(photos, folder, item_tfms, batch_tfms) -> Classifier:
    learn = make_learner(photos, item_tfms, batch_tfms)
    classifier = Classifier.load(export(learn, folder))
    for seed, size in enumerate(SIZES):
        photo = noisy_photo((200, 120, 40), seed, size)
        answer = classifier.predict(photo).probabilities
        served = [answer[label] for label in classifier.labels]
        assert np.abs(served - expected_probabilities(learn, photo)).max() < TOLERANCE, size
    return classifier


@pytest.mark.parametrize("item_tfms", ITEM_TFMS)
def test_each_resize_method_answers_as_fastai(photos, tmp_path, item_tfms):
    classifier = check_parity(photos, tmp_path, ITEM_TFMS[item_tfms], [NORMALIZE])
    assert isinstance(classifier._engine.preprocess, Preprocess)


@pytest.mark.parametrize("batch_tfms", BATCH_TFMS)
def test_each_batch_transform_answers_as_fastai(photos, tmp_path, batch_tfms):
    classifier = check_parity(photos, tmp_path, Resize(64), BATCH_TFMS[batch_tfms])
    assert isinstance(classifier._engine.preprocess, Preprocess)


@pytest.mark.parametrize("name", PRESIZED)
def test_presizing_answers_as_fastai_and_is_translated(photos, tmp_path, name):
    classifier = check_parity(photos, tmp_path, *PRESIZED[name])
    assert isinstance(classifier._engine.preprocess, Preprocess) and classifier.explains
    classifier.compile()
    assert classifier.compiled
    again = classifier.predict(noisy_photo((200, 120, 40), 0))
    assert again.probabilities == pytest.approx(
        check_parity(photos, tmp_path, *PRESIZED[name]).predict(noisy_photo((200, 120, 40), 0)).probabilities,
        abs=TOLERANCE,
    )


RESIZED_ON_THE_BATCH = [
    {"size": 64},
    {"size": (48, 70)},
    {"size": 48, "align_corners": False},
    {"size": (96, 130), "pad_mode": "zeros", "align_corners": False},
    {"size": 128, "pad_mode": "border", "align_corners": False},
]


@pytest.mark.parametrize("options", RESIZED_ON_THE_BATCH, ids=str)
@pytest.mark.parametrize("size", [(96, 96), (300, 200), (64, 96), (40, 512)], ids=str)
def test_resizing_on_the_batch_is_what_torch_does(options, size):
    samples = np.random.default_rng(0).random((3, *size), dtype=np.float32)
    theirs = AffineCoordTfm(**options)(TensorImage(samples[None].copy()), split_idx=1)[0].numpy()
    height, width = (options["size"],) * 2 if isinstance(options["size"], int) else options["size"]
    ours = Resample((width, height), options.get("pad_mode", "reflection"), bool(options.get("align_corners")))(samples)
    assert np.abs(ours - theirs).max() < TOLERANCE


@pytest.mark.parametrize("valid_scale", [1.0, 0.8])
@pytest.mark.parametrize("size", [(96, 96), (300, 200), (512, 40), (40, 512)], ids=str)
def test_cropping_on_the_batch_is_what_fastai_does(valid_scale, size):
    samples = np.random.default_rng(0).random((3, *size), dtype=np.float32)
    theirs = RandomResizedCropGPU(64, valid_scale=valid_scale)(TensorImage(samples[None].copy()), split_idx=1)[0]
    ours = Resample((64, 64), "reflection", True, (3 / 4, 4 / 3, valid_scale))(samples)
    assert np.abs(ours - theirs.numpy()).max() < TOLERANCE


@pytest.mark.parametrize(
    "change",
    [
        {"mode": "P"},
        {"scale": 0},
        {"scale": float("inf")},
        {"mean": [0.5]},
        {"std": [0, 1, 1]},
        {"mean": None},
        {
            "steps": [
                {"kind": "resize", "size": [64, 9_999_999], "method": "squish", "pad_mode": "zeros", "resample": 2}
            ]
        },
        {"steps": [{"kind": "resize", "size": [64, 64], "method": "twist", "pad_mode": "zeros", "resample": 2}]},
        {"steps": [{"kind": "resize", "size": [64, 64], "method": "squish", "pad_mode": "zeros", "resample": 99}]},
        {"steps": [{"kind": "crop_pad", "size": [0, 64], "pad_mode": "zeros"}]},
        {"steps": [{"kind": "exec"}]},
        {"batch_steps": [{"size": [64, 64], "pad_mode": "x", "align_corners": True, "crop": None}]},
    ],
    ids=str,
)
def test_preprocessing_that_no_photo_can_be_put_through_is_refused(change):
    data = {"mode": "RGB", "steps": [], "scale": 255.0, "mean": [0.5] * 3, "std": [0.5] * 3}
    assert Preprocess.from_data(data).mode == "RGB"
    with pytest.raises((ValueError, TypeError, KeyError)):
        Preprocess.from_data({**data, **change})


def test_greyscale_model_answers_as_fastai(photos, tmp_path):
    learn = make_learner(photos, Resize(64), [], x=ImageBlock(PILImageBW), channels=1)
    classifier = Classifier.load(export(learn, tmp_path))
    photo = noisy_photo((200, 120, 40), 0)
    served = [classifier.predict(photo).probabilities[label] for label in classifier.labels]
    assert np.abs(served - expected_probabilities(learn, photo.convert("L"), PILImageBW)).max() < TOLERANCE


def inverted(photo):
    return PILImage.create(ImageOps.invert(photo))


def test_transforms_after_the_opening_are_not_left_out(photos, tmp_path, monkeypatch):
    block = TransformBlock(type_tfms=[PILImage.create, inverted], batch_tfms=IntToFloatTensor)
    learn = make_learner(photos, Resize(64), [NORMALIZE], x=block, channels=3)
    path = export(learn, tmp_path)
    with pytest.raises(ExportError, match=rf"needs {re.escape(__name__)}\.inverted in its transforms"):
        Classifier.load(path)
    monkeypatch.setenv("TRUST_EXPORT", "1")
    classifier = Classifier.load(path)
    photo = noisy_photo((200, 120, 40), 0)
    served = [classifier.predict(photo).probabilities[label] for label in classifier.labels]
    assert np.abs(served - expected_probabilities(learn, photo)).max() < TOLERANCE
    assert not isinstance(classifier._engine.preprocess, Preprocess)


def test_extreme_proportions_are_answered(photos, tmp_path):
    learn = make_learner(photos, Resize(64, "pad", pad_mode="zeros"), [NORMALIZE])
    classifier = Classifier.load(export(learn, tmp_path))
    strip = noisy_photo((200, 10, 10), 0, (60_000, 1))  # padded to a square this would be 3.6 gigapixels
    assert sum(classifier.predict(strip).probabilities.values()) == pytest.approx(1)


def test_translation_follows_the_export_and_not_constants(photos, tmp_path):
    learn = make_learner(photos, Resize((40, 72), "squish"), [Normalize.from_stats([0.1] * 3, [0.9] * 3, cuda=False)])
    preprocess = read_export(export(learn, tmp_path)).preprocess
    white = preprocess(noisy_photo((255, 255, 255), 0).point(lambda _: 255))
    assert white.shape == (3, 40, 72)
    assert white == pytest.approx((1 - 0.1) / 0.9)


def test_a_photo_without_a_size_to_come_to_is_kept_small(photos, tmp_path):
    preprocess = read_export(export(make_learner(photos, [], [NORMALIZE]), tmp_path)).preprocess
    assert preprocess(noisy_photo((9, 9, 9), 0, (320, 240))).shape == (3, 240, 320)
    assert np.prod(preprocess(noisy_photo((9, 9, 9), 0, (6000, 4000))).shape[1:]) < 2_100_000
