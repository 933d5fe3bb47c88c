"""classifier/inference/decision.py: whether to act on an answer alone, by what an export holds."""

import pytest

from classifier import Classifier
from classifier.inference.decision import ANSWER, ASK, OperatingPoint
from helpers.paths import EXAMPLE, ROOT

LABELS = ["black", "grizzly", "teddy"]
FACTS = {"precision": 0.95, "thresholds": [0.8, 0.9, None], "candidates": {"coverage": 0.9, "least": 0.2}}


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return Classifier.load(ROOT / "export.pkl")


def point(**changed) -> OperatingPoint | None:
    return OperatingPoint.from_facts({**FACTS, **changed}, LABELS)


@pytest.mark.parametrize(
    ("given", "familiar", "decision"),
    [
        (["black"], True, ANSWER),
        (["black"], None, ANSWER),  # an export that cannot tell what is familiar
        (["black"], False, ASK),
        (["grizzly"], True, ASK),
        (["teddy"], True, ASK),  # never alone
        (["black", "grizzly"], True, ASK),  # one of two is not sure
        ([], True, ASK),
    ],
)
def test_an_answer_is_given_alone_where_each_of_its_labels_is_sure(given, familiar, decision):
    by_label = {"teddy": 1.0, "grizzly": 0.89, "black": 0.8}
    assert point().decision(by_label, given, familiar) == decision


def test_candidates_are_the_labels_in_question_and_at_least_one():
    assert point().candidates({"black": 0.5, "teddy": 0.3, "grizzly": 0.2}) == ("black", "teddy", "grizzly")
    assert point().candidates({"black": 0.7, "teddy": 0.19, "grizzly": 0.11}) == ("black",)
    assert point(candidates={"coverage": 0.9, "least": 0.9}).candidates({"black": 0.7, "teddy": 0.3}) == ("black",)
    assert point().candidates({"black": 0.5, "teddy": 0.5}, familiar=False) == ()
    assert point(candidates=None).candidates({"black": 1.0}) is None


@pytest.mark.parametrize(
    "facts",
    [
        "0.95",
        {},
        {"thresholds": [0.5, 0.5]},
        {"thresholds": [0.5, 0.5, float("nan")]},
        {"thresholds": [0.5, 0.5, 1.5]},
        {"thresholds": [0.5, 0.5, True]},
        {"thresholds": {"black": 0.5}},
        {**FACTS, "precision": "all"},
        {**FACTS, "candidates": {"coverage": 0.9}},
        {**FACTS, "candidates": 0.9},
    ],
)
def test_invalid_facts_give_no_decision_and_a_line_in_the_log(facts, caplog):
    assert OperatingPoint.from_facts(facts, LABELS) is None
    assert "operating point cannot be used" in caplog.text


def test_an_export_without_an_operating_point_answers_as_before(classifier):
    answer = classifier.predict(EXAMPLE)
    assert classifier.operating_point is None
    assert answer.decision is None and answer.candidates is None
    assert not {"decision", "candidates"} & answer.to_dict().keys()


def test_a_prediction_carries_the_decision(classifier: Classifier, monkeypatch):
    monkeypatch.setattr(classifier, "operating_point", point())
    answer = classifier.predict(EXAMPLE)
    assert answer.label == "teddy" and answer.familiar
    assert answer.to_dict()["decision"] == ASK  # this label never answers alone
    assert answer.to_dict()["candidates"] == ["teddy"]
