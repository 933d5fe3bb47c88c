"""The page of the browser edition in Chromium, on a phone and on a desk: one photo, its answer, and what goes wrong."""

import base64
import json

import pytest

from classifier import Classifier
from helpers.apps import SIZES
from helpers.browser_page import choose, opened
from helpers.paths import ROOT
from server.texts import confidence_text, heatmap_text, model_text, none_text, question_text

EXAMPLES = ROOT / "examples"
UNMARK = str.maketrans("", "", "*#")


@pytest.fixture(scope="module")
def classifier():
    return Classifier.load(ROOT / "export.pkl")


@pytest.fixture(scope="module", params=SIZES)
def loaded(request, browser, site):
    yield from opened(browser, site, **SIZES[request.param])


@pytest.fixture
def sized(loaded):
    """A page on a phone, and on a desk, without a photo."""
    yield from cleared(loaded)


@pytest.fixture(scope="module")
def on_desk(browser, site):
    yield from opened(browser, site, **SIZES["desktop"])


@pytest.fixture
def page(on_desk):
    """A page on a desk, without a photo."""
    yield from cleared(on_desk)


def cleared(page):
    page.evaluate("document.getElementById('remove').click()")
    page.evaluate("scrollTo(0, 0)")
    yield page
    assert page.problems == []


def answer(page, label: str) -> None:
    """Wait until the answer's headline is `label`."""
    page.locator("#verdict h3", has_text=label).wait_for()


def text(page, selector: str) -> str:
    return page.locator(selector).inner_text()


def test_upload_is_answered_as_python_answers_it(sized, classifier):
    choose(sized, EXAMPLES / "grizzly-1.jpg")
    answer(sized, "grizzly")
    prediction = classifier.predict(EXAMPLES / "grizzly-1.jpg")
    assert sized.locator(".bar .name").all_inner_texts() == [*prediction.probabilities]
    shares = [float(width[:-1]) for width in sized.locator(".fill").evaluate_all("all => all.map(a => a.style.width)")]
    assert shares == pytest.approx([100 * share for share in prediction.probabilities.values()], abs=0.01)
    assert text(sized, "#verdict .kind") == "Sure"
    assert text(sized, "#confidence") == confidence_text(prediction, True).translate(UNMARK)
    assert text(sized, "#note") == heatmap_text("grizzly", classifier.labels).translate(UNMARK)
    assert text(sized, "#question") == question_text(classifier.labels).translate(UNMARK)
    assert text(sized, "#facts") == model_text(classifier.labels, classifier.facts, True).translate(UNMARK)
    assert "Photos stay on this device: nothing is sent." in text(sized, "footer")
    said = sized.locator("#status").text_content()
    assert said.startswith("grizzly, 98%. At this level it is right"), "for people who hear the page"


def test_answer_and_examples_are_in_sight_and_nothing_scrolls_sideways(sized):
    width, height = sized.viewport_size["width"], sized.viewport_size["height"]
    before = sized.locator("#examples").bounding_box()
    assert before["y"] + before["height"] <= height
    sized.locator("#examples button").nth(2).click()
    answer(sized, "grizzly")
    box = sized.locator("#verdict").bounding_box()
    assert box["y"] + box["height"] <= height
    if width > 1000:
        assert sized.locator("#examples").bounding_box()["y"] == before["y"], "what was clicked on stays where it was"
    assert sized.evaluate("document.documentElement.scrollWidth") <= width


def test_example_below_the_fold_brings_its_answer_into_sight(browser, site):
    for page in opened(browser, site, viewport={"width": 390, "height": 640}, reduced_motion="reduce"):
        choose(page, EXAMPLES / "teddy-1.jpg")
        answer(page, "teddy")
        page.locator("#examples button").nth(0).click()
        answer(page, "black")
        page.wait_for_timeout(200)
        box = page.locator("#verdict").bounding_box()
        assert box["y"] >= 0 and box["y"] + box["height"] <= 640


def test_photo_of_something_else_is_told_first_and_the_guess_played_down(sized, classifier):
    choose(sized, EXAMPLES / "other-mug.jpg")
    sized.locator("#verdict[data-kind=none]").wait_for()
    expected = none_text(classifier.labels, classifier.predict(EXAMPLES / "other-mug.jpg")).translate(UNMARK)
    assert f"{text(sized, '#verdict h3')}\n{text(sized, '#verdict .rest')}" == expected.strip()
    assert text(sized, "#verdict .kind") == "None of these"
    assert sized.locator("#confidence").is_hidden() and sized.locator(".bar").first.is_hidden()
    sized.locator("#result summary").click()
    assert text(sized, ".bar >> nth=0").split() == ["teddy", "82%"] and sized.locator("#heatmap canvas").is_visible()
    choose(sized, EXAMPLES / "grizzly-1.jpg")
    answer(sized, "grizzly")
    assert sized.locator("#result summary").is_hidden() and sized.locator(".bar").first.is_visible()


def picture(page) -> str:
    return page.locator("#heatmap canvas").evaluate("canvas => canvas.toDataURL()")


def test_another_label_shows_where_that_one_would_be(page):
    choose(page, EXAMPLES / "grizzly-2.jpg")
    answer(page, "grizzly")
    first, where = picture(page), page.locator("#where").text_content()
    assert (
        where.startswith("Where it looked for grizzly. What counted most lies ") and "% of the outlined part" in where
    )
    assert page.get_by_role("img", name="What counted most lies").count() == 1
    assert page.locator(".bar[aria-pressed=true]").inner_text().startswith("grizzly")
    page.locator(".bar", has_text="black").click()
    assert page.locator(".bar[aria-pressed=true]").inner_text().startswith("black")
    assert text(page, "#note").startswith("Orange spoke for black, blue against it")
    assert picture(page) != first and page.locator("#status").text_content().startswith("Where it looked for black.")


def test_second_photo_replaces_the_first_ones_answer_and_removed_ones_leave_nothing(page):
    choose(page, EXAMPLES / "grizzly-2.jpg")
    answer(page, "grizzly")
    choose(page, EXAMPLES / "teddy-3.jpg")
    answer(page, "teddy")
    page.get_by_role("button", name="Remove the photo").click()
    assert page.locator("#verdict").is_hidden() and page.locator("#result").is_hidden()
    assert page.locator("#empty").is_visible() and page.locator("#hint").is_visible()
    choose(page, EXAMPLES / "teddy-3.jpg")
    answer(page, "teddy")


def test_only_the_last_of_photos_chosen_quickly_is_answered(page):
    for name in ("grizzly-1", "other-mug", "black-1", "teddy-1"):
        choose(page, EXAMPLES / f"{name}.jpg")
    answer(page, "teddy")
    page.wait_for_timeout(1000)
    assert text(page, "#verdict h3") == "teddy"


def test_photo_is_pasted_by_keys_and_by_the_button(browser, site):
    for page in opened(browser, site, permissions=["clipboard-read", "clipboard-write"]):
        photo = base64.b64encode((EXAMPLES / "black-2.jpg").read_bytes()).decode()
        page.evaluate(
            """async photo => {
            const bytes = Uint8Array.from(atob(photo), letter => letter.charCodeAt(0))
            const bitmap = await createImageBitmap(new Blob([bytes]))
            const canvas = new OffscreenCanvas(bitmap.width, bitmap.height)
            canvas.getContext("2d").drawImage(bitmap, 0, 0)
            const blob = await canvas.convertToBlob({type: "image/png"})
            await navigator.clipboard.write([new ClipboardItem({"image/png": blob})])
        }""",
            photo,
        )
        page.keyboard.press("Control+v")
        answer(page, "black")
        page.get_by_role("button", name="Remove the photo").click()
        page.get_by_role("button", name="Paste").click()
        answer(page, "black")
        page.evaluate("navigator.clipboard.writeText('no photo')")
        page.get_by_role("button", name="Paste").click()
        page.locator("#problem", has_text="Copy a photo first: there is none in the clipboard.").wait_for()


def drop(page, *paths) -> None:
    cdp = page.context.new_cdp_session(page)
    data = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        cdp.send("Input.dispatchDragEvent", {"type": kind, "x": 900, "y": 700, "data": data})


def test_photo_dropped_anywhere_is_answered(page):
    drop(page, EXAMPLES / "black-1.jpg")
    answer(page, "black")
    assert page.locator(".over").count() == 0


def test_file_that_is_no_photo_gets_a_sentence_and_the_next_photo_an_answer(page):
    page.set_input_files("#files", {"name": "a.jpg", "mimeType": "image/jpeg", "buffer": b"not a photo"})
    page.get_by_role("heading", name="No answer for this photo").wait_for()
    page.locator("#problem", has_text="This file is not a photo. Choose a photo as").wait_for()
    page.locator("#empty").wait_for()  # and no broken picture
    choose(page, EXAMPLES / "teddy-1.jpg")
    answer(page, "teddy")
    assert page.locator("#problem").is_hidden()


@pytest.mark.parametrize("kind", ["HEIF", "WEBP"])
def test_photo_that_the_browser_shows_otherwise_is_shown_as_it_was_answered(page, tmp_path, kind):
    from PIL import Image

    import classifier.photo  # noqa: F401  teaches Pillow HEIC

    exif = Image.Exif()
    exif[0x0112] = 6  # browsers leave a WebP lying on its side
    photo = Image.open(EXAMPLES / "teddy-3.jpg").convert("RGB").resize((320, 200))
    photo.save(tmp_path / "photo", format=kind, **({"exif": exif} if kind == "WEBP" else {}))
    choose(page, tmp_path / "photo")
    page.locator("#verdict h3").wait_for()
    page.locator("#copy").wait_for()
    size = page.locator("#copy").evaluate("canvas => [canvas.width, canvas.height]")
    assert size == ([200, 320] if kind == "WEBP" else [320, 200])
    assert page.locator("#photo").is_hidden()


def test_photo_that_comes_before_the_model_waits_for_it(browser, site):
    waiting = []

    def held(context):
        context.route("**/model.onnx", lambda route: waiting.append(route))

    for page in opened(browser, site, held, ready=False):
        page.locator("#examples img").nth(8).wait_for()
        page.locator("#loading-said", has_text="Loading the model: ").wait_for()
        assert text(page, "#loading-said").endswith(" of 13.1 MB")
        choose(page, EXAMPLES / "teddy-2.jpg")
        page.get_by_text("Your photo is answered as soon as the model is here.").first.wait_for()
        assert page.locator("#photo").is_visible()
        while not waiting:
            page.wait_for_timeout(50)
        waiting[0].continue_()
        answer(page, "teddy")
        assert page.locator("#loading").is_hidden() and page.locator("#looking").is_hidden()


def test_model_that_does_not_come_is_told_and_tried_again(browser, site):
    def broken(context):
        context.route("**/model.onnx", lambda route: route.abort(), times=1)

    for page in opened(browser, site, broken, ready=False):
        page.get_by_role("heading", name="The model could not be loaded").wait_for()
        assert "model.onnx could not be fetched" in text(page, "#no-model p")
        choose(page, EXAMPLES / "teddy-2.jpg")
        page.get_by_role("button", name="Try again").click()
        answer(page, "teddy")
        assert page.locator("#no-model").is_hidden()
        assert all("ERR_FAILED" in problem for problem in page.problems)
        page.problems.clear()


def test_browser_without_webassembly_gets_a_sentence(browser, site):
    def without(context):
        context.add_init_script("delete globalThis.WebAssembly")

    for page in opened(browser, site, without, ready=False):
        page.get_by_text("it has no WebAssembly, or that is switched off.").wait_for()


DRAW = """async ([guide, prediction]) => {
  const { clearAnswer, drawAnswer } = await import("./answer.js")
  clearAnswer()
  window.said = ""
  const probabilities = new Map(prediction.probabilities)
  drawAnswer(guide, { prediction: { ...prediction, probabilities } }, text => { window.said = text })
}"""


def draw(page, labels, familiar=None, calibrated=True, **probabilities) -> None:
    """Draw an answer of a model that gives photos several labels and cannot say where it looked."""
    guide = {"labels": [*probabilities], "calibrated": calibrated, "explains": False}
    prediction = {"label": [*labels, *probabilities][0], "labels": labels, "probabilities": [*probabilities.items()]}
    page.evaluate(DRAW, [guide, {**prediction, "familiar": familiar, "isNone": familiar is False or not labels}])


def test_several_labels_are_the_headline_and_each_has_its_bar(page):
    draw(page, ["big_cat", "dog"], big_cat=0.97, dog=0.75, cow=0.2, hen=0.1, ant=0.05, bee=0.01)
    assert text(page, "#verdict h3") == "big cat, dog" and text(page, "#verdict .kind") == "Probably"
    assert page.locator(".bar .name").all_inner_texts() == ["big cat", "dog", "cow", "hen", "ant"]
    assert "about 97 times in 100 with big cat and about 7 times in 10 with dog." in text(page, "#confidence")
    assert page.evaluate("said").startswith("big cat, 97%; dog, 75%. At these levels")
    assert page.locator("button.bar").count() == 0 and page.locator("#heatmap").is_hidden()
    assert text(page, "#note").startswith("Where this model looked is not available")
    draw(page, list("abcd"), a=0.9, b=0.9, c=0.9, d=0.9, e=0.1)
    assert text(page, "#verdict h3") == "a, b and 2 more" and page.locator(".bar").count() == 4
    draw(page, [], a=0.3, b=0.1)
    assert text(page, "#verdict h3") == "I see none of these: a or b."
    assert text(page, "#verdict .rest") == "The most probable one is a, at 30%, which is not enough."
    assert text(page, "#verdict .kind") == "None of these"


def test_percentages_without_calibration_are_called_neither_sure_nor_unsure(page):
    draw(page, ["a"], calibrated=False, a=0.999, b=0.0001)
    assert text(page, "#verdict .kind") == "Best match" and "is not known" in text(page, "#confidence")
    assert page.locator(".bar .percent").all_inner_texts() == ["> 99%", "< 1%"]


TITLES = ["Bärenführer für Anfängerinnen und Anfänger " * 3, "דוב" * 60, "x" * 200, "<b>&amp;</b>"]


@pytest.mark.parametrize("title", TITLES, ids=["long", "right to left", "one word", "markup"])
def test_titles_and_labels_of_any_length_and_script_wrap(browser, site, site_folder, title):
    told = json.loads((site_folder / "site.json").read_text())
    body = json.dumps({**told, "title": title, "labels": [title, "b" * 90, "دب_بني"]})

    def renamed(context):
        context.route("**/site.json", lambda route: route.fulfill(body=body, content_type="application/json"))

    for page in opened(browser, site, renamed, viewport={"width": 320, "height": 640}):
        assert page.locator("h1").text_content() == title and page.title() == title.strip()
        page.evaluate(  # as the model's own labels would be shown
            """async title => {
            const { drawBars } = await import("./answer.js")
            const probabilities = new Map([[title, .9], ["w".repeat(80), .1]])
            drawBars(document.getElementById("bars"), { label: title, probabilities, labels: null }, () => {})
            document.getElementById("result").hidden = false
            document.getElementById("result").open = true
            document.querySelector("#verdict h3").textContent = title
            document.getElementById("verdict").hidden = false
        }""",
            title,
        )
        assert page.evaluate("document.documentElement.scrollWidth") <= 320
        assert page.locator(".bar .name").first.text_content() == " ".join(title.split())
