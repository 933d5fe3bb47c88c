"""server/texts.py: the page's words, for two labels or two hundred."""

import re

import pytest

from classifier import Prediction
from server.texts import (
    confidence_text,
    frequency_text,
    join_labels,
    label_markdown,
    model_text,
    none_text,
    question_text,
    tool_description,
)


def test_page_words_fit_two_labels_or_two_hundred():
    assert join_labels(["cat", "dog"], "or") == "cat or dog"
    assert join_labels(["only"], "or") == "only"
    assert question_text(["black", "grizzly", "teddy"]).endswith("**black, grizzly or teddy**.")
    many = [f"bird_{i}" for i in range(200)]
    assert "200 in all" in question_text(many) and len(question_text(many)) < 250
    assert "without a record" in model_text(["cat", "dog"], {}, False)
    assert "cannot tell when a photo is none of these" in model_text(["cat", "dog"], {}, False)
    assert "it says so" in model_text(["cat", "dog"], {}, True)
    guess = Prediction("bird_7", {"bird_7": 1.0}, 0.2, False)
    assert none_text(["cat", "dog"], guess).startswith("### I don't think this is cat or dog.")
    assert "*bird 7*" in none_text(many, guess) and len(none_text(many, guess)) < 350
    facts = {"error_rate": 0.0241, "n_valid": 83, "n_train": 333, "date": "2026-11-23"}
    assert "83 photos held out of training it got 2 wrong (2.4%)" in model_text(["cat", "dog"], facts, True)
    assert "23 November 2026" in model_text(["cat", "dog"], facts, True)


FACTS = {
    "error_rate": 0.012,
    "n_valid": 416,
    "n_train": 416,
    "date": "2026-11-25",
    "measured": "out of fold",
    "unfamiliar": 0.45,
}
TOLD = " Trained without one of its labels, it said “none of these” to 45% of that label's photos."


def test_page_says_how_the_error_was_measured():
    said = model_text(["cat", "dog"], FACTS, True)
    assert said.endswith(
        "It learned from 416 photos on 25 November 2026; 1.2% of them were wrong when they were held "
        "out (5 of 416)." + TOLD
    )
    said = model_text(["cat", "dog"], {**FACTS, "measured": "validation", "n_valid": 83, "error_rate": 2 / 83}, True)
    assert said.endswith(
        "It learned from 416 photos on 25 November 2026; of others, held out for validation, 2.4% "
        "were wrong (2 of 83)." + TOLD
    )
    assert TOLD not in model_text(["cat", "dog"], FACTS, False), "a model that cannot tell"


@pytest.mark.parametrize("unfamiliar", [None, True, "45%", float("nan"), -0.1, 1.5, 10**400, [0.45], {}], ids=str)
def test_a_share_that_makes_no_sense_is_left_out(unfamiliar):
    said = model_text(["cat", "dog"], {**FACTS, "unfamiliar": unfamiliar}, True)
    assert said.endswith("(5 of 416).")


@pytest.mark.parametrize("measured", [None, 7, [], {}, "by eye", "x" * 9999], ids=lambda value: str(value)[:9])
def test_an_error_measured_in_an_unknown_way_is_said_as_before(measured):
    said = model_text(["cat", "dog"], {**FACTS, "measured": measured, "unfamiliar": None}, True)
    assert "Of 416 photos held out of training it got 5 wrong (1.2%)" in said and len(said) < 300


@pytest.mark.parametrize(
    "facts",
    [
        {"date": "2026-11-24T02:00:00+00:00"},
        {"date": None},
        {"date": 7},
        {"error_rate": float("nan")},
        {"error_rate": "2%"},
        {"error_rate": -1},
        {"error_rate": 5},
        {"n_valid": None},
        {"n_valid": 10**400},
        {"n_valid": 0},
        {"n_train": -3},
        {"n_train": 10**5000},
        {"n_train": float("inf")},
    ],
    ids=lambda facts: next(iter(facts)),
)
@pytest.mark.parametrize("measured", ["out of fold", "validation", None], ids=str)
def test_facts_that_make_no_sense_are_no_record(facts, measured):
    said = model_text(["cat", "dog"], {**FACTS, "measured": measured, **facts}, True)
    assert said.endswith("without a record of how often it is wrong.")


def test_markup_in_labels_is_shown_as_it_is():
    assert label_markdown("*b* <i>x</i>\n# $5$ [a](b) `c` R&D") == (r"\*b\* \<i\>x\</i\> \# \$5\$ \[a\](b) \`c\` R\&D")
    assert label_markdown("grizzly_bear") == "grizzly bear" and label_markdown("Bär (braun)") == "Bär (braun)"


def test_confidence_is_said_in_words():
    said = {
        1.0: "about 99 times in 100",
        0.999: "about 99 times in 100",
        0.97: "about 97 times in 100",
        0.955: "about 95 times in 100",
        0.949: "about 9 times in 10",
        0.9: "about 9 times in 10",
        0.58: "about 5 times in 10",
        0.29: "about 2 times in 10",
        0.1: "about 1 time in 10",
        0.08: "about 1 time in 20",
        0.01: "less than 1 time in 20",
    }
    assert {probability: frequency_text(probability) for probability in said} == said
    answer = Prediction("cat", {"cat": 0.9, "dog": 0.1})
    assert confidence_text(answer, True) == "At this level it is right **about 9 times in 10**."
    assert "not known" in confidence_text(answer, False) and "times in" not in confidence_text(answer, False)


def test_words_never_claim_more_than_the_bar():
    for probability in (i / 2000 for i in range(100, 2001)):
        right, of = map(int, re.findall(r"\d+", frequency_text(probability)))
        assert right / of <= min(probability, round(100 * probability) / 100) + 1e-9 < 1 + 1e-6, probability
        assert right / of > probability - 0.101


def test_assistants_read_the_labels_and_what_to_make_of_strangers():
    told = tool_description(["grizzly_bear", "teddy"], True)
    assert "grizzly bear, teddy" in told and "`familiar` is false" in told
    assert "`familiar` is null" in tool_description(["cat", "dog"], False)
    many = tool_description([f"bird_{i}" for i in range(1000)], True)
    assert "(1000 in all)" in many and len(many) < 1500
