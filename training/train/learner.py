"""Train a photo classifier: a linear probe of a frozen backbone, then fine-tuning where that proves better.

Reads  photos by split, and options
Gives  `Trained`: a fastai Learner, and what is known of it from photos that it did not learn from
"""
import ctypes
import hashlib
import time
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from fastai.callback import progress, schedule  # noqa: F401  they give Learner its bar and fine_tune
from fastai.data.core import DataLoaders
from fastai.learner import Learner
from fastai.metrics import error_rate
from fastai.torch_core import set_seed
from fastai.vision.learner import default_split
from fastcore.script import CliError
from torch import nn

from classifier.inference.confidence import Familiarity, probabilities
from training.data.duplicates import groups_of_copies
from training.data.files import parent_label
from training.data.loaders import get_dls, validation_size
from training.data.photo_cache import OPENED
from training.data.splits import Photos
from training.export.writer import engine_of
from training.held_out import HeldOut

from .backbone import Backbone, load_backbone
from .calibration import calibrate
from .cross_validation import assign_folds
from .familiarity import OnFamiliarity, fit_familiarity, score_all
from .features import Features
from .fine_tune import MOST_MINUTES, Verdict, fine_tune, judge, scores_of, worth_trying
from .options import TrainingOptions
from .probe import Probe, cross_validate, fit_probe

# how each photo is looked at: more views make a probe of few photos better, and cost as many forward passes
VIEWS = ("plain", "thumbnail", "mirrored", "cropped")
MOST_VIEWS = 20_000  # in all: of many photos, fewer views
AS_SENT = ("plain", "thumbnail")  # what probabilities are calibrated on: crops are harder than what people send
FROM_STRANGERS = ("plain", "thumbnail", "cropped")  # what must count as familiar
ENOUGH_TO_TELL = 500  # photos whose views set the threshold of a fine-tuned network


@dataclass
class Trained:
    """A trained model, and what is known of it from photos that it did not learn from."""

    learn: Learner
    files: list[Path]  # the photos that it learned from
    held_out: HeldOut
    calibration: dict | None
    familiarity: Familiarity | None
    on_familiarity: OnFamiliarity
    table: list[dict] = field(default_factory=list)  # of the fine-tuning, a dict an epoch
    verdict: Verdict | None = None  # on the fine-tuning; None where it was not tried to its end
    validated: list[Path] = field(default_factory=list)  # the photos that no part of it learned from

    @property
    def fine_tuned(self) -> bool:
        """Whether the network is the fine-tuned one, not the frozen backbone with a probe."""
        return self.verdict is not None and self.verdict.kept


@dataclass(frozen=True)
class Seen:
    """What the frozen backbone sees in N photos, and what probes that did not learn from them say."""

    files: list[Path]
    targets: np.ndarray  # (N,) indices of the labels
    features: np.ndarray  # (N, V, D), V views of each photo, the plain one first
    views: list[str]  # (V,) keys of `features.VIEWS`
    folds: np.ndarray  # (N,)
    scores: np.ndarray  # (N, V, C), out of fold
    strength: float  # C of the probe, with the lowest out-of-fold loss

    @property
    def error(self) -> float:
        """The out-of-fold error of the photos as they are, 0 to 1."""
        return float(np.mean(self.scores[:, 0].argmax(1) != self.targets))

    def probe(self, of: Sequence[int] | None = None) -> Probe:
        """Return the probe that learned from all photos, or from some of them."""
        of = np.arange(len(self.files)) if of is None else np.asarray(of)
        return fit_probe(self.features[of], self.targets[of], self.scores.shape[2], self.strength)


def get_learner(dls: DataLoaders, backbone: Backbone) -> Learner:
    """Return a Learner: the backbone, then average pooling, batch norm and one linear layer.

    A linear layer on averages lets each cell's share in a label's score be told exactly.
    """
    pool = [nn.AdaptiveAvgPool2d(1), nn.Flatten()] if backbone.cells else []
    head = nn.Sequential(*pool, nn.BatchNorm1d(backbone.n_features), nn.Linear(backbone.n_features, len(dls.vocab)))
    return Learner(dls, nn.Sequential(backbone.body, head), splitter=default_split, metrics=error_rate)


def set_probe(learn: Learner, probe: Probe) -> None:
    """Put a probe in the place of the head's last two layers."""
    body, head = learn.model
    device = next(body.parameters()).device
    learn.model = nn.Sequential(body, nn.Sequential(*list(head)[:-2], *probe.to_layers())).to(device).eval()


def prepare(photos: Photos, options: TrainingOptions, keep: Sequence[str] = (),
            cache: Path | None = None) -> tuple[Learner, Features]:
    """Return a Learner over the photos with an untrained head, and its frozen backbone's features.

    keep: SHA-256 of photos that an earlier run held out (see `splits.splitter`). cache: a folder for the features.
    """
    keep_freed_memory()
    set_seed(options.seed, reproducible=True)  # before the DataLoaders, which draw their own generators from it
    backbone = load_backbone(options.arch, options.pretrained, options.weights, options.image_size)
    larger = backbone.takes(validation_size(options.image_size))
    dls = get_dls(photos.train, options.resize, options.image_size, options.valid_pct, options.seed,
                  options.batch_size, backbone.stats, options.grey, keep, larger, valid=photos.valid)
    OPENED.keep_only([*photos.train, *photos.valid])
    learn, digest = get_learner(dls, backbone), hashlib.sha256()
    for value in backbone.body.state_dict().values():
        digest.update(value.cpu().numpy().tobytes())
    name = f"1 {options.arch} {options.resize} {options.image_size} {larger} {digest.hexdigest()}"
    return learn, Features(engine_of(learn), name, cache)


def see(learn: Learner, features: Features, photos: Photos, options: TrainingOptions) -> Seen:
    """Return what the frozen backbone sees in `photos.train`, with out-of-fold scores.

    Raises CliError for a label with too few different photos.
    """
    files, vocab = sorted(photos.train), list(learn.dls.vocab)
    targets = np.array([vocab.index(parent_label(file)) for file in files])
    views = list(VIEWS[:max(1, min(len(VIEWS), MOST_VIEWS // len(files)))])
    rows = np.stack([features.of(files, view) for view in views], axis=1)
    features.keep([*photos.train, *photos.valid])
    folds = assign_folds([vocab[i] for i in targets], groups_of(files, features), options.folds, options.seed)
    if folds is None:
        raise CliError("A label has too few different photos: copies of one photo are as good as one. Add photos.")
    strength, scores = cross_validate(rows, targets, folds, len(vocab))
    return Seen(files, targets, rows, views, folds, scores, strength)


def groups_of(files: Sequence[Path], features: Features) -> list[str]:
    """Return a name for each photo that its copies and near copies share, so that they stay in one fold."""
    names = list(map(features.hash_of, files))
    for group in groups_of_copies(files, max(5, len(files) // 10)):
        for i in group:
            names[i] = names[group[0]]
    return names


def train(photos: Photos, options: TrainingOptions, keep: Sequence[str] = (), cache: Path | None = None,
          most_minutes: float = MOST_MINUTES) -> Trained:
    """Return a model trained on `photos.train`, with a line on each step; keep, cache: see `prepare`.

    most_minutes: that fine-tuning may take where nobody asked for it.
    """
    learn, features = prepare(photos, options, keep, cache)
    began = time.monotonic()
    seen = see(learn, features, photos, options)
    print(f"probe: {len(seen.files)} photos in {len(seen.views)} views, {features.n_computed} of them computed anew, "
          f"{time.monotonic() - began:.0f} s; {seen.error:.1%} of the photos held out in turn are wrong", flush=True)
    probed = with_probe(learn, features, photos, seen)
    if not worth_trying(seen.error, options.quick, options.fine_tune or not options.pretrained):
        return probed
    asked = options.fine_tune or not options.pretrained
    return with_fine_tuning(probed, features, seen, options, np.inf if asked else most_minutes)


def with_probe(learn: Learner, features: Features, photos: Photos, seen: Seen) -> Trained:
    """Put the probe of all photos on a Learner, and measure it out of fold and on a given validation set."""
    probe = seen.probe()
    set_probe(learn, probe)
    sent = [i for i, view in enumerate(seen.views) if view in AS_SENT]
    calibration = calibrate(seen.scores[:, sent], seen.targets, seen.folds)
    everyone = np.arange(len(seen.files))
    known, on_familiarity, familiar = fit_familiarity(
        seen.features, seen.targets, seen.folds,
        [(everyone, seen.features[:, i]) for i, view in enumerate(seen.views) if view in FROM_STRANGERS])
    scores, files, given = seen.scores[:, 0], seen.files, sorted(photos.valid)
    if given:
        rows = features.of(given)
        features.keep([*photos.train, *photos.valid])
        scores, files = np.concatenate([scores, probe.scores(rows)]), [*files, *given]
        familiar = known and np.concatenate([familiar, score_all(known, rows)])
    by_label = probabilities(scores, calibration["temperature"] if calibration else 1)
    held_out = HeldOut(list(learn.dls.vocab), list(map(features.hash_of, files)), by_label, familiar)
    return Trained(learn, seen.files, held_out, calibration, known, on_familiarity, validated=given)


def with_fine_tuning(probed: Trained, features: Features, seen: Seen, options: TrainingOptions,
                     most_minutes: float) -> Trained:
    """Fine-tune from the probe of the photos that are not validated, and return whichever proves better."""
    learn, row_of = probed.learn, {file: i for i, file in enumerate(seen.files)}
    before, model = deepcopy(learn.model), learn.model
    valid = [Path(file) for file in learn.dls.valid_ds.items]
    learned = [row_of[Path(file)] for file in learn.dls.train_ds.items]
    part = seen.probe(learned)
    set_probe(learn, part)
    print(f"fine-tuning on {len(learned)} photos, {len(valid)} held out ...", flush=True)
    table, minutes = fine_tune(learn, options.epochs, options.base_lr, options.pretrained, most_minutes)
    if minutes is not None:
        print(f"fine-tuning would take {minutes:.0f} minutes here and is left out; --fine-tune does it all the same")
        learn.model = before
        return probed
    targets = np.array([list(learn.dls.vocab).index(parent_label(file)) for file in valid])
    probe_scores = np.stack([seen.scores[row_of[file], 0] for file in valid]) if valid[0] in row_of else (
        part.scores(features.of(valid)))
    scores = scores_of(learn)
    probed.verdict, probed.table = judge(probe_scores, scores, targets), table
    print(probed.verdict, flush=True)
    if probed.verdict.kept:
        return measured_on(probed, [seen.files[i] for i in learned], valid, scores, targets, features)
    del model
    learn.model = before
    return probed


def measured_on(tuned: Trained, learned: list[Path], valid: list[Path], scores: np.ndarray, targets: np.ndarray,
                features: Features) -> Trained:
    """Return the fine-tuned model with its calibration and familiarity, measured on the photos it was validated on.

    scores: (N, C) of the N validation photos; targets: (N,).
    """
    vocab = list(tuned.learn.dls.vocab)
    calibration = calibrate(scores[:, None], targets, np.arange(len(valid)) % 2, shrink=True)
    own = Features(engine_of(tuned.learn), "")
    files = [*learned, *valid]
    labels = np.array([vocab.index(parent_label(file)) for file in files])
    some = np.random.default_rng(0).permutation(len(valid))[:ENOUGH_TO_TELL]
    views = [(some + len(learned), own.of([valid[i] for i in some], view)) for view in FROM_STRANGERS]
    learned_from = np.arange(len(files)) < len(learned)
    known, on_familiarity, _ = fit_familiarity(own.of(files)[:, None], labels, np.where(learned_from, 0, 1), views)
    by_label = probabilities(scores, calibration["temperature"] if calibration else 1)
    familiar = known and score_all(known, own.of(valid))
    held_out = HeldOut(vocab, list(map(features.hash_of, valid)), by_label, familiar)
    return Trained(tuned.learn, learned, held_out, calibration, known, on_familiarity, tuned.table, tuned.verdict,
                   valid)


def keep_freed_memory() -> None:
    """Tell glibc to keep freed memory: page faults are two thirds of a CPU training's time otherwise."""
    try:
        libc = ctypes.CDLL("libc.so.6")
        m_trim_threshold, m_mmap_max = -1, -4
        libc.mallopt(m_mmap_max, 0)
        libc.mallopt(m_trim_threshold, 2**31 - 1)
    except (OSError, AttributeError):
        pass  # another C library: slower, not wrong
