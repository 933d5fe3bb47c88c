"""Which way of training errs least on photos that it has not seen: cross-validation on one folder or several.

    python -m benchmarks.recipes DATA[,DATA] "resize=crop" "image_size=192" --arch mobilenet_v2 --weights FILE

A recipe is options of `training.train`, NAME=VALUE with spaces between; what it leaves out is as the training has
it. The frozen network's probe is measured out of fold, in every view of each photo: as it is, as a thumbnail, mirrored
and cropped. Every recipe gets the same folds.
"""
import time
from dataclasses import asdict, replace
from pathlib import Path

from fastcore.script import CliError, call_parse

from training.data import print_left_out, readable_photos
from training.learner import VIEWS, Seen, prepare, see
from training.options import TrainingOptions, check_options
from training.probe import cross_entropy

OPTIONS = ("image_size", "resize", "arch", "weights", "folds")


def read_recipe(text: str, base: TrainingOptions) -> TrainingOptions:
    """Return the training options in "NAME=VALUE NAME=VALUE"; CliError for what is none."""
    recipe = base
    for part in text.split():
        name, _, value = part.partition("=")
        if name not in OPTIONS:
            raise CliError(f"{part} in the recipe {text!r}: an option is one of {', '.join(OPTIONS)}.")
        try:
            recipe = replace(recipe, **{name: type(asdict(base)[name])(value)})
        except ValueError:
            raise CliError(f"{part} in the recipe {text!r}: {value!r} is not such a number.") from None
    check_options(recipe)
    return recipe


def row(folder: str, name: str, seen: Seen, seconds: float) -> str:
    """Return a line of the table: the share that is wrong by view, and the mean loss over the views."""
    wrong = (seen.scores.argmax(2) != seen.targets[:, None]).mean(0)
    shares = [f"{share:>10.2%}" for share in wrong] + ["-".rjust(10)] * (len(VIEWS) - len(wrong))
    loss = float(cross_entropy(seen.scores, seen.targets).mean())
    return f"{Path(folder).name:<14}{name:<32}{''.join(shares)}{loss:>9.4f}{seconds:>7.0f} s"


@call_parse
def main(
    data:str, # folder of photos, one folder a label; several with commas
    *recipes:str, # options of training.train, such as "resize=crop image_size=192"; "" is the default
    arch:str="resnet18", # any torchvision or timm architecture
    weights:str="", # local state dict of that architecture, instead of a download
    pretrained:bool=True, # start from random weights, for trying things out
    folds:int=5, # parts that are held out in turn
    seed:int=42, # of the folds
):
    "Print how often each recipe is wrong about the photos of DATA that it was trained without."
    base = TrainingOptions(arch, weights, pretrained=pretrained, folds=folds, seed=seed)
    options, rows = {text: read_recipe(text, base) for text in recipes or [""]}, []
    for folder in data.split(","):
        photos = readable_photos(folder)
        print_left_out(photos)
        for name, recipe in options.items():
            began = time.monotonic()
            seen = see(*prepare(photos, recipe), photos, recipe)
            rows.append(row(folder, name or "the default", seen, time.monotonic() - began))
    print(f"{'set':<14}{'wrong, out of fold':<32}{''.join(f'{view:>10}' for view in VIEWS)}{'loss':>9}{'time':>9}")
    print("\n".join(rows))
