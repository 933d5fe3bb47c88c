"""training/train/tracking.py: a training is recorded in a tracker, comes out the same, and outlives the tracker."""

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from fastai.callback.core import Callback
from fastcore.script import CliError

from helpers.commands import run_module
from helpers.learners import tiny_backbone
from helpers.photos import make_photos
from training.data.photos import get_photos
from training.data.splits import Photos
from training.options import TrainingOptions
from training.train import tracking
from training.train.learner import train
from training.train.record import metrics_of
from training.train.tracking import figures_of, tracked

TINY = TrainingOptions(image_size=32, batch_size=4, epochs=2, folds=2, fine_tune=True)


@pytest.fixture
def photos(tmp_path, monkeypatch) -> Photos:
    """Six photos each of three labels, and a tiny network for all that train on them."""
    monkeypatch.setattr("training.train.learner.load_backbone", tiny_backbone)
    return Photos(get_photos(make_photos(tmp_path / "photos", n=6)))


@pytest.fixture
def recorded(photos, tmp_path, monkeypatch):
    """A function that trains with a tracker and returns (metrics, weights)."""
    pytest.importorskip("wandb", reason="the trackers are not installed")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setattr("trackio.utils.TRACKIO_DIR", tmp_path / "trackio")
    monkeypatch.setattr("trackio.sqlite_storage.TRACKIO_DIR", tmp_path / "trackio")

    def run(track: str, options: TrainingOptions = TINY):
        with tracked(track, options.recorded(), tmp_path / "photos", tmp_path / "export.pkl") as recording:
            trained = train(photos, options, recording=recording)
            metrics = metrics_of(trained, photos, options)
            recording.finish(metrics)
        return metrics, torch.cat([value.flatten().float() for value in trained.learn.model.state_dict().values()])

    return run


def scalars(folder: Path) -> dict[str, list[float]]:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder))
    events.Reload()
    return {tag: [event.value for event in events.Scalars(tag)] for tag in events.Tags()["scalars"]}


def test_tensorboard_has_steps_epochs_and_figures(recorded, tmp_path):
    metrics, _ = recorded("tensorboard")
    (folder,) = (tmp_path / "tensorboard" / "photos").iterdir()
    shown = scalars(folder)
    assert len(shown["train_loss"]) > 4 and len(shown["valid_loss"]) >= 2
    assert shown["error/red"][-1] == pytest.approx(figures_of(metrics)["error/red"])


def test_trackio_has_options_steps_epochs_and_figures(recorded, tmp_path):
    recorded("trackio:bears")
    (file,) = (tmp_path / "trackio").glob("bears*.db")
    with sqlite3.connect(file) as database:
        rows = [row for (row,) in database.execute("select metrics from metrics order by rowid")]
        (config,) = database.execute("select config from configs").fetchone()
    text = "\n".join(row.decode() if isinstance(row, bytes) else row for row in rows)
    assert text.count("train_loss") > 4 and text.count("valid_loss") >= 3 and "error/red" in text
    assert "image_size" in str(config)


def test_wandb_has_options_and_figures_and_knows_no_folder(recorded, tmp_path):
    recorded("wandb")
    (file,) = (tmp_path / "wandb").glob("offline-run-*/*.wandb")
    kept = file.read_bytes()
    for word in (b"image_size", b"train_loss", b"valid_loss", b"error/red", b"familiarity/accepted"):
        assert word in kept
    for word in (str(tmp_path).encode(), b"00.png", b"/home/", b"pytest"):
        assert word not in kept


@pytest.mark.parametrize("tracker", ["tensorboard", "trackio", "wandb"])
def test_a_recorded_training_comes_out_the_same(recorded, tracker):
    assert torch.equal(recorded("")[1], recorded(tracker)[1])


def test_a_probe_alone_is_recorded_too(recorded, tmp_path):
    recorded("tensorboard", replace(TINY, fine_tune=False, quick=True))
    (folder,) = (tmp_path / "tensorboard" / "photos").iterdir()
    assert "error_rate" in scalars(folder)


class Failing(Callback):
    def after_batch(self):
        torch.rand(3)  # draws, and fails later
        if self.train_iter > 2:
            raise OSError("No space left\non device")


@pytest.mark.parametrize("when", ["open", "step", "finish"])
def test_a_tracker_that_fails_costs_no_training(recorded, monkeypatch, capsys, when):
    class Run:
        callback = Failing() if when == "step" else Callback()

        def __init__(self, *_):
            if when == "open":
                raise OSError("No space left\non device")

        def finish(self, figures):
            raise OSError("No space left\non device")

    monkeypatch.setitem(tracking.RUNS, "wandb", Run)
    metrics, weights = recorded("wandb")
    assert metrics["fine_tuning"] is not None and torch.equal(weights, recorded("")[1])
    (said,) = [line for line in capsys.readouterr().out.splitlines() if "records" in line]
    assert said.startswith("wandb records this training no further: ") and said.endswith("No space left on device")


def test_a_training_that_stops_ends_its_run(monkeypatch, tmp_path):
    ended = []

    class Run:
        callback = Callback()

        def __init__(self, *_):
            pass

        def finish(self, figures):
            ended.append(figures)

    monkeypatch.setitem(tracking.RUNS, "wandb", Run)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: name)
    with pytest.raises(KeyboardInterrupt), tracked("wandb", {}, tmp_path, tmp_path / "export.pkl"):
        raise KeyboardInterrupt
    assert ended == [{}]


def test_an_unknown_tracker_is_refused_at_once(tmp_path):
    run = run_module(
        "training.train", make_photos(tmp_path / "photos"), "--track", "mlflow", "--out", tmp_path / "e.pkl"
    )
    assert run.returncode and run.stderr.strip() == (
        "--track mlflow: no tracker of that name. There are trackio, wandb, tensorboard."
    )


def test_a_tracker_that_is_not_here_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with (
        pytest.raises(CliError, match="--track trackio needs a package that is not here: pip install trackio"),
        tracked("trackio", {}, tmp_path, tmp_path / "export.pkl"),
    ):
        pass
