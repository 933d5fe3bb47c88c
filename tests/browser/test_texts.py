"""browser/texts.js says what server/texts.py says, letter by letter, but for the marks of Markdown."""

import json
import re

import pytest

from classifier import Prediction
from server import texts
from server.batch.texts import intro

BEARS = ["black", "grizzly", "teddy"]
MANY = [f"bird_{i}" for i in range(201)]
ODD = ["*b* <i>x</i>\n# $5$ [a](b) `c` R&D", "دبّ_بني", " a \x1c b\x85c\ufeff ", "back\\slash", "~~x~~ {y} |z|!"]
FACTS = {
    "error_rate": 0.012,
    "n_valid": 416,
    "n_train": 416,
    "date": "2026-11-25",
    "measured": "out of fold",
    "unfamiliar": 0.45,
}
TIES = [  # shares that lie in the middle of two: Python takes the even one
    {"error_rate": 0.0125 / 10, "unfamiliar": 0.125},
    {"error_rate": 0.0025, "n_valid": 200, "unfamiliar": 0.375},
    {"error_rate": 0.1225, "n_valid": 1000, "unfamiliar": 0.005},
    {"error_rate": 0.0125, "n_valid": 200, "unfamiliar": 0.025},
    {"error_rate": 0.5, "n_valid": 5, "unfamiliar": 1},
    {"error_rate": 0.5, "n_valid": 7, "unfamiliar": 0},
]
NO_FACTS = [
    {"date": "2026-11-24T02:00:00+00:00"},
    {"date": "2026-02-29"},
    {"date": None},
    {"date": 7},
    {"error_rate": None},
    {"error_rate": "2%"},
    {"error_rate": -1},
    {"error_rate": 5},
    {"error_rate": []},
    {"n_valid": None},
    {"n_valid": 10**300},
    {"n_valid": 0},
    {"n_train": -3},
    {"n_train": {}},
]
SENSIBLE = [
    {},
    {"measured": "validation", "n_valid": 83, "error_rate": 2 / 83},
    {"measured": None},
    {"measured": [], "date": "2024-02-29"},
    {"unfamiliar": None},
    {"unfamiliar": True},
    {"unfamiliar": "45%"},
    {"unfamiliar": -0.1},
    {"unfamiliar": 1.5},
    {"unfamiliar": [0.45]},
    {"n_valid": 83.7, "n_train": "333", "error_rate": "0.02"},
]


def prediction(label, probabilities, familiar=None, labels=None) -> Prediction:
    return Prediction(label, probabilities, None if familiar is None else 0.5, familiar, labels)


@pytest.fixture(scope="module")
def evaluate(modules):
    """Evaluate a function in a page, of an argument, what texts.js exports, and what makes a Map of `written`."""

    def evaluate(body: str, argument: object) -> object:
        restored = "answer => ({...answer, probabilities: new Map(answer.probabilities)})"
        return modules(f"async argument => ({body})(argument, await import('/texts.js'), {restored})", argument)

    return evaluate


def written(answer: Prediction) -> dict:
    """A prediction as fieldguide.js has it, but for the Map, which JSON has not."""
    labels = None if answer.labels is None else list(answer.labels)
    return {**answer.to_dict(), "labels": labels, "probabilities": [*answer.probabilities.items()]}


def unmarked(markdown: str) -> str:
    """Markdown without its marks; what is escaped stays."""
    return re.sub(r"\\(.)|\*\*?|^### ", lambda match: match[1] or "", markdown)


NONES = [
    prediction("teddy", {"teddy": 0.9, "black": 0.1}, False),
    prediction("teddy", {"teddy": 0.9, "black": 0.1}, False, ()),
    prediction("teddy", {"teddy": 0.29, "black": 0.1}, True, ()),
    prediction("teddy", {"teddy": 0.58, "black": 0.1}, None, ()),
    prediction("teddy", {"teddy": 0.0099, "black": 0.0}, None, ()),
    prediction(ODD[0], {ODD[0]: 0.2}, False),
    prediction(ODD[2], {ODD[2]: 0.2}, True, ()),
]


def test_answer_of_none_is_the_same(evaluate):
    for labels in (BEARS, ["only"], ["cat", "dog"], MANY[:12], MANY, ODD):
        for answer in NONES:
            heading, rest = evaluate(
                "([labels, answer], texts, restored) => { const said = texts.noneText(labels, restored(answer));"
                "return [texts.plain(said.heading), texts.plain(said.rest)] }",
                [labels, written(answer)],
            )
            assert f"### {heading}\n{rest}" == f"### {unmarked(texts.none_text(labels, answer))}"


CONFIDENT = [
    prediction("cat", {"cat": 0.9, "dog": 0.1}),
    prediction("cat", {"cat": 0.9, "dog": 0.1}, True, ("cat",)),
    prediction("cat", {"cat": 0.9, "big_dog": 0.6}, None, ("cat", "big_dog")),
    prediction("cat", {"cat": 0.9, "dog": 0.6, "cow": 0.03}, True, ("cat", "dog", "cow")),
    prediction("bird_0", {label: 1 - i / 10 for i, label in enumerate(MANY[:9])}, None, tuple(MANY[:9])),
    prediction(ODD[0], dict.fromkeys(ODD, 0.4), None, tuple(ODD)),
    prediction("teddy", {"teddy": 0.3}, True, ()),
]


def test_how_often_it_is_right_is_the_same(evaluate):
    for answer in CONFIDENT:
        for calibrated in (True, False):
            said = evaluate(
                "([answer, calibrated], texts, restored) => "
                "texts.plain(texts.confidenceText(restored(answer), calibrated))",
                [written(answer), calibrated],
            )
            assert said == unmarked(texts.confidence_text(answer, calibrated))


def test_frequencies_are_the_same_at_each_probability(evaluate):
    probabilities = [i / 2000 for i in range(2001)] + [0.29, 0.57, 0.999999, 1 - 2**-53]
    said = evaluate("(all, texts) => all.map(texts.frequencyText)", probabilities)
    assert said == [texts.frequency_text(probability) for probability in probabilities]


def test_question_and_heatmap_are_the_same(evaluate):
    for labels in (BEARS, ["only"], ["cat", "dog"], MANY[:12], MANY[:13], MANY, ODD):
        for several in (False, True):
            said = evaluate(
                "([labels, several], texts) => texts.plain(texts.questionText(labels, several))", [labels, several]
            )
            assert said == unmarked(texts.question_text(labels, several))
        said = evaluate("(labels, texts) => texts.plain(texts.heatmapText(labels[0], labels))", labels)
        assert said == unmarked(texts.heatmap_text(labels[0], labels))
    assert evaluate("(_, texts) => texts.plain(texts.NO_HEATMAP)", None) == texts.NO_HEATMAP


@pytest.mark.parametrize(
    "facts", [{**FACTS, **change} for change in (*SENSIBLE, *TIES, *NO_FACTS)] + [{}], ids=lambda facts: str(facts)[:99]
)
def test_what_the_model_is_is_the_same(evaluate, facts):
    facts = json.loads(json.dumps(facts))
    for labels in (BEARS, ["only"], MANY[:200], MANY, ODD):
        for familiarity in (True, False):
            for several in (True, False):
                said = evaluate(
                    "(all, texts) => texts.plain(texts.modelText(...all))", [labels, facts, familiarity, several]
                )
                assert said == unmarked(texts.model_text(labels, facts, familiarity, several))


def test_numbers_are_rounded_as_python_does(evaluate):
    numbers = [i / 2**9 for i in range(2**9 + 1)] + [0.1 + 0.2, 1e-7, 0.0000005, 0.35, 99.95, 12.25, 12.75, 2.5, 3.5]
    for digits in (0, 1, 6):
        said = evaluate("([all, digits], texts) => all.map(one => texts.fixed(one, digits))", [numbers, digits])
        assert said == [f"{number:.{digits}f}" for number in numbers]


def test_labels_become_text_and_not_markup(evaluate):
    html = evaluate(
        """(labels, texts) => {
        const line = document.createElement("p")
        line.append(...texts.nodes(texts.questionText(labels)))
        return [line.textContent, [...line.querySelectorAll("*")].map(node => node.localName)]
    }""",
        ODD[:2],
    )
    assert "<i>x</i>" in html[0] and html[1] == ["strong", "bdi", "bdi"]


@pytest.mark.parametrize("several", [False, True], ids=["one label", "several labels"])
@pytest.mark.parametrize("familiarity", [False, True], ids=["cannot tell", "can tell"])
def test_what_is_said_of_a_table_is_the_same(evaluate, familiarity, several):
    said = evaluate("(all, texts) => texts.introText(...all)", [familiarity, several])
    assert intro(9, 9, familiarity, multi_label=several).endswith(f"and not kept. {said}")
