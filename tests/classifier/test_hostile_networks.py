"""Exports of known classes and no foreign code, made to take memory or time, or to crash torch: all are refused."""

import io
import pickle
import struct
import time
import zipfile
from pathlib import Path

import pytest
import torch
from fastai.layers import AdaptiveConcatPool2d
from fastai.vision.augment import Flip, Resize
from fasttransform import Transform
from torch import nn

from classifier import Classifier
from classifier.export import ExportError, read_export
from classifier.export.allowlist import enumeration_member, network_class
from classifier.export.nodes import InvalidExport
from classifier.export.storages import BrokenFile, Storage
from classifier.inference.compute_cost import CostLimit
from classifier.photo import PhotoError
from helpers.learners import NORMALIZE, make_learner
from helpers.memory import peak_megabytes
from helpers.photos import noisy_photo
from helpers.pickles import MARK, TUPLE, TUPLE1, TUPLE2, call, name, text, torch_zip

SECONDS, MEGABYTES = 10, 400
NUMBER = 900_000  # under which a planted program keeps objects, beyond those of the pickle itself


@pytest.fixture(scope="module")
def imported():
    """What opening and answering import, imported: limits count after that."""
    Classifier.load(Path(__file__).parents[1] / "exports" / "lesson-bears.pkl").predict(noisy_photo((9, 9, 9), 0))


def written(photos, folder, change, **programs: bytes) -> Path:
    """Write the export of a tiny learner after a change; texts out of `programs` become what these push."""
    learn = make_learner(photos, Resize(64), [NORMALIZE])
    learn.dls, learn.opt = learn.dls.new_empty(), None
    change(learn)
    buffer, path = io.BytesIO(), folder / "export.pkl"
    torch.save(learn, buffer, pickle_protocol=2)
    with zipfile.ZipFile(buffer) as archive, zipfile.ZipFile(path, "w") as other:
        for info in archive.infolist():
            data = archive.read(info)
            for told, program in programs.items() if info.filename.endswith("/data.pkl") else ():
                assert text(told) in data
                data = data.replace(text(told), program)
            other.writestr(info.filename, data)
    return path


def kept(i: int) -> bytes:
    return b"r" + struct.pack("<I", NUMBER + i)


def again(i: int) -> bytes:
    return b"j" + struct.pack("<I", NUMBER + i)


def doubled(n: int) -> bytes:
    """Return a program for a list of two of a list of two of …, n deep."""
    return b"]" + b"".join(kept(i) + b"0](" + again(i) * 2 + b"e" for i in range(n))


def methods(n: int) -> bytes:
    """Return a program for a method of a method of …, each of two."""
    steps = (name("types", "MethodType") + again(i) * 2 + TUPLE2 + b"R" + kept(i + 1) + b"0" for i in range(n))
    return name("a", "b") + kept(0) + b"0" + b"".join(steps) + again(n)


def array(n_bytes: int) -> bytes:
    """Return a program for an array as protocol 2 stores it: bytes as text."""
    dtype = call("numpy", "dtype", text("u1"), b"\x89\x88") + MARK + b"K\3" + text("|") + b"NNNK\0K\0K\0" + TUPLE + b"b"
    shape = b"J" + struct.pack("<I", n_bytes) + TUPLE1
    numbers = call("_codecs", "encode", text(b"a" * n_bytes), text("latin1"))
    empty = call("numpy.core.multiarray", "_reconstruct", name("numpy", "ndarray"), b"K\0" + TUPLE1, text("b"))
    return empty + MARK + b"K\1" + shape + dtype + b"\x89" + numbers + TUPLE + b"b"


class Dispatch:
    """Holds a transform's function, as fastai's own do."""

    _f = None


class Planted(Transform):
    """A transform whose function's name is none."""

    def __init__(self):
        self.encodes = Dispatch()
        self.encodes._f = "PLANTED"


def resize_of(learn) -> Resize:
    return next(tfm for tfm in learn.dls.valid.after_item.fs if type(tfm).__name__ == "Resize")


def wide(*layers) -> nn.Sequential:
    """A classifier of three labels that begins with these layers, of three channels at the end."""
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 3))


def nest(n: int) -> nn.Module:
    inner = nn.Identity()
    for _ in range(n):
        inner = nn.Sequential(inner, nn.Sequential(inner))
    return inner


def one_weight(n: int) -> list[nn.Linear]:
    layers, weight = [nn.Linear(1000, 1000) for _ in range(n)], torch.zeros(1000, 1000)
    for layer in layers:
        layer.weight = nn.Parameter(weight)
    return layers


DATA = {
    "lists of lists for a method": (lambda learn: setattr(resize_of(learn), "method", "PLANTED"), doubled(60)),
    "lists of lists for a size": (lambda learn: setattr(resize_of(learn), "size", "PLANTED"), doubled(60)),
    "lists of lists for a name": (lambda learn: learn.model._modules.update(PLANTED=nn.ReLU()), doubled(60)),
    "a list in facts, often": (
        lambda learn: setattr(learn, "fieldguide", dict.fromkeys("abcdefgh" * 9, "PLANTED")),
        b"]" + MARK + b"N" * 300_000 + b"e",
    ),
    "methods of methods": (lambda learn: learn.dls.valid.after_item.fs.items.append(Planted()), methods(60)),
    "nine hundred resizings": (
        lambda learn: learn.dls.valid.after_item.fs.items.extend([Resize(2048, method="squish")] * 900),
        None,
    ),
}
NETWORKS = {
    "modules in modules, each twice": lambda: wide(nest(40)),
    "a pool of a million cells": lambda: wide(nn.Upsample((3000, 3000)), nn.AvgPool2d(1001, 1, 500)),
    "maxima of a million cells": lambda: wide(nn.Upsample((3000, 3000)), nn.MaxPool2d(1001, 1, 500)),
    "a large transposed convolution": lambda: nn.Sequential(
        nn.Conv2d(3, 1000, 1),
        nn.Upsample((400, 400)),
        nn.ConvTranspose2d(1000, 1, 60),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(1, 3),
    ),
    "a large convolution of one channel": lambda: wide(
        nn.Upsample((1500, 1500)), nn.Conv2d(3, 1, 1), nn.Conv2d(1, 1, 101, padding=50), nn.Conv2d(1, 3, 1)
    ),
    "four hundred layers of one weight": lambda: nn.Sequential(
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 1000), *one_weight(400), nn.Linear(1000, 3)
    ),
}


class Limits:
    """Asserts that what happens inside is quick and small."""

    def __enter__(self):
        self.before, self.peak = time.process_time(), peak_megabytes()

    def __exit__(self, *error):
        assert time.process_time() - self.before < SECONDS
        assert peak_megabytes() - self.peak < MEGABYTES


@pytest.mark.parametrize("key", DATA)
def test_data_that_repeat_themselves_take_little(key, imported, photos, tmp_path):
    change, program = DATA[key]
    path = written(photos, tmp_path, change, **({"PLANTED": program} if program else {}))
    with Limits():
        try:
            Classifier.load(path)
        except ExportError as why:
            assert len(str(why)) < 1500


@pytest.mark.parametrize("key", NETWORKS)
def test_networks_that_cost_too_much_are_refused(key, imported, photos, tmp_path):
    path = written(photos, tmp_path, lambda learn: setattr(learn, "model", NETWORKS[key]()))
    with Limits(), pytest.raises(ExportError, match=r"more memory or time|more parts|more weights"):
        Classifier.load(path)


def test_an_array_that_facts_name_often_is_read_once_or_left_out(imported, photos, tmp_path):
    path = written(
        photos,
        tmp_path,
        lambda learn: setattr(learn, "fieldguide", {"one": "PLANTED", "many": "AGAIN"}),
        PLANTED=array(4_000_000) + kept(0),
        AGAIN=b"](" + again(0) * 5000 + b"e",
    )
    with Limits():
        assert list(Classifier.load(path).facts) == ["one"]


def test_names_that_are_lists_of_lists_are_refused_at_once(imported, tmp_path):
    (tmp_path / "export.pkl").write_bytes(torch_zip(b"\x80\x02" + doubled(60) + text("x") + b"\x93."))
    with Limits(), pytest.raises(ExportError, match="is no name"):
        read_export(tmp_path / "export.pkl")


def test_the_format_before_zip_takes_no_key_but_text(imported, tmp_path):
    tuples = b"\x80\x02N\x85" + b"q\x01h\x01\x86" * 60 + b"\x85."
    (tmp_path / "export.pkl").write_bytes(
        pickle.dumps(0x1950A86A20F9469CFC6C, 2) + pickle.dumps(1001, 2) + pickle.dumps({}, 2) * 2 + tuples
    )
    with Limits(), pytest.raises(ExportError, match="has not the numbers"):
        read_export(tmp_path / "export.pkl")


HEADS = {
    "many labels on a large map": (
        1000,
        lambda: nn.Sequential(
            nn.Upsample((2000, 2000)), nn.Sequential(AdaptiveConcatPool2d(1), nn.Flatten(), nn.Linear(6, 1000))
        ),
    ),
    "ninety thousand labels": (
        90_000,
        lambda: nn.Sequential(
            nn.Identity(), nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 90_000))
        ),
    ),
    "a head of three hundred layers": (
        3,
        lambda: nn.Sequential(
            nn.Conv2d(3, 500, 1),
            nn.Sequential(AdaptiveConcatPool2d(1), nn.Flatten(), *[nn.Linear(1000, 1000)] * 300, nn.Linear(1000, 3)),
        ),
    ),
}


@pytest.mark.parametrize("key", HEADS)
def test_heads_that_are_too_large_to_explain_answer_all_the_same(key, imported, photos, tmp_path):
    n, model = HEADS[key]

    def change(learn):
        learn.model, learn.dls.vocab.items = model(), [f"label {i}" for i in range(n)]

    path = written(photos, tmp_path, change)
    with Limits():
        classifier = Classifier.load(path)
        assert len(classifier.predict(noisy_photo((9, 99, 9), 0)).probabilities) == n


def without_size(learn) -> None:
    steps = learn.dls.valid.after_item.fs.items
    steps.remove(resize_of(learn))


def test_a_photo_at_its_own_size_is_checked_at_that_size(imported, photos, tmp_path):
    def change(learn):
        without_size(learn)
        learn.model = wide(nn.Conv2d(3, 64, 11, padding=5), nn.Upsample(scale_factor=2), nn.Conv2d(64, 3, 1))

    classifier = Classifier.load(written(photos, tmp_path, change))
    classifier.predict(noisy_photo((9, 9, 9), 0))
    with Limits(), pytest.raises(PhotoError, match="of this size"):
        classifier.predict(noisy_photo((9, 9, 9), 0, (1400, 1400)))


@pytest.mark.parametrize("size", [(60_000, 30), (30, 60_000), (1, 1), (60_000, 1)])
def test_a_strip_at_its_own_size_is_no_square_in_memory(size, imported, photos, tmp_path):
    def change(learn):
        without_size(learn)
        learn.dls.valid.after_batch.fs.items.insert(1, Flip(size=64))

    classifier = Classifier.load(written(photos, tmp_path, change))
    with Limits():
        classifier.predict(noisy_photo((9, 9, 9), 0, size))


def test_a_photo_that_a_network_cannot_take_is_refused_in_a_sentence(imported, photos, tmp_path):
    def change(learn):
        without_size(learn)
        learn.model = wide(nn.ReflectionPad2d(3))

    classifier = Classifier.load(written(photos, tmp_path, change))
    with pytest.raises(PhotoError, match="of this size"):
        classifier.predict(noisy_photo((9, 9, 9), 0, (2, 2)))


@pytest.mark.parametrize(
    "full",
    [
        "torch.nn.modules.pooling.FractionalMaxPool2d",
        "torch.nn.modules.sparse.EmbeddingBag",
        "torchvision.models.detection.faster_rcnn.FasterRCNN",
        "torchvision.ops.roi_align.RoIAlign",
        "torchvision.ops.deform_conv.DeformConv2d",
        "torch.nn.modules.loss.CTCLoss",
    ],
)
def test_what_takes_numbers_for_places_in_memory_is_not_on_the_list(full):
    assert network_class(full) is None


def test_truth_values_are_true_or_false():
    Storage(torch.bool, bytearray(b"\0\1\1")).check()
    with pytest.raises(BrokenFile, match="truth values"):
        Storage(torch.bool, bytearray(b"\0\2")).check()


def test_an_enumeration_of_timms_is_taken_by_value_and_no_other():
    assert enumeration_member("timm.layers.format.Format", "NHWC").value == "NHWC"
    assert enumeration_member("timm.layers.format.Format", "other") is None
    assert enumeration_member("os.environ", "NHWC") is None


class Cached(nn.Module):
    """Keeps what it computed, and a tensor that is no buffer."""

    def __init__(self):
        super().__init__()
        self.kept, self.table = {}, torch.ones(4)

    def forward(self, x):
        self.kept[x.device.type] = self.table * 2
        return x * self.kept[x.device.type]


def test_the_check_leaves_the_network_as_it_was():
    model = Cached().eval()
    CostLimit(model)((1, 3, 4, 4))
    assert model.kept == {} and model.table.device.type == "cpu" and not model._forward_pre_hooks


def test_results_that_are_kept_count_and_those_that_are_let_go_do_not():
    class Keeps(nn.Module):
        def forward(self, x):
            return sum([x + i for i in range(8)])

    shape = (1, 10_000_000)  # 40 MB
    CostLimit(nn.Sequential(*[nn.ReLU()] * 8))(shape)
    with pytest.raises(InvalidExport, match="more memory"):
        CostLimit(Keeps())(shape)


def test_the_numbers_of_a_large_network_itself_do_not_count():
    with torch.device("meta"):
        model = nn.Sequential(nn.Linear(20_000, 20_000), nn.Linear(20_000, 20_000))  # 3.2 GB
    CostLimit(model.eval())((1, 20_000))
