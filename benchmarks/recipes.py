"""Which way of training errs least on photos that it has not seen: cross-validation on one folder or several.

    python -m benchmarks.recipes DATA[,DATA] "resize=crop" "epochs=8 base_lr=1e-3" --arch mobilenet_v2 --weights FILE

A recipe is options of `training.train`, NAME=VALUE with spaces between; what it leaves out is as the training has
it. The frozen network's probe is measured out of fold in every view of each photo: its error, and its loss at the
temperature that suits it best. A recipe that names an option of fine-tuning is fine-tuned too, and the last column
says what held-out photos think of that. Every recipe gets the same folds.
"""

import math
import time
from dataclasses import replace
from pathlib import Path

from fastcore.script import CliError, call_parse

from training.data.photos import print_left_out, readable_photos
from training.data.splits import Photos
from training.options import TrainingOptions
from training.train.checks import check_options
from training.train.fine_tune import Verdict
from training.train.learner import prepare, with_fine_tuning, with_probe
from training.train.out_of_fold import VIEWS, OutOfFold, score_out_of_fold
from training.train.probes.calibration import fit_temperature
from training.train.probes.linear import cross_entropy

OF_THE_PROBE = ("arch", "weights", "image_size", "resize")
OF_FINE_TUNING = ("epochs", "base_lr", "batch_size", "grey")
HEAD = (
    f"{'set':<12}{'recipe: wrong / loss, out of fold':<38}{''.join(f'{view:>15}' for view in VIEWS)}{'time':>8}"
    "  fine-tuning"
)


def read_recipe(text: str, base: TrainingOptions) -> TrainingOptions:
    """Return the training options in "NAME=VALUE NAME=VALUE"; CliError for what is none."""
    recipe = base
    for part in text.split():
        name, _, value = part.partition("=")
        if name not in OF_THE_PROBE + OF_FINE_TUNING:
            raise CliError(
                f"{part} in the recipe {text!r}: an option is one of {', '.join(OF_THE_PROBE + OF_FINE_TUNING)}."
            )
        try:
            recipe = replace(recipe, **{name: type(getattr(base, name))(value)})
        except ValueError:
            raise CliError(f"{part} in the recipe {text!r}: {value!r} is not such a number.") from None
        recipe = replace(recipe, fine_tune=recipe.fine_tune or name in OF_FINE_TUNING)
    check_options(recipe)
    return recipe


def measure(photos: Photos, recipe: TrainingOptions) -> tuple[OutOfFold, Verdict | None]:
    """Return the out-of-fold scores of a recipe, and the verdict on its fine-tuning; None where it has none."""
    learn, features = prepare(photos, recipe)
    probes = score_out_of_fold(learn, features, photos, recipe)
    if not recipe.fine_tune:
        return probes, None
    probed = with_probe(learn, features, photos, probes)
    return probes, with_fine_tuning(probed, features, probes, recipe, math.inf).verdict


def row(folder: str, name: str, probes: OutOfFold, verdict: Verdict | None, seconds: float) -> str:
    """Return a line of the table: error and loss by view, and whether fine-tuning proved better."""
    wrong = (probes.scores.argmax(2) != probes.targets[:, None]).mean(0)
    losses = cross_entropy(probes.scores / fit_temperature(probes.scores, probes.targets), probes.targets).mean(0)
    views = [f"{share:.2%} / {loss:.3f}".rjust(15) for share, loss in zip(wrong, losses)]
    views += ["-".rjust(15)] * (len(VIEWS) - len(views))  # of many photos, fewer views
    tuned = (
        "-"
        if verdict is None
        else (
            f"{'kept' if verdict.kept else 'not kept'}: loss {verdict.loss_before:.3f} to "
            f"{verdict.loss_after:.3f}, p = {verdict.p:.3f}"
        )
    )
    return f"{Path(folder).name:<12}{name:<38}{''.join(views)}{seconds:>6.0f} s  {tuned}"


@call_parse
def main(
    data: str,  # folder of photos, one folder a label; several with commas between
    *recipes: str,  # options of training.train, such as "resize=crop image_size=192"; "" is the default
    arch: str = "resnet18",  # any torchvision or timm architecture
    weights: str = "",  # local state dict of that architecture, instead of a download
    pretrained: bool = True,  # start from random weights, for trying things out
    folds: int = 5,  # parts that are held out in turn
    seed: int = 42,  # of the folds
):
    "Print how often each recipe is wrong about the photos of DATA that it was trained without."
    base = TrainingOptions(arch, weights, pretrained=pretrained, folds=folds, seed=seed)
    options, rows = {text: read_recipe(text, base) for text in recipes or [""]}, []
    for folder in data.split(","):
        photos = readable_photos(folder)
        print_left_out(photos)
        for name, recipe in options.items():
            print(f"{folder}, recipe {name!r} ...", flush=True)
            began = time.monotonic()
            probes, verdict = measure(photos, recipe)
            rows.append(row(folder, name or "the default", probes, verdict, time.monotonic() - began))
    print("\n".join([HEAD, *rows]))
