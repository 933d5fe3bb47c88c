"""classifier/inference/confidence.py: a photo of none of the labels is told, and never wrongly trusted."""

import numpy as np
import pytest
import torch
from fastai.learner import load_learner
from PIL import Image

from benchmarks.measuring.statistics import uncalibrated
from benchmarks.trust.__main__ import as_sketch, in_grey
from benchmarks.trust.tables import row, second_table
from classifier import Classifier
from classifier.inference.confidence import Familiarity, familiarity, normalised, probabilities
from helpers.commands import run_module
from helpers.paths import ROOT
from helpers.photos import make_photos, noisy_photo
from training.export.portable_pickle import to_bytes
from training.metrics import read_metrics


def unit(*rows) -> np.ndarray:
    return normalised(np.array(rows, dtype=np.float32))


def test_familiarity_is_the_similarity_to_the_kth_nearest():
    reference = unit([1, 0], [1, 1], [0, 1])
    photo = np.array([[2.0, 0]])
    assert familiarity(photo, reference, k=1) == pytest.approx([1])
    assert familiarity(photo, reference, k=2) == pytest.approx([0.5**0.5])
    assert familiarity(photo, reference, k=3) == pytest.approx([0])


def test_opposite_features_are_not_below_zero():
    assert familiarity(np.array([[-1.0, 0]]), unit([1, 0]), k=1) == 0


@pytest.mark.parametrize("features", [[0, 0], [np.nan, np.nan], [np.inf, -np.inf], [np.nan, 0]])
def test_broken_features_are_near_nothing(features):
    assert familiarity(np.array([features], dtype=np.float32), unit([1, 0], [0, 1]), k=1) == 0


def test_8_bits_keep_the_directions():
    reference = normalised(np.random.default_rng(0).random((40, 1280)) ** 4)
    kept = Familiarity.from_facts(Familiarity(reference, 0.5).to_facts(), 1280)
    assert (kept.reference * reference).sum(1).min() > 0.9995
    assert (kept.threshold, kept.k) == (0.5, 5)


GOOD = {"reference": torch.ones(6, 4, dtype=torch.int8), "threshold": 0.5, "k": 5}


@pytest.mark.parametrize(
    "facts",
    [
        "text",
        [],
        {},
        {**GOOD, "reference": None},
        {**GOOD, "reference": torch.ones(6, dtype=torch.int8)},
        {**GOOD, "reference": torch.ones(6, 3, dtype=torch.int8)},
        {**GOOD, "k": 7},
        {**GOOD, "k": 0},
        {**GOOD, "threshold": float("nan")},
        {**GOOD, "threshold": 2},
        {**GOOD, "threshold": None},
        {**GOOD, "reference": torch.ones(0, 4, dtype=torch.int8)},
        {**GOOD, "threshold": 0.0},
        {**GOOD, "threshold": True},
        {**GOOD, "k": 2.7},
        {**GOOD, "k": True},
        {**GOOD, "k": float("inf")},
        {**GOOD, "threshold": 10**400},
        {**GOOD, "reference": torch.zeros(6, 4)},
        {**GOOD, "reference": torch.full((6, 4), torch.nan)},
        {**GOOD, "reference": torch.full((6, 4), 1e38)},
        {**GOOD, "reference": torch.ones(6, 4, dtype=torch.bool)},
        {**GOOD, "reference": torch.ones(6, 4, requires_grad=True)},
    ],
    ids=lambda facts: "",
)
def test_data_that_makes_no_sense_is_left_out_and_logged(facts, caplog):
    assert Familiarity.from_facts(facts, 4) is None
    assert "cannot be used" in caplog.text


def test_good_data_is_taken_and_none_is_none():
    assert Familiarity.from_facts(GOOD, 4).k == 5
    assert Familiarity.from_facts(None, 4) is None
    assert Familiarity.from_facts(GOOD, None) is None


def test_training_fits_it_as_a_part_of_its_run(training_run):
    classifier = Classifier.load(training_run / "export.pkl")
    prediction = classifier.predict(training_run / "photos" / "red" / "00.png")
    assert classifier.reports_familiarity
    assert prediction.familiar is True and 0 < prediction.familiarity <= 1
    known = classifier.facts["familiarity"]
    assert known["reference"].dtype == np.int8 and known["reference"].shape[1] == 512
    assert known["k"] == 1  # the centres of the photos of a label, not the photos


def test_an_export_without_it_serves_with_plain_softmax(trained, tmp_path):
    learn = load_learner(trained / "export.pkl")
    for facts in ({}, {"familiarity": None}, {"familiarity": {"reference": "broken"}}):
        learn.fieldguide = facts
        (tmp_path / "export.pkl").write_bytes(to_bytes(learn))
        classifier = Classifier.load(tmp_path / "export.pkl")
        prediction = classifier.predict(trained / "photos" / "red" / "00.png")
        assert not classifier.reports_familiarity
        assert prediction.familiarity is None and prediction.familiar is None
        assert sum(prediction.probabilities.values()) == pytest.approx(1)


def test_committed_trust_data_is_small():
    known = Classifier.load(ROOT / "export.pkl").facts["familiarity"]
    assert known["reference"].size <= 500_000


@pytest.mark.slow
def test_committed_export_meets_its_figures_on_photos_from_elsewhere(shared):
    data = shared / "data"
    run = run_module(
        "benchmarks.trust",
        ROOT / "export.pkl",
        "--known",
        data / "bears-field",
        "--other",
        data / "not-bears",
        "--data",
        data / "bears",
        "--heatmaps",
        60,  # all 656 of them take two minutes
        timeout=900,
    )
    assert run.returncode == 0, run.stderr
    lines = run.stdout.splitlines()
    rows = {line[:30].strip(): line[30:].split() for line in lines}
    n, right, _, calibrated = rows["bears-field"][:4]
    assert n == "240" and float(right.strip("%")) >= 92
    assert float(calibrated) <= 0.05
    assert float(rows["bears, out of fold"][1].strip("%")) >= 97.5
    ours, softmax = (next(line for line in lines if line.startswith(name)) for name in ("familiarity,", "softmax,"))
    known, other, auroc = (float(figure.strip("%")) for figure in ours.split()[-3:])
    assert known > 90 and other <= 2.5 and auroc >= 0.985
    assert float(softmax.split()[-1]) < auroc
    heatmap = next(line for line in lines if line.startswith("heatmap:") and line.endswith(": bears-field"))
    assert float(heatmap.split(" in ")[1].split("%")[0]) >= 60
    # metrics.json, from which the model card is written, holds these figures
    trust = read_metrics(ROOT / "export.pkl")["trust"]
    table = second_table(trust["scores"], trust["n_known"], trust["n_other"]).splitlines()
    assert [line for line in [*map(row, trust["groups"]), *table] if line not in lines] == []


def test_benchmark_without_photos_is_one_sentence(trained, tmp_path):
    run = run_module("benchmarks.trust", trained / "export.pkl", "--known", trained / "photos", "--other", tmp_path)
    assert run.returncode == 1 and "Two folders with photos" in run.stderr and "Traceback" not in run.stderr


@pytest.mark.slow
def test_benchmark_measures_an_export_without_trust_data(trained, tmp_path):
    learn = load_learner(trained / "export.pkl")
    learn.fieldguide = {}
    (tmp_path / "export.pkl").write_bytes(to_bytes(learn))
    known, other = make_photos(tmp_path / "known", n=2, seed=400), make_photos(tmp_path / "other", n=2, seed=800)
    run = run_module("benchmarks.trust", tmp_path / "export.pkl", "--known", known, "--other", other)
    assert run.returncode == 0, run.stderr
    assert "softmax, where 95.0% of known pass" in run.stdout and "familiarity," not in run.stdout
    known_row = next(line for line in run.stdout.splitlines() if line.startswith("known "))
    assert known_row.split()[1] == "6" and known_row.split()[4] == "-" and known_row.split()[-1] == "-"


def test_plain_softmax_is_got_back_from_calibrated_probabilities():
    scores = np.random.default_rng(0).normal(0, 4, (20, 3))
    assert uncalibrated(probabilities(scores, 1.7), 1.7) == pytest.approx(probabilities(scores))


def test_sketch_and_grey_have_no_colour_and_keep_the_size():
    photo = noisy_photo((200, 40, 90), 0, (120, 80))
    for change in (in_grey, as_sketch):
        samples = np.asarray(change(photo))
        assert samples.shape == (80, 120, 3) and (np.ptp(samples, axis=2) == 0).all()
    assert np.asarray(as_sketch(Image.new("RGB", (50, 50), "navy"))).min() > 240  # no edge, no line
