"""training/train/fine_tune.py: a second step that starts from the probe, and is kept only where it proves better."""

import os
import signal
import time
from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest
import torch
from fastai.callback.core import Callback
from fastcore.script import CliError

from classifier.files import sha256
from helpers.learners import tiny_backbone
from helpers.photos import make_photos
from training.data.photos import get_photos
from training.data.splits import Photos
from training.options import TrainingOptions
from training.train.checks import check_options
from training.train.fine_tune import EpochTable, Verdict, fine_tune, should_fine_tune, validation_scores
from training.train.interrupt import interrupted, remember_interrupts
from training.train.learner import prepare, train
from training.train.network.head import set_probe
from training.train.one_label import judge
from training.train.out_of_fold import score_out_of_fold

TINY = TrainingOptions(image_size=32, batch_size=4, epochs=1, folds=2)


@pytest.fixture
def photos(tmp_path, monkeypatch) -> Photos:
    """Six photos each of three labels, and a tiny network for all that train on them."""
    monkeypatch.setattr("training.train.learner.load_backbone", tiny_backbone)
    return Photos(get_photos(make_photos(tmp_path / "photos", n=6)))


@pytest.fixture
def learn(photos):
    """A Learner whose head is the probe."""
    learn, features = prepare(photos, TINY)
    set_probe(learn, score_out_of_fold(learn, features, photos, TINY).fit())
    return learn


def statistics(model) -> dict:
    return {name: value.clone() for name, value in model[0].state_dict().items() if "running" in name}


def same(one: dict, other: dict) -> bool:
    return all(torch.equal(one[name], other[name]) for name in one)


def test_from_the_probe_the_bodys_batch_norm_keeps_its_statistics(learn):
    before, weights = statistics(learn.model), learn.model[0][0].weight.clone()
    table, minutes = fine_tune(learn, 1, 1e-3, quiet=True)
    assert len(before) == 4 and same(before, statistics(learn.model))
    assert not torch.equal(weights, learn.model[0][0].weight)
    assert minutes is None
    assert [set(row) for row in table] == [{"epoch", "train_loss", "valid_loss", "error_rate", "time"}]


def test_from_the_probe_the_weights_are_a_mean_of_before_and_after(learn):
    class Last(Callback):
        def after_fit(self):
            self.weights = {name: value.clone() for name, value in self.model.state_dict().items()}

    before, last = {name: value.clone() for name, value in learn.model.state_dict().items()}, Last()
    with learn.added_cbs(last):
        fine_tune(learn, 1, 1e-2, quiet=True)
    for name, value in learn.model.state_dict().items():
        if value.is_floating_point():
            assert torch.allclose(value, before[name] / 4 + 3 * last.weights[name] / 4, atol=1e-6)


def test_a_network_that_starts_at_random_learns_its_batch_norm(learn):
    before = statistics(learn.model)
    table, _ = fine_tune(learn, 1, 1e-3, from_probe=False, quiet=True)
    assert not same(before, statistics(learn.model))
    assert len(table) == 2  # the lesson's own: the head alone, then all


def test_backbones_first_layers_learn_slower_than_the_head(learn):
    fine_tune(learn, 1, 1e-3, quiet=True)
    first, last = learn.opt.hypers[0]["lr"], learn.opt.hypers[-1]["lr"]
    assert first == pytest.approx(last / 10)


def test_before_the_first_step_the_network_says_what_the_probe_says(photos):
    learn, features = prepare(photos, TINY)
    seen = score_out_of_fold(learn, features, photos, TINY)
    set_probe(learn, seen.fit())
    row_of = {file: i for i, file in enumerate(seen.files)}
    plain = seen.features[[row_of[file] for file in learn.dls.valid_ds.items], 0]
    # photos are opened at two sizes
    assert validation_scores(learn) == pytest.approx(seen.fit().scores(plain), abs=0.05)


def scores_for(targets: np.ndarray, gain: float, noise: int) -> np.ndarray:
    """Return (N, 3) scores that favour the photo's own label by `gain`."""
    return np.random.default_rng(noise).normal(0, 1, (len(targets), 3)) + gain * np.eye(3)[targets]


TARGETS = np.arange(300) % 3


@pytest.mark.parametrize(
    "before, after, kept", [(1, 3, True), (3, 1, False), (2, 2.05, False)], ids=["clear gain", "loss", "chance"]
)
def test_a_gain_beyond_chance_is_kept_alone(before, after, kept):
    verdict = judge(scores_for(TARGETS, before, 0), scores_for(TARGETS, after, 1), TARGETS)
    assert verdict.kept is kept and verdict.n == 300
    assert (verdict.p < 0.05) is kept
    assert f"fine-tuning is {'' if kept else 'not '}kept" in str(verdict)


def test_a_gain_on_few_photos_can_be_chance():
    few = TARGETS[:6]
    verdict = judge(scores_for(few, 1, 0), scores_for(few, 1.5, 1), few)
    assert verdict.kept is False and verdict.p > 0.05


@pytest.mark.parametrize(
    "change",
    [lambda scores: scores, lambda scores: 5 * scores, lambda scores: scores * np.nan],
    ids=["the same", "surer", "no numbers"],
)
def test_what_is_no_better_is_not_kept(change):
    scores = scores_for(TARGETS, 2, 0)
    verdict = judge(scores, change(scores), TARGETS)
    assert verdict.kept is False and str(verdict).endswith("no better")


@pytest.mark.parametrize("n", [1, 2])
def test_one_or_two_photos_tell_nothing(n):
    assert not judge(np.zeros((n, 3)), 9 * np.eye(3)[TARGETS[:n]], TARGETS[:n]).kept


@pytest.mark.parametrize(
    "error, quick, always, tried",
    [
        (0.04, False, False, False),
        (0.05, False, False, True),
        (0.9, True, False, False),
        (0.0, False, True, True),
        (0.9, True, True, False),
    ],
)
def test_a_poor_probe_is_fine_tuned_and_never_when_it_is_to_be_quick(error, quick, always, tried):
    assert should_fine_tune(error, quick, always) is tried


def test_quick_and_fine_tune_together_are_one_sentence():
    with pytest.raises(CliError, match="--quick --fine-tune: one of the two"):
        check_options(TrainingOptions(quick=True, fine_tune=True))


def test_a_fine_tuning_that_takes_too_long_ends_after_a_few_steps(learn):
    table, minutes = fine_tune(learn, 1000, 1e-3, max_minutes=0.001, quiet=True)
    assert minutes > 0.001 and len(table) <= 2


def test_a_fine_tuning_that_takes_too_long_leaves_the_probe_in_place(photos, monkeypatch, capsys):
    monkeypatch.setattr("training.train.fine_tune.FINE_TUNE_ERROR", 0)
    probed = train(photos, replace(TINY, quick=True))
    assert "fine-tuning" not in capsys.readouterr().out
    trained = train(photos, replace(TINY, epochs=1000), max_minutes=0.001)
    assert "minutes here and is left out; --fine-tune does it" in capsys.readouterr().out
    assert trained.verdict is None and not trained.fine_tuned and trained.validated == []
    assert same(probed.learn.model.state_dict(), trained.learn.model.state_dict())


def test_fine_tuning_that_is_not_kept_leaves_the_probe_in_place(photos, monkeypatch):
    monkeypatch.setattr("training.train.one_label.judge", lambda *args: Verdict(False, 1.0, 2.0, 1.0, 3))
    probed, trained = train(photos, replace(TINY, quick=True)), train(photos, replace(TINY, fine_tune=True))
    assert not trained.fine_tuned and len(trained.table) == 1 and trained.verdict.loss_after == 2
    assert same(probed.learn.model.state_dict(), trained.learn.model.state_dict())
    assert np.array_equal(probed.held_out.probabilities, trained.held_out.probabilities)


def test_fine_tuning_that_is_kept_is_measured_on_photos_that_it_did_not_learn_from(photos, monkeypatch):
    monkeypatch.setattr("training.train.one_label.judge", lambda *args: Verdict(True, 2.0, 1.0, 0.01, 3))
    trained = train(photos, replace(TINY, fine_tune=True))
    assert trained.fine_tuned and len(trained.validated) == 3 and len(trained.files) == 15
    assert not set(trained.validated) & set(trained.files)
    assert sorted(trained.held_out.hashes) == sorted(map(sha256, trained.validated))
    assert trained.calibration["n_photos"] == 3
    assert trained.familiarity.reference.shape[1] == 24 and trained.held_out.familiarity.shape == (3,)


def test_a_network_that_starts_at_random_is_fine_tuned_with_batch_norm_in_training_mode(photos, monkeypatch, capsys):
    monkeypatch.setattr("training.train.one_label.judge", lambda *args: Verdict(True, 2.0, 1.0, 0.01, 3))
    trained = train(photos, replace(TINY, pretrained=False))
    assert "fine-tuning on 15 photos, 3 held out" in capsys.readouterr().out
    assert trained.fine_tuned and not same(statistics([tiny_backbone().body]), statistics(trained.learn.model))


def test_quick_leaves_a_network_that_starts_at_random_as_it_is(photos):
    trained = train(photos, replace(TINY, pretrained=False, quick=True))
    assert trained.verdict is None
    assert same(statistics([tiny_backbone().body]), statistics(trained.learn.model))


def test_an_interrupt_that_is_swallowed_ends_the_training_all_the_same(photos, monkeypatch):
    batches = []

    class Swallow(EpochTable):
        def after_pred(self):
            batches.append(1)
            with suppress(BaseException):
                os.kill(os.getpid(), signal.SIGINT)
                time.sleep(1)

    monkeypatch.setattr("training.train.fine_tune.EpochTable", Swallow)
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt), remember_interrupts():
        train(photos, replace(TINY, fine_tune=True))
    assert len(batches) == 1
    assert signal.getsignal(signal.SIGINT) is before and not interrupted.is_set()
