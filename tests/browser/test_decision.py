"""browser/decision.js and decision_texts.js decide, and say, what Python does; the page shows it."""

import itertools
import re

import pytest

from classifier import Prediction
from classifier.inference.decision import OperatingPoint
from helpers.browser_modules import served_folder
from helpers.browser_page import choose, opened
from helpers.paths import ROOT
from server.decision_texts import decision_text

LABELS = ["black", "grizzly", "teddy_bear"]
FACTS = {"precision": 0.955, "thresholds": [0.8, 0.9, None], "candidates": {"coverage": 0.9, "least": 0.2}}
POINTS = [FACTS, {**FACTS, "precision": None}, {**FACTS, "candidates": None}]
INVALID = [None, {}, "x", [], {**FACTS, "thresholds": [0.5]}, {**FACTS, "thresholds": [0.5, 0.5, 1.5]},
           {**FACTS, "thresholds": [0.5, 0.5, "1"]}, {**FACTS, "precision": 2}, {**FACTS, "candidates": 1}]  # fmt: skip
PROBABILITIES = [
    {"teddy_bear": 1.0, "grizzly": 0.0, "black": 0.0},
    {"black": 0.8, "grizzly": 0.2, "teddy_bear": 0.0},
    {"grizzly": 0.89, "black": 0.06, "teddy_bear": 0.05},
    {"grizzly": 0.4, "black": 0.35, "teddy_bear": 0.25},
]
DECIDE = """async ([facts, labels, cases]) => {
  const { OperatingPoint } = await import("/decision.js"), { decisionText } = await import("/decision_texts.js")
  const { plain } = await import("/texts.js"), point = OperatingPoint.fromFacts(facts, labels)
  return point && cases.map(({ probabilities, given, familiar, isNone }) => {
    const map = new Map(probabilities), label = given[0] ?? map.keys().next().value
    const decision = point.decision(map, given, familiar), candidates = point.candidates(map, familiar)
    return [decision, candidates, plain(decisionText({ label, isNone, decision, candidates }, point))]
  })
}"""


def test_the_same_is_decided_and_said(modules):
    cases = list(itertools.product(PROBABILITIES, (None, True, False), (1, 2, 0)))
    for facts in POINTS:
        point, expected, asked = OperatingPoint.from_facts(facts, LABELS), [], []
        for by_label, familiar, n in cases:
            given, is_none = list(by_label)[:n], familiar is False or n == 0
            labels = () if n == 0 else None
            decision, candidates = point.decision(by_label, given, familiar), point.candidates(by_label, familiar)
            answer = Prediction(next(iter(by_label)), by_label, 0.5, familiar, labels, decision, candidates)
            said = re.sub(r"\*\*?|\\", "", decision_text(answer, point))
            expected.append([decision, None if candidates is None else list(candidates), said])
            asked.append(
                {"probabilities": [*by_label.items()], "given": given, "familiar": familiar, "isNone": is_none}
            )
        assert modules(DECIDE, [facts, LABELS, asked]) == expected


def test_invalid_facts_decide_nothing(modules):
    for facts in INVALID:
        assert modules(DECIDE, [facts, LABELS, []]) is None
        assert OperatingPoint.from_facts(facts, LABELS) is None


@pytest.fixture(scope="module")
def page(browser, site_folder, tmp_path_factory):
    """The page of an export in which black answers alone, and grizzly and teddy never do."""
    from training.export.facts import with_fact
    from training.static.__main__ import main as static

    folder = tmp_path_factory.mktemp("decided")
    fact = {**FACTS, "thresholds": [0.5, None, None]}
    (folder / "export.pkl").write_bytes(with_fact((ROOT / "export.pkl").read_bytes(), "operating_point", fact))
    static(export=str(folder / "export.pkl"), out=str(folder / "site"), fp32=True)
    with served_folder(folder / "site") as server:
        yield from opened(browser, server, viewport={"width": 1280, "height": 900})


@pytest.mark.parametrize(
    ("photo", "kind", "said"),
    [
        ("black-1.jpg", "Sure enough", "Sure enough to act on: of 100 answers 95.5 are to be right"),
        ("grizzly-1.jpg", "Ask a person", "Ask a person: of 100 answers 95.5 are to be right, and this one is below"),
        ("other-mug.jpg", "None of these", "Ask a person."),
    ],
)
def test_the_page_says_whether_to_ask_a_person(page, photo, kind, said):
    choose(page, ROOT / "examples" / photo)
    page.locator("#confidence", has_text=said).wait_for()
    assert page.locator("#verdict .kind").inner_text() == kind
