"""Write the exports for photos with several labels, or none, beside this file, with the fastai of the project.

Reads  nothing: the photos are made here, seeded
Writes several-NAME.pkl, what `learn.export()` writes; expected-several.json, what `learn.predict` says of photo.png

    python tests/exports/build_multi_label.py

Where the loss has no activation of its own, fastai gives the network's outputs as they are, and no labels: expected are
then their sigmoids, or the outputs where the network ends in one, and the labels above a half.
"""

import json
import os
import pickle
import sys
import tempfile
import zipfile
from pathlib import Path

from training import torchvision_operators  # noqa: F401  before fastai.vision, torchvision and timm

# isort: split
import fastai
import pandas as pd
import timm
import torch
from build import learner, make_photo
from fastai.vision.all import (
    BCELossFlat,
    BCEWithLogitsLossFlat,
    ColReader,
    DataBlock,
    ImageBlock,
    ImageDataLoaders,
    Learner,
    MultiCategoryBlock,
    Normalize,
    PILImage,
    RandomSplitter,
    Resize,
    accuracy_multi,
    aug_transforms,
    imagenet_stats,
    nn,
)

HERE = Path(__file__).parent.resolve()
ROWS = [("blue", "sky"), ("green",), ("blue", "green"), (), ("sky",), ("blue", "green", "sky")] * 2
COLOURS = {"blue": (40, 60, 200), "green": (40, 180, 60), "sky": (120, 160, 230)}
NAMES = sorted(COLOURS)
NORMALIZE = Normalize.from_stats(*imagenet_stats, cuda=False)


def make_table():
    """Write a photo for each row into this folder, and return the table of them."""
    table = []
    for i, labels in enumerate(ROWS):
        name = f"{i:02}.png"
        colour = [sum(COLOURS[label][c] for label in labels) // max(1, len(labels)) for c in range(3)]
        make_photo(colour, i).save(name)
        table.append({"fname": name, "labels": " ".join(labels), **{label: int(label in labels) for label in NAMES}})
    return pd.DataFrame(table)


def block(table, y, get_y, get_x=None, item_tfms=None, batch_tfms=(NORMALIZE,)):
    return DataBlock(
        blocks=(ImageBlock, y),
        get_x=get_x or ColReader("fname"),
        get_y=get_y,
        splitter=RandomSplitter(seed=42),
        item_tfms=item_tfms or Resize(64),
        batch_tfms=list(batch_tfms),
    ).dataloaders(table, bs=4, num_workers=0)


def learners(table):
    """Yield a name and a Learner of each make."""
    split_labels = ColReader("labels", label_delim=" ")
    bce = BCEWithLogitsLossFlat
    # fastai's book, chapter 6
    dls = ImageDataLoaders.from_df(
        table, ".", fn_col="fname", label_col="labels", label_delim=" ", valid_pct=0.2, seed=42, bs=4, num_workers=0,
        item_tfms=Resize(64), batch_tfms=aug_transforms(size=48),
    )  # fmt: skip
    yield "pascal", learner(dls, loss=bce(), metrics=accuracy_multi)
    yield "threshold", learner(block(table, MultiCategoryBlock, split_labels), loss=bce(thresh=0.2), lin_ftrs=[12])
    encoded = MultiCategoryBlock(encoded=True, vocab=NAMES[::-1])
    yield "encoded", learner(block(table, encoded, ColReader(NAMES[::-1])), loss=bce(thresh=0.6))
    body = nn.Sequential(*list(timm.create_model("resnet26d").children())[:4])
    dls = block(table, MultiCategoryBlock, split_labels)
    yield "torch-loss-timm", learner(dls, body, width=64, loss=nn.BCEWithLogitsLoss())
    torch.manual_seed(3)
    head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 3), nn.Sigmoid())
    nn.init.normal_(head[2].weight, std=3)
    own = nn.Sequential(nn.Sequential(nn.Conv2d(3, 8, 5, stride=3), nn.ReLU()), head)
    yield "sigmoid", Learner(block(table, MultiCategoryBlock, split_labels), own, loss_func=BCELossFlat())
    get_y = lambda row: [*filter(None, row["labels"].split(" "))]  # noqa: E731  cloudpickle stores it by value
    get_y.__code__ = get_y.__code__.replace(co_filename="notebook")
    yield "with-na-lambda", learner(block(table, MultiCategoryBlock(add_na=True), get_y), loss=bce())


def copy_without_paths(export, to):
    """Copy an export; where cloudpickle has stored a file's path of this machine, as many other characters."""
    place = sys.prefix.encode()
    with zipfile.ZipFile(export) as archive, zipfile.ZipFile(to, "w") as other:
        for info in archive.infolist():
            other.writestr(info.filename, archive.read(info).replace(place, b"x" * len(place)))


def main():
    expected = {
        "versions": {"fastai": fastai.__version__, "torch": torch.__version__, "timm": timm.__version__},
        "answers": {},
    }
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)  # so that no export has a path of this machine
        del globals()["__file__"]  # cloudpickle would store it with the lambda
        for name, learn in learners(make_table()):
            learn.path = Path(".")
            options = {} if "lambda" in name else {"pickle_module": pickle}
            learn.export("export.pkl", **options)
            with learn.no_bar(), learn.no_logging():
                labels, _, outputs = learn.predict(PILImage.create(HERE / "photo.png"))
            vocab, labels = [str(label) for label in learn.dls.vocab], [str(label) for label in labels]
            if not isinstance(learn.loss_func, BCEWithLogitsLossFlat):
                outputs = outputs if name == "sigmoid" else outputs.sigmoid()
                labels = [label for label, output in zip(vocab, outputs.tolist()) if output > 0.5]
            expected["answers"][f"several-{name}"] = {
                "probabilities": dict(zip(vocab, outputs.tolist())),
                "labels": labels,
                "threshold": getattr(learn.loss_func, "thresh", 0.5),
            }
            copy_without_paths(Path("export.pkl"), HERE / f"several-{name}.pkl")
        os.chdir(HERE)
    (HERE / "expected-several.json").write_text(json.dumps(expected, indent=1) + "\n")


if __name__ == "__main__":
    main()
