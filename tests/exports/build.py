"""Write the exports beside this file, with a fastai that is not the one the project uses.

Reads  nothing: the photos are made here, seeded
Writes NAME.pkl, what `learn.export()` of that fastai writes; photo.png; expected.json, what its `learn.predict`
       says of the photo, and the versions

    python3.10 -m venv old
    old/bin/pip install fastai==2.7.12 torch==1.12.1 torchvision==0.13.1 timm==0.6.13 "numpy<2" "pillow<10"
    old/bin/python tests/exports/build.py

Kept in the repository: that environment takes 4 GB, and no longer installs for newer Pythons.
"""

import json
import platform
import tempfile
from pathlib import Path

import fastai
import numpy as np
import timm
import torch
import torchvision
from fastai.vision.all import (
    CategoryBlock,
    CrossEntropyLossFlat,
    CutMix,
    DataBlock,
    FocalLossFlat,
    ImageBlock,
    ImageDataLoaders,
    LabelSmoothingCrossEntropyFlat,
    Learner,
    MixUp,
    Normalize,
    PILImage,
    RandomResizedCrop,
    RandomSplitter,
    RegexLabeller,
    Resize,
    ResizeMethod,
    accuracy,
    aug_transforms,
    create_head,
    error_rate,
    get_image_files,
    imagenet_stats,
    nn,
    parent_label,
    using_attr,
)
from PIL import Image

HERE = Path(__file__).parent
COLOURS = {"Blue": (40, 60, 200), "green": (40, 180, 60), "red": (200, 40, 40)}


def make_photo(colour, seed):
    noise = np.random.default_rng(seed).normal(0, 40, (60, 80, 3))
    return Image.fromarray((np.array(colour) + noise).clip(0, 255).astype(np.uint8))


def is_cat(name):
    return name[0].isupper()


class Labeller:
    def __call__(self, path):
        return path.parent.name


def learner(dls, body=None, width=8, lin_ftrs=(), loss=None, **options):
    """A Learner with a tiny body, untrained but not trivial."""
    torch.manual_seed(0)
    body = body or nn.Sequential(nn.Conv2d(3, 8, 5, stride=3), nn.ReLU(), nn.Conv2d(8, 8, 3, stride=2), nn.GELU())
    head = create_head(width, len(dls.vocab), lin_ftrs=list(lin_ftrs))
    nn.init.normal_(head[-1].weight, std=0.5)
    return Learner(dls, nn.Sequential(body, head), loss_func=loss or CrossEntropyLossFlat(), **options)


def block(photos, item_tfms, batch_tfms=None, get_y=parent_label, bs=4):
    return DataBlock(
        blocks=(ImageBlock, CategoryBlock),
        get_items=get_image_files,
        get_y=get_y,
        item_tfms=item_tfms,
        batch_tfms=batch_tfms,
        splitter=RandomSplitter(seed=42),
    ).dataloaders(photos, bs=bs, num_workers=0)


def learners(photos):
    files = get_image_files(photos)
    normalize = Normalize.from_stats(*imagenet_stats, cuda=False)
    torch.manual_seed(1)
    mobile = nn.Sequential(*torchvision.models.mobilenet_v2(width_mult=0.25).features[:4])
    resnet = nn.Sequential(*list(torchvision.models.resnet18().children())[:5])
    timm_body = nn.Sequential(*list(timm.create_model("resnet26d").children())[:4])
    yield (
        "lesson-is-cat",
        learner(
            ImageDataLoaders.from_name_func(
                photos, files, valid_pct=0.2, seed=42, label_func=is_cat, item_tfms=Resize(64), bs=4, num_workers=0
            ),
            metrics=error_rate,
        ),
    )
    yield (
        "lesson-bears",
        learner(block(photos, RandomResizedCrop(64, min_scale=0.5), aug_transforms()), metrics=error_rate),
    )
    yield "squish-lin-ftrs", learner(block(photos, Resize(48, ResizeMethod.Squish), [normalize]), lin_ftrs=[24, 12])
    yield (
        "pad-mixup",
        learner(
            block(photos, Resize(64, ResizeMethod.Pad, pad_mode="zeros"), [*aug_transforms(flip_vert=True), normalize]),
            loss=LabelSmoothingCrossEntropyFlat(),
            cbs=[MixUp(0.4)],
            metrics=[accuracy],
        ),
    )
    yield (
        "presized",
        learner(
            ImageDataLoaders.from_folder(
                photos,
                valid_pct=0.2,
                item_tfms=Resize(80),
                batch_tfms=aug_transforms(size=48, min_scale=0.75),
                bs=4,
                num_workers=0,
            ),
            loss=FocalLossFlat(),
            cbs=[CutMix()],
        ),
    )
    yield "regex-label", learner(block(photos, Resize(64), get_y=using_attr(RegexLabeller(r"^(.+)_\d+.png$"), "name")))
    yield "class-label", learner(block(photos, Resize(64), get_y=Labeller()))
    yield "mobilenet-v2", learner(block(photos, Resize(64), [normalize]), mobile, width=8)
    yield "resnet18", learner(block(photos, Resize(64), [normalize]), resnet, width=64)
    yield "timm-resnet", learner(block(photos, Resize(64), [normalize]), timm_body, width=64)


def main():
    make_photo((150, 90, 60), 99).save(HERE / "photo.png")
    expected = {
        "versions": {
            "python": platform.python_version(),
            "fastai": fastai.__version__,
            "torch": torch.__version__,
            "torchvision": torchvision.__version__,
            "timm": timm.__version__,
            "numpy": np.__version__,
        },
        "probabilities": {},
    }
    with tempfile.TemporaryDirectory() as folder:
        photos = Path(folder)
        for i, (label, colour) in enumerate(COLOURS.items()):
            (photos / label).mkdir()
            for j in range(6):
                make_photo(colour, 10 * i + j).save(photos / label / f"{label}_{j}.png")
        for name, learn in learners(photos):
            learn.path = HERE
            learn.export(f"{name}.pkl")
            with learn.no_bar(), learn.no_logging():
                scores = learn.predict(PILImage.create(HERE / "photo.png"))[2].tolist()
            expected["probabilities"][name] = dict(zip(map(str, learn.dls.vocab), scores))
    (HERE / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")


if __name__ == "__main__":
    main()
