"""Which way of training errs least on photos that it has not seen: cross-validation on one folder.

    python -m benchmarks.recipes DATA "grey=0 batch_size=64" "grey=0.3" --arch mobilenet_v2 --weights FILE

A recipe is options of `training.train`, NAME=VALUE with spaces between; what it leaves out is as the training has
it. Each is trained once a fold and measured on the photos held out, as they are and as strangers would send
them: as thumbnails, cropped, and both. Every recipe gets the same folds, views and random numbers.
"""
import time
from inspect import signature
from pathlib import Path

import numpy as np
from fastcore.script import CliError, call_parse

from classifier.trust import probabilities
from training.calibration import fit_temperature
from training.data import print_left_out, readable_photos
from training.folds import OutOfFold, out_of_fold
from training.train import check_options, train, train_without

OPTIONS = {name: option.default for name, option in signature(train).parameters.items()
           if name in ("epochs", "image_size", "resize", "batch_size", "base_lr", "grey")}


def read_recipe(text: str) -> dict:
    """Return the training options in "NAME=VALUE NAME=VALUE"; CliError for what is none."""
    recipe = dict(OPTIONS)
    for part in text.split():
        name, _, value = part.partition("=")
        if name not in OPTIONS:
            raise CliError(f"{part} in the recipe {text!r}: an option is one of {', '.join(OPTIONS)}.")
        try:
            recipe[name] = type(OPTIONS[name])(value)
        except ValueError:
            raise CliError(f"{part} in the recipe {text!r}: {value!r} is not such a number.") from None
    check_options(**recipe, valid_pct=0.2, seed=0, folds=2, out=Path("export.pkl"))
    return recipe


def cross_entropy(answers: OutOfFold) -> float:
    """Return the mean cross-entropy of the views at the temperature that suits them best."""
    by_label = probabilities(answers.scores, fit_temperature(answers.scores, answers.targets))
    return float(-np.log(by_label[np.arange(len(answers.targets)), :, answers.targets].clip(1e-12)).mean())


def row(name: str, answers: OutOfFold, seconds: float) -> str:
    """Return a line of the table."""
    wrong = answers.wrong()
    return (f"{name:<32} {' '.join(f'{share:>9.2%}' for share in [*wrong, wrong.mean()])} "
            f"{cross_entropy(answers):>9.4f} {seconds:>7.0f} s")


@call_parse
def main(
    data:str, # folder of photos, one folder a label
    *recipes:str, # options of training.train, such as "grey=0 batch_size=64"; "" is the default
    arch:str="resnet18", # any torchvision or timm architecture
    weights:str="", # local state dict of that architecture, instead of a download
    pretrained:bool=True, # start from random weights, for trying things out
    folds:int=3, # parts that are held out in turn
    seed:int=42, # of the trainings
):
    "Print how often each recipe is wrong about the photos of DATA that it was trained without."
    recipes = {text: read_recipe(text) for text in recipes or [""]}
    if folds < 2:
        raise CliError(f"--folds {folds}: at least 2.")
    found = readable_photos(data)
    photos = found.train
    print_left_out(found)
    rows = []
    for name, options in recipes.items():
        recipe = {**options, "arch": arch, "weights": weights, "pretrained": pretrained, "seed": seed}
        print(f"recipe {name!r} ...", flush=True)
        started = time.monotonic()
        answers = out_of_fold(photos, lambda held_out, recipe=recipe: train_without(photos, held_out, recipe), folds)
        if answers is None:
            raise CliError("A label has too few different photos to learn without some of them.")
        rows.append(row(name or "the default", answers, time.monotonic() - started))
    views = ("as it is", "thumbnail", "cropped", "both", "mean")
    print(f"{'wrong, out of fold':<32} {' '.join(f'{view:>9}' for view in views)} {'loss':>9} {'time':>9}")
    print("\n".join(rows))
