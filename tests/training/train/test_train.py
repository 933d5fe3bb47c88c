"""training/train/record.py and learner.py: a run on a tiny scale, its files, and what bad input reads."""

import json
import signal
import subprocess
import sys
import time
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from fastai.learner import load_learner
from fastcore.script import CliError

from classifier.export import read_export
from classifier.files import sha256
from helpers.commands import TINY, train
from helpers.learners import tiny_backbone
from helpers.paths import ROOT
from helpers.photos import noisy_photo
from training.data.manifest import manifest_sha256
from training.data.photos import get_photos, readable_photos
from training.data.splits import Photos
from training.metrics import read_metrics, validated_before
from training.options import TrainingOptions
from training.statistics import wilson
from training.train.__main__ import main
from training.train.checks import check_out
from training.train.fine_tune import Verdict
from training.train.learner import train as train_here

HERE = TrainingOptions(image_size=32, batch_size=4, epochs=1, folds=2)


def test_run_ends_with_an_export_its_metrics_and_one_line_of_counts(training_run):
    last = (training_run / "log.txt").read_text().splitlines()[-1]
    for part in (
        "export.pkl: 30 photos to train, 3 labels, 1 unreadable",
        "frozen network with a linear probe",
        "of 30 photos held out in turn, 95% interval",
    ):
        assert part in last


def test_interval_of_the_error_is_the_one_that_the_report_prints(training_run):
    metrics, last = read_metrics(training_run / "export.pkl"), (training_run / "log.txt").read_text().splitlines()[-1]
    low, high = wilson(metrics["n_wrong"], metrics["n_valid"])
    assert metrics["error_interval"] == [low, high]
    assert f"95% interval {low:.1%} to {high:.1%}" in last


def test_probe_is_told_before_the_lessons_table_and_the_verdict_after_it(training_run):
    log = (training_run / "log.txt").read_text()
    assert "broken.jpg: This photo is damaged" in log
    probe, table, verdict = (
        log.index(part)
        for part in (
            "probe: 30 photos in 4 views, 120 of them computed anew",
            "epoch     train_loss  valid_loss  error_rate  time",
            "fine-tuning is not kept: held-out loss",
        )
    )
    assert probe < table < verdict
    assert "when a label was left out, " in log


def test_metrics_record_figures_counts_versions_and_options(training_run):
    metrics = json.loads((training_run / "metrics.json").read_text())
    assert (metrics["n_train"], metrics["n_valid"], metrics["measured"]) == (30, 30, "out of fold")
    assert metrics["error_rate"] == metrics["n_wrong"] / 30
    assert metrics["photos"] == {label: {"train": 10, "valid": 0} for label in ("blue", "green", "red")}
    assert sum(row["wrong"] for row in metrics["by_label"].values()) == metrics["n_wrong"]
    assert metrics["unreadable"] == ["red/broken.jpg"]
    assert metrics["data_sha256"] == read_export(training_run / "export.pkl").facts["data_sha256"]
    assert metrics["data_sha256"] == manifest_sha256(readable_photos(training_run / "photos"))
    assert [set(row) for row in metrics["epochs"]] == [{"epoch", "train_loss", "valid_loss", "error_rate", "time"}] * 2
    assert metrics["fine_tuning"]["kept"] is False and metrics["fine_tuning"]["n"] == 6
    assert metrics["options"]["arch"] == "squeezenet1_1" and metrics["options"]["folds"] == 5
    assert {"python", "fastai", "torch", "torchvision", "scikit-learn"} <= set(metrics["versions"])
    assert len(metrics["held_out"]["answers"]) == 30 and metrics["valid_sha256"] == []
    assert set(metrics["familiarity"]["left_out"]) == {"blue", "green", "red"}
    assert 0 < metrics["familiarity"]["threshold"] < 1
    assert metrics["export"]["bytes"] == (training_run / "export.pkl").stat().st_size
    assert str(training_run) not in json.dumps(metrics)


def test_committed_small_export_is_what_a_run_writes(training_run, trained):
    """If this fails, `training.train` writes something new: run tests/exports/build_trained.py."""
    assert form(json.loads((trained / "metrics.json").read_text())) == form(
        json.loads((training_run / "metrics.json").read_text())
    )
    assert form(read_export(trained / "export.pkl").facts) == form(read_export(training_run / "export.pkl").facts)
    photos = {sha256(file) for file in get_photos(trained / "photos") if file.name != "broken.jpg"}
    assert set(read_metrics(trained / "export.pkl")["held_out"]["answers"]) == photos


def form(value: object) -> object:
    """Return what a value is made of: the names in a dict, each with the form of its value; the type of all else."""
    if not isinstance(value, dict):
        return type(value).__name__
    by_photo = all(len(name) == 64 for name in value)  # SHA-256
    return {"a photo" if by_photo else name: form(part) for name, part in value.items()}


@pytest.mark.usefixtures("tiny_training")
def test_same_seed_gives_the_same_model(photos, monkeypatch):
    monkeypatch.setattr("training.train.one_label.judge", lambda *args: Verdict(True, 2.0, 1.0, 0.01, 6))
    files, options = Photos(get_photos(photos)), replace(HERE, fine_tune=True)
    one, same, other = (train_here(files, of) for of in (options, options, replace(options, seed=7)))
    states = [trained.learn.model.state_dict() for trained in (one, same, other)]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    assert not all(torch.equal(states[0][name], states[2][name]) for name in states[0])
    assert one.validated == same.validated != other.validated


@pytest.mark.usefixtures("tiny_training")
def test_photos_that_the_run_before_validated_are_validated_again(photos, monkeypatch):
    monkeypatch.setattr("training.train.one_label.judge", lambda *args: Verdict(True, 2.0, 1.0, 0.01, 6))
    options = replace(HERE, fine_tune=True)
    before = train_here(Photos(get_photos(photos)), options).held_out.hashes
    noisy_photo((200, 40, 40), 999).save(photos / "red" / "0-new.png")
    files, options = Photos(get_photos(photos)), replace(options, seed=1)
    assert len(before) == 6 and set(train_here(files, options, before).held_out.hashes) >= set(before)
    assert not set(train_here(files, options).held_out.hashes) >= set(before)


def test_stock_load_learner_opens_the_export(training_run):
    learn = load_learner(training_run / "export.pkl")
    with learn.no_bar(), learn.no_logging():
        label, _, probabilities = learn.predict(training_run / "photos" / "red" / "00.png")
    assert label in ("blue", "green", "red")
    assert float(probabilities.sum()) == pytest.approx(1, abs=1e-5)


# --- what cannot work ---


def failed(run: subprocess.CompletedProcess) -> str:
    """Return the one sentence that a failed run printed."""
    assert run.returncode == 1, run.stdout
    assert "Traceback" not in run.stderr
    lines = [line for line in run.stderr.splitlines() if line.strip()]
    assert len(lines) == 1, run.stderr
    return lines[0]


@pytest.mark.slow
def test_bad_option_is_one_sentence(photos, tmp_path):
    assert failed(train(photos, "--out", tmp_path / "export.pkl", "--quick", "--fine-tune")).startswith(
        "--quick --fine-tune: one of the two."
    )


@pytest.mark.parametrize(
    "options, says",
    [
        ({"epochs": 0}, "--epochs 0"),
        ({"image_size": 8}, "--image-size 8"),
        ({"resize": "stretch"}, "random_crop, crop, pad, squish"),
        ({"valid_pct": 1.5}, "--valid-pct 1.5"),
        ({"batch_size": 1}, "--batch-size 1"),
        ({"base_lr": -1.0}, "--base-lr -1"),
        ({"grey": 30.0}, "--grey 30.0"),
        ({"folds": 1}, "--folds 1: at least 2"),
        ({"folds": 0}, "--folds 0: at least 2"),
        ({"seed": 99999999999999999999}, "--seed 99999999999999999999"),
        ({"arch": "resnet81"}, "Did you mean resnet18"),
        ({"weights": "nowhere.pth"}, "no weights file nowhere.pth"),
        ({"out": "no/such/folder/export.pkl"}, "a folder that exists"),
    ],
    ids=lambda value: " ".join(map(str, value)) if isinstance(value, dict) else "",
)
def test_each_bad_option_is_named(photos, tmp_path, options, says):
    with pytest.raises(CliError, match=says):
        main(str(photos), **{"out": str(tmp_path / "export.pkl"), **options})
    assert not list(tmp_path.glob("*.pkl"))


def test_bad_folder_is_one_sentence(tmp_path):
    with pytest.raises(CliError, match="There is no folder"):
        main(str(tmp_path / "nowhere"), out=str(tmp_path / "export.pkl"))


def test_weights_that_are_no_numbers_are_one_sentence(photos, tmp_path, monkeypatch):
    broken = tiny_backbone()
    torch.nn.init.constant_(broken.body[0].weight, torch.nan)
    monkeypatch.setattr("training.train.learner.load_backbone", lambda *args: broken)
    with pytest.raises(CliError, match="gives no numbers for a photo"):
        main(str(photos), image_size=32, out=str(tmp_path / "export.pkl"))


@pytest.mark.usefixtures("tiny_training")
def test_copies_alone_are_one_sentence(photos, tmp_path):
    for file in get_photos(photos / "red", labelled=False):
        file.write_bytes((photos / "red" / "00.png").read_bytes())
    with pytest.raises(CliError, match="A label has too few different photos"):
        main(str(photos), image_size=32, valid_pct=0.1, out=str(tmp_path / "export.pkl"))


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a process cannot be kept from writing")
@pytest.mark.slow
def test_full_disk_is_one_sentence_and_leaves_the_old_export(photos, tmp_path):
    import resource

    out = tmp_path / "export.pkl"
    out.write_bytes(b"the export of yesterday")

    def small_files_only():  # the nearest thing to a full disk that needs no disk: writes fail at 1 MB
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))

    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "training.train", photos, "--out", out, *TINY, "--quick"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        preexec_fn=small_files_only,
    )
    assert "could not be written" in failed(run)
    assert out.read_bytes() == b"the export of yesterday"
    assert [file.name for file in tmp_path.iterdir() if file.is_file()] == ["export.pkl"]


def test_folder_that_cannot_be_written_is_told_before_the_training(monkeypatch, tmp_path):
    monkeypatch.setattr("training.train.checks.os.access", lambda path, mode: False)  # root may write anywhere
    with pytest.raises(CliError, match="nothing may be written in"):
        check_out(tmp_path / "export.pkl")


def test_too_little_room_is_told_before_the_training(monkeypatch, tmp_path):
    monkeypatch.setattr("training.train.checks.shutil.disk_usage", lambda path: SimpleNamespace(free=1_000_000))
    with pytest.raises(CliError, match="Only 1 MB are free"):
        check_out(tmp_path / "export.pkl")


@pytest.mark.slow
def test_interruption_is_one_sentence_and_leaves_the_old_export(photos, tmp_path):
    out = tmp_path / "export.pkl"
    out.write_bytes(b"the export of yesterday")
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", "training.train", photos, "--out", out, *TINY, "--epochs", "500"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    for line in process.stdout:
        if "epoch" in line:
            break
    time.sleep(0.3)  # fastprogress begins its bar now, under a bare `except` that would swallow the interrupt
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 1
    assert stderr.strip() == f"Stopped. {out} is as it was."
    assert out.read_bytes() == b"the export of yesterday"
    assert [file.name for file in tmp_path.iterdir() if file.is_file()] == ["export.pkl"]


@pytest.mark.parametrize("written", ["5", "null", "[[1]]", "{}", "not json"])
def test_metrics_that_make_no_sense_are_passed_over(tmp_path, written):
    (tmp_path / "metrics.json").write_text(f'{{"valid_sha256": {written}}}')
    assert validated_before(tmp_path / "export.pkl") == []
