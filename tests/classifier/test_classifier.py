"""classifier/: exports of every make are served; a prediction is what it says."""

import threading

import numpy as np
import pytest
import torch
from fastai.learner import load_learner
from fastai.vision.augment import RandomResizedCrop, Resize, aug_transforms
from torch import nn

from classifier import Classifier, Prediction
from classifier.export import read_export
from classifier.photo import PhotoError, open_photo
from helpers.learners import (
    NORMALIZE,
    PRESIZED,
    SIZES,
    TOLERANCE,
    expected_probabilities,
    export,
    is_red,
    make_learner,
)
from helpers.paths import ROOT
from helpers.photos import make_photos, noisy_photo


def test_presized_export_of_a_gpu_answers_on_a_cpu(photos, tmp_path):
    path = export(make_learner(photos, *PRESIZED["presize"]), tmp_path)
    learn = torch.load(path, weights_only=False)
    for loader in (learn.dls, *learn.dls.loaders):  # as Colab leaves them
        loader._device = torch.device("cuda")
    torch.save(learn, path)
    classifier = Classifier.load(path)
    assert classifier.predict(noisy_photo((9, 9, 9), 1)).label in classifier.labels


def test_model_with_a_softmax_of_its_own_is_not_given_a_second_one(photos, tmp_path):
    learn = make_learner(photos, Resize(64), [NORMALIZE])
    learn.model, learn.loss_func = nn.Sequential(learn.model, nn.Softmax(1)), nn.NLLLoss()
    classifier = Classifier.load(export(learn, tmp_path))
    photo = noisy_photo((200, 120, 40), 0)
    served = [classifier.predict(photo).probabilities[label] for label in classifier.labels]
    image = torch.from_numpy(read_export(tmp_path / "export.pkl").preprocess(photo))[None]
    expected = learn.model.eval()(image)[0].detach().numpy()
    assert np.abs(served - expected).max() < TOLERANCE


def test_labels_that_are_no_text_become_text(photos, tmp_path):
    classifier = Classifier.load(export(make_learner(photos, Resize(64), [], get_y=is_red), tmp_path))
    assert classifier.labels == ["False", "True"]


@pytest.mark.parametrize("trusted", [False, True], ids=["read as data", "trusted"])
def test_label_that_is_no_utf_8_becomes_text_that_can_be_written(trusted, photos, tmp_path, monkeypatch):
    learn = make_learner(photos, Resize(64), [])
    learn.dls.vocab.items = ["gr\udcfcn", *list(learn.dls.vocab)[1:]]  # the folder grün of a Latin-1 disk
    monkeypatch.setenv("TRUST_EXPORT", "1" if trusted else "")
    labels = Classifier.load(export(learn, tmp_path)).labels
    assert labels[0] == "gr\\udcfcn" and "".join(labels).encode()


def test_stock_export_by_cloudpickle_opens(photos, tmp_path):
    learn = make_learner(photos, RandomResizedCrop(64), [*aug_transforms(), NORMALIZE])
    learn.path = tmp_path
    learn.export("export.pkl")
    photo = noisy_photo((9, 9, 9), 1)
    answer = Classifier.load(tmp_path / "export.pkl").predict(photo)
    assert list(answer.probabilities) and answer.label in answer.probabilities


def test_prediction_is_sorted_and_sums_to_one(trained):
    prediction = Classifier.load(trained / "export.pkl").predict(trained / "photos" / "red" / "00.png")
    values = list(prediction.probabilities.values())
    assert isinstance(prediction, Prediction)
    assert values == sorted(values, reverse=True)
    assert sum(values) == pytest.approx(1)
    assert prediction.label == next(iter(prediction.probabilities))
    assert set(prediction.probabilities) == {"blue", "green", "red"}


def test_many_threads_get_the_answers_of_one(photos, tmp_path):
    for name, (item_tfms, batch_tfms) in {**PRESIZED, "translated": (Resize(64), [NORMALIZE])}.items():
        classifier = Classifier.load(export(make_learner(photos, item_tfms, batch_tfms), tmp_path))
        samples = [noisy_photo((seed * 30, 100, 255 - seed * 30), seed, size) for seed, size in enumerate(SIZES)]
        alone = [classifier.predict(sample).probabilities for sample in samples]
        together = [None] * (4 * len(samples))

        def work(i, classifier=classifier, samples=samples, together=together):
            together[i] = classifier.predict(samples[i % len(samples)]).probabilities

        threads = [threading.Thread(target=work, args=(i,)) for i in range(len(together))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for i, answer in enumerate(together):
            assert answer == pytest.approx(alone[i % len(samples)], abs=1e-5), name


def test_unreadable_photo_raises_a_sentence(trained):
    with pytest.raises(PhotoError, match="not a photo"):
        Classifier.load(trained / "export.pkl").predict(b"hello")


def test_committed_export_answers_as_fastai_on_100_real_photos(shared):
    files = sorted((shared / "data" / "bears").rglob("*.jpg"))[::4][:100]
    learn = load_learner(ROOT / "export.pkl")
    classifier = Classifier.load(ROOT / "export.pkl")
    classifier.temperature = 1  # fastai does not calibrate
    assert len(files) == 100
    for file in files:
        photo = open_photo(file)
        answer = classifier.predict(photo)
        expected = expected_probabilities(learn, photo)
        assert answer.label == classifier.labels[expected.argmax()]
        assert np.abs([answer.probabilities[label] for label in classifier.labels] - expected).max() < TOLERANCE


def test_photos_made_for_a_test_differ(tmp_path):
    files = list(make_photos(tmp_path / "p").rglob("*.png"))
    assert len({file.read_bytes() for file in files}) == len(files) == 30
