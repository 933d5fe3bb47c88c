"""classifier/export/reader.py: what fastai writes opens, old and new, and what cannot be opened is named."""

import functools
import json
import pickle
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
import torchvision
from fastai.callback.data import PartialDL
from fastai.callback.mixup import MixUp
from fastai.callback.tracker import SaveModelCallback
from fastai.data.block import CategoryBlock, DataBlock
from fastai.data.transforms import Normalize, RandomSplitter, RegexLabeller, get_image_files
from fastai.losses import FocalLossFlat, LabelSmoothingCrossEntropyFlat
from fastai.metrics import accuracy
from fastai.vision.augment import Resize, aug_transforms
from fastai.vision.core import PILImage
from fastai.vision.data import ImageBlock, ImageDataLoaders
from fastcore.basics import using_attr
from fasttransform import Transform
from PIL import Image
from torch import nn

from classifier import Classifier
from classifier.export import ExportError, read_export
from classifier.inference.torch_engine import TorchEngine
from helpers.learners import (
    NORMALIZE,
    TOLERANCE,
    export,
    learn_without_items,
    make_learner,
    served,
    stock,
)
from helpers.photos import noisy_photo
from helpers.pickles import torch_zip
from training.data.files import parent_label

OLD = Path(__file__).parents[1] / "exports"
EXPECTED = json.loads((OLD / "expected.json").read_text())["probabilities"]


@pytest.mark.parametrize("name", EXPECTED)
def test_export_of_fastai_2_7_answers_as_it_did(name):
    engine = TorchEngine(read_export(OLD / f"{name}.pkl"))
    scores = torch.from_numpy(engine.answer(Image.open(OLD / "photo.png").convert("RGB"))[0]).softmax(0)
    assert dict(zip(engine.labels, scores.tolist())) == pytest.approx(EXPECTED[name], abs=TOLERANCE)


def is_cat(file) -> bool:
    return parent_label(file) == "red"


class Labeller:
    def __call__(self, file):
        return parent_label(file)


def outer(names):
    return lambda file: names[parent_label(file)]


LEARNERS = {
    "plain": {},
    "augmented": {"batch_tfms": [*aug_transforms(size=48, min_scale=0.75), NORMALIZE]},
    "squish": {"item_tfms": Resize(64, "squish")},
    "pad": {"item_tfms": Resize(64, "pad", pad_mode="zeros")},
    "main-function": {"get_y": is_cat},
    "lambda": {"get_y": lambda file: file.parent.name},
    "closure": {"get_y": outer({"red": "a", "green": "b", "blue": "c"})},
    "class": {"get_y": Labeller()},
    "partial": {"get_y": functools.partial(re.sub, "e", "E")},
    "regex": {"get_y": using_attr(RegexLabeller(r"^(\d).*$"), "name")},
    "label-smoothing": {"loss_func": LabelSmoothingCrossEntropyFlat()},
    "focal": {"loss_func": FocalLossFlat()},
}


@pytest.mark.parametrize("key", LEARNERS)
def test_stock_export_answers_as_load_learner_does(key, photos, tmp_path):
    options = {"item_tfms": Resize(64), "batch_tfms": [NORMALIZE], **LEARNERS[key]}
    if key == "partial":
        options["get_y"] = lambda file, label=options["get_y"]: label(parent_label(file))
    learn = make_learner(photos, **options)
    learn.add_cbs([MixUp(), SaveModelCallback()])
    learn.metrics, learn.path = [accuracy], tmp_path
    learn.export("export.pkl")  # by cloudpickle: functions by value
    photo = noisy_photo((200, 90, 40), 3)
    assert np.abs(served(tmp_path / "export.pkl", photo) - stock(tmp_path / "export.pkl", photo)).max() < TOLERANCE


def rewritten(path: Path, *changes: tuple[bytes, bytes]) -> Path:
    """Change the pickle in an export."""
    with zipfile.ZipFile(path) as archive:
        members = {info.filename: archive.read(info) for info in archive.infolist()}
    name = next(name for name in members if name.endswith("/data.pkl"))
    for old, new in changes:
        assert old in members[name]
        members[name] = members[name].replace(old, new)
    with zipfile.ZipFile(path, "w") as archive:
        for member, data in members.items():
            archive.writestr(member, data)
    return path


@pytest.fixture
def stored(photos, tmp_path) -> Path:
    """A stock export that holds a path, its names by reference."""
    learn = make_learner(photos, Resize(64), [NORMALIZE])
    learn.path = Path("/home/someone/bears")
    torch.save(learn_without_items(learn), tmp_path / "export.pkl", pickle_protocol=2)
    return tmp_path / "export.pkl"


FROM_ELSEWHERE = {
    "windows": [(b"PosixPath\n", b"WindowsPath\n")],
    "posix": [],
    "python-3.13": [(b"cpathlib\n", b"cpathlib._local\n")],
    "gpu": [(b"X\x03\0\0\0cpu", b"X\x06\0\0\0cuda:0")],
    "numpy-1-or-2": [(b"ccollections\nOrderedDict\n", b"ccollections\nOrderedDict\n")],
}


@pytest.mark.parametrize("key", FROM_ELSEWHERE)
def test_export_of_another_machine_opens(key, stored):
    photo = noisy_photo((200, 90, 40), 3)
    expected = stock(stored, photo)
    assert np.abs(served(rewritten(stored, *FROM_ELSEWHERE[key]), photo) - expected).max() < TOLERANCE


def test_export_in_the_format_before_zip_opens(photos, tmp_path):
    learn = learn_without_items(make_learner(photos, Resize(64), [NORMALIZE]))
    path = tmp_path / "export.pkl"
    torch.save(learn, path, _use_new_zipfile_serialization=False)
    photo = noisy_photo((200, 90, 40), 3)
    assert np.abs(served(path, photo) - stock(path, photo)).max() < TOLERANCE
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ExportError, match="first part"):
        read_export(path)


@pytest.mark.parametrize("n", [1, 1000])
def test_any_number_of_labels_opens(n, photos, tmp_path):
    learn = make_learner(photos, Resize(64), [NORMALIZE], n_out=n)
    labels = [f"label {i}" for i in range(n)]
    learn.dls.vocab.items, learn.dls.vocab.o2i = labels, {label: i for i, label in enumerate(labels)}
    assert Classifier.load(export(learn, tmp_path)).labels == labels


class Doubled(nn.Module):
    def forward(self, x):
        return 2 * x


class Inverted(Transform):
    def encodes(self, x: PILImage):
        return x


def test_model_of_ones_own_class_is_named(photos, tmp_path, monkeypatch):
    learn = make_learner(photos, Resize(64), [])
    learn.model = nn.Sequential(learn.model[0], nn.Sequential(Doubled(), learn.model[1]))
    path = export(learn, tmp_path)
    with pytest.raises(ExportError, match=rf"needs {re.escape(__name__)}\.Doubled in its model.*TRUST_EXPORT=1"):
        read_export(path)
    monkeypatch.setenv("TRUST_EXPORT", "1")
    assert isinstance(read_export(path).model[1][0], Doubled)


def test_transform_of_ones_own_class_is_named_unless_only_training_has_it(photos, tmp_path):
    path = export(make_learner(photos, [Resize(64), Inverted()], []), tmp_path)
    with pytest.raises(ExportError, match=rf"needs {re.escape(__name__)}\.Inverted in its transforms"):
        read_export(path)
    path = export(make_learner(photos, [Resize(64), Inverted(split_idx=0)], []), tmp_path)
    assert Classifier.load(path).labels == ["blue", "green", "red"]


def test_absolute_and_gpu_devices_leave_nothing_behind(stored):
    learn = read_export(rewritten(stored, *FROM_ELSEWHERE["gpu"]))
    assert {parameter.device.type for parameter in learn.model.parameters()} == {"cpu"}


def test_arrays_and_scalars_of_numpy_open(photos, tmp_path):
    learn = make_learner(photos, Resize(64), [])
    learn.fieldguide = {
        "array": np.arange(6.0).reshape(2, 3),
        "scalar": np.float32(0.5),
        "text": np.array(["a", "bc"]),
        "tensor": torch.arange(3),
    }
    found = read_export(export(learn, tmp_path)).facts
    assert (found["array"] == np.arange(6.0).reshape(2, 3)).all() and found["scalar"] == np.float32(0.5)
    assert found["text"].tolist() == ["a", "bc"] and found["tensor"].tolist() == [0, 1, 2]


def test_statistics_of_a_normalize_are_the_files(photos, tmp_path):
    learn = make_learner(photos, Resize(64), [Normalize.from_stats([0.1, 0.2, 0.3], [1, 2, 3], cuda=False)])
    assert read_export(export(learn, tmp_path)).preprocess.mean.ravel().tolist() == pytest.approx([0.1, 0.2, 0.3])


def test_zip_of_an_export_without_its_numbers_is_reported(tmp_path):
    path = tmp_path / "export.pkl"
    torch.save({"weight": torch.zeros(3)}, path)
    with zipfile.ZipFile(path) as archive:
        program = archive.read("export/data.pkl")
    path.write_bytes(torch_zip(program, storage=bytes(8)))
    with pytest.raises(ExportError, match="has not the 3 numbers"):
        read_export(path)
    path.write_bytes(torch_zip(pickle.dumps({}, 2)))
    with pytest.raises(ExportError, match="not a fastai Learner"):
        read_export(path)


WEIGHTED = {
    "weighted": lambda block, photos: block.weighted_dataloaders(photos, np.ones(30), bs=4, num_workers=0),
    "partial": lambda block, photos: block.dataloaders(
        photos, bs=4, num_workers=0, dl_type=functools.partial(PartialDL, partial_n=8)
    ),
}


@pytest.mark.parametrize("key", WEIGHTED)
def test_export_with_a_loader_of_another_kind_opens(key, photos, tmp_path):
    block = DataBlock(
        (ImageBlock, CategoryBlock),
        get_items=get_image_files,
        get_y=parent_label,
        splitter=RandomSplitter(seed=1),
        item_tfms=Resize(64),
    )
    learn = make_learner(photos, Resize(64), [])
    learn.dls, photo = WEIGHTED[key](block, photos), noisy_photo((200, 90, 40), 3)
    path = export(learn, tmp_path)
    assert np.abs(served(path, photo) - stock(path, photo)).max() < TOLERANCE


def test_labels_out_of_a_column_of_truth_values_open(photos, tmp_path):
    pandas = pytest.importorskip("pandas")
    files = get_image_files(photos)
    table = pandas.DataFrame(
        {
            "name": [str(file.relative_to(photos)) for file in files],
            "red": [parent_label(file) == "red" for file in files],
        }
    )
    learn = make_learner(photos, Resize(64), [], n_out=2)
    learn.dls = ImageDataLoaders.from_df(table, photos, seed=1, item_tfms=Resize(64), bs=4, num_workers=0)
    assert Classifier.load(export(learn, tmp_path)).labels == ["False", "True"]


ARCHITECTURES = (
    "resnet18",
    "convnext_tiny",
    "vit_b_16",
    "efficientnet_b0",
    "swin_t",
    "squeezenet1_1",
    "densenet121",
    "resnet26d",
    "vit_tiny_patch16_224",
    "mobilenetv3_small_050",
    "convnext_atto",
    "tf_efficientnet_lite0",
)


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_networks_of_torchvision_and_timm_are_built_anew_and_answer_the_same(arch, photos, tmp_path):
    torch.manual_seed(0)
    learn = make_learner(photos, Resize(224), [NORMALIZE])
    make = (
        torchvision.models.get_model
        if arch in torchvision.models.list_models(torchvision.models)
        else (timm.create_model)
    )
    learn.model, learn.opt = make(arch, num_classes=3).eval(), None
    photo = noisy_photo((200, 90, 40), 3, (300, 240))
    path = export(learn, tmp_path)
    engine = TorchEngine(read_export(path))
    with torch.inference_mode():
        theirs = learn.model(torch.from_numpy(engine.preprocess(photo)[None]))[0].numpy()
    assert np.abs(engine.answer(photo)[0] - theirs).max() < TOLERANCE * max(1, np.abs(theirs).max())


def test_a_model_that_answers_nothing_is_reported(photos, tmp_path, monkeypatch):
    learn = learn_without_items(make_learner(photos, Resize(64), []))
    learn.model = Silent()
    torch.save(learn, tmp_path / "export.pkl")
    monkeypatch.setenv("TRUST_EXPORT", "1")
    with pytest.raises(ExportError, match="gives nothing for a photo"):
        Classifier.load(tmp_path / "export.pkl")


class Silent(nn.Module):
    def forward(self, x):
        return None


def test_a_trusted_export_is_told_in_the_log(photos, tmp_path, monkeypatch, caplog):
    monkeypatch.setenv("TRUST_EXPORT", "1")
    read_export(export(make_learner(photos, Resize(64), []), tmp_path))
    assert "can run any code of its writer's" in caplog.text
