"""classifier/inference/{onnx_export,compiled_copy,engine}.py: export.onnx answers as the export.pkl it is a copy of."""

import json
import logging
import shutil
import subprocess
import sys
import threading
import time

import numpy as np
import onnxruntime
import pytest
import torch
from fastai.vision.augment import CropPad, RandomResizedCrop, RatioResize, Resize, ResizeMethod
from fastai.vision.core import PILImageBW
from fastai.vision.data import ImageBlock
from torch import nn

from classifier import Classifier
from classifier.export import read_export
from classifier.files import sha256
from classifier.inference import onnx_export
from classifier.inference.compiled_copy import CompileError, onnx_path, read_compiled
from classifier.inference.onnx_engine import OnnxEngine
from classifier.inference.onnx_export import to_onnx, write_compiled
from classifier.inference.torch_engine import TorchEngine
from classifier.json_arrays import pack, unpack
from classifier.photo import open_photo
from helpers.apps import running_app
from helpers.commands import run_module
from helpers.learners import NORMALIZE, export, make_learner
from helpers.paths import EXAMPLE, ROOT
from helpers.photos import noisy_photo

TOLERANCE = 1e-4  # of a logit
EXPORT = ROOT / "export.pkl"


def compiled_and_not(path):
    """The engines of an export: its compiled copy's and its own."""
    read = read_export(path)
    plain = TorchEngine(read)
    return OnnxEngine(to_onnx(plain, read.facts, sha256(path))), plain


TRANSFORMS = {
    "squish": Resize(64, ResizeMethod.Squish),
    "crop": Resize((48, 64)),
    "reflect": Resize(64, ResizeMethod.Pad),
    "zeros": Resize(64, ResizeMethod.Pad, pad_mode="zeros"),
    "random-crop": RandomResizedCrop(64),
    "middle": CropPad(64),
}


@pytest.mark.parametrize("name", TRANSFORMS)
def test_answers_and_heatmaps_are_those_of_the_export(photos, tmp_path, name):
    ours, plain = compiled_and_not(export(make_learner(photos, TRANSFORMS[name], [NORMALIZE]), tmp_path))
    assert ours.labels == plain.labels and ours.n_features == plain.n_features and ours.explains and plain.explains
    for i, size in enumerate([(80, 60), (33, 201), (512, 40), (7, 5)]):
        photo = noisy_photo((90, 90, 90), i, size)
        ours_said, plain_said = ours.explain(photo), plain.explain(photo)
        assert np.abs(ours_said[0] - plain_said[0]).max() < TOLERANCE
        assert np.abs(ours_said[1] - plain_said[1]).max() < TOLERANCE
        assert np.abs(ours_said[2].contributions - plain_said[2].contributions).max() < TOLERANCE
        assert ours_said[2].seen == plain_said[2].seen


def unusual(photos, kind):
    if kind == "grey":
        return make_learner(photos, Resize(64), [], x=ImageBlock(PILImageBW), channels=1)
    learn = make_learner(photos, Resize(64), [NORMALIZE])
    if kind == "softmax":
        learn.model, learn.loss_func = nn.Sequential(learn.model, nn.Softmax(1)), nn.NLLLoss()
    elif kind == "no-head":
        learn.model = nn.Sequential(*learn.model[0], nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 3))
    elif kind == "relu-head":
        layers = nn.Flatten(), nn.Linear(16, 8), nn.ReLU(), nn.Linear(8, 3)
        learn.model[1] = nn.Sequential(nn.AdaptiveMaxPool2d(1), *layers)
    return learn


@pytest.mark.parametrize("kind", ["grey", "softmax", "no-head", "relu-head"])
def test_models_of_other_kinds_compile_too(photos, tmp_path, kind):
    learn = unusual(photos, kind)
    ours, plain = compiled_and_not(export(learn, tmp_path))
    assert ours.explains == plain.explains
    photo = noisy_photo((200, 40, 40), 1)
    assert np.abs(ours.answer(photo)[0] - plain.answer(photo)[0]).max() < TOLERANCE


def test_committed_copy_is_that_of_the_committed_export():
    engine, facts = read_compiled(onnx_path(EXPORT), sha256(EXPORT))
    read = read_export(EXPORT)
    plain = TorchEngine(read)
    assert onnx_path(EXPORT).stat().st_size < 9_900_000
    for file in sorted((ROOT / "examples").glob("*.jpg")):
        photo = open_photo(file)
        assert np.abs(engine.answer(photo)[0] - plain.answer(photo)[0]).max() < TOLERANCE
    ours, theirs = Classifier(engine, facts), Classifier(plain, read.facts)
    assert ours.reports_familiarity and ours.calibrated and ours.temperature == theirs.temperature
    assert ours.facts["date"] == theirs.facts["date"]
    assert ours.predict(EXAMPLE).familiarity == pytest.approx(theirs.predict(EXAMPLE).familiarity, abs=1e-5)


def test_a_batch_is_answered_as_its_photos_are():
    engine = Classifier.load(EXPORT)._engine
    batch = np.stack([engine.preprocess(noisy_photo((40 * i, 90, 90), i)) for i in range(5)])
    together = engine.forward(batch)
    for i in range(5):
        alone = engine.forward(batch[i : i + 1])
        for ours, theirs in zip(together, alone):
            assert np.abs(ours[i] - theirs[0]).max() < TOLERANCE


def test_many_threads_get_their_own_answers():
    classifier = Classifier.load(EXPORT)
    sent = [noisy_photo((60 * (i % 4), 90, 40 * (i % 5)), i, (300, 200)) for i in range(12)]
    alone = [classifier.predict(photo).probabilities for photo in sent]
    together = [[] for _ in sent]

    def ask(i):
        for _ in range(5):
            together[i].append(classifier.predict(sent[i]).probabilities)

    threads = [threading.Thread(target=ask, args=(i,)) for i in range(len(sent))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for one, many in zip(alone, together):
        assert len(many) == 5
        for answer in many:
            assert answer == pytest.approx(one, abs=1e-4)


def test_serving_a_compiled_copy_imports_no_training_library():
    code = (
        "import sys, app; app.classifier.predict('examples/teddy-1.jpg'); "
        "print([name for name in ('torch', 'torchvision', 'fastai', 'timm', 'matplotlib', 'sklearn', 'scipy') "
        "if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert run.stdout.strip().splitlines()[-1] == "[]", run.stdout + run.stderr


def test_pandas_comes_by_gradio_alone():
    run = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys, classifier, server.texts; classifier.Classifier.load(); print('pandas' in sys.modules)",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert run.stdout.strip() == "False", run.stderr


@pytest.fixture
def folder(tmp_path, trained):
    """A folder with an export and its compiled copy, to change as a test likes."""
    for name in ("export.pkl", "export.onnx"):
        shutil.copy2(trained / name, tmp_path / name)
    return tmp_path


def test_training_leaves_a_compiled_copy_that_is_served(training_run):
    classifier = Classifier.load(training_run / "export.pkl")
    assert classifier.compiled and classifier.version == sha256(training_run / "export.pkl")


BROKEN = {
    "missing": (None, "no export.onnx"),
    "pointer": (b"version https://git-lfs", "LFS pointer"),
    "text": (b"hello", "no compiled copy"),
    "empty": (b"", "no compiled copy"),
}


@pytest.mark.parametrize("kind", [*BROKEN, "cut", "stale", "without metadata"])
def test_a_copy_that_cannot_be_used_is_named_and_the_export_answers(folder, caplog, kind):
    path = folder / "export.onnx"
    if kind == "cut":
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    elif kind == "stale":
        shutil.copy2(onnx_path(EXPORT), path)
    elif kind == "without metadata":
        import onnx

        model = onnx.load(path)
        model.metadata_props.clear()
        onnx.save(model, path)
    elif BROKEN[kind][0] is None:
        path.unlink()
    else:
        path.write_bytes(BROKEN[kind][0])
    says = {"cut": "no compiled copy", "stale": "another export", "without metadata": "no compiled copy"}
    with caplog.at_level(logging.WARNING):
        classifier = Classifier.load(folder / "export.pkl")
    assert not classifier.compiled
    assert (says.get(kind) or BROKEN[kind][1]) in caplog.text and "Serving from export.pkl" in caplog.text
    before = classifier.predict(EXAMPLE)
    classifier.compile()
    assert classifier.compiled
    assert classifier.predict(EXAMPLE).probabilities == pytest.approx(before.probabilities, abs=1e-4)


def test_transforms_that_only_fastai_runs_are_not_compiled(photos, tmp_path, monkeypatch):
    monkeypatch.setenv("TRUST_EXPORT", "1")
    path = export(make_learner(photos, [Resize(96), RatioResize(64)], [NORMALIZE]), tmp_path)
    classifier = Classifier.load(path)
    with pytest.raises(CompileError, match="only fastai"):
        classifier.compile()
    assert not classifier.compiled and classifier.predict(EXAMPLE).label


def test_an_export_without_a_size_is_not_compiled_for_one(photos, tmp_path):
    classifier = Classifier.load(export(make_learner(photos, [], [NORMALIZE]), tmp_path))
    with pytest.raises(CompileError, match="no size of its own"):
        classifier.compile()
    assert {
        len(classifier.predict(noisy_photo((9, 9, 9), 0, size)).probabilities) for size in ((80, 60), (300, 200))
    } == {3}


class Shifted(nn.Module):
    def forward(self, x):
        return x + 0.01


class Untraceable(nn.Module):
    def forward(self, x):
        return torch.linalg.eigvals(x.flatten(1)[:, :9].reshape(-1, 3, 3)).real


def test_a_model_that_cannot_be_compiled_says_so(photos, tmp_path):
    read = read_export(export(make_learner(photos, Resize(64), [NORMALIZE]), tmp_path))
    read.model, read.trusted = Untraceable(), True
    with pytest.raises(CompileError, match="cannot be compiled"):
        to_onnx(TorchEngine(read), {}, "")


def test_a_copy_that_answers_otherwise_is_not_made(photos, tmp_path, monkeypatch):
    engine = TorchEngine(read_export(export(make_learner(photos, Resize(64), [NORMALIZE]), tmp_path)))
    to_file = onnx_export._torch_to_onnx
    monkeypatch.setattr(
        onnx_export,
        "_torch_to_onnx",
        lambda model, sample: to_file(nn.Sequential(model[0], nn.Sequential(model[1], Shifted())), sample),
    )
    with pytest.raises(CompileError, match=r"answers otherwise|do not add up"):
        to_onnx(engine, {}, "")


def test_requests_go_on_while_the_app_compiles(folder):
    """Someone pushed a new export.pkl alone: it is served at once, and no request is lost at the change."""
    from helpers.api import by_path, run_predict, upload

    shutil.copy2(onnx_path(EXPORT), folder / "export.onnx")
    log = folder / "log.txt"
    with running_app(EXPORT=str(folder / "export.pkl"), log=log) as url:
        path, answers, deadline = by_path(upload(url, EXAMPLE)), [], time.monotonic() + 60
        while "Compiled in memory" not in log.read_text() and time.monotonic() < deadline:
            answers.append(run_predict(url, path))
        answers += [run_predict(url, path) for _ in range(3)]
    said = log.read_text()
    assert "export.onnx was made from another export" in said and "Compiled in memory" in said
    confidences = [answer.json()["data"][0]["confidences"][0] for answer in answers]
    assert {row["label"] for row in confidences} == {confidences[0]["label"]}
    assert np.ptp([row["confidence"] for row in confidences]) < 1e-4


def test_command_writes_the_copy(folder):
    (folder / "export.onnx").unlink()
    run = run_module("training.export", folder / "export.pkl")
    assert run.returncode == 0, run.stderr
    assert "a compiled copy of" in run.stdout
    assert Classifier.load(folder / "export.pkl").compiled
    assert sorted(file.name for file in folder.iterdir()) == ["export.onnx", "export.pkl"]


@pytest.mark.parametrize("name, says", [("nowhere.pkl", "no export at"), ("README.md", "not a fastai export")])
def test_command_ends_in_a_sentence(name, says):
    run = run_module("training.export", name)
    assert run.returncode and says in run.stderr and "Traceback" not in run.stderr


def test_a_place_that_cannot_be_written_keeps_what_was_there(folder):
    (folder / "export.onnx").unlink()
    (folder / "export.onnx").mkdir()
    with pytest.raises(CompileError, match="could not be written"):
        write_compiled(folder / "export.pkl")
    assert (folder / "export.onnx").is_dir() and len(list(folder.iterdir())) == 2


def test_other_runtimes_find_all_they_need_in_the_file():
    session = onnxruntime.InferenceSession(onnx_path(EXPORT), providers=["CPUExecutionProvider"])
    told = session.get_modelmeta().custom_metadata_map
    assert json.loads(told["labels"]) == ["black", "grizzly", "teddy"]
    (step,) = json.loads(told["preprocess"])["steps"]
    assert (step["kind"], step["size"], step["method"]) == ("resize", [256, 256], "crop")
    assert told["export_sha256"] == sha256(EXPORT)
    assert json.loads(told["facts"])["calibration"]["temperature"] > 0


def test_packed_data_comes_back():
    data = {
        "a": np.arange(6, dtype=np.int8).reshape(2, 3),
        "b": [1, None, "x", {"c": torch.ones(2)}],
        "d": np.float32(2),
    }
    back = unpack(json.loads(json.dumps(pack(data))))
    assert back["a"].dtype == np.int8 and (back["a"] == data["a"]).all()
    assert back["b"][:3] == [1, None, "x"] and (back["b"][3]["c"] == 1).all() and back["d"] == 2


@pytest.mark.parametrize(
    "array", [{"dtype": "|O", "shape": [1], "base64": "AAAAAAAAAAA="}, {"dtype": "<f4", "shape": [3], "base64": "AAAA"}]
)
def test_packed_data_that_is_none_is_refused(array):
    with pytest.raises((TypeError, ValueError)):
        unpack(array)
