"""Our training beside the lesson's, on the same photos, backbone and cores: seconds, and the error that comes of it.

    python -m benchmarks.train ../shared/data --weights ../shared/weights/mobilenet_v2-imagenet.pth

DATA holds `bears` to learn from and, where it is there, `bears-field`, photos from elsewhere to be tried on. Each
way runs in a process of its own, in turn. The lesson's is as it writes it (stock DataLoaders and settings, the
512-unit head, `fine_tune(4)`), but for the network: `vision_learner` cannot cut mobilenet_v2.
"""
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from fastcore.script import CliError, call_parse

from .apps import ROOT
from .serving import machine

FIELD = "bears-field"


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

    from training.backbone import load_backbone

    began = time.perf_counter()
    dls = DataBlock(blocks=(ImageBlock, CategoryBlock), get_items=get_image_files,
                    splitter=RandomSplitter(valid_pct=0.2, seed=42), get_y=parent_label,
                    item_tfms=RandomResizedCrop(224, min_scale=0.5), batch_tfms=aug_transforms()).dataloaders(photos)
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
    from training.data import readable_photos
    from training.learner import train
    from training.options import TrainingOptions
    from training.train import metrics_of, save

    began = time.perf_counter()
    found, options = readable_photos(photos), TrainingOptions("mobilenet_v2", weights)
    read = time.perf_counter()
    trained = train(found, options)
    fitted = time.perf_counter()
    metrics = save(trained, metrics_of(trained, found, options), out)
    return {"read": read - began, "fit": fitted - read, "export": time.perf_counter() - fitted,
            "error": metrics["error_rate"]}


WAYS = {"lesson": lesson, "ours": ours}


def run(way: str, photos: Path, weights: str, out: Path) -> dict:
    """Train in a process of its own; return what it measured, and its peak memory."""
    code = ("import sys, json, resource; from pathlib import Path; from benchmarks import train\n"
            "from classifier.torchvision_ops import declare_operators; declare_operators()\n"
            "way, photos, weights, out = sys.argv[1:]\n"
            "said = train.WAYS[way](Path(photos), weights, Path(out))\n"
            "said['memory'] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000\n"
            "print('\\n' + json.dumps(said))")
    process = subprocess.run([sys.executable, "-W", "ignore", "-c", code, way, str(photos), weights, str(out)],
                             cwd=ROOT, stdout=subprocess.PIPE, text=True)
    if process.returncode:
        raise CliError(f"The {way} run failed.")
    return json.loads(process.stdout.strip().splitlines()[-1])


def field_error(export: Path, photos: Path) -> float:
    """Return the share of photos from elsewhere that an export gets wrong, through the serving code."""
    from classifier import Classifier
    from classifier.photo import open_photo
    from training.data import get_photos

    classifier, files = Classifier.load(export), get_photos(photos)
    return sum(classifier.predict(open_photo(file)).label != file.parent.name for file in files) / len(files)


@call_parse
def main(
    data:str, # folder with `bears` and, for a second look, `bears-field`
    weights:str="", # local ImageNet state dict of mobilenet_v2, instead of a download
    rounds:int=1, # of both, in turn
):
    "Time our training and the lesson's."
    data, weights = Path(data).resolve(), str(Path(weights).resolve()) if weights else ""
    if not (data / "bears").is_dir():
        raise CliError(f"There is no {data / 'bears'}.")
    print(machine(), flush=True)
    said = {way: [] for way in WAYS}
    with tempfile.TemporaryDirectory() as folder:
        for turn in range(rounds):
            for way in list(WAYS)[::-1 if turn % 2 else 1]:
                out = Path(folder) / way / f"{turn}.pkl"
                out.parent.mkdir(exist_ok=True)
                said[way].append(run(way, data / "bears", weights, out))
                if (data / FIELD).is_dir():
                    said[way][-1][FIELD] = field_error(out, data / FIELD)
    middle = {way: {name: median(one[name] for one in runs) for name in runs[0]} for way, runs in said.items()}
    print(f"{'':52}{'lesson':>10}{'ours':>10}")
    for name, key, scale in (("reading photos, s", "read", 1),
                             ("the fit (ours: with calibration and familiarity), s", "fit", 1),
                             ("export (ours: checked and compiled), s", "export", 1), ("peak memory, MB", "memory", 1),
                             ("error on photos held out, %", "error", 100), (f"error on {FIELD}, %", FIELD, 100)):
        if key in middle["lesson"]:
            print(f"{name:52}{scale * middle['lesson'][key]:10.1f}{scale * middle['ours'][key]:10.1f}")
    whole = {way: sum(of[key] for key in ("read", "fit", "export")) for way, of in middle.items()}
    print(f"ours beside the lesson's, in all: {whole['ours'] / whole['lesson']:.2f}")
