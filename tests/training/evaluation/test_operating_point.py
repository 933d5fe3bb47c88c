"""training/evaluation/operating_point.py and answers.py: thresholds that keep a promise, and what comes of them."""

from pathlib import Path

import numpy as np
import pytest

from training.evaluation.answers import Answers, curve
from training.evaluation.multi_label_predictions import MultiLabelPredictions
from training.evaluation.operating_point import (
    choose,
    choose_by_cost,
    conformal_threshold,
    costs_of,
    facts_of,
    lower_end,
    lowest_threshold,
)
from training.evaluation.predictions import Predictions

VOCAB = ["a", "b", "c"]


def drawn(n: int, seed: int, familiarity: np.ndarray | None = None) -> Predictions:
    """Return calibrated predictions: a photo with 80% for its label is right 8 times in 10."""
    rng = np.random.default_rng(seed)
    sure = 1 - rng.beta(0.5, 4, n) * 0.6
    said = rng.integers(3, size=n)
    probabilities = np.repeat((1 - sure[:, None]) / 2, 3, axis=1)
    probabilities[np.arange(n), said] = sure
    right = rng.random(n) < sure
    targets = np.where(right, said, (said + rng.integers(1, 3, n)) % 3)
    return Predictions([Path(str(i)) for i in range(n)], VOCAB, targets, probabilities, familiarity)


@pytest.mark.parametrize("precision", [0.9, 0.95, 0.97])
def test_a_promise_is_kept_on_new_photos_in_nine_of_ten_draws(precision):
    new = Answers.of(drawn(100_000, 1000))
    kept = 0
    for seed in range(200):
        outcome = new.outcome(choose(Answers.of(drawn(400, seed)), precision).thresholds)
        kept += outcome.n == 0 or outcome.n_right / outcome.n >= precision
    assert kept >= 180


def test_a_label_may_have_a_promise_of_its_own():
    answers = Answers.of(drawn(3000, 0))
    choice = choose(answers, 0.9, {"b": 0.97})
    assert choice.thresholds[0] == choice.thresholds[2] < choice.thresholds[1] < 1
    assert choice.missed == () and choice.precision == 0.9


def test_where_no_threshold_keeps_the_promise_a_person_is_always_asked():
    choice = choose(Answers.of(drawn(40, 0)), 0.999)
    assert np.isinf(choice.thresholds).all() and choice.missed == tuple(VOCAB)
    assert str(choice.outcome) == "none of 40 photos is answered alone, all go to a person"
    assert facts_of(choice)["thresholds"] == [None, None, None] and facts_of(choice)["right"] is None


def test_photos_that_are_not_familiar_go_to_a_person_and_teach_nothing():
    predictions = drawn(1000, 0, np.where(np.arange(1000) < 300, 0.1, 0.9))
    predictions.targets[:300] = (predictions.predicted[:300] + 1) % 3  # all wrong
    answers = Answers.of(predictions, familiar_from=0.5)
    choice = choose(answers, 0.9)
    assert choice.outcome.n_photos == 1000 and choice.outcome.asked >= 0.3
    assert choice.outcome.n_right / choice.outcome.n >= 0.9


def test_equal_probabilities_are_answered_alike():
    probabilities = np.array([[0.9, 0.1]] * 60)
    predictions = Predictions([Path(str(i)) for i in range(60)], ["a", "b"], np.zeros(60, int), probabilities)
    assert lowest_threshold(Answers.of(predictions), 0.95) == pytest.approx(0.9)
    predictions.targets[:10] = 1
    assert np.isinf(lowest_threshold(Answers.of(predictions), 0.95))


def test_no_answers_keep_no_promise():
    nothing = Answers.of(Predictions([], VOCAB, np.zeros(0, int), np.zeros((0, 3))))
    assert np.isinf(choose(nothing, 0.9).thresholds).all()
    assert lower_end(0, 5) == 0


def test_of_several_labels_each_must_be_sure():
    probabilities = np.array([[0.9, 0.8, 0.1], [0.9, 0.2, 0.1], [0.1, 0.2, 0.3]])
    targets = np.array([[1, 0, 0], [1, 0, 0], [0, 0, 0]], bool)
    said = probabilities > 0.5
    answers = Answers.of(MultiLabelPredictions([Path("x")] * 3, VOCAB, targets, probabilities, predicted_labels=said))
    loose, strict = answers.outcome(np.array([0.5, 0.5, 0.5])), answers.outcome(np.array([0.5, 0.85, 0.5]))
    assert (loose.n, loose.n_right, loose.n_answered) == (3, 2, 2)  # the photo without a label goes to a person
    assert (strict.n, strict.n_right, strict.n_answered) == (1, 1, 1)


def test_a_higher_threshold_answers_less_and_the_text_says_it():
    answers = Answers.of(drawn(1000, 0))
    outcomes = curve(answers, [0.0, 0.9, 0.99])
    assert outcomes[0].n > outcomes[1].n > outcomes[2].n and outcomes[0].asked == 0
    assert str(outcomes[1]).startswith("right 9") and str(outcomes[1]).endswith("of 100 go to a person")


def test_costs_choose_the_threshold_of_each_label():
    predictions = drawn(4000, 0)
    answers = Answers.of(predictions)
    cheap, dear = (choose_by_cost(answers, costs_of(predictions, answers, wrong, {}), 1) for wrong in (1, 50))
    assert cheap.outcome.asked < 0.01  # an error costs no more than asking
    assert dear.outcome.asked > 0.3 and dear.outcome.n_right / dear.outcome.n > 0.97
    costs = costs_of(predictions, answers, 1, {("a", "b"): 100})
    assert set(costs) == {0, 1, 100}
    one = choose_by_cost(answers, costs, 1).thresholds
    assert one[1] > 0.9 > one[0]  # only what is called b can be that error


def test_candidates_hold_the_right_label_as_often_as_promised():
    new, shares = drawn(20_000, 99), []
    for seed in range(50):
        known = drawn(300, seed)
        least = conformal_threshold(known.probabilities, known.targets, 0.9)
        shares.append((new.probabilities[np.arange(20_000), new.targets] >= least).mean())
    assert np.mean(shares) == pytest.approx(0.9, abs=0.01)
    assert conformal_threshold(known.probabilities[:5], known.targets[:5], 0.9) == 0  # too few photos: all labels
