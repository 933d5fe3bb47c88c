"""classifier/unpickle.py: opens what fastai writes, old and new, and gives no file the machine."""
import functools
import io
import json
import pickle
import re
import resource
import sys
import time
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from fastai.callback.mixup import MixUp
from fastai.callback.tracker import SaveModelCallback
from fastai.data.transforms import Normalize, RegexLabeller, parent_label
from fastai.learner import Learner, load_learner
from fastai.losses import FocalLossFlat, LabelSmoothingCrossEntropyFlat
from fastai.metrics import accuracy
from fastai.vision.augment import Resize, aug_transforms
from fastai.vision.core import PILImage
from fastcore.basics import using_attr
from fasttransform import Transform
from PIL import Image
from torch import nn

from classifier import Classifier
from classifier.allowed import Absent, NotListed, is_live, look_up
from classifier.export import ExportError, read_export
from classifier.fastai_engine import FastaiEngine
from conftest import ROOT, noisy_photo
from hostile_pickles import hostile_files, torch_zip
from learners import NORMALIZE, TOLERANCE, expected_probabilities, export, make_learner

OLD = Path(__file__).parent / "exports"
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
    before, peak = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ExportError, match=re.escape(says)):
        read_export("export.pkl")
    assert time.perf_counter() - before < 10 * SECONDS  # a hang guard: the machine may be busy
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak < MEGABYTES * 1000
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


def test_no_view_is_laxer_than_ficklings():
    fickle = pytest.importorskip("fickling.fickle", reason="fickling is not installed (tests/requirements.txt)")
    from fickling.analysis import UnsafeImports, UnsafeImportsML

    unsafe = {(module, "x") for module in fickle.UNSAFE_IMPORTS | set(UnsafeImportsML.UNSAFE_MODULES)}
    unsafe |= {(module, name) for module, names in UnsafeImportsML.UNSAFE_IMPORTS.items() for name in names}
    unsafe |= {(module, name) for module in ("builtins", "__builtin__") for name in (
        "eval", "exec", "compile", "open", "__import__", "getattr", "setattr", "globals", "vars", "input")}
    assert UnsafeImports is not None
    for module, name in unsafe:
        try:
            found = look_up(module, name)
        except NotListed:
            continue
        assert isinstance(found, Absent) and found.cls is None, f"{module}.{name}"


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
    engine = FastaiEngine(read_export(OLD / f"{name}.pkl"))
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
    return torch.from_numpy(FastaiEngine(read_export(path)).answer(photo)[0]).softmax(0).numpy()


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


def test_nothing_that_was_stored_by_value_is_made(photos, tmp_path):
    learn = make_learner(photos, Resize(64), [], get_y=lambda file: file.parent.name)
    learn.path = tmp_path
    learn.export("export.pkl")
    labeller = read_export(tmp_path / "export.pkl").dls.valid_ds.tls[1].tfms.fs[0]
    with pytest.raises(RuntimeError, match="not called"):
        labeller(Path("red/1.png"))


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


def test_windows_paths_become_paths_of_this_machine(stored):
    learn = read_export(rewritten(stored, (b"PosixPath\n", b"WindowsPath\n")))
    assert learn.path == Path("/home/someone/bears") and type(learn.path) is type(Path())


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
    with pytest.raises(ExportError, match=r"needs test_unpickle\.Doubled in its model.*TRUST_EXPORT=1"):
        read_export(path)
    monkeypatch.setenv("TRUST_EXPORT", "1")
    assert isinstance(read_export(path).model[1][0], Doubled)


def test_transform_of_ones_own_class_is_named_unless_only_training_has_it(photos, tmp_path):
    path = export(make_learner(photos, [Resize(64), Inverted()], []), tmp_path)
    with pytest.raises(ExportError, match=r"needs test_unpickle\.Inverted in its transforms"):
        read_export(path)
    path = export(make_learner(photos, [Resize(64), Inverted(split_idx=0)], []), tmp_path)
    assert Classifier.load(path).labels == ["blue", "green", "red"]


def test_absolute_and_gpu_devices_leave_nothing_behind(stored):
    learn = read_export(rewritten(stored, *FROM_ELSEWHERE["gpu"]))
    assert {parameter.device.type for parameter in learn.model.parameters()} == {"cpu"}


def test_callbacks_that_write_files_come_as_empty_ones(photos, tmp_path):
    learn = make_learner(photos, Resize(64), [])
    learn.add_cb(SaveModelCallback(fname="overwritten"))
    names = {type(callback).__name__ for callback in read_export(export(learn, tmp_path)).cbs}
    assert "SaveModelCallback" not in names and "Recorder" in names


def test_only_listed_functions_are_live():
    assert is_live(look_up("fastcore.imports", "noop"))
    assert not is_live(print) or look_up("builtins", "print") is print
    assert not is_live(torch.load) and not is_live(None)
    assert "requests" not in sys.modules or isinstance(look_up("requests", "get"), Absent)


def test_arrays_and_scalars_of_numpy_open(photos, tmp_path):
    learn = make_learner(photos, Resize(64), [])
    learn.fieldguide = {"array": np.arange(6.0).reshape(2, 3), "scalar": np.float32(0.5), "text": np.array(["a", "bc"]),
                        "tensor": torch.arange(3)}
    found = read_export(export(learn, tmp_path)).fieldguide
    assert (found["array"] == np.arange(6.0).reshape(2, 3)).all() and found["scalar"] == np.float32(0.5)
    assert found["text"].tolist() == ["a", "bc"] and found["tensor"].tolist() == [0, 1, 2]


def test_statistics_of_a_normalize_are_the_files(photos, tmp_path):
    learn = make_learner(photos, Resize(64), [Normalize.from_stats([0.1, 0.2, 0.3], [1, 2, 3], cuda=False)])
    normalize = read_export(export(learn, tmp_path)).dls.after_batch.fs[-1]
    assert normalize.mean.flatten().tolist() == pytest.approx([0.1, 0.2, 0.3])


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
