"""Train a photo classifier: a linear probe of a frozen backbone, then fine-tuning where that proves better.

Reads  photos by split, and options
Gives  `Trained`: a fastai Learner, and its figures, measured on photos that it did not learn from
"""

import hashlib
import time
from collections.abc import Sequence
from copy import deepcopy
from functools import partial
from pathlib import Path

from training import torchvision_operators  # noqa: F401  before fastai.vision, torchvision and timm

# isort: split
import numpy as np
from fastai.learner import Callback, Learner
from fastai.torch_core import set_seed

from classifier.malloc import keep_freed_memory
from training.data.loaders import get_dls, validation_size
from training.data.photo_cache import PHOTO_CACHE
from training.data.splits import Photos
from training.export.writer import engine_of
from training.options import TrainingOptions

from .distributed import shared_fit
from .fine_tune import MAX_MINUTES, fine_tune, should_fine_tune, validation_scores
from .network.backbone import load_backbone
from .network.features import Features
from .network.head import get_learner, set_probe
from .out_of_fold import OutOfFold, score_out_of_fold
from .probes.familiarity import score_photos
from .task import Scored
from .trained import Trained

CALIBRATION_VIEWS = ("plain", "thumbnail")  # crops are harder than what people send
FAMILIARITY_VIEWS = ("plain", "thumbnail", "cropped")  # what should count as familiar
MAX_THRESHOLD_PHOTOS = 500  # photos whose views set the threshold of a fine-tuned network


def prepare(
    photos: Photos, options: TrainingOptions, keep: Sequence[str] = (), cache: Path | None = None
) -> tuple[Learner, Features]:
    """Return a Learner over the photos with an untrained head, and its frozen backbone's features.

    keep: SHA-256 of photos that an earlier run held out (see `training.data.splits.splitter`). cache: a folder for the
    features.
    """
    keep_freed_memory()
    set_seed(options.seed, reproducible=True)  # before the DataLoaders, which draw their own generators from it
    backbone = load_backbone(options.arch, options.pretrained, options.weights, options.image_size)
    larger = backbone.accepts_size(validation_size(options.image_size))
    load = partial(get_dls, options=options, stats=backbone.stats, larger=larger, store=photos.store)
    dls = load(photos, keep=keep)
    PHOTO_CACHE.keep_only([*photos.train, *photos.valid])
    learn, digest = get_learner(dls, backbone, photos.labels.multi_label), hashlib.sha256()
    learn.load = load  # how other processes load their share of the photos
    for value in backbone.body.state_dict().values():
        digest.update(value.cpu().numpy().tobytes())
    name = f"1 {options.arch} {options.resize} {options.image_size} {larger} {digest.hexdigest()}"
    return learn, Features(engine_of(learn), name, cache)


def train(
    photos: Photos,
    options: TrainingOptions,
    keep: Sequence[str] = (),
    cache: Path | None = None,
    max_minutes: float = MAX_MINUTES,
    recording: Callback | None = None,
) -> Trained:
    """Return a model trained on `photos.train`, and print a line on each step; keep, cache: see `prepare`.

    max_minutes: that fine-tuning may take, unless an option asks for it. recording: is told how fine-tuning goes.
    """
    learn, features = prepare(photos, options, keep, cache)
    began = time.monotonic()
    probes = score_out_of_fold(learn, features, photos, options)
    error, in_words = probes.error
    print(
        f"probe: {len(probes.files)} photos in {len(probes.views)} views, {features.n_computed} of them computed "
        f"anew, {time.monotonic() - began:.0f} s; {in_words}",
        flush=True,
    )
    probed = with_probe(learn, features, photos, probes)
    asked = options.fine_tune or not options.pretrained
    if not should_fine_tune(error, options.quick, asked):
        return probed
    with learn.added_cbs(recording):
        return with_fine_tuning(probed, features, probes, options, np.inf if asked else max_minutes)


def with_probe(learn: Learner, features: Features, photos: Photos, probes: OutOfFold) -> Trained:
    """Make the probe of all photos the head of a Learner, and measure it out of fold and on a given validation set."""
    probe, task = probes.fit(), probes.task
    set_probe(learn, probe)
    calibrated_on = [i for i, view in enumerate(probes.views) if view in CALIBRATION_VIEWS]
    calibration = task.calibrate(probes.scores[:, calibrated_on], probes.targets, probes.folds)
    all_photos = np.arange(len(probes.files))
    known, familiarity_metrics, familiar = task.fit_familiarity(
        probes.features,
        probes.targets,
        probes.folds,
        [(all_photos, probes.features[:, i]) for i, view in enumerate(probes.views) if view in FAMILIARITY_VIEWS],
    )
    scores, files, folds, given = probes.scores[:, 0], probes.files, probes.folds, sorted(photos.valid)
    targets = probes.targets
    if given:
        rows = features.of(given)
        features.save([*photos.train, *photos.valid])
        scores, files = np.concatenate([scores, probe.scores(rows)]), [*files, *given]
        targets = np.concatenate([targets, task.targets(given)])
        folds = np.append(folds, np.full(len(given), -1))
        familiar = np.concatenate([familiar, score_photos(known, rows)]) if known and familiar is not None else None
    scored = Scored(list(map(features.hash_of, files)), scores, folds, familiar, targets)
    held_out, thresholds = task.held_out(scored, calibration)
    return Trained(
        learn,
        task,
        probes.files,
        held_out,
        calibration,
        known,
        familiarity_metrics,
        probes.features[:, 0],
        thresholds=thresholds,
        validated=given,
    )


def with_fine_tuning(
    probed: Trained, features: Features, probes: OutOfFold, options: TrainingOptions, max_minutes: float
) -> Trained:
    """Fine-tune from the probe of the photos that are not held out, and return the better one of the two models."""
    learn, task, row_of = probed.learn, probed.task, {file: i for i, file in enumerate(probes.files)}
    before, model = deepcopy(learn.model), learn.model
    valid = [Path(file) for file in learn.dls.valid_ds.items]
    learned = [row_of[Path(file)] for file in learn.dls.train_ds.items]
    part = probes.fit(learned)
    set_probe(learn, part)
    print(f"fine-tuning on {len(learned)} photos, {len(valid)} held out ...", flush=True)
    learned_targets = probes.targets[learned]
    callbacks = task.fine_tuning_callbacks(learned_targets)
    with shared_fit(learn, callbacks, options, task.labels, max_minutes), learn.added_cbs(callbacks):
        table, minutes = fine_tune(learn, options.epochs, options.base_lr, options.pretrained, max_minutes)
    if minutes is not None:
        print(f"fine-tuning would take {minutes:.0f} minutes here and is left out; --fine-tune does it all the same")
        learn.model = before
        return probed
    targets = task.targets(valid)
    probe_scores = (
        np.stack([probes.scores[row_of[file], 0] for file in valid])
        if valid[0] in row_of
        else (part.scores(features.of(valid)))
    )
    scores = validation_scores(learn)
    probed.verdict, probed.table = task.judge(probe_scores, scores, targets, learned_targets), table
    print(probed.verdict, flush=True)
    if probed.verdict.kept:
        return measure_fine_tuned(probed, [probes.files[i] for i in learned], valid, scores, targets, features)
    del model
    learn.model = before
    return probed


def measure_fine_tuned(
    tuned: Trained, learned: list[Path], valid: list[Path], scores: np.ndarray, targets: np.ndarray, features: Features
) -> Trained:
    """Return the fine-tuned model with its calibration and familiarity, measured on the photos it was validated on.

    scores: (N, C) of the N validation photos; targets: theirs.
    """
    task, halves = tuned.task, np.arange(len(valid)) % 2
    calibration = task.calibrate(scores[:, None], targets, halves, shrink=True)
    own = Features(engine_of(tuned.learn), "")
    files = [*learned, *valid]
    subset = np.random.default_rng(0).permutation(len(valid))[:MAX_THRESHOLD_PHOTOS]
    views = [(subset + len(learned), own.of([valid[i] for i in subset], view)) for view in FAMILIARITY_VIEWS]
    parts = np.where(np.arange(len(files)) < len(learned), 0, 1)
    rows = own.of(files)
    known, familiarity_metrics, _ = task.fit_familiarity(rows[:, None], task.targets(files), parts, views)
    familiar = score_photos(known, own.of(valid)) if known else None
    scored = Scored(list(map(features.hash_of, valid)), scores, halves, familiar, targets)
    held_out, thresholds = task.held_out(scored, calibration)
    return Trained(
        tuned.learn,
        task,
        learned,
        held_out,
        calibration,
        known,
        familiarity_metrics,
        rows[: len(learned)],
        tuned.table,
        tuned.verdict,
        thresholds,
        valid,
    )
