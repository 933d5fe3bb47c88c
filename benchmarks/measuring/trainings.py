"""Trainings that are compared: the project's, as its command runs it, the lesson's, and a plain linear probe."""

import subprocess
import sys
from pathlib import Path

import numpy as np
from fastcore.script import CliError

from .apps import ROOT

LESSON = """
import sys; from classifier.torchvision_compat import declare_operators; declare_operators()
from fastai.vision.all import *
from training.train.network.backbone import load_backbone
data, arch, weights, seed, out = sys.argv[1:]
set_seed(int(seed), True)
backbone = load_backbone(arch, weights=weights)
dls = DataBlock(blocks=(ImageBlock, CategoryBlock), get_items=get_image_files, get_y=parent_label,
                splitter=RandomSplitter(valid_pct=0.2, seed=int(seed)),
                item_tfms=RandomResizedCrop(224, min_scale=0.5),
                batch_tfms=[*aug_transforms(), Normalize.from_stats(*backbone.stats)]).dataloaders(Path(data))
learn = Learner(dls, nn.Sequential(backbone.body, create_head(backbone.n_features, dls.c)), splitter=default_split,
                metrics=error_rate)
learn.fine_tune(4)
learn.export(Path(out).resolve())
"""

LESSON_OF_SEVERAL = """
import sys; from classifier.torchvision_compat import declare_operators; declare_operators()
from fastai.vision.all import *
from training.train.network.backbone import load_backbone
data, arch, weights, seed, out = sys.argv[1:]
set_seed(int(seed), True)
backbone = load_backbone(arch, weights=weights)
dls = DataBlock(blocks=(ImageBlock, MultiCategoryBlock), get_x=ColReader("file", pref=f"{data}/"),
                get_y=ColReader("labels", label_delim="|"), splitter=RandomSplitter(valid_pct=0.2, seed=int(seed)),
                item_tfms=RandomResizedCrop(224, min_scale=0.5),
                batch_tfms=[*aug_transforms(), Normalize.from_stats(*backbone.stats)]
                ).dataloaders(pd.read_csv(Path(data)/"labels.csv"))
learn = Learner(dls, nn.Sequential(backbone.body, create_head(backbone.n_features, dls.c)), splitter=default_split,
                metrics=partial(accuracy_multi, thresh=0.2))
learn.fine_tune(3, base_lr=3e-3, freeze_epochs=4)
learn.export(Path(out).resolve())
"""


def train_with_command(photos: Path, arch: str, weights: str | Path, seed: int, out: Path, *options: str) -> None:
    """Train with `training.train`, as a person does. weights: a state dict, or "" for a download."""
    command = ["-m", "training.train", photos.resolve(), "--arch", arch, "--seed", seed, "--out", out, *options]
    run_python(f"training.train on {photos}", *command, *(["--weights", Path(weights).resolve()] if weights else []))


def train_as_lesson(photos: Path, arch: str, weights: Path, seed: int, out: Path) -> None:
    """Train as the lesson writes it: its DataBlock, its head, `fine_tune(4)`."""
    run_python(f"The lesson's training on {photos}", "-c", LESSON, photos, arch, weights, seed, out)


def train_as_chapter_6(photos: Path, arch: str, weights: Path, seed: int, out: Path) -> None:
    """Train several labels a photo as the lesson's book writes it in its chapter 6, on a data set with labels.csv."""
    run_python(f"Chapter 6's training on {photos}", "-c", LESSON_OF_SEVERAL, photos.resolve(), arch, weights, seed, out)


def run_python(name: str, *arguments: object) -> None:
    """Run Python in the project's folder; CliError with the name and what it reported last where it fails."""
    command = [sys.executable, "-W", "ignore", *map(str, arguments)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if run.returncode:
        raise CliError(f"{name} failed: {run.stderr.strip()[-500:]}")


def fit_plain_probe(train: Path, test: Path, arch: str, weights: Path) -> dict:
    """Return the figures of a plain logistic regression on frozen features, one view, a fixed regularisation.

    train, test: folders of photos to learn from and to measure on.
    """
    from training.data.photos import get_photos, readable_photos
    from training.options import TrainingOptions
    from training.train.learner import prepare
    from training.train.probes.calibration import calibration_error, reliability
    from training.train.probes.linear import fit_probe

    photos = readable_photos(train)
    learn, features = prepare(photos, TrainingOptions(arch, str(weights), resize="crop"))
    vocab, tested = list(learn.dls.vocab), get_photos(test)
    targets = np.array([vocab.index(file.parent.name) for file in photos.train])
    scores = fit_probe(features.of(photos.train)[:, None], targets, len(vocab), 0.03).scores(features.of(tested))
    by_label = np.exp(scores - scores.max(1, keepdims=True))
    by_label /= by_label.sum(1, keepdims=True)
    right = by_label.argmax(1) == [vocab.index(file.parent.name) for file in tested]
    return {"right": float(right.mean()), "calibration": calibration_error(reliability(by_label.max(1), right))}
