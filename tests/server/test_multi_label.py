"""The app with a model that gives a photo several labels, or none: every API, the page, /many and feedback."""

import csv
import json

import pytest
import requests
import torch
from fastai.learner import load_learner
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError

from classifier import Classifier, Prediction
from classifier.results_csv import row_of
from helpers.api import as_dict, by_path, run_predict, upload
from helpers.apps import SIZES, TIMEOUT, running_app
from helpers.commands import run_module
from helpers.learners import export
from helpers.paths import EXAMPLE, EXPORTS
from helpers.photos import noisy_photo
from server.answer_label import AnswerLabel
from server.batch.routes import page as page_of
from server.feedback.corrections import NotStored, correction_of, split_labels, words
from server.feedback.counters import Counters
from server.feedback.question import choices, chosen
from server.feedback.records import no_counts, read_counters, read_records, valid_counts
from server.feedback.store import Feedback
from server.settings import Settings
from server.texts import confidence_text, model_text, none_text, question_text, tool_description

LABELS = ["dress", "hat", "shoes"]
BOTH = Prediction("hat", {"dress": 0.6, "hat": 0.55, "shoes": 0.1}, 0.8, True, ("hat", "shoes"))
NONE = Prediction("dress", {"dress": 0.314, "hat": 0.2, "shoes": 0.1}, 0.8, True, ())
STRANGE = Prediction("dress", {"dress": 0.9, "hat": 0.2, "shoes": 0.1}, 0.1, False, ())


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


# answers.csv


def test_rows_join_the_labels_and_one_with_none_has_no_probability():
    assert row_of("a", BOTH, "m", 1, 2)[:5] == ("a", "hat|shoes", "0.550000", "true", "0.800000")
    assert row_of("a", NONE, "m", 1, 2)[:6] == ("a", "", "", "true", "0.800000", "")
    assert row_of("a", STRANGE, "m", 1, 2)[:6] == ("a", "", "", "false", "0.100000", "")
    assert row_of("a", Prediction("=x", {"=x": 0.9, "b": 0.8}, labels=("=x", "b")), "m", 1, 2)[1] == "'=x|b"


# the answer, in words


def test_headline_names_few_labels_and_counts_many():
    component = AnswerLabel()
    drawn = component.postprocess(BOTH)
    assert drawn.label == "hat, shoes"
    assert [bar.label for bar in drawn.confidences] == ["hat", "shoes", "dress"]
    names = [f"label_{i}" for i in range(9)]
    many = Prediction(names[0], {name: 0.9 - i / 100 for i, name in enumerate(names)}, labels=tuple(names[:7]))
    drawn = component.postprocess(many)
    assert drawn.label == "label_0, label_1 and 5 more" and [bar.label for bar in drawn.confidences] == names[:7]
    one = Prediction("cat", {"cat": 0.9, "dog": 0.1})
    assert component.postprocess(one) == component.postprocess(one.probabilities)


def test_words_fit_several_labels_or_none():
    assert question_text(LABELS, True).endswith("if any: **dress, hat and shoes**.")
    assert none_text(LABELS, NONE).startswith("### I see none of these: dress, hat or shoes.")
    assert "*dress*, at 31%" in none_text(LABELS, NONE)
    assert none_text(LABELS, STRANGE).startswith("### I don't think this shows dress, hat or shoes.")
    assert confidence_text(BOTH, True) == (
        "At these levels it is right **about 5 times in 10** with *hat* and **about 1 time in 10** with *shoes*."
    )
    assert "not known" in confidence_text(BOTH, False)
    facts = {"error_rate": 0.12, "n_valid": 200, "n_train": 200, "date": "2026-11-26", "measured": "out of fold"}
    said = model_text(LABELS, facts, True, True)
    assert "A photo may show several of them, or none." in said
    assert said.endswith("12.0% of them had a label too many or too few when they were held out (24 of 200).")
    assert "always answers with one" not in model_text(LABELS, {}, False, True)


def test_assistants_read_what_the_labels_are():
    told = tool_description(LABELS, True, True)
    assert "`labels`, every one that it shows" in told and "(empty for none)" in told
    assert "always answers with one" not in tool_description(LABELS, False, True)


def test_page_of_many_photos_says_that_there_may_be_several():
    content = page_of(Settings(), reports_familiarity=False, feedback=False, multi_label=True)
    assert "A photo may get several labels, or none of them" in content and ">Labels<" in content


# feedback


def test_each_choice_changes_one_label_of_the_answer():
    assert choices(LABELS, BOTH) == [
        ("Yes", "yes"),
        ("No, dress is missing", "0"),
        ("No, hat is wrong", "1"),
        ("No, shoes is wrong", "2"),
        ("No, it is none of these", "none of these"),
    ]
    said = {value: chosen(value, BOTH, LABELS) for _, value in choices(LABELS, BOTH)}
    assert said == {"yes": "hat|shoes", "0": "dress|hat|shoes", "1": "shoes", "2": "hat", "none of these": None}
    assert "none of these" not in dict(choices(LABELS, NONE)).values(), "it is what the app said"
    assert chosen("yes", NONE, LABELS) is None and chosen("1", NONE, LABELS) == "hat"
    assert chosen("1", Prediction("hat", {"hat": 0.9}, labels=("hat",)), LABELS) is None


@pytest.mark.parametrize("prediction, correction, right", [(BOTH, "shoes|hat", True), (NONE, None, True),
                                                           (STRANGE, None, True), (STRANGE, "dress", False),
                                                           (BOTH, "hat", False), (BOTH, None, False)])  # fmt: skip
def test_record_has_labels_and_the_correction_in_the_models_order(prediction, correction, right, tmp_path):
    Feedback(tmp_path, LABELS).add(noisy_photo((9, 9, 9), 0), prediction, correction)
    (record,), unreadable = read_records(tmp_path)
    assert unreadable == 0 and record["right"] is right
    assert record["labels"] == list(prediction.labels) and record["label"] == prediction.label
    assert record["correction"] == (correction and "|".join(sorted(correction.split("|"))))


def test_record_has_the_probability_of_every_label_given(tmp_path):
    names = [f"label {i}" for i in range(12)]
    probabilities = {name: 0.9 - i / 20 for i, name in enumerate(names)}
    answer = Prediction(names[9], probabilities, labels=(names[9], names[11]))
    Feedback(tmp_path, names).add(noisy_photo((9, 9, 9), 0), answer, names[0])
    (record,), _ = read_records(tmp_path)
    assert list(record["probabilities"]) == [*names[:5], names[9], names[11]]


@pytest.mark.parametrize("labels", ["hat", [7], ["dragon"], [["hat"]], {"hat": 1}, None], ids=str)
def test_record_with_labels_that_are_none_is_no_record(labels, tmp_path):
    Feedback(tmp_path, LABELS).add(noisy_photo((9, 9, 9), 0), BOTH, "hat")
    (file,) = tmp_path.glob("??/*.json")
    file.write_text(json.dumps({**json.loads(file.read_text()), "labels": labels}))
    assert read_records(tmp_path) == ([], 1)


def test_counters_count_each_label_and_the_photos(tmp_path):
    counters = Counters(tmp_path, "m")
    for prediction in (BOTH, BOTH, NONE, STRANGE):
        counters.count(prediction)
    counters.flush()
    (counts,) = read_counters(counters.file)[1].values()
    counts = valid_counts(counts)
    assert counts["labels"] == {"hat": 2, "shoes": 2} and counts["unfamiliar"] == 2 and counts["photos"] == 4
    assert sum(counts["confidence"]) == 4 and counts["confidence_sum"] == pytest.approx(1.3)


@pytest.mark.parametrize("photos", [3, 1, 99, -1, True, 2.5, "4", None, 10**9], ids=str)
def test_photos_that_contradict_the_counts_are_no_counts(photos):
    counts = {**no_counts(), "labels": {"hat": 2, "shoes": 2}, "unfamiliar": 2, "confidence_sum": 0.1}
    counts["confidence"][0] = 4
    assert valid_counts({**counts, "photos": 4})["photos"] == 4 and "photos" not in valid_counts(counts)
    with pytest.raises(ValueError):
        valid_counts({**counts, "photos": photos})


def test_a_label_is_never_taken_for_a_word_nor_a_word_for_a_label():
    labels = ["yes", "yes!", "none of these", "no"]
    assert words(labels) == ("yes!!", "none of these!") and words(LABELS) == ("yes", "none of these")
    answer = Prediction("no", {"no": 0.9, "yes": 0.1})
    said = {text: correction_of(text, answer, labels) for text in (*labels, *words(labels))}
    assert said == {**{label: label for label in labels}, "yes!!": "no", "none of these!": None}
    # on the page: its values are numbers and words
    assert [chosen(value, answer, labels) for _, value in choices(labels, answer)] == [
        "no", "yes", "yes!", "none of these", None
    ]  # fmt: skip


def test_separator_in_a_label_is_no_separator():
    labels = ["a", "b", "a|c", "c|d"]
    assert split_labels("a|b", labels) == ["a", "b"] and split_labels("b|a|c", labels) == ["b", "a|c"]
    assert split_labels("c|d|a", labels) == ["c|d", "a"]
    for text in ("", "|", "a|", "d", "a|b|x", "|" * 100_000):
        assert split_labels(text, labels) is None


def test_correction_of_one_label_is_no_list():
    with pytest.raises(NotStored, match=r"no such label; there are dress, hat, shoes\.$"):
        correction_of("dress|hat", Prediction("hat", {"hat": 0.9, "dress": 0.1}), LABELS)
