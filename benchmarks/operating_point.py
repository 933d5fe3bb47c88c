"""How often a promised precision is kept: thresholds from a part of the photos, measured on photos not seen.

    python -m benchmarks.operating_point ../shared/data --arch mobilenet_v2 --weights ../shared/weights/FILE

Each set is drawn anew many times: from 7 of 10 photos to learn from, the probe and its out-of-fold answers; from those
the thresholds, as `training.operate` chooses them. They are measured on the other 3 of 10, photos of the same kind,
and on the set's own test photos, which may be of another. A promise counts as kept where it lies in or below the 95%
interval of what was measured.
"""

from pathlib import Path

import numpy as np

from classifier.command_line import run
from training.data.photos import get_photos, readable_photos
from training.evaluation.answers import Answers, Outcome
from training.evaluation.operating_point import choose
from training.evaluation.predictions import Predictions
from training.options import TrainingOptions
from training.progress import progress_bar
from training.train.learner import prepare
from training.train.one_label import OneLabel
from training.train.probes.cross_validation import assign_folds, choose_strength, out_of_fold
from training.train.task import Scored

from .measuring.data_sets import DataSet, data_sets

LEARNED_SHARE = 0.7


class Resampled:
    """The features of a set's photos, and promises of probes that learned from a part of them."""

    def __init__(self, found: DataSet, options: TrainingOptions) -> None:
        photos = readable_photos(found.train)
        learn, features = prepare(photos, options)
        self.task, self.options = OneLabel(learn.dls.vocab, photos.labels), options
        self.files, self.tested = sorted(photos.train), get_photos(found.test)
        self.rows, self.test_rows = features.of(self.files)[:, None], features.of(self.tested)
        self.targets, self.test_targets = self.task.targets(self.files), self.task.targets(self.tested)
        self.hashes = list(map(features.hash_of, self.files))
        folds = self._folds(np.arange(len(self.files)))
        self.strength = choose_strength(self.rows, self.targets, folds, self.task)

    def _folds(self, which: np.ndarray) -> np.ndarray:
        labels = [[self.task.vocab[self.targets[i]]] for i in which]
        folds = assign_folds(labels, [self.hashes[i] for i in which], self.options.folds, self.options.seed)
        assert folds is not None
        return folds

    def draw(self, seed: int, promises: list[float]) -> list[tuple[Outcome, Outcome]]:
        """Return for each promise what comes of it on the photos left out, and on the test photos."""
        order = np.random.default_rng(seed).permutation(len(self.files))
        n = round(LEARNED_SHARE * len(order))
        learned, left = np.sort(order[:n]), np.sort(order[n:])
        folds, rows, targets = self._folds(learned), self.rows[learned], self.targets[learned]
        scores = out_of_fold(
            rows, folds, lambda others: self.task.path(rows[others], targets[others]).at(self.strength)
        )
        calibration = self.task.calibrate(scores, targets, folds)
        probe = self.task.path(rows, targets).at(self.strength)

        def answers(of: np.ndarray, own: np.ndarray) -> Answers:
            scored = Scored([], of, np.zeros(len(own)), None, own)
            answered, _ = self.task.held_out(scored, calibration)
            return Answers.of(self._predictions(answered.probabilities, own))

        held_out = answers(scores[:, 0], targets)
        new = answers(probe.scores(self.rows[left][:, 0]), self.targets[left])
        test = answers(probe.scores(self.test_rows), self.test_targets)
        chosen = [choose(held_out, promise).thresholds for promise in promises]
        return [(new.outcome(thresholds), test.outcome(thresholds)) for thresholds in chosen]

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


def main(
    data: str,  # folder of data sets, as shared/data
    arch: str = "resnet18",  # any torchvision or timm architecture
    weights: str = "",  # local state dict of that architecture, instead of a download
    precision: str = "0.9,0.95,0.99",  # promises
    draws: int = 20,  # of each set
    seed: int = 42,  # of the folds
) -> None:
    "Print how often a promised precision is kept on photos that nothing was chosen on."
    options, promises = TrainingOptions(arch, weights, resize="crop", seed=seed), list(map(float, precision.split(",")))
    print(f"{'photos':<28}{'promised':>9}{'kept':>8}{'':>6}{'right':>10}{'asked':>9}{'never':>9}")
    for found in data_sets(Path(data)):
        if (found.train / "labels.csv").exists():
            continue
        resampled = Resampled(found, options)
        by_draw = [resampled.draw(seed, promises) for seed in progress_bar(range(draws), leave=False)]
        for promise, outcomes in zip(promises, zip(*by_draw)):
            print(row(f"{found.name}, left out", promise, [own for own, _ in outcomes]))
            print(row(f"{found.name}, {found.test.name}", promise, [other for _, other in outcomes]), flush=True)


if __name__ == "__main__":
    run(main)
