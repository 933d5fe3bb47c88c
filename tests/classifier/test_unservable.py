"""classifier/export/reader.py and engine.py: an export that cannot be served says why, in a sentence."""

import pickle
import zipfile

import pytest
import torch
from fastai.data.block import DataBlock, RegressionBlock
from fastai.data.transforms import RandomSplitter, get_image_files
from fastai.learner import Learner
from fastai.vision.augment import Resize
from fastai.vision.data import ImageBlock, MaskBlock
from torch import nn

from classifier import Classifier
from classifier.export import ExportError
from helpers.learners import export, is_red, label_length, make_learner


def test_missing_export_says_how_to_train_one(tmp_path):
    with pytest.raises(ExportError, match=r"no export at .*training\.train"):
        Classifier.load(tmp_path / "export.pkl")


@pytest.mark.parametrize(
    "data, says",
    [
        (b"", "not a fastai export"),
        (b"hello", "not a fastai export"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", "git lfs pull"),
        (pickle.dumps({"not": "a zip"}), "not a fastai export"),
    ],
    ids=["empty", "text", "lfs-pointer", "plain-pickle"],
)
def test_a_file_that_is_no_export_is_named(tmp_path, data, says):
    (tmp_path / "export.pkl").write_bytes(data)
    with pytest.raises(ExportError, match=says):
        Classifier.load(tmp_path / "export.pkl")


def test_truncated_export_is_reported(tmp_path, trained):
    data = (trained / "export.pkl").read_bytes()
    (tmp_path / "export.pkl").write_bytes(data[: len(data) // 2])
    with pytest.raises(ExportError, match="first part"):
        Classifier.load(tmp_path / "export.pkl")


def test_zip_that_is_no_export_is_reported(tmp_path):
    with zipfile.ZipFile(tmp_path / "export.pkl", "w") as archive:
        archive.writestr("hello.txt", "hello")
    with pytest.raises(ExportError, match=r"has no data\.pkl"):
        Classifier.load(tmp_path / "export.pkl")


@pytest.mark.parametrize("content", [{"weight": torch.zeros(3)}, nn.Linear(2, 2)], ids=["state-dict", "module"])
def test_torch_file_that_is_no_learner_is_reported(tmp_path, content):
    torch.save(content, tmp_path / "export.pkl")
    with pytest.raises(ExportError, match="not a fastai Learner"):
        Classifier.load(tmp_path / "export.pkl")


def test_regression_is_refused(photos, tmp_path):
    path = export(make_learner(photos, Resize(64), [], y=RegressionBlock, get_y=label_length, n_out=1), tmp_path)
    with pytest.raises(ExportError, match="one label a photo"):
        Classifier.load(path)


def test_segmentation_is_refused(photos, tmp_path):
    learn = make_learner(photos, Resize(64), [])
    masks = DataBlock(
        blocks=(ImageBlock, MaskBlock(codes=["sky", "bear"])),
        get_items=get_image_files,
        item_tfms=Resize(64),
        splitter=RandomSplitter(seed=42),
    )
    dls = masks.dataloaders(photos, bs=4, num_workers=0)
    model = nn.Conv2d(3, 2, 1)
    path = export(Learner(dls, model, loss_func=learn.loss_func), tmp_path)
    with pytest.raises(ExportError, match="one label a photo"):
        Classifier.load(path)


def test_model_without_numbers_is_refused(photos, tmp_path):
    learn = make_learner(photos, Resize(64), [])
    nn.init.constant_(learn.model[1][-1].weight, torch.nan)
    with pytest.raises(ExportError, match="no numbers"):
        Classifier.load(export(learn, tmp_path))


def test_labels_of_one_name_are_refused(photos, tmp_path):
    learn = make_learner(photos, Resize(64), [])
    learn.dls.vocab.items = ["bear", "bear", "wolf"]
    with pytest.raises(ExportError, match="same name"):
        Classifier.load(export(learn, tmp_path))


def test_model_that_does_not_fit_its_labels_is_refused(photos, tmp_path):
    path = export(make_learner(photos, Resize(64), [], n_out=7), tmp_path)
    with pytest.raises(ExportError, match="3 labels"):
        Classifier.load(path)


def test_export_whose_label_function_is_gone_is_served(tmp_path, photos, monkeypatch):
    path = export(make_learner(photos, Resize(64), [], get_y=is_red), tmp_path)
    monkeypatch.delattr("helpers.learners.is_red")
    assert Classifier.load(path).labels == ["False", "True"]


def test_trusted_export_with_a_function_of_main_says_what_is_missing(tmp_path, photos, monkeypatch):
    path = export(make_learner(photos, Resize(64), [], get_y=is_red), tmp_path)
    monkeypatch.delattr("helpers.learners.is_red")
    monkeypatch.setenv("TRUST_EXPORT", "1")
    with pytest.raises(ExportError, match="needs code that is not here"):
        Classifier.load(path)
