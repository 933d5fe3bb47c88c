"""server/decision_texts.py: what the page says of a decision."""

import pytest

from classifier import Prediction
from classifier.inference.decision import ANSWER, ASK, OperatingPoint
from server.decision_texts import decision_text

POINT = OperatingPoint({"cat": 0.9, "dog": 0.9}, 0.95)
BY_COST = OperatingPoint({"cat": 0.9, "dog": 0.9})


def answer(decision: str | None, **more) -> Prediction:
    return Prediction("cat", {"cat": 0.6, "dog": 0.4}, decision=decision, **more)


@pytest.mark.parametrize(
    ("point", "decision", "said"),
    [
        (POINT, ANSWER, "**Sure enough to act on:** of 100 answers 95 are to be right, and this one is above the line"),
        (POINT, ASK, "**Ask a person:** of 100 answers 95 are to be right, and this one is below the line for that."),
        (BY_COST, ANSWER, "**Sure enough to act on:** an error would cost less than asking."),
        (BY_COST, ASK, "**Ask a person:** an error would cost more than asking."),
    ],
)
def test_a_decision_and_its_reason_are_said(point, decision, said):
    assert decision_text(answer(decision), point).startswith(said)


def test_a_photo_of_none_of_the_labels_goes_to_a_person():
    assert decision_text(answer(ASK, familiar=False), POINT) == "**Ask a person.**"
    assert decision_text(answer(ASK, labels=()), POINT) == "**Ask a person.**"


def test_labels_in_question_are_named_where_there_are_several():
    point = OperatingPoint({"cat": 0.9, "dog": 0.9}, 0.95, 0.1, 0.9)
    said = decision_text(answer(ASK, candidates=("cat", "dog")), point)
    assert said.endswith(" In question: cat or dog; the right one is among such about 9 times in 10.")
    assert "In question" not in decision_text(answer(ASK, candidates=("cat",)), point)


def test_an_export_without_an_operating_point_says_nothing_of_it():
    assert decision_text(answer(None), None) == ""
