"""How many labels a model needs: photos labelled in the order of the inbox, and at random.

    python -m benchmarks.active ../shared/data --weights ../shared/weights
    python -m benchmarks.active ../shared/data --weights ../shared/weights --rules margin,badge --held-out --quick

Each set begins with a few labelled photos of each label. In rounds, more of its training photos get their label, as a
rule chooses them, and the head is fitted anew as the training does it: frozen features, regularisation by
cross-validation, calibrated. The error is that on the set's test photos. Weights are state dicts named
ARCH-anything.pth; each set is measured with each. --others puts photos of the other sets into the inbox: who labels one
of them has looked at a photo for nothing. --held-out measures on training photos that are held out instead, so that a
rule can be chosen without the test photos.
"""

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.measuring.data_sets import DataSet, data_sets
from classifier.command_line import run
from classifier.inference.confidence import normalised, probabilities
from training.data.photos import get_photos
from training.options import TrainingOptions
from training.train.probes.calibration import fit_temperature
from training.train.probes.cross_validation import assign_folds, cross_validate, out_of_fold
from training.train.probes.familiarity import fit_familiarity, score_photos

from .photos import Photos, load, with_held_out
from .rules import RULES, State

FIXED_STRENGTH = 0.03  # of the regularisation, with --quick


@dataclass(frozen=True)
class Settings:
    """How labelling is simulated."""

    start: int
    batch: int
    labels: int
    quick: bool


def first_photos(photos: Photos, n: int, seed: int) -> np.ndarray:
    """Return the indices of n photos of each label."""
    rng = np.random.default_rng(seed)
    own = [np.flatnonzero(photos.targets == label) for label in range(len(photos.task.vocab))]
    return np.concatenate([rng.permutation(of)[:n] for of in own])


def state_of(
    photos: Photos, labelled: np.ndarray, inbox: np.ndarray, settings: Settings, seed: int
) -> tuple[State, float]:
    """Return what a model of the labelled photos says of the inbox, and its error on the test photos."""
    task, known = photos.task, labelled[photos.targets[labelled] >= 0]
    rows, targets = photos.rows[known], photos.targets[known]
    folds = assign_folds([[task.vocab[i]] for i in targets], list(map(str, known)), 3 if settings.quick else 5, seed)
    assert folds is not None
    strength = FIXED_STRENGTH
    if settings.quick:
        scores = out_of_fold(rows, folds, lambda others: task.path(rows[others], targets[others]).at(strength))
    else:
        strength, scores = cross_validate(rows, targets, folds, task)
    probe = task.path(rows, targets).at(strength)
    by_label = probabilities(probe.scores(photos.rows[inbox, 0]), fit_temperature(scores, targets))
    views = [(np.arange(len(rows)), rows[:, 0])]
    familiar = np.ones(len(inbox), dtype=bool)
    if (photos.targets < 0).any() and (fitted := fit_familiarity(rows, targets, folds, views)[0]):
        familiar = score_photos(fitted, photos.rows[inbox, 0]) >= fitted.threshold
    near = normalised(photos.rows[:, 0])
    state = State(by_label, near[inbox], near[labelled], familiar, np.random.default_rng(seed))
    return state, float(np.mean(probe.scores(photos.test_rows).argmax(1) != photos.test_targets))


def curve(photos: Photos, rule: str, settings: Settings, seed: int) -> np.ndarray:
    """Return the error after each round, the first one before it."""
    labelled, errors = first_photos(photos, settings.start, seed), []
    for done in range(0, settings.labels + 1, settings.batch):
        inbox = np.setdiff1d(np.arange(len(photos.targets)), labelled)
        state, error = state_of(photos, labelled, inbox, settings, 1000 * seed + done)
        errors.append(error)
        if done < settings.labels:
            labelled = np.concatenate([labelled, inbox[RULES[rule](state, settings.batch)]])
    return np.array(errors)


def needed(errors: np.ndarray, wanted: float, batch: int) -> float:
    """Return how many labels bring an error down to the one that is wanted, between rounds in proportion; else inf.

    errors: (R,) after each round, the mean of several seeds.
    """
    lowest = np.minimum.accumulate(errors)
    if lowest[-1] > wanted:
        return float("inf")
    i = int(np.argmax(lowest <= wanted))
    if i == 0:
        return 0.0
    return batch * (i - (wanted - lowest[i]) / (lowest[i - 1] - lowest[i]))


def table(name: str, by_rule: dict[str, np.ndarray], at: Sequence[int], settings: Settings) -> list[str]:
    """Return a line for each rule: its error after so many labels, and how many labels it needs for random's."""
    random, lines = by_rule["random"], []
    for rule, errors in by_rule.items():
        cells = [f"{errors[k // settings.batch]:>9.1%}" for k in at]
        for k in at:
            labels = needed(errors, random[k // settings.batch], settings.batch)
            cells.append(
                f"{f'{labels:.0f} ({labels / k:.0%})' if np.isfinite(labels) else f'over {settings.labels}':>13}"
            )
        lines.append(f"{name:<34}{rule:<17}{errors[0]:>8.1%}{''.join(cells)}")
    return lines


def head(at: Sequence[int]) -> str:
    """Return the first line of the table."""
    errors, wanted = "".join(f"{f'at {k}':>9}" for k in at), "".join(f"{f'as random {k}':>13}" for k in at)
    return f"{'set, network':<34}{'rule':<17}{'start':>8}{errors}{wanted}"


def main(
    data: str,  # folder of data sets; see benchmarks.datasets
    weights: str = ".",  # folder of state dicts
    rules: str = "random,inbox",  # what is compared, with commas between; random is always
    start: int = 5,  # labelled photos of each label at first
    batch: int = 25,  # labels of a round
    labels: int = 100,  # labels in all, beside the first ones
    at: str = "50,100",  # numbers of random labels whose error is to be reached
    seeds: int = 5,  # draws of the first photos
    views: int = 4,  # of each photo to learn from, at most 4 as the training has
    others: float = 0.0,  # photos of other sets in the inbox, as a share of the set's own
    held_out: bool = False,  # measure on training photos that are held out, not on the test photos
    quick: bool = False,  # one regularisation for all, and fewer folds
    only: str = "",  # sets, with commas between, instead of all
    cache: str = "",  # folder that keeps the features for the next time
) -> None:
    "Print how many labels each rule needs for the error that random labels reach."
    settings, marks = Settings(start, batch, labels, quick), [int(k) for k in at.split(",")]
    names, found = list(dict.fromkeys(["random", *rules.split(",")])), data_sets(Path(data))
    lines, began = [head(marks)], time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        for state_dict in sorted(Path(weights).glob("*.pth")):
            options = TrainingOptions(state_dict.name.partition("-")[0], str(state_dict), resize="crop")
            for one in found:
                if only and one.name not in only.split(","):
                    continue
                strange = others_of(one, found, others)
                photos = load(one, strange, options, views, Path(cache or folder) / one.name)
                by_rule = {rule: mean_curve(photos, rule, settings, seeds, held_out) for rule in names}
                rows = table(f"{one.name}, {options.arch}", by_rule, marks, settings)
                print("\n".join([head(marks), *rows]), flush=True)
                lines += rows
    print("\n".join(["", *lines, f"{seeds} seeds, {time.monotonic() - began:.0f} s"]))


def others_of(one: DataSet, found: Sequence[DataSet], share: float) -> list[Path]:
    """Return photos to learn from of the other sets, drawn evenly, so many as a share of the set's own."""
    pool = [photo for other in found if other is not one for photo in get_photos(other.train)]
    n = min(len(pool), round(share * len(get_photos(one.train))))
    return [pool[i] for i in np.linspace(0, len(pool) - 1, n).astype(int)] if n else []


def mean_curve(photos: Photos, rule: str, settings: Settings, seeds: int, held_out: bool) -> np.ndarray:
    """Return the error after each round, the mean of several seeds."""
    each = [curve(with_held_out(photos, seed) if held_out else photos, rule, settings, seed) for seed in range(seeds)]
    return np.mean(each, axis=0)


if __name__ == "__main__":
    run(main)
