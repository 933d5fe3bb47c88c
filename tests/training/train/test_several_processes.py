"""training/train/processes/ and distributed.py: two processes by torchrun, on CPUs, and whatever ends them.

Each run has a limit of its own, so that one that hangs fails.
"""

import json
import os
import re
import signal
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from fastcore.script import CliError

from classifier import Classifier
from classifier.files import sha256
from helpers import several_processes
from helpers.commands import TINY
from helpers.photos import make_pairs, make_photos
from helpers.several_processes import children, ended, run, start, wait_for
from training.data.labels import Labels
from training.metrics import read_metrics
from training.options import TrainingOptions
from training.train import distributed
from training.train.processes import helpers, ranks

pytest.importorskip("accelerate", reason="accelerate of training/requirements.txt is not installed")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="torchrun and its signals are tested on Linux alone"),
]
N = 14  # photos of each of three labels: 33 to learn from and 9 to validate, no even number of either


@pytest.fixture(scope="module")
def photos(tmp_path_factory) -> Path:
    return make_photos(tmp_path_factory.mktemp("several") / "photos", n=N)


def train(photos: Path, out: Path, *options):
    """Start a training in two processes, on a tiny scale."""
    return start("-m", "training.train", photos, "--out", out, *TINY, *options)


def sentences(errors: str) -> list[str]:
    """Return what the processes themselves printed as errors, without torchrun's own report."""
    own = errors.split("Traceback (most recent call last)")[0]
    return [line for line in own.splitlines() if line.strip("* ") and not re.match(r"[WE]\d{4} |Setting OMP", line)]


# --- what the processes exchange ---


def test_the_others_do_what_the_first_asks_and_one_that_fails_ends_all_with_one_sentence():
    code, out, errors = run("exchange")
    assert json.loads(out) == {
        "words": ["own", "a word of 1"],
        "figures": [7.0, 11.0, 22.0],
        "hidden": True,
        "of": [0, 2],
    }
    assert code == 1
    assert errors.count("could not go on together: process 1 failed (ValueError: no such photo). No export") == 1


def test_an_error_of_the_first_process_ends_all_with_one_sentence():
    code, out, errors = run("refuse")
    assert (code, out, sentences(errors)) == (1, "", ["There is nothing to learn."])


def test_a_process_that_is_killed_ends_all_with_one_sentence():
    launcher = start(Path(several_processes.__file__), "linger")
    wait_for(launcher, "waiting")
    os.kill(children(launcher)[1], signal.SIGKILL)
    code, _, errors = ended(launcher)
    assert code == 1
    assert sentences(errors)[-1].endswith("one of them ended or cannot be reached. No export was written.")


def test_a_process_alone_answers_as_such():
    with helpers.asking(print, "nobody is there to print this"):
        assert ranks.gathered("own") == ["own"] and ranks.largest(2.0) == 2.0 and ranks.total([1.0]) == [1.0]
    assert (ranks.size(), ranks.rank()) == (1, 0)


# --- fine-tuning ---


def test_weights_are_the_same_in_all_and_each_validation_photo_counts_once(photos):
    code, out, errors = run("fit", photos, 0)  # as many photos are loaded
    assert code == 0, errors
    fit = json.loads(out.splitlines()[-1])
    assert (fit["loader"], fit["n"]) == ("PhotoLoader", [33, 9])
    assert len(fit["table"]) == 3 and all(one == other for one, other in fit["weights"])
    assert fit["table"][-1]["valid_loss"] == pytest.approx(fit["loss"], abs=1e-5)
    assert fit["table"][-1]["error_rate"] == pytest.approx(fit["error"], abs=1e-5)
    assert fit["in order"]


def test_fewer_photos_than_two_for_each_process_are_one_sentence(monkeypatch):
    monkeypatch.setattr(distributed, "size", lambda: 4)
    few = SimpleNamespace(train_ds=SimpleNamespace(items=["a.jpg"] * 7), valid_ds=SimpleNamespace(items=["b.jpg"]))
    with (
        pytest.raises(CliError, match="7 photos to fine-tune on are too few for 4 processes"),
        distributed.shared_fit(SimpleNamespace(dls=few), [], TrainingOptions(), Labels(), 10),
    ):
        pass


# --- whole trainings ---


def test_two_processes_write_one_export_as_one_does(photos, tmp_path):
    out = tmp_path / "export.pkl"
    code, log, errors = ended(train(photos, out, "--quick"))
    assert code == 0, errors
    assert sentences(errors) == []
    assert log.count("probe: 42 photos in 4 views, 168 of them computed anew") == 1 and "fine-tuning" not in log
    assert log.count("export.pkl: 42 photos to train") == 1
    assert sorted(file.name for file in tmp_path.iterdir()) == ["export.onnx", "export.pkl", "metrics.json", "runs"]
    assert len(list((tmp_path / "runs").rglob("export.pkl"))) == 1
    assert Classifier.load(out).predict((photos / "red" / "00.png").read_bytes()).label == "red"
    metrics = read_metrics(out)
    assert set(metrics["held_out"]["answers"]) == {sha256(file) for file in photos.rglob("*.png")}
    assert metrics["n_wrong"] == 0, "a colour is easy to tell, unless features went to the wrong photos"


def test_several_labels_a_photo_are_fine_tuned_too(tmp_path):
    photos = make_pairs(tmp_path / "photos", n=5)
    code, log, errors = ended(train(photos, tmp_path / "export.pkl"))
    assert code == 0, errors
    assert log.count("epoch     train_loss  valid_loss  accuracy_multi") == 2  # the head alone first, as in the lesson
    assert Classifier.load(tmp_path / "export.pkl").labels == ["blue", "green", "red"]
    metrics = read_metrics(tmp_path / "export.pkl")
    assert len(metrics["epochs"]) == 2 and metrics["fine_tuning"]["n"] == int(re.findall(r"(\d+) held out", log)[0])


def test_ctrl_c_ends_all_and_leaves_the_old_export(photos, tmp_path):
    out = tmp_path / "export.pkl"
    out.write_bytes(b"the export of yesterday")
    launcher = train(photos, out, "--epochs", "5000")
    wait_for(launcher, "0.")
    launcher.send_signal(signal.SIGINT)
    code, _, errors = ended(launcher)
    assert code == 1
    assert errors.splitlines().count(f"Stopped. {out} is as it was.") == 1, errors  # torchrun's report, anywhere
    assert out.read_bytes() == b"the export of yesterday"
    assert [file.name for file in tmp_path.iterdir()] == ["export.pkl"]
