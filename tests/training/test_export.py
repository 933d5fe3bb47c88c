"""training/export/writer.py: an export that opens anywhere, or none."""

import json
import os
import pickle
import pickletools
import shutil
import subprocess
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from fastai.learner import load_learner
from fastcore.script import CliError

from classifier import Classifier
from helpers.paths import ROOT
from helpers.photos import noisy_photo
from training.export.portable_pickle import PortablePickler, to_bytes
from training.export.stock_fastai import StockFastai
from training.export.writer import check_export, export_learner

LARGEST = 9_900_000  # bytes: the Hub refuses 10 MB in a plain push
# the pickle alone, as any Python reads it: no torch needed, every name resolved to a stand-in
READ_WITHOUT_TORCH = """
import importlib, pickle, sys
class Stub:
    def __new__(cls, *args, **kwargs): return object.__new__(cls)
    def __init__(self, *args, **kwargs): pass
    def __call__(self, *args, **kwargs): return Stub()
    def __setstate__(self, state): pass
    def __or__(self, other): return self
    __ror__ = __or__
    def append(self, item): pass
    def extend(self, items): pass
    def __setitem__(self, key, value): pass
    def __hash__(self): return id(self)
class Reader(pickle.Unpickler):
    def find_class(self, module, name):
        if module.split(".")[0] in ("pathlib", "builtins", "collections", "functools", "inspect", "typing",
                                    "random", "_operator", "_codecs", "operator"):
            return super().find_class(module, name)
        return type(name, (Stub,), {"create": Stub()})
    def persistent_load(self, pid): return Stub()
Reader(open(sys.argv[1], "rb")).load()
print("read")
"""


def opcodes(export: Path):
    with zipfile.ZipFile(export) as archive:
        name = next(name for name in archive.namelist() if name.endswith("data.pkl"))
        return list(pickletools.genops(archive.read(name)))


EXPORTS = ["committed", "trained"]


@pytest.fixture(params=EXPORTS)
def export(request) -> Path:
    folder = ROOT if request.param == "committed" else request.getfixturevalue("training_run")
    return folder / "export.pkl"


def test_names_only_what_fastai_and_its_libraries_have(export):
    modules = {arg.split()[0].split(".")[0] for op, arg, _ in opcodes(export) if op.name == "GLOBAL"}
    assert modules <= {
        "PIL",
        "__builtin__",
        "_codecs",
        "_operator",
        "collections",
        "fastai",
        "fastcore",
        "fasttransform",
        "functools",
        "inspect",
        "numpy",
        "pathlib",
        "plum",
        "random",
        "torch",
        "torchvision",
        "typing",
    }


def test_holds_no_code_no_numpy_internals_and_no_version_bound_names(export):
    names = {arg for op, arg, _ in opcodes(export) if op.name == "GLOBAL"}
    assert not [
        name
        for name in names
        if "cloudpickle" in name
        or "CodeType" in name
        or "numpy._core" in name
        or "pathlib._local" in name
        or "_make_function" in name
        or "PosixPath" in name
    ]


def test_holds_no_path_of_the_machine_that_made_it(export):
    texts = [arg for op, arg, _ in opcodes(export) if isinstance(arg, str) and op.name != "GLOBAL"]
    assert not [text for text in texts if text.startswith(("/", "C:\\")) or str(ROOT.parent) in text]
    assert str(export.parent).encode() not in export.read_bytes()


def test_committed_export_stays_under_the_hubs_limit():
    assert (ROOT / "export.pkl").stat().st_size < LARGEST


def test_committed_export_is_the_one_that_metrics_json_describes():
    metrics = json.loads((ROOT / "metrics.json").read_text())
    from classifier.files import sha256

    assert metrics["export"] == {"bytes": (ROOT / "export.pkl").stat().st_size, "sha256": sha256(ROOT / "export.pkl")}
    assert metrics["error_rate"] <= 0.03
    assert Classifier.load(ROOT / "export.pkl").facts["error_rate"] == round(metrics["error_rate"], 4)


@pytest.mark.parametrize("version", ["3.10", "3.11", "3.12", "3.13"])
def test_pickle_is_read_by_each_python(export, version, tmp_path):
    python = find_python(version)
    (tmp_path / "data.pkl").write_bytes(pickle_in(export))
    run = subprocess.run(
        [python, "-I", "-c", READ_WITHOUT_TORCH, tmp_path / "data.pkl"], capture_output=True, text=True, cwd=tmp_path
    )
    assert run.stdout.strip() == "read", run.stderr


ASK = """
import json, sys, warnings
warnings.simplefilter("ignore")
sys.path.insert(0, sys.argv[1])
from classifier import Classifier
print(json.dumps(Classifier.load(sys.argv[2]).predict(sys.argv[3]).probabilities))
"""


def test_other_pythons_give_the_same_answers(export):
    """Each Python named in FIELDGUIDE_PYTHONS=python:python has requirements.txt installed."""
    pythons = [python for python in os.environ.get("FIELDGUIDE_PYTHONS", "").split(":") if python]
    if not pythons:
        pytest.skip("FIELDGUIDE_PYTHONS names no other Python with requirements.txt installed")
    photo = ROOT / "examples" / "teddy-1.jpg"
    expected = Classifier.load(export).predict(photo).probabilities
    for python in pythons:
        run = subprocess.run([python, "-c", ASK, ROOT, export, photo], capture_output=True, text=True, check=True)
        assert json.loads(run.stdout.splitlines()[-1]) == pytest.approx(expected, abs=1e-5), python


def find_python(version: str) -> str:
    """Return a Python of a version, from the PATH or from pyenv, or skip."""
    found = shutil.which(f"python{version}")
    pyenv = sorted(Path.home().glob(f".pyenv/versions/{version}*/bin/python"))
    for candidate in [*pyenv, *([found] if found else [])]:
        run = subprocess.run(
            [candidate, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"], capture_output=True, text=True
        )
        if run.stdout.strip() == version:
            return str(candidate)
    pytest.skip(f"no Python {version} here")


def pickle_in(export: Path) -> bytes:
    with zipfile.ZipFile(export) as archive:
        return archive.read(next(name for name in archive.namelist() if name.endswith("data.pkl")))


def test_paths_are_stored_for_every_system():
    import io
    import pathlib

    buffer = io.BytesIO()
    PortablePickler(buffer, protocol=2).dump([Path("."), pathlib.PurePath("models")])
    assert b"PosixPath" not in buffer.getvalue() and b"WindowsPath" not in buffer.getvalue()
    assert pickle.loads(buffer.getvalue()) == [Path("."), Path("models")]


def outside():
    """A function out of a test module: no other machine has it."""


@pytest.mark.parametrize(
    "content, says",
    [
        (lambda x: x, "<lambda>"),
        (outside, "test_export.outside"),
        (Path("/home/someone/photos"), "/home/someone"),
        (load_learner, None),
        (np.float64(0.5), None),
    ],
    ids=["lambda", "project-function", "absolute-path", "library-function", "numpy-scalar"],
)
def test_only_names_that_every_machine_has_are_stored(trained, content, says):
    learn = load_learner(trained / "export.pkl")
    learn.extra = content
    if says is None:
        assert to_bytes(learn)
    else:
        with pytest.raises(CliError, match=says):
            to_bytes(learn)


def test_numpy_scalars_become_pythons(trained, tmp_path):
    learn = load_learner(trained / "export.pkl")
    learn.extra = np.float64(0.5)
    (tmp_path / "export.pkl").write_bytes(to_bytes(learn))
    assert type(load_learner(tmp_path / "export.pkl").extra) is float


@pytest.mark.slow
def test_export_opens_in_a_fresh_process_that_cannot_import_the_project(export):
    photos = [noisy_photo((200, 40, 40), 1), noisy_photo((20, 40, 240), 2, (60, 200))]
    classifier = Classifier.load(export)
    classifier.temperature = 1  # fastai does not calibrate
    served = [[classifier.predict(photo).probabilities[label] for label in classifier.labels] for photo in photos]
    with StockFastai() as stock:
        assert np.abs(stock.predict(export, photos) - served).max() < 1e-4


@pytest.mark.slow
def test_an_export_that_answers_otherwise_is_an_error(trained):
    learn = load_learner(trained / "export.pkl")
    with torch.no_grad():
        learn.model[-1][-1].weight[0] += 1  # the head's linear layer, one label
    with StockFastai() as stock, pytest.raises(CliError, match="answers otherwise"):
        check_export(trained / "export.pkl", learn, [noisy_photo((200, 40, 40), 1)], stock)


def test_an_export_that_fails_its_check_does_not_take_the_old_ones_place(trained, tmp_path, monkeypatch):
    learn = load_learner(trained / "export.pkl")
    out = tmp_path / "export.pkl"
    out.write_bytes(b"the export of yesterday")
    monkeypatch.setattr("training.export.stock_fastai.SCRIPT", "raise SystemExit('no fastai here')")
    with pytest.raises(CliError, match="no fastai here"):
        export_learner(learn, out, [noisy_photo((200, 40, 40), 1)])
    assert out.read_bytes() == b"the export of yesterday"
    assert list(tmp_path.iterdir()) == [out]
