"""classifier/export/unpickler.py and network.py: no file runs anything, and none costs much more than its bytes."""

import functools
import io
import re
import sys
import time
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from fastai.vision.augment import Resize
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
from helpers.hostile_pickles import hostile_files
from helpers.learners import (
    NORMALIZE,
    export,
    learn_without_items,
    make_learner,
    served,
)
from helpers.memory import peak_megabytes
from helpers.paths import ROOT
from helpers.photos import noisy_photo
from helpers.pickles import torch_zip

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
