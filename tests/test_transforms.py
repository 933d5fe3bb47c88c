"""classifier/transforms.py: an export's own transforms, translated, answer as `learn.predict` does."""
import numpy as np
import pytest
from fastai.data.block import TransformBlock
from fastai.data.transforms import IntToFloatTensor, Normalize
from fastai.vision.augment import CropPad, RandomCrop, RandomErasing, RandomResizedCrop, Resize, aug_transforms
from fastai.vision.core import PILImage, PILImageBW
from fastai.vision.data import ImageBlock
from PIL import ImageOps

from classifier import Classifier
from classifier.export import ExportError
from classifier.transforms import Preprocess, translate
from conftest import noisy_photo
from learners import BY_FASTAI, NORMALIZE, SIZES, TOLERANCE, expected_probabilities, export, make_learner

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


@pytest.mark.parametrize("name", BY_FASTAI)
def test_what_cannot_be_translated_runs_through_fastai_and_is_logged(photos, tmp_path, caplog, name):
    classifier = check_parity(photos, tmp_path, *BY_FASTAI[name])
    assert not isinstance(classifier._engine.preprocess, Preprocess)
    assert "only fastai itself can run" in caplog.text


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
    with pytest.raises(ExportError, match=r"needs test_transforms\.inverted in its transforms"):
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


def test_translation_follows_the_export_and_not_constants(photos):
    dls = make_learner(photos, Resize((40, 72), "squish"), [Normalize.from_stats([0.1] * 3, [0.9] * 3, cuda=False)]).dls
    preprocess = translate(dls)
    white = preprocess(noisy_photo((255, 255, 255), 0).point(lambda _: 255))
    assert white.shape == (3, 40, 72)
    assert white == pytest.approx((1 - 0.1) / 0.9)
