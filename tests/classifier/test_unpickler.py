"""classifier/export/reader.py and unpickle.py: what fastai writes opens, old and new, and no file runs anything."""

import functools
import io
import json
import pickle
import re
import sys
import time
import tracemalloc
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
from fastai.learner import Learner, load_learner
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
from classifier.export.allowlist import (
    BASE_CLASSES,
    ENUMERATIONS,
    FUNCTIONS,
    NETWORK_MODULES,
    NO_OPS,
    is_listed_module,
    network_class,
    runs_code,
    torch_function,
)
from classifier.export.nodes import InvalidExport
from classifier.export.unpickler import load
from classifier.inference.torch_engine import TorchEngine
from helpers.hostile_pickles import hostile_files, torch_zip
from helpers.learners import NORMALIZE, TOLERANCE, expected_probabilities, export, make_learner
from helpers.memory import peak_megabytes
from helpers.paths import ROOT
from helpers.photos import noisy_photo
from training.data.files import parent_label

OLD = Path(__file__).parents[1] / "exports"
EXPECTED = json.loads((OLD / "expected.json").read_text())["probabilities"]
HOSTILE = hostile_files()
SECONDS, MEGABYTES = 1, 100  # once everything is imported


@pytest.fixture(scope="module")
def imported():
    """What opening imports, imported: limits count after that."""
    import timm.layers  # noqa: F401
    import torch.distributions  # noqa: F401
    import torchvision.models  # noqa: F401

    read_export(ROOT / "export.pkl")


@pytest.mark.parametrize("key", HOSTILE)
def test_hostile_pickle_is_named_runs_nothing_and_costs_little(key, imported, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    says, data = HOSTILE[key]
    Path("export.pkl").write_bytes(data)
    before, peak = time.perf_counter(), peak_megabytes()
    with pytest.raises(ExportError, match=re.escape(says)):
        read_export("export.pkl")
    assert time.perf_counter() - before < 10 * SECONDS  # a hang guard: the machine may be busy
    assert peak_megabytes() - peak < MEGABYTES
    assert [path.name for path in tmp_path.iterdir()] == ["export.pkl"]


def test_hostile_pickles_together_stay_within_the_limits_of_one(imported, tmp_path):
    slowest = largest = 0
    tracemalloc.start()
    try:
        for _, data in HOSTILE.values():
            (tmp_path / "export.pkl").write_bytes(data)
            tracemalloc.reset_peak()
            before, held = time.process_time(), tracemalloc.get_traced_memory()[0]
            with pytest.raises(ExportError):
                read_export(tmp_path / "export.pkl")
            slowest = max(slowest, time.process_time() - before)
            largest = max(largest, tracemalloc.get_traced_memory()[1] - held)
    finally:
        tracemalloc.stop()
    assert slowest < 5 * SECONDS and largest < MEGABYTES * 1e6  # traced allocations are five times slower


def test_nothing_that_fickling_calls_unsafe_is_allowed():
    fickle = pytest.importorskip("fickling.fickle", reason="fickling is not installed (tests/requirements.txt)")
    from fickling.analysis import UnsafeImportsML

    modules = fickle.UNSAFE_IMPORTS | set(UnsafeImportsML.UNSAFE_MODULES)
    names = {f"{module}.{name}" for module, found in UnsafeImportsML.UNSAFE_IMPORTS.items() for name in found}
    names |= {f"{module}.{name}" for module in modules for name in vars(sys.modules.get(module, object))}
    assert {"os.system", "torch.jit.ScriptModule"} <= names, "a function, and a class of networks"
    assert not [name for name in names if network_class(name) or torch_function(name)]
    listed = {*FUNCTIONS, *ENUMERATIONS, *NO_OPS, *BASE_CLASSES}
    assert not [name for name in listed if name.startswith(tuple(f"{module}." for module in modules))]
    assert not [module for module in modules if is_listed_module(module, NETWORK_MODULES)]
    for name in ("eval", "exec", "compile", "open", "__import__", "setattr", "globals", "vars", "input"):
        assert runs_code(f"builtins.{name}")


def test_what_fickling_calls_unsafe_is_refused(tmp_path):
    fickle = pytest.importorskip("fickling.fickle", reason="fickling is not installed (tests/requirements.txt)")
    from fickling.analysis import Severity, check_safety

    judged = 0
    for _, data in HOSTILE.values():
        try:
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                program = archive.read("archive/data.pkl")
            if len(program) > 10_000:
                continue  # made to be slow, for fickling too
            severity = check_safety(fickle.Pickled.load(program)).severity
        except Exception:  # no pickle that fickling can read
            continue
        if severity > Severity.LIKELY_SAFE:
            judged += 1
            (tmp_path / "export.pkl").write_bytes(data)
            with pytest.raises(ExportError):
                read_export(tmp_path / "export.pkl")
    assert judged > 40


def test_trust_export_opens_a_file_as_fastai_does(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("export.pkl").write_bytes(HOSTILE["reduce"][1])
    monkeypatch.setenv("TRUST_EXPORT", "1")
    with pytest.raises(ExportError, match="not a fastai Learner"):
        read_export("export.pkl")
    assert Path("canary").exists()


def test_refusal_says_how_to_open_a_file_all_the_same(tmp_path):
    (tmp_path / "export.pkl").write_bytes(HOSTILE["reduce"][1])
    with pytest.raises(ExportError) as refused:
        read_export(tmp_path / "export.pkl")
    assert str(refused.value).startswith("export.pkl wants to call os.system: not a fastai export, not opened.")
    assert "TRUST_EXPORT=1" in str(refused.value)


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


def stock(path, photo) -> np.ndarray:
    return expected_probabilities(load_learner(path), photo)


def served(path, photo) -> np.ndarray:
    return torch.from_numpy(TorchEngine(read_export(path)).answer(photo)[0]).softmax(0).numpy()


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


def learn_without_items(learn: Learner) -> Learner:
    learn.dls, learn.opt = learn.dls.new_empty(), None
    return learn


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


def test_two_files_share_nothing(photos, tmp_path):
    """What one file named, built or was refused for is no other's."""
    learn = make_learner(photos, Resize(64), [NORMALIZE])
    path, photo = export(learn, tmp_path), noisy_photo((200, 90, 40), 3)
    before = served(path, photo)
    for _, data in HOSTILE.values():
        (tmp_path / "other.pkl").write_bytes(data)
        with pytest.raises(ExportError):
            read_export(tmp_path / "other.pkl")
    assert np.abs(served(path, photo) - before).max() == 0


def with_model(learn, folder, change) -> Path:
    """An export whose network's attributes were changed after fastai made it, as a pickle may have them."""
    learn = learn_without_items(learn)
    change(learn.model)
    torch.save(learn, folder / "export.pkl")
    return folder / "export.pkl"


REPLACED = {
    "forward": (lambda model: vars(model).update(forward=functools.partial(print, "ran")), "replaces forward of"),
    "a method of torch": (lambda model: vars(model[0]).update(eval=print), "replaces eval of"),
    "a hook": (lambda model: model[0].register_forward_hook(print), "has a hook on"),
    "a hook before": (lambda model: model[1].register_forward_pre_hook(print), "has a hook on"),
    "a part under a method's name": (lambda model: model._modules.update(forward=nn.Identity()), "replaces forward of"),
    "an attribute of the class": (lambda model: vars(model[0][0]).update(__class__=nn.ReLU), None),
    "a network that holds itself": (lambda model: model._modules.update(again=model), "holds itself"),
    "much padding": (
        lambda model: vars(model[0][0]).update(
            padding=(90_000, 90_000), _reversed_padding_repeated_twice=[90_000] * 4, padding_mode="zeros"
        ),
        "more memory or time",
    ),
    "a thousand times larger": (lambda model: model.insert(0, nn.Upsample(scale_factor=1000)), "more memory or time"),
    "a recurrent part": (lambda model: model.append(nn.LSTM(3, 3)), r"needs torch\.nn\.modules\.rnn\.LSTM"),
}


@pytest.mark.parametrize("key", [key for key, (_, says) in REPLACED.items() if says])
def test_a_network_that_is_more_than_its_classes_is_refused(key, photos, tmp_path, capsys):
    change, says = REPLACED[key]
    path = with_model(make_learner(photos, Resize(64), [NORMALIZE]), tmp_path, change)
    with pytest.raises(ExportError, match=says):
        Classifier.load(path)
    assert "ran" not in capsys.readouterr().out


def test_settings_that_a_class_does_not_know_change_nothing(photos, tmp_path):
    learn, photo = make_learner(photos, Resize(64), [NORMALIZE]), noisy_photo((200, 90, 40), 3)
    before = served(export(learn, tmp_path), photo)
    for module in learn.model.modules():
        vars(module).update(default_cfg={"url": "http://localhost/"}, note=print, device=torch.device("cpu"))
    assert np.abs(served(export(learn, tmp_path), photo) - before).max() == 0


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


SIXTEEN = 15_900_000  # bytes of a pickle
COSTLY = {
    "lists": b"]",
    "tuples": b")",
    "marks": b"(",
    "tuples in tuples": b"N\x85",
    "strings": b"X\1\0\0\0a",
    "dictionaries": b"}",
    "wide strings": "X\4\0\0\0\U00010000".encode(),
    "numbers": b"J\0\0\0\1",
    "fractions": b"G" + bytes(8),
    "classes": b"(ia\nb\n",
    "objects": b"ca\nb\n)\x81",
    "copies": b"2",
}


@pytest.mark.parametrize("key", COSTLY)
def test_no_kind_of_object_takes_much_more_than_its_file(key, imported, tmp_path):
    program = b"\x80\x02N" + COSTLY[key] * (SIXTEEN // len(COSTLY[key])) + b"."
    tracemalloc.start()
    try:
        before = time.process_time()
        with pytest.raises(InvalidExport):
            load(io.BytesIO(program), None)
        seconds, peak = time.process_time() - before, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 10 * len(program) and seconds < 60  # ten seconds, traced six times slower


def test_one_dictionary_given_to_many_objects_costs_no_more_than_once(imported, tmp_path):
    shared = b"}q\0(" + b"".join(b"X\6\0\0\0%06xN" % i for i in range(100_000)) + b"u0"
    module = b"ctorch.nn.modules.linear\nIdentity\n)\x81h\0b"
    program = (
        b"\x80\x02" + shared + b"cfastai.learner\nLearner\n)\x81}(X\5\0\0\0model"
        b"ctorch.nn.modules.container\nSequential\n)\x81}(X\x08\0\0\0_modules}("
        + b"".join(b"X\6\0\0\0%06x" % i + module for i in range(5_000))
        + b"uubub."
    )
    (tmp_path / "export.pkl").write_bytes(torch_zip(program))
    before = time.process_time()
    with pytest.raises(ExportError):
        read_export(tmp_path / "export.pkl")
    assert time.process_time() - before < 30
