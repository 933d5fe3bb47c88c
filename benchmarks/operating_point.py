"""How often a promised precision is kept: thresholds from a part of the photos, measured on photos not seen.

    python -m benchmarks.operating_point ../shared/data --arch mobilenet_v2 --weights ../shared/weights/FILE

Each set is drawn anew many times: from 7 of 10 photos to learn from, the probe and its out-of-fold answers; from those
the thresholds, as `training.operate` chooses them. They are measured on the other 3 of 10, photos of the same kind,
and on the set's own test photos, which may be of another. A promise counts as kept where it lies in or below the 95%
interval of what was measured.
"""

from pathlib import Path

import numpy as np
from fastcore.script import call_parse

from training.answers import Answers, Outcome
from training.data.photos import get_photos, readable_photos
from training.operating_point import choose
from training.options import TrainingOptions
from training.predictions import Predictions
from training.train.cross_validation import assign_folds, choose_strength, out_of_fold
from training.train.learner import prepare
from training.train.one_label import OneLabel
from training.train.task import Scored

from .data_sets import DataSet, data_sets

LEARNED_SHARE = 0.7


class Resampled:
    """The features of a set's photos, and promises of probes that learned from a part of them."""

    def __init__(self, found: DataSet, options: TrainingOptions, cache: Path | None) -> None:
        photos = readable_photos(found.train)
        learn, features = prepare(photos, options, cache=cache)
        self.task, self.options = OneLabel(learn.dls.vocab, photos.labels), options
        self.files, self.tested = sorted(photos.train), get_photos(found.test)
        self.rows, self.test_rows = features.of(self.files)[:, None], features.of(self.tested)
        features.save(self.files)
        self.targets, self.test_targets = self.task.targets(self.files), self.task.targets(self.tested)
        self.hashes = list(map(features.hash_of, self.files))
        folds = self._folds(np.arange(len(self.files)))
        self.strength = choose_strength(self.rows, self.targets, folds, self.task)

    def _folds(self, which: np.ndarray) -> np.ndarray:
        labels = [[self.task.vocab[self.targets[i]]] for i in which]
        folds = assign_folds(labels, [self.hashes[i] for i in which], self.options.folds, self.options.seed)
        assert folds is not None
        return folds

    def draw(self, seed: int, precision: float) -> tuple[Outcome, Outcome]:
        """Return what comes of a promise on the photos left out, and on the test photos."""
        order = np.random.default_rng(seed).permutation(len(self.files))
        n = round(LEARNED_SHARE * len(order))
        learned, left = np.sort(order[:n]), np.sort(order[n:])
        folds, rows, targets = self._folds(learned), self.rows[learned], self.targets[learned]
        scores = out_of_fold(
            rows, folds, lambda others: self.task.path(rows[others], targets[others]).at(self.strength)
        )
        calibration = self.task.calibrate(scores, targets, folds)
        held_out, _ = self.task.held_out(Scored([], scores[:, 0], folds, None, targets), calibration)
        thresholds = choose(Answers.of(self._predictions(held_out.probabilities, targets)), precision).thresholds
        probe = self.task.path(rows, targets).at(self.strength)

        def outcome(features: np.ndarray, own: np.ndarray) -> Outcome:
            scored = Scored([], probe.scores(features), np.zeros(len(own)), None, own)
            answered, _ = self.task.held_out(scored, calibration)
            return Answers.of(self._predictions(answered.probabilities, own)).outcome(thresholds)

        return outcome(self.rows[left][:, 0], self.targets[left]), outcome(self.test_rows, self.test_targets)

    def _predictions(self, probabilities: np.ndarray, targets: np.ndarray) -> Predictions:
        return Predictions([Path(str(i)) for i in range(len(targets))], self.task.vocab, targets, probabilities)


def row(name: str, precision: float, outcomes: list[Outcome]) -> str:
    """Return a line of the table: how often the promise was kept, and what was measured in the median."""
    kept = sum(outcome.interval[1] >= precision for outcome in outcomes)
    n, right = sum(outcome.n for outcome in outcomes), sum(outcome.n_right for outcome in outcomes)
    asked = float(np.median([outcome.asked for outcome in outcomes]))
    never = sum(outcome.n == 0 for outcome in outcomes)
    measured = f"{right / n:.1%}" if n else "-"
    return f"{name:<28}{precision:>9.0%}{kept:>8} of {len(outcomes)}{measured:>10}{asked:>9.0%}{never:>9}"


@call_parse
def main(
    data: str,  # folder of data sets, as shared/data
    arch: str = "resnet18",  # any torchvision or timm architecture
    weights: str = "",  # local state dict of that architecture, instead of a download
    precision: str = "0.9,0.95,0.99",  # promises
    draws: int = 20,  # of each set
    seed: int = 42,  # of the folds
) -> None:
    "Print how often a promised precision is kept on photos that nothing was chosen on."
    options, rows = TrainingOptions(arch, weights, resize="crop", seed=seed), []
    for found in data_sets(Path(data)):
        if (found.train / "labels.csv").exists():
            continue
        print(f"{found.name} ...", flush=True)
        resampled = Resampled(found, options, None)
        for wanted in map(float, precision.split(",")):
            pairs = [resampled.draw(draw, wanted) for draw in range(draws)]
            rows += [
                row(f"{found.name}, left out", wanted, [own for own, _ in pairs]),
                row(f"{found.name}, {found.test.name}", wanted, [other for _, other in pairs]),
            ]
    print(f"{'photos':<28}{'promised':>9}{'kept':>8}{'':>6}{'right':>10}{'asked':>9}{'never':>9}")
    print("\n".join(rows))
