"""server/feedback/question.py: the page and the API of an app take feedback; one app is shared by these tests."""

import pytest
import requests
from PIL import Image

from helpers.api import by_path, run_predict, upload
from helpers.apps import SIZES, TIMEOUT, running_app
from helpers.paths import EXAMPLE, ROOT
from helpers.records import records, until


@pytest.fixture(scope="module")
def asking(tmp_path_factory):
    """An app with a folder for feedback; (url, folder)."""
    folder = tmp_path_factory.mktemp("said")
    with running_app(FEEDBACK=str(folder), MAX_PER_MINUTE="0") as url:
        yield url, folder


def test_without_feedback_the_app_has_no_question(app_url):
    assert "/feedback" not in requests.get(f"{app_url}/gradio_api/info").json()["named_endpoints"]
    assert "Was this right?" not in requests.get(app_url).text


def said(url: str, path: str, word: str) -> requests.Response:
    return requests.post(f"{url}/gradio_api/run/feedback", json={"data": [by_path(path), word]}, timeout=60)


def test_the_api_takes_it_too_and_counts_no_answer_twice(asking):
    url, folder = asking
    before = len(records(folder))
    path = upload(url, EXAMPLE)
    run_predict(url, by_path(path))
    assert said(url, path, "black").json()["data"] == [{"kept": True, "new": True}]
    assert said(url, path, "black").json()["data"] == [{"kept": True, "new": False}]
    assert "no such label" in said(url, path, "dragon").json()["error"]
    (record,) = [record for record in records(folder) if record["correction"] == "black"]
    assert len(records(folder)) == before + 1 and record["label"] == "teddy" and record["right"] is False


def test_nobody_reads_what_others_sent(asking):
    url, folder = asking
    said(url, upload(url, EXAMPLE), "grizzly")
    for file in [*folder.glob("??/*"), folder, ROOT / "feedback"]:
        for path in (f"{url}/gradio_api/file={file}", f"{url}/file={file}"):
            assert requests.get(path, timeout=10).status_code in (403, 404)
    stolen = next(folder.glob("??/*.jpg"))
    answer = run_predict(url, by_path(str(stolen)))
    assert answer.status_code != 200 or "error" in answer.json(), "a path of the server is no photo of the sender's"


@pytest.mark.parametrize("size", SIZES)
def test_a_click_is_thanked_once_the_record_is_on_the_disk(asking, browser, size, tmp_path):
    url, folder = asking
    context = browser.new_context(**SIZES[size])
    page = context.new_page()
    page.set_default_timeout(TIMEOUT)
    page.goto(url)
    page.get_by_text("Show me a photo").wait_for()
    question = page.locator("#was-this-right")
    assert question.count() == 0
    before = len(records(folder))
    with Image.open(ROOT / "examples" / "grizzly-1.jpg") as example:
        example.rotate(1 if size == "phone" else 2).save(tmp_path / "photo.jpg")
    page.set_input_files("input[type=file]", tmp_path / "photo.jpg")
    question.wait_for()
    assert "without the place" in question.inner_text() and len(records(folder)) == before
    assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]
    page.get_by_label("No, it is teddy").click()
    question.get_by_text("Thank you. This photo, the answer and your word are kept").wait_for()
    record = max(records(folder), key=lambda record: record["time"])
    assert len(records(folder)) == before + 1 and (record["label"], record["correction"]) == ("grizzly", "teddy")
    page.get_by_label("Yes").click()  # the other was a slip
    page.wait_for_function("n => [...document.querySelectorAll('#was-this-right input')][0].checked", arg=0)
    until(lambda: len(records(folder)) == before + 2)
    assert max(records(folder), key=lambda record: record["time"])["right"] is True
    page.get_by_label("Clear").or_(page.get_by_label("Remove Image")).first.click()
    question.wait_for(state="detached")
    page.set_input_files("input[type=file]", ROOT / "examples" / "other-mug.jpg")
    question.get_by_text("Your click sends").wait_for()
    assert question.get_by_label("No, it is none of these").count() == 0
    context.close()


def test_each_answer_is_counted_once(asking):
    from classifier import Classifier
    from server.predictor import Predictor

    counted = []
    predictor = Predictor(Classifier.load(ROOT / "export.pkl"), on_prediction=counted.append)
    predictor.predict(EXAMPLE), predictor.predict(EXAMPLE)
    predictor.explain(EXAMPLE), predictor.open_and_predict(EXAMPLE)
    predictor.explain(EXAMPLE, "black"), predictor.open_and_predict(EXAMPLE, again=True)
    assert [prediction.label for prediction in counted] == ["teddy"] * 4
