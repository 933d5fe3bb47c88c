"""server/decision_texts.py: what the page says of a decision."""

import pytest
import requests
from gradio_client import Client, handle_file

from classifier import Prediction
from classifier.inference.decision import ANSWER, ASK, OperatingPoint
from classifier.inference.onnx_export import write_compiled
from helpers.apps import SIZES, running_app
from helpers.paths import ROOT
from server.decision_texts import decision_text
from training.export.facts import with_fact

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


@pytest.fixture(scope="module")
def deciding_app(tmp_path_factory):
    """The app with an export in which black answers alone, and grizzly and teddy never do."""
    folder = tmp_path_factory.mktemp("decided")
    fact = {"precision": 0.95, "thresholds": [0.5, None, None], "candidates": {"coverage": 0.9, "least": 0.2}}
    (folder / "export.pkl").write_bytes(with_fact((ROOT / "export.pkl").read_bytes(), "operating_point", fact))
    write_compiled(folder / "export.pkl")
    with running_app(EXPORT=str(folder / "export.pkl")) as url:
        yield url


def test_the_api_answers_with_the_decision(deciding_app):
    asked = {"black-1": ANSWER, "grizzly-1": ASK, "other-mug": ASK}
    for name, decision in asked.items():
        photo = (ROOT / "examples" / f"{name}.jpg").read_bytes()
        answer = requests.post(f"{deciding_app}/classify", data=photo, timeout=30).json()
        assert answer["decision"] == decision
        assert answer["candidates"] == ([] if name == "other-mug" else [answer["label"]])
    client = Client(deciding_app, verbose=False)
    answer = client.predict(handle_file(ROOT / "examples" / "grizzly-1.jpg"), api_name="/classify_photo")
    assert answer["decision"] == ASK


@pytest.mark.parametrize(
    ("photo", "said"),
    [
        ("black-1.jpg", "Sure enough to act on: of 100 answers 95 are to be right"),
        ("grizzly-1.jpg", "Ask a person: of 100 answers 95 are to be right, and this one is below the line for that."),
        ("other-mug.jpg", "Ask a person."),
    ],
)
def test_the_page_says_it(browser, deciding_app, photo, said):
    page = browser.new_page()
    page.goto(deciding_app)
    page.set_input_files("input[type=file] >> nth=0", ROOT / "examples" / photo)
    page.get_by_text(said).wait_for()
    page.close()


@pytest.mark.parametrize("size", SIZES)
def test_the_page_for_many_photos_has_a_column_of_it(browser, deciding_app, size):
    context = browser.new_context(**SIZES[size])
    page = context.new_page()
    page.goto(f"{deciding_app}/many")
    photos = [ROOT / "examples" / f"{name}.jpg" for name in ("black-1", "grizzly-1", "other-mug")]
    page.locator("input").first.set_input_files(photos)
    page.get_by_text("3 of 3 photos: 0 without an answer, 1 not familiar, 2 to ask a person about.").wait_for()
    page.get_by_role("button", name="Decision").click()
    page.locator("th[aria-sort]").wait_for()
    assert sorted(page.locator("#rows td.decision").all_inner_texts()) == [ANSWER, ASK, ASK]
    assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]
    context.close()
