"""server/look.py: the sign of an answer is that of the browser edition, for any model."""

import json
from types import SimpleNamespace

import pytest

from classifier import Prediction
from classifier.inference.decision import ANSWER, ASK
from server.look import CSS, WORDS, kind_of, verdict_text
from server.theme import THEME

LABELS = ("a", "b")


def prediction(top: float, **fields) -> Prediction:
    return Prediction("a", {"a": top, "b": 1 - top}, **fields)


@pytest.mark.parametrize(
    ("top", "calibrated", "fields", "kind"),
    [
        (0.95, True, {}, "sure"),
        (0.75, True, {}, "fair"),
        (0.55, True, {}, "unsure"),
        (0.95, False, {}, "best"),
        (0.55, False, {}, "best"),
        (0.45, False, {}, "unsure"),
        (0.99, True, {"familiarity": 0.1, "familiar": False}, "none"),
        (0.99, True, {"labels": ()}, "none"),
        (0.99, True, {"decision": ASK}, "unsure"),
        (0.55, True, {"decision": ANSWER}, "sure"),
        (0.9, True, {"labels": ("a", "b")}, "unsure"),
    ],
)
def test_sign_is_that_of_the_decision_or_of_the_least_probable_label(top, calibrated, fields, kind):
    assert kind_of(prediction(top, **fields), calibrated) == kind
    model = SimpleNamespace(calibrated=calibrated, operating_point=None, labels=LABELS, neighbours=None)
    text = verdict_text(prediction(top, **fields), model)
    assert f'<p class="sign {kind}">' in text and ("### I" in text) == (kind == "none")


def test_a_decision_is_said_in_its_own_words():
    model = SimpleNamespace(calibrated=True, operating_point=None, labels=LABELS, neighbours=None)
    assert "Sure enough" in verdict_text(prediction(0.6, decision=ANSWER), model)
    assert "Ask a person" in verdict_text(prediction(0.99, decision=ASK), model)


def test_each_sign_has_a_form_of_its_own_and_the_theme_fetches_no_font():
    assert all(f".{kind}" in CSS for kind in WORDS if kind != "sure")
    assert not THEME._font_css and not THEME._stylesheets, json.dumps(THEME._stylesheets)
