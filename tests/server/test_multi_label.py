"""The app with a model that gives a photo several labels, or none: every API, the page and /many."""

import csv

import pytest
import requests
import torch
from fastai.learner import load_learner
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError

from classifier import Classifier
from classifier.results_csv import row_of
from helpers.api import as_dict, by_path, run_predict, upload
from helpers.apps import SIZES, TIMEOUT, running_app
from helpers.commands import run_module
from helpers.learners import export
from helpers.paths import EXAMPLE, EXPORTS
from helpers.several_answers import BOTH, NONE
from server.feedback.records import read_records


@pytest.fixture(scope="module")
def ours(tmp_path_factory):
    """An export with the facts that our training stores: calibration, a threshold for each label, familiarity.

    It gives every example photo green and blue, and no photo sky; a photo of another direction is not familiar.
    """
    folder = tmp_path_factory.mktemp("several")
    engine = Classifier.load(EXPORTS / "several-pascal.pkl")
    features = engine.predict_with_features(EXAMPLE)[1]
    learn = load_learner(EXPORTS / "several-pascal.pkl")
    learn.fieldguide = {
        "calibration": {"slopes": [5.0, 5.0, 5.0], "biases": [0.3, 0.8, -1.5]},
        "thresholds": [0.5, 0.4, 0.6],
        "familiarity": {"reference": torch.from_numpy(features)[None], "threshold": 0.5, "k": 1},
        "date": "2026-11-26", "error_rate": 0.12, "n_train": 200, "n_valid": 200, "measured": "out of fold",
    }  # fmt: skip
    return export(learn, folder)


@pytest.fixture(scope="module")
def app(ours, tmp_path_factory):
    """The URL of an app that serves `ours`, and the folder of its feedback."""
    folder = tmp_path_factory.mktemp("feedback")
    with running_app(EXPORT=str(ours), FEEDBACK=str(folder)) as url:
        yield url, folder


@pytest.fixture(scope="module")
def expected(ours):
    return Classifier.load(ours).predict(EXAMPLE)


def test_classify_has_the_labels(app, expected):
    answer = requests.post(f"{app[0]}/classify", data=EXAMPLE.read_bytes(), timeout=60).json()
    keys = ["label", "labels", "probabilities", "familiar", "familiarity", "calibrated", "model_version"]
    assert list(answer) == keys and answer["calibrated"] is True
    assert tuple(answer["labels"]) == expected.labels == ("green", "blue") and answer["label"] == "green"
    assert answer["probabilities"] == pytest.approx(expected.probabilities, abs=1e-5)
    assert sum(answer["probabilities"].values()) > 1.1, "each is one on its own"


def test_schema_describes_them_as_optional(app):
    schema = requests.get(f"{app[0]}/openapi.json", timeout=60).json()["components"]["schemas"]["Answer"]
    assert "labels" in schema["properties"] and "labels" not in schema["required"]


def test_one_label_has_no_new_key(app_url):
    answer = requests.post(f"{app_url}/classify", data=EXAMPLE.read_bytes(), timeout=60).json()
    assert "labels" not in answer and list(answer) == [
        *("label", "probabilities", "familiar", "familiarity", "neighbours", "calibrated", "model_version")
    ]


def test_gradio_clients_get_the_labels_and_predict_keeps_its_shape(app, expected):
    client = Client(app[0], verbose=False)
    answer = client.predict(photo=handle_file(str(EXAMPLE)), api_name="/classify_photo")
    assert answer["labels"] == ["green", "blue"] and answer["calibrated"] is True
    answer = run_predict(app[0], by_path(upload(app[0], EXAMPLE))).json()["data"][0]
    assert answer["label"] == "green" and as_dict(answer) == pytest.approx(expected.probabilities, abs=1e-5)
    assert client.predict(photo=handle_file(str(EXAMPLE)), label="sky", api_name="/explain")


def test_feedback_takes_one_label_several_yes_and_none(app):
    url, folder = app
    client = Client(url, verbose=False)

    def send(said):
        return client.predict(given=handle_file(str(EXAMPLE)), said=said, api_name="/feedback")

    for said, correction, right in (
        ("yes", "blue|green", True),
        ("sky|green", "green|sky", False),
        ("blue", "blue", False),
        ("none of these", None, False),
    ):
        assert send(said)["kept"]
        record = max(read_records(folder)[0], key=lambda record: record["time"])
        assert (record["correction"], record["right"]) == (correction, right)
        assert record["labels"] == ["green", "blue"] and record["label"] == "green"
    for said in ("dragon", "green|dragon", "green|", "", "green,blue"):
        with pytest.raises(
            AppError, match=r"there are blue, green, sky\. Say `yes`, `none of these`, or all .* joined by \|"
        ):
            send(said)


def test_other_peoples_export_answers_without_facts():
    with running_app(EXPORT=str(EXPORTS / "several-sigmoid.pkl")) as url:
        answer = requests.post(f"{url}/classify", data=EXAMPLE.read_bytes(), timeout=60).json()
        assert isinstance(answer["labels"], list) and answer["calibrated"] is False and answer["familiar"] is None


# the page


@pytest.fixture(params=SIZES)
def page(request, browser, app):
    context = browser.new_context(**SIZES[request.param])
    page = context.new_page()
    page.set_default_timeout(TIMEOUT)
    page.problems = []
    page.on("pageerror", lambda error: page.problems.append(str(error)))
    page.goto(app[0])
    page.get_by_text("Show me a photo, and I'll say which of these it shows, if any: blue, green and sky").wait_for()
    yield page
    assert page.problems == []
    assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]
    context.close()


def test_page_names_all_labels_and_a_click_shows_another_ones_heatmap(page):
    page.set_input_files("input[type=file]", EXAMPLE)
    page.locator("[data-testid=label-output-value]", has_text="green, blue").wait_for()
    bars = page.locator("[data-testid$=-confidence-set]")
    assert [bars.nth(i).inner_text().split()[0] for i in range(bars.count())] == ["green", "blue", "sky"]
    page.get_by_text("At these levels it is right").wait_for()
    page.get_by_text("spoke for green").wait_for()
    page.locator("[data-testid=sky-confidence-set]").click()
    page.get_by_text("spoke for sky").wait_for()


def test_page_takes_a_correction_of_one_label(page, app):
    page.set_input_files("input[type=file]", EXAMPLE)
    for text in ("Yes", "No, blue is wrong", "No, green is wrong", "No, sky is missing", "No, it is none of these"):
        page.get_by_label(text, exact=True).wait_for()
    for text, correction in (("No, sky is missing", "blue|green|sky"), ("No, blue is wrong", "green")):
        page.get_by_label(text, exact=True).click()
        page.get_by_text("Thank you. This").wait_for()
        page.wait_for_timeout(1000)
        assert max(read_records(app[1])[0], key=lambda record: record["time"])["correction"] == correction


def test_page_says_where_there_is_none(browser, tmp_path):
    learn = load_learner(EXPORTS / "several-pascal.pkl")
    learn.fieldguide = {"thresholds": [0.99, 0.99, 0.99]}
    with running_app(EXPORT=str(export(learn, tmp_path))) as url:
        page = browser.new_page()
        page.set_default_timeout(TIMEOUT)
        page.goto(url)
        page.set_input_files("input[type=file]", EXAMPLE)
        page.get_by_role("heading", name="I see none of these: blue, green or sky.").wait_for()
        assert page.locator("[data-testid=label-output-value]").count() == 0
        assert page.get_by_text("spoke for").count() == 0
        page.close()


def test_many_photos_have_all_labels_in_table_and_file(browser, app, ours, tmp_path):
    page = browser.new_page(accept_downloads=True)
    page.set_default_timeout(TIMEOUT)
    page.goto(f"{app[0]}/many")
    page.locator("input").nth(0).set_input_files([str(EXAMPLE)])
    page.get_by_text("1 of 1 photos: 0 without an answer").wait_for()
    assert page.locator("#rows td.label").all_inner_texts() == ["green, blue"]
    assert "Labels" in page.locator("thead").inner_text()
    with page.expect_download() as download:
        page.get_by_text("Download as CSV").click()
    download.value.save_as(tmp_path / "page.csv")
    page.close()
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / EXAMPLE.name).write_bytes(EXAMPLE.read_bytes())
    run = run_module("classifier", tmp_path / "photos", "--out", tmp_path / "run.csv", "--export", ours)
    assert "0 not familiar, 0 with none of the labels" in run.stdout
    (of_page,), (of_run,) = (rows(tmp_path / name) for name in ("page.csv", "run.csv"))
    assert list(of_page) == list(of_run)
    for column in ("label", "familiar", "error", "model"):
        assert of_page[column] == of_run[column]
    assert of_run["label"] == "green|blue"
    assert float(of_page["probability"]) == pytest.approx(float(of_run["probability"]), abs=1e-5)


ANSWERS = {"labels": {"labels": ["hat", "shoes"], "label": "hat"}, "none": {"labels": [], "label": "dress"}}


@pytest.mark.parametrize("key", ANSWERS)
def test_many_photos_draws_what_classify_says(key, browser, app, tmp_path):
    page = browser.new_page(accept_downloads=True)
    page.set_default_timeout(TIMEOUT)
    body = {"probabilities": BOTH.probabilities, "familiar": True, "familiarity": 0.8, "model_version": "abc"}
    page.route("**/classify", lambda route: route.fulfill(json={**body, **ANSWERS[key]}))
    page.goto(f"{app[0]}/many")
    page.locator("input").nth(0).set_input_files([str(EXAMPLE)])
    page.get_by_text("1 of 1 photos").wait_for()
    page.locator("#rows tr").wait_for()
    cells = page.locator("#rows td").all_inner_texts()[2:4]
    assert cells == (["hat, shoes", "55.0%"] if key == "labels" else ["none of them", ""])
    with page.expect_download() as download:
        page.get_by_text("Download as CSV").click()
    download.value.save_as(tmp_path / "page.csv")
    page.close()
    (row,) = rows(tmp_path / "page.csv")
    prediction = BOTH if key == "labels" else NONE
    assert (row["label"], row["probability"], row["error"]) == (*row_of("x", prediction, "abc", 1, 1)[1:3], "")


def rows(path) -> list[dict]:
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))
