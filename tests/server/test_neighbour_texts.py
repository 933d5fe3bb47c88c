"""server/neighbour_texts.py: what page and API tell of the training photos that a photo resembles."""

import json
import re
from dataclasses import asdict
from html import unescape

import pytest
import requests
from gradio_client import Client, handle_file

from classifier import Prediction
from classifier.inference.neighbours import Neighbour
from helpers.apps import SIZES, TIMEOUT, running_app
from helpers.neighbours import export_with_examples, known_examples
from helpers.paths import ROOT
from server.neighbour_texts import differs, neighbours_text
from server.shared_store import prediction_of

HOSTILE = '"><img src=x onerror=alert(1)>*a*_b_[c](d)`e`\n$$f$$&lt;\\'


TAGS = ("div", "strong", "details", "summary")


class Named:
    """Neighbours of which no picture is kept."""

    def picture(self, neighbour):
        return None


def answer(*near: tuple[str, tuple[str, ...]], **more) -> Prediction:
    found = tuple(Neighbour(file, labels, 0.9, i) for i, (file, labels) in enumerate(near))
    return Prediction("cat", {"cat": 0.6, "dog": 0.4}, neighbours=found, **more)


def text_of(html: str) -> str:
    return unescape(re.sub(r"<[^>]*>", " ", html))


def test_names_are_told_by_label_and_another_label_is_named_as_such():
    said = neighbours_text(answer(("cat/1.jpg", ("cat",)), ("dog/2.jpg", ("dog",)), ("cat/3.jpg", ("cat",))), Named())
    counts = "2 × cat, 1 × <strong>dog</strong> (another label)".replace(" × ", "\u00a0×\u00a0")
    assert f"It resembles these photos I learned from: {counts}</div>" in said
    assert "<div>cat: 1.jpg, 3.jpg</div><div><strong>dog</strong> (another label): 2.jpg</div>" in said


def test_a_photo_of_none_of_the_labels_is_near_to_none():
    said = neighbours_text(answer(("dog/2.jpg", ("dog",)), familiar=False), Named())
    assert "These are the nearest of the photos I learned from, and none is near:" in said
    assert "another label" not in said


def test_several_labels_are_compared_as_a_whole():
    one = Neighbour("a", ("cat", "dog"), 0.9, 0)
    assert not differs(one, answer(labels=("dog", "cat")))
    assert differs(one, answer(labels=("cat",)))
    assert not differs(one, answer(labels=()))
    assert "none of the labels" in neighbours_text(answer(("a", ()), labels=("cat",)), Named())


def test_an_export_that_names_none_says_nothing():
    assert neighbours_text(Prediction("cat", {"cat": 1.0}), None) == ""
    assert neighbours_text(answer(), Named()) == ""


def test_names_and_labels_of_strangers_are_text():
    for near in ((HOSTILE, ("cat",)), ("a.jpg", (HOSTILE,))):
        said = neighbours_text(answer(near), Named())
        allowed = {'<div class="neighbours">', *(f"<{end}{tag}>" for tag in TAGS for end in ("", "/"))}
        assert set(re.findall(r"<[^>]*>", said)) <= allowed
        assert not re.search(r"[*_`$\[\]\\\n]", re.sub(r"&#\d+;", "", said))
        assert "onerror" in text_of(said)
    assert len(text_of(neighbours_text(answer(("x" * 400, ("cat",))), Named()))) < 240


def test_an_answer_that_replicas_share_keeps_its_neighbours():
    given = answer(("cat/1.jpg", ("cat",)), ("dog/2.jpg", ("dog",)))
    assert prediction_of(json.dumps(asdict(given)).encode()) == given
    broken = {**asdict(given), "neighbours": [{"file": "a"}]}
    assert prediction_of(json.dumps(broken).encode()) is None


@pytest.fixture(scope="module", params=["pictures", "names"])
def naming_app(request, tmp_path_factory):
    """The app with an export that names the examples as its training photos."""
    export = export_with_examples(tmp_path_factory.mktemp("named"), pictures=request.param == "pictures")
    with running_app(EXPORT=str(export)) as url:
        yield url, request.param


def test_the_apis_name_them(naming_app):
    url, _ = naming_app
    photo = ROOT / "examples" / "grizzly-1.jpg"
    told = requests.post(f"{url}/classify", data=photo.read_bytes(), timeout=30).json()["neighbours"]
    assert len(told) == 5 and told[0]["file"] == "grizzly/grizzly-1.jpg" and told[0]["label"] == "grizzly"
    assert told[0]["similarity"] > 0.95
    assert [one["similarity"] for one in told] == sorted((one["similarity"] for one in told), reverse=True)
    client = Client(url, verbose=False)
    assert client.predict(handle_file(photo), api_name="/classify_photo")["neighbours"] == told
    assert "neighbours" in requests.get(f"{url}/openapi.json", timeout=30).text


@pytest.mark.parametrize("size", SIZES)
def test_the_page_shows_them(browser, naming_app, size):
    url, kind = naming_app
    context = browser.new_context(**SIZES[size])
    page = context.new_page()
    page.set_default_timeout(TIMEOUT)
    page.goto(url)
    page.set_input_files("input[type=file] >> nth=0", ROOT / "examples" / "grizzly-1.jpg")
    block = page.locator(".neighbours", has_text="It resembles these photos I learned from:")
    block.wait_for()
    assert "another label" in block.inner_text()
    if kind == "pictures":
        assert block.locator("img").count() == 5
        drawn = "[...document.querySelectorAll('.neighbours img')].every(image => image.naturalWidth > 50)"
        page.wait_for_function(f"() => {drawn}")
    else:
        assert block.locator("img").count() == 0 and "\u00a0×\u00a0" in block.inner_text()
        block.locator("summary", has_text="Their names").click()
        block.locator("details div", has_text="grizzly-1.jpg").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]
    page.get_by_label("Clear").or_(page.get_by_label("Remove Image")).first.click()
    block.wait_for(state="detached")
    page.set_input_files("input[type=file] >> nth=0", ROOT / "examples" / "other-mug.jpg")
    page.locator(".neighbours", has_text="none is near").wait_for()
    context.close()


def test_the_committed_examples_fit_into_their_pictures():
    known = known_examples()
    assert known.pictures.n == len(known.files) and len(known.pictures.data) < 4_000 * len(known.files)
