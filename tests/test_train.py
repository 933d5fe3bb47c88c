"""training/train.py and backbone.py: a run on a tiny scale, its files, and what bad input reads."""
import json
import os
import resource
import signal
import subprocess
import sys
import time
from contextlib import suppress

import pytest
import torch
import torchvision
from fastai.callback.core import Callback
from fastai.learner import load_learner
from fastcore.script import CliError

from conftest import ROOT, TINY, noisy_photo, run_module, train
from training.backbone import load_backbone
from training.data import get_photos
from training.interrupt import heeding_interrupts, interrupted
from training.metrics import validated_before
from training.train import check_options, enough_epochs
from training.train import train as train_here


def test_run_ends_with_an_export_its_metrics_and_one_line_of_counts(trained):
    last = (trained / "log.txt").read_text().splitlines()[-1]
    for part in ("export.pkl:", "30 photos (24 to train, 6 to validate)", "3 labels", "1 unreadable", "error rate"):
        assert part in last


def test_lessons_table_is_printed(trained):
    log = (trained / "log.txt").read_text()
    assert all(column in log for column in ("epoch", "train_loss", "valid_loss", "error_rate", "time"))
    assert "broken.jpg: This photo is damaged" in log


def test_metrics_record_figures_counts_versions_and_options(trained):
    metrics = json.loads((trained / "metrics.json").read_text())
    assert (metrics["n_train"], metrics["n_valid"]) == (24, 6)
    assert metrics["error_rate"] == metrics["n_wrong"] / 6
    assert sum(count for by_split in metrics["photos"].values() for count in by_split.values()) == 30
    assert set(metrics["photos"]) == {"blue", "green", "red"}
    assert metrics["unreadable"] == ["red/broken.jpg"]
    assert [set(row) for row in metrics["epochs"]] == [{"epoch", "train_loss", "valid_loss", "error_rate", "time"}] * 2
    assert metrics["options"]["arch"] == "squeezenet1_1"
    assert {"python", "fastai", "torch", "torchvision"} <= set(metrics["versions"])
    assert len(set(metrics["valid_sha256"])) == 6
    assert metrics["export"]["bytes"] == (trained / "export.pkl").stat().st_size
    assert str(trained) not in json.dumps(metrics)


def test_training_again_is_the_same_and_keeps_the_validation_photos(trained, tmp_path):
    for name in ("export.pkl", "metrics.json"):
        (tmp_path / name).write_bytes((trained / name).read_bytes())
    before = json.loads((trained / "metrics.json").read_text())
    photos = tmp_path / "photos"
    photos.mkdir()
    for folder in (trained / "photos").iterdir():
        (photos / folder.name).mkdir()
        for file in folder.iterdir():
            (photos / folder.name / file.name).write_bytes(file.read_bytes())
    run = train(photos, "--out", tmp_path / "export.pkl", "--seed", "42")
    assert run.returncode == 0, run.stderr
    again = json.loads((tmp_path / "metrics.json").read_text())
    assert again["valid_sha256"] == before["valid_sha256"]
    assert [row["train_loss"] for row in again["epochs"]] == [row["train_loss"] for row in before["epochs"]]

    noisy_photo((200, 40, 40), 999).save(photos / "red" / "0-new.png")
    run = train(photos, "--out", tmp_path / "export.pkl", "--seed", "1")
    assert run.returncode == 0, run.stderr
    assert set(json.loads((tmp_path / "metrics.json").read_text())["valid_sha256"]) >= set(before["valid_sha256"])
    run = train(photos, "--out", tmp_path / "export.pkl", "--seed", "1", "--resplit")
    assert run.returncode == 0, run.stderr
    redrawn = set(json.loads((tmp_path / "metrics.json").read_text())["valid_sha256"])
    assert not redrawn >= set(before["valid_sha256"])


def test_stock_load_learner_opens_the_export(trained):
    learn = load_learner(trained / "export.pkl")
    with learn.no_bar(), learn.no_logging():
        label, _, probabilities = learn.predict(trained / "photos" / "red" / "00.png")
    assert label in ("blue", "green", "red")
    assert float(probabilities.sum()) == pytest.approx(1, abs=1e-5)


def failed(run: subprocess.CompletedProcess) -> str:
    """Return the one sentence that a failed run printed."""
    assert run.returncode == 1, run.stdout
    assert "Traceback" not in run.stderr
    lines = [line for line in run.stderr.splitlines() if line.strip()]
    assert len(lines) == 1, run.stderr
    return lines[0]


@pytest.mark.parametrize("options, says", [
    (["--epochs", "0"], "--epochs 0"),
    (["--image-size", "8"], "--image-size 8"),
    (["--resize", "stretch"], "random_crop, crop, pad, squish"),
    (["--valid-pct", "1.5"], "--valid-pct 1.5"),
    (["--batch-size", "1"], "--batch-size 1"),
    (["--base-lr", "-1"], "--base-lr -1"),
    (["--grey", "30"], "--grey 30.0"),
    (["--folds", "1"], "--folds 1: 0, or at least 2"),
    (["--seed", "99999999999999999999"], "--seed 99999999999999999999"),
    (["--arch", "resnet81"], "Did you mean resnet18"),
    (["--weights", "nowhere.pth"], "no weights file nowhere.pth"),
    (["--out", "no/such/folder/export.pkl"], "a folder that exists"),
], ids=lambda value: " ".join(value) if isinstance(value, list) else "")
def test_bad_option_is_one_sentence(photos, tmp_path, options, says):
    out = ["--out", tmp_path / "export.pkl"] if "--out" not in options else []
    assert says in failed(train(photos, *out, *options))
    assert not list(tmp_path.glob("*.pkl"))


def test_bad_folder_is_one_sentence(tmp_path):
    assert "There is no folder" in failed(train(tmp_path / "nowhere", "--out", tmp_path / "export.pkl"))


def test_full_disk_is_one_sentence_and_leaves_the_old_export(photos, tmp_path):
    out = tmp_path / "export.pkl"
    out.write_bytes(b"the export of yesterday")

    def small_files_only():  # the nearest thing to a full disk that needs no disk: writes fail at 1 MB
        resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))

    run = subprocess.run([sys.executable, "-W", "ignore", "-m", "training.train", photos, "--out", out, *TINY],
                         cwd=ROOT, capture_output=True, text=True, timeout=300, preexec_fn=small_files_only)
    assert "could not be written" in failed(run)
    assert out.read_bytes() == b"the export of yesterday"
    assert [file.name for file in tmp_path.iterdir() if file.is_file()] == ["export.pkl"]


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="needs POSIX permissions")
def test_folder_that_cannot_be_written_is_told_before_the_training(monkeypatch, tmp_path):
    monkeypatch.setattr("training.train.os.access", lambda path, mode: False)  # root may write anywhere
    with pytest.raises(CliError, match="nothing may be written in"):
        check_options(4, 224, "crop", 0.2, 64, 2e-3, 0.3, 42, 5, tmp_path / "export.pkl")


def test_interruption_is_one_sentence_and_leaves_the_old_export(photos, tmp_path):
    out = tmp_path / "export.pkl"
    out.write_bytes(b"the export of yesterday")
    process = subprocess.Popen([sys.executable, "-W", "ignore", "-m", "training.train", photos, "--out", out, *TINY,
                                "--epochs", "500"], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
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


def test_an_interrupt_that_is_swallowed_ends_the_training_all_the_same(photos, monkeypatch):
    batches = []

    class Swallow(Callback):
        def after_pred(self):
            batches.append(1)
            with suppress(BaseException):
                os.kill(os.getpid(), signal.SIGINT)
                time.sleep(1)

    monkeypatch.setattr("training.train.EpochTable", type("Table", (Swallow,), {"rows": []}))
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt), heeding_interrupts():
        train_here(get_photos(photos), "squeezenet1_1", epochs=1, image_size=64, pretrained=False)
    assert len(batches) == 1
    assert signal.getsignal(signal.SIGINT) is before and not interrupted.is_set()


@pytest.mark.parametrize("written", ["5", "null", "[[1]]", "{}", "not json"])
def test_metrics_that_make_no_sense_are_passed_over(tmp_path, written):
    (tmp_path / "metrics.json").write_text(f'{{"valid_sha256": {written}}}')
    assert validated_before(tmp_path / "export.pkl") == []


def test_too_little_room_is_told_before_the_training(monkeypatch, tmp_path):
    monkeypatch.setattr("training.train.shutil.disk_usage", lambda path: os.statvfs_result([0] * 10) and type(
        "Usage", (), {"free": 1_000_000})())
    with pytest.raises(CliError, match="Only 1 MB are free"):
        check_options(4, 224, "crop", 0.2, 64, 2e-3, 0.3, 42, 5, tmp_path / "export.pkl")


# --- networks ---


@pytest.mark.parametrize("name, n_features, cells", [
    ("resnet18", 512, True), ("mobilenet_v2", 1280, True), ("convnext_tiny", 768, True), ("densenet121", 1024, True),
    ("swin_t", 768, True), ("vit_b_16", 768, False), ("googlenet", 1024, True), ("inception_v3", 2048, True),
    ("resnet18d", 512, True), ("vit_tiny_patch16_224", 192, False), ("swin_tiny_patch4_window7_224", 768, False),
    ("convnext_atto", 320, True), ("tf_efficientnet_lite0", 1280, True),
])
def test_networks_of_both_libraries_are_cut_before_their_classifier(name, n_features, cells):
    backbone = load_backbone(name, pretrained=False)
    with torch.no_grad():
        features = backbone.body(torch.zeros(2, 3, 224, 224))
        backbone.body.train()(torch.zeros(2, 3, 224, 224))
    assert (backbone.n_features, backbone.cells) == (n_features, cells)
    assert features.shape[:2] == (2, n_features)
    assert (features.ndim == 4) == cells


@pytest.mark.parametrize("wrap", [lambda state: state, lambda state: {"state_dict": state},
                                  lambda state: {f"module.{key}": value for key, value in state.items()}],
                         ids=["plain", "checkpoint", "data-parallel"])
def test_local_weights_are_loaded(tmp_path, wrap):
    torch.manual_seed(1)
    model = torchvision.models.squeezenet1_1()
    torch.save(wrap(model.state_dict()), tmp_path / "weights.pth")
    body = load_backbone("squeezenet1_1", weights=tmp_path / "weights.pth").body
    assert torch.equal(next(body.parameters()), next(model.parameters()))


def test_weights_with_another_number_of_classes_fit(tmp_path):
    model = torchvision.models.resnet18(num_classes=7)
    torch.save(model.state_dict(), tmp_path / "weights.pth")
    assert load_backbone("resnet18", weights=tmp_path / "weights.pth").n_features == 512


def test_weights_of_another_network_are_one_sentence(tmp_path):
    torch.save(torchvision.models.squeezenet1_1().state_dict(), tmp_path / "weights.pth")
    with pytest.raises(CliError, match=r"does not fit resnet18: .* conv1\.weight first"):
        load_backbone("resnet18", weights=tmp_path / "weights.pth")


@pytest.mark.parametrize("content", [b"", b"not weights", b"PK\3\4 cut off"], ids=["empty", "text", "cut-off"])
@pytest.mark.parametrize("suffix", ["pth", "safetensors"])
def test_a_file_that_is_no_weights_is_one_sentence(tmp_path, content, suffix):
    path = tmp_path / f"weights.{suffix}"
    path.write_bytes(content)
    with pytest.raises(CliError, match="could not be opened as weights"):
        load_backbone("resnet18", weights=path)


def test_a_whole_pickled_model_is_not_run(tmp_path):
    torch.save(torchvision.models.squeezenet1_1(), tmp_path / "model.pth")
    with pytest.raises(CliError, match="state dict"):
        load_backbone("squeezenet1_1", weights=tmp_path / "model.pth")


def test_size_that_a_network_does_not_take_names_one_that_it_takes():
    with pytest.raises(CliError, match="--image-size 256"):
        load_backbone("maxvit_rmlp_pico_rw_256", pretrained=False, image_size=224)


def test_download_that_fails_names_the_ways_round(monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr("torchvision.models.resnet.ResNet18_Weights.DEFAULT.value.url",
                        "http://127.0.0.1:9/resnet18.pth", raising=False)
    from torchvision.models import ResNet18_Weights
    object.__setattr__(ResNet18_Weights.DEFAULT.value, "url", "http://127.0.0.1:9/resnet18-00000000.pth")
    with pytest.raises(CliError, match="--weights FILE, or train without: --no-pretrained"):
        load_backbone("resnet18")


def test_network_that_knows_one_size_is_trained_and_validated_at_it(photos, tmp_path):
    run = train(photos, "--arch", "vit_tiny_patch16_224", "--image-size", "224", "--folds", "0", "--out",
                tmp_path / "export.pkl")
    assert run.returncode == 0, run.stderr


@pytest.mark.parametrize("arch, size, takes", [("squeezenet1_1", 256, True), ("vit_tiny_patch16_224", 256, False)])
def test_backbone_tells_which_sizes_it_takes(arch, size, takes):
    assert load_backbone(arch, pretrained=False).takes(size) is takes


@pytest.mark.parametrize("n_train, batch_size, epochs", [(333, 16, 4), (5000, 16, 4), (160, 16, 8), (61, 16, 27),
                                                         (3, 16, 80)])
def test_few_photos_are_seen_more_often(n_train, batch_size, epochs):
    assert enough_epochs(n_train, batch_size) == epochs


def test_few_photos_and_how_often_they_are_seen_are_told(photos, tmp_path):
    run = run_module("training.train", photos, "--arch", "squeezenet1_1", "--no-pretrained", "--image-size", "32",
                     "--folds", "0", "--batch-size", "8", "--out", tmp_path / "few.pkl")
    assert "30 photos are few: 27 epochs instead of 4" in run.stdout, run.stdout + run.stderr
    metrics = json.loads((tmp_path / "few.metrics.json").read_text())
    assert metrics["options"]["epochs"] == 27 and len(metrics["epochs"]) == 28
