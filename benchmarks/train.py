"""Our training beside the lesson's, on the same photos, backbone and cores: seconds, and the error that comes of it.

    python -m benchmarks.train ../shared/data --weights ../shared/weights/mobilenet_v2-imagenet.pth

DATA holds `bears` to learn from and, where it is there, `bears-field`, photos from elsewhere to be tried on. Each
way runs in a process of its own, in turn, on a copy of the photos; ours once more with ten photos more, where the
features of all others are known. The lesson's is as it writes it (stock DataLoaders and settings, the
512-unit head, `fine_tune(4)`), but for the network: `vision_learner` cannot cut mobilenet_v2.
"""

import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from fastcore.script import CliError, call_parse
from PIL import ImageOps

from classifier.photo import open_photo
from training.data.photos import get_photos
from training.evaluation.predict import load_classifier, predict_labelled

from .measuring.apps import ROOT
from .measuring.machine import machine

FIELD = "bears-field"
N_MORE = 10
ROWS = (
    ("reading photos, s", "read", 1),
    ("the fit (ours: probe, calibration, familiarity), s", "fit", 1),
    ("export (ours: checked and compiled), s", "export", 1),
    ("in all, from start to end, s", "whole", 1),
    ("again with ten photos more, s", "ten more", 1),
    ("peak memory, MB", "memory", 1),
    ("error on photos held out, %", "error", 100),
    (f"error on {FIELD}, %", FIELD, 100),
)
TARGETS = (("ours in all", "whole", 60), ("ten photos more", "ten more", 15))


def lesson(photos: Path, weights: str, out: Path) -> dict:
    """Train as the lesson does; return seconds and the error on its own validation photos."""
    from fastai.vision.all import (
        CategoryBlock,
        DataBlock,
        ImageBlock,
        Learner,
        RandomResizedCrop,
        RandomSplitter,
        aug_transforms,
        create_head,
        default_split,
        error_rate,
        get_image_files,
        parent_label,
    )
    from torch import nn

    from training.train.network.backbone import load_backbone

    began = time.perf_counter()
    dls = DataBlock(
        blocks=(ImageBlock, CategoryBlock),
        get_items=get_image_files,
        splitter=RandomSplitter(valid_pct=0.2, seed=42),
        get_y=parent_label,
        item_tfms=RandomResizedCrop(224, min_scale=0.5),
        batch_tfms=aug_transforms(),
    ).dataloaders(photos)
    backbone = load_backbone("mobilenet_v2", weights=weights)
    model = nn.Sequential(backbone.body, create_head(backbone.n_features, dls.c))
    learn = Learner(dls, model, splitter=default_split, metrics=error_rate)
    started = time.perf_counter()
    learn.fine_tune(4)
    fitted = time.perf_counter()
    error = 1 - float((learn.get_preds()[0].argmax(1) == learn.get_preds()[1]).float().mean())
    learn.export(out.resolve())
    return {"read": started - began, "fit": fitted - started, "export": time.perf_counter() - fitted, "error": error}


def ours(photos: Path, weights: str, out: Path) -> dict:
    """Train as `training.train` does; return seconds and the error on photos that were held out in turn."""
    from training.data.photos import readable_photos
    from training.options import TrainingOptions
    from training.train.learner import train
    from training.train.network.features import FOLDER
    from training.train.record import metrics_of, save

    began = time.perf_counter()
    found, options = readable_photos(photos), TrainingOptions("mobilenet_v2", weights)
    read = time.perf_counter()
    trained = train(found, options, cache=photos / FOLDER)
    fitted = time.perf_counter()
    metrics = save(trained, metrics_of(trained, found, options), out)
    return {
        "read": read - began,
        "fit": fitted - read,
        "export": time.perf_counter() - fitted,
        "error": metrics["error_rate"],
    }


WAYS = {"lesson": lesson, "ours": ours}


def run(way: str, photos: Path, weights: str, out: Path) -> dict:
    """Train in a process of its own; return what it measured, its peak memory, and the seconds of all of it."""
    code = (
        "import sys, json, resource; from pathlib import Path; from benchmarks import train\n"
        "from classifier.torchvision_compat import declare_operators; declare_operators()\n"
        "way, photos, weights, out = sys.argv[1:]\n"
        "measured = train.WAYS[way](Path(photos), weights, Path(out))\n"
        "measured['memory'] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000\n"
        "print('\\n' + json.dumps(measured))"
    )
    began = time.perf_counter()
    process = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, way, str(photos), weights, str(out)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    if process.returncode:
        raise CliError(f"The {way} run failed.")
    return {**json.loads(process.stdout.strip().splitlines()[-1]), "whole": time.perf_counter() - began}


def add_ten(photos: Path) -> None:
    """Put ten photos more into a folder of labels: others of it, mirrored and encoded anew."""
    found = get_photos(photos)
    for i, file in enumerate(found[:: max(1, len(found) // N_MORE)][:N_MORE]):
        ImageOps.mirror(open_photo(file)).save(file.with_name(f"more-{i}.jpg"), quality=80)


def measure(way: str, data: Path, weights: str, folder: Path) -> dict:
    """Return what one training of a copy of DATA/bears measures; of ours, also the next one's with ten photos more."""
    photos, out = folder / "bears", folder / "export.pkl"
    shutil.copytree(data / "bears", photos, ignore=shutil.ignore_patterns(".*"))  # no features of an earlier run
    measured = run(way, photos, weights, out)
    if (data / FIELD).is_dir():
        predictions, _ = predict_labelled(load_classifier(out), get_photos(data / FIELD))
        measured[FIELD] = predictions.n_wrong / len(predictions.files)
    if way == "ours":
        add_ten(photos)
        measured["ten more"] = run(way, photos, weights, out)["whole"]
    return measured


@call_parse
def main(
    data: str,  # folder with `bears` and, for a second look, `bears-field`
    weights: str = "",  # local ImageNet state dict of mobilenet_v2, instead of a download
    rounds: int = 1,  # of both, in turn
):
    "Time our training and the lesson's."
    data, weights = Path(data).resolve(), str(Path(weights).resolve()) if weights else ""
    if not (data / "bears").is_dir():
        raise CliError(f"There is no {data / 'bears'}.")
    print(machine(), flush=True)
    runs = {way: [] for way in WAYS}
    for turn in range(rounds):
        for way in list(WAYS)[:: -1 if turn % 2 else 1]:
            with tempfile.TemporaryDirectory() as folder:
                runs[way].append(measure(way, data, weights, Path(folder)))
    middle = {way: {name: median(one[name] for one in of) for name in of[0]} for way, of in runs.items()}
    print(f"{'':56}{'lesson':>10}{'ours':>10}")
    for name, key, scale in ROWS:
        cells = [f"{scale * of[key]:10.1f}" if key in of else "-".rjust(10) for of in middle.values()]
        print(f"{name:56}{''.join(cells)}")
    for name, key, most in TARGETS:
        seconds = middle["ours"][key]
        print(f"{name}: {seconds:.0f} s (at most {most} s{'' if seconds <= most else ', MISSED'})")
