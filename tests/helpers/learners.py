"""Real fastai learners on a tiny scale, and what fastai itself answers."""

import pickle

import numpy as np
import pytest
import torch
from fastai.callback import progress  # noqa: F401  it gives Learner its bar
from fastai.data.block import CategoryBlock, DataBlock
from fastai.data.transforms import Normalize, RandomSplitter, get_image_files
from fastai.learner import Learner, load_learner
from fastai.vision.augment import Resize, aug_transforms
from fastai.vision.core import PILImage, imagenet_stats
from fastai.vision.data import ImageBlock
from fastai.vision.learner import create_head
from torch import nn

from classifier.export import read_export
from classifier.inference.torch_engine import TorchEngine
from training.data.files import parent_label
from training.train.network.backbone import IMAGENET_STATS, Backbone

TOLERANCE = 1e-4  # the rule asks for 1e-3
NORMALIZE = Normalize.from_stats(*imagenet_stats, cuda=False)


def label_length(file) -> float:
    return float(len(parent_label(file)))


def label_as_list(file) -> list:
    return [parent_label(file)]


def is_red(file) -> bool:
    return parent_label(file) == "red"


def make_learner(
    photos, item_tfms, batch_tfms, x=None, y=None, get_y=parent_label, n_out=None, loss_func=None, channels=3
):
    """A real fastai Learner with a tiny convolutional body, untrained but not trivial."""
    torch.manual_seed(0)
    block = DataBlock(
        blocks=(x or ImageBlock, y or CategoryBlock),
        get_items=get_image_files,
        get_y=get_y,
        splitter=RandomSplitter(seed=42),
        item_tfms=item_tfms,
        batch_tfms=batch_tfms,
    )
    dls = block.dataloaders(photos, bs=8, num_workers=0)
    body = nn.Sequential(nn.Conv2d(channels, 16, 5, stride=3), nn.ReLU(), nn.Conv2d(16, 16, 3, stride=2), nn.ReLU())
    head = create_head(16, n_out or len(dls.vocab), lin_ftrs=[])
    nn.init.normal_(head[-1].weight, std=0.5)
    return Learner(dls, nn.Sequential(body, head), loss_func=loss_func)


def export(learn, folder):
    """Write a stock export and return its path; `pickle` so that it holds names only."""
    learn.path = folder
    learn.export("export.pkl", pickle_module=pickle)
    return folder / "export.pkl"


def expected_probabilities(learn, photo, cls=PILImage) -> np.ndarray:
    with learn.no_bar(), learn.no_logging():
        return learn.predict(cls.create(photo))[2].numpy()


SIZES = [(80, 60), (60, 80), (64, 64), (33, 201), (512, 40), (7, 5), (640, 481)]
PRESIZED = {
    "presize": (Resize(96), [*aug_transforms(size=64, min_scale=0.75), NORMALIZE]),
    "augment-with-size": (Resize(96), [*aug_transforms(size=64), NORMALIZE]),
}


def engine_of(learn, folder):
    """The engine that serves a Learner: by way of its export, as everywhere."""
    return TorchEngine(read_export(export(learn, folder)))


def tiny_backbone(*args, seed: int = 0, **options) -> Backbone:
    """Return what `load_backbone` does, for any arguments: two convolutions with batch norm."""
    torch.manual_seed(seed)
    body = nn.Sequential(
        nn.Conv2d(3, 16, 5, stride=3),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.Conv2d(16, 24, 3, stride=2),
        nn.BatchNorm2d(24),
        nn.ReLU(),
    )
    return Backbone(body.eval(), 24, True, IMAGENET_STATS)


def stock(path, photo) -> np.ndarray:
    return expected_probabilities(load_learner(path), photo)


def served(path, photo) -> np.ndarray:
    return torch.from_numpy(TorchEngine(read_export(path)).answer(photo)[0]).softmax(0).numpy()


def learn_without_items(learn: Learner) -> Learner:
    learn.dls, learn.opt = learn.dls.new_empty(), None
    return learn


class StockFastaiHere:
    """What `StockFastai` is, in this process, which has imported fastai: another one does so for seconds."""

    def __enter__(self) -> "StockFastaiHere":
        return self

    def __exit__(self, *exc: object) -> None:
        pass

    def predict(self, export, photos) -> np.ndarray:
        """Return (N, C) probabilities of N photos by stock fastai."""
        learn = load_learner(export)
        with learn.no_bar(), learn.no_logging():
            return np.array([learn.predict(PILImage.create(photo))[2].tolist() for photo in photos])


def make_training_tiny(patch: pytest.MonkeyPatch) -> None:
    """Make a training in this process take a second: of two layers, its export opened by stock fastai in here.

    That an export opens in a process of its own has its own tests, in tests/training/test_export.py.
    """
    patch.setattr("training.train.learner.load_backbone", tiny_backbone)
    patch.setattr("training.train.pipeline.StockFastai", StockFastaiHere)
