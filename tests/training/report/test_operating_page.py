"""training/report/operating_page.py and operating.js: the slider that shows what comes of a threshold."""

from pathlib import Path

import numpy as np
import pytest

from training.evaluation.evaluate import Evaluation
from training.evaluation.multi_label_predictions import MultiLabelPredictions
from training.evaluation.predictions import Predictions
from training.report.operating_page import ALL, MAX_STEPS, operating_context
from training.report.page import to_html

VOCAB = ["ant", "bee", "</script><b>wasp"]


def of_one_label(n: int = 300) -> Predictions:
    rng = np.random.default_rng(0)
    sure = rng.uniform(0.4, 1, n)
    said = rng.integers(2, size=n)  # nothing is called a wasp
    probabilities = np.repeat((1 - sure[:, None]) / 2, 3, axis=1)
    probabilities[np.arange(n), said] = sure
    targets = np.where(rng.random(n) < sure, said, (said + 1) % 3)
    return Predictions([Path(str(i)) for i in range(n)], VOCAB, targets, probabilities)


def test_each_step_counts_the_answers_from_its_threshold_on():
    predictions = of_one_label()
    groups = operating_context(predictions, 0.0, None)["groups"]
    assert list(groups) == [ALL, "ant", "bee"] and len(groups[ALL]) <= MAX_STEPS + 1
    best, right = predictions.probabilities.max(1), predictions.right
    for threshold, n, n_right, low, high, asked, recall in groups[ALL]:
        above = best >= threshold
        assert (n, n_right) == (above.sum(), right[above].sum())
        assert 0 <= low <= n_right / max(1, n) <= high <= 1
        assert asked == pytest.approx(1 - n / 300, abs=1e-3) and recall == pytest.approx(n_right / 300, abs=1e-3)
    assert groups[ALL][0][1] == 300 and groups[ALL][-1][1] >= 1


def test_the_slider_begins_at_what_was_chosen_or_at_95_of_100():
    predictions = of_one_label()
    context = operating_context(predictions, 0.0, {"thresholds": [0.9, None, 0.95], "precision": 0.9})
    assert context["groups"][ALL][context["start"]][0] == pytest.approx(0.9, abs=0.02)
    threshold, n, right, *_ = (context := operating_context(predictions, 0.0, None))["groups"][ALL][context["start"]]
    assert right / n >= 0.95 and threshold < 1


def test_of_several_labels_a_photo_is_answered_where_all_are_sure():
    probabilities = np.array([[0.9, 0.8, 0.1], [0.9, 0.2, 0.1], [0.1, 0.2, 0.3]])
    targets = np.array([[1, 0, 0], [1, 0, 0], [0, 0, 0]], bool)
    files = [Path(str(i)) for i in range(3)]
    predictions = MultiLabelPredictions(files, VOCAB, targets, probabilities, predicted_labels=probabilities > 0.5)
    groups = operating_context(predictions, 0.0, None)["groups"]
    assert groups[ALL][0][1:3] == [3, 2] and groups["ant"][-1][1:3] == [2, 2]


@pytest.fixture
def page(browser, tmp_path):
    file = tmp_path / "report.html"
    nothing_to_see = Evaluation(of_one_label(), "out of fold")
    nothing_to_see.predictions.files[:] = [tmp_path / "photo.png"] * 300
    from helpers.photos import noisy_photo

    noisy_photo((40, 100, 100), 0).save(tmp_path / "photo.png")
    file.write_text(to_html(nothing_to_see, {"confusion_matrix": b""}, {}), encoding="utf-8")
    with browser.new_page() as page:
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(file.as_uri())
        yield page
        assert not errors


def test_moving_the_slider_says_what_comes_of_it(page):
    said, slider = page.locator("#operating-said"), page.locator("#operating-slider")
    first = said.inner_text()
    assert first.startswith("At ") and "go to a person" in first and "right 9" in first
    slider.focus()
    page.keyboard.press("Home")
    assert said.inner_text().startswith("At 0%: right ") and ", 0 of 100 photos go to a person." in said.inner_text()
    page.keyboard.press("End")
    assert said.inner_text() != first and slider.get_attribute("aria-valuetext") == said.inner_text()
    page.select_option("#operating-label", "bee")
    assert "photos that show it get it so" in said.inner_text()
    assert page.locator("#operating-plot polyline").count() == 2
    assert page.locator("b", has_text="wasp").count() == 0  # a label is text


def test_no_table_runs_out_of_the_page_of_a_phone(page):
    page.set_viewport_size({"width": 390, "height": 844})
    page.evaluate("for (const cell of document.querySelectorAll('td')) cell.append('x'.repeat(60))")
    tables = page.locator("table")
    tables.first.wait_for()
    wide = page.evaluate(
        "[...document.querySelectorAll('.wide:has(table)')].map((of) => of.getBoundingClientRect().right)"
    )
    assert len(wide) == 2 and max(wide) <= 390
