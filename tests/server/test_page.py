"""The page in headless Chromium, on a phone and on a desk: upload, paste, examples, errors."""

import base64

import pytest

import classifier.photo  # noqa: F401  teaches Pillow HEIC
from helpers.apps import SIZES, TIMEOUT
from helpers.paths import ROOT

EXAMPLES = ROOT / "examples"


@pytest.fixture(params=SIZES)
def page(request, browser, app_url):
    context = browser.new_context(**SIZES[request.param], permissions=["clipboard-read", "clipboard-write"])
    page = context.new_page()
    page.set_default_timeout(TIMEOUT)
    page.problems = []
    page.on("pageerror", lambda error: page.problems.append(str(error)))
    page.goto(app_url)
    page.get_by_text("Show me a photo").wait_for()
    yield page
    context.close()


def upload(page, path):
    page.set_input_files("input[type=file]", path)


def answer(page, label: str):
    """Wait until the answer's headline is `label`."""
    page.locator("[data-testid=label-output-value]", has_text=label).wait_for()


def test_upload_is_answered_without_a_second_tap(page):
    upload(page, EXAMPLES / "grizzly-1.jpg")
    answer(page, "grizzly")
    bars = page.locator("[data-testid$=-confidence-set]")
    assert sorted(bars.nth(i).inner_text().split()[0] for i in range(bars.count())) == ["black", "grizzly", "teddy"]
    assert page.problems == []


def test_nothing_scrolls_sideways(page):
    upload(page, EXAMPLES / "teddy-2.jpg")
    answer(page, "teddy")
    width = page.viewport_size["width"]
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_answer_is_in_sight_after_an_upload(page):
    upload(page, EXAMPLES / "black-1.jpg")
    answer(page, "black")
    box = page.locator("[data-testid=label-output-value]").bounding_box()
    assert box["y"] + box["height"] <= page.viewport_size["height"]


def test_one_look_tells_sure_from_none_of_these(page):
    upload(page, EXAMPLES / "grizzly-1.jpg")
    page.locator(".verdict .sign.sure", has_text="Sure").wait_for()
    edge = "getComputedStyle(document.querySelector('.block.verdict')).borderInlineStartStyle"
    assert page.evaluate(edge) == "solid"
    upload(page, EXAMPLES / "other-mug.jpg")
    page.locator(".verdict .sign.none", has_text="None of these").wait_for()
    assert page.evaluate(edge) == "dashed"


def test_the_answer_pushes_the_examples_on_a_desk_nowhere(page):
    example = page.locator(".gallery button, button.gallery-item").first
    before = example.bounding_box()
    upload(page, EXAMPLES / "black-1.jpg")
    answer(page, "black")
    after, height = example.bounding_box(), page.viewport_size["height"]
    if page.viewport_size["width"] > 640:
        assert before == after and after["y"] + after["height"] <= height
    else:  # the answer comes between photo and examples
        assert after["y"] > page.locator("[data-testid=label-output-value]").bounding_box()["y"]


def test_example_is_answered_on_a_click(page):
    page.locator(".gallery button, button.gallery-item").nth(2).click()
    answer(page, "grizzly")


def test_second_photo_replaces_the_first_ones_answer(page):
    upload(page, EXAMPLES / "grizzly-2.jpg")
    answer(page, "grizzly")
    page.get_by_label("Clear").or_(page.get_by_label("Remove Image")).first.click()
    page.locator("[data-testid=label-output-value]").wait_for(state="detached")
    page.wait_for_timeout(1000)
    assert page.get_by_text("No photo was sent").count() == 0
    upload(page, EXAMPLES / "teddy-3.jpg")
    answer(page, "teddy")


def test_pasted_photo_is_answered(page):
    photo = base64.b64encode((EXAMPLES / "black-2.jpg").read_bytes()).decode()
    page.evaluate(
        """async photo => {
        const bitmap = await createImageBitmap(await (await fetch("data:image/jpeg;base64," + photo)).blob())
        const canvas = new OffscreenCanvas(bitmap.width, bitmap.height)
        canvas.getContext("2d").drawImage(bitmap, 0, 0)
        const blob = await canvas.convertToBlob({type: "image/png"})
        await navigator.clipboard.write([new ClipboardItem({"image/png": blob})])
    }""",
        photo,
    )
    page.get_by_label("Paste from clipboard").or_(page.get_by_label("clipboard")).first.click()
    answer(page, "black")


def test_text_named_jpg_gets_a_sentence(page, tmp_path):
    (tmp_path / "photo.jpg").write_text("not a photo")
    upload(page, tmp_path / "photo.jpg")
    page.get_by_role("heading", name="No answer for this photo").wait_for()
    page.get_by_text("This file is not a photo. Send a photo as").wait_for()
    page.wait_for_function("""[...document.querySelectorAll('[data-testid=image] img, .image-frame img')]
                              .every(image => image.complete && image.naturalWidth)""")  # no broken picture
    page.wait_for_timeout(1000)
    assert page.get_by_role("heading", name="No answer for this photo").count() == 1
    page.get_by_label("Clear").or_(page.get_by_label("Remove Image")).first.click()
    upload(page, EXAMPLES / "teddy-1.jpg")
    answer(page, "teddy")


def test_photo_of_something_else_is_told_and_the_guess_played_down(page):
    upload(page, EXAMPLES / "other-mug.jpg")
    page.get_by_role("heading", name="I don't think this is black, grizzly or teddy.").wait_for()
    assert "my guess would be teddy" in page.locator("body").inner_text()
    assert page.locator("[data-testid=label-output-value]").count() == 0
    page.get_by_label("Clear").or_(page.get_by_label("Remove Image")).first.click()
    page.get_by_text("I don't think this is").wait_for(state="detached")
    upload(page, EXAMPLES / "grizzly-1.jpg")
    answer(page, "grizzly")
    assert page.get_by_text("I don't think this is").count() == 0


def heatmap(page):
    """The picture of where it looked, once it is drawn."""
    image = page.locator("[data-testid=image] img, .image-frame img").nth(1)
    image.wait_for()
    page.wait_for_function("image => image.complete && image.naturalWidth > 100", arg=image.element_handle())
    return image


def test_answer_comes_with_words_and_where_it_looked_and_another_label_can_be_asked_for(page):
    upload(page, EXAMPLES / "grizzly-2.jpg")
    answer(page, "grizzly")
    page.get_by_text("At this level it is right").wait_for()
    first = heatmap(page).get_attribute("src")
    page.get_by_text("spoke for grizzly").wait_for()
    page.locator("[data-testid=black-confidence-set]").click()
    page.get_by_text("spoke for black").wait_for()
    page.wait_for_function("([image, first]) => image.src != first", arg=[heatmap(page).element_handle(), first])
    assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]
    assert page.problems == []


def test_where_it_looked_goes_with_its_photo(page):
    upload(page, EXAMPLES / "grizzly-2.jpg")
    heatmap(page)
    page.get_by_label("Clear").or_(page.get_by_label("Remove Image")).first.click()
    page.get_by_text("spoke for").wait_for(state="detached")
    assert page.get_by_text("At this level").count() == 0
    upload(page, EXAMPLES / "other-mug.jpg")
    page.get_by_role("heading", name="I don't think this is").wait_for()
    assert page.get_by_text("spoke for").count() == 0


def test_heic_is_answered_and_shown(page, tmp_path):
    from PIL import Image

    Image.open(EXAMPLES / "teddy-3.jpg").save(tmp_path / "IMG_0042.heic", format="HEIF")
    upload(page, tmp_path / "IMG_0042.heic")
    answer(page, "teddy")
    page.wait_for_function(
        "[...document.querySelectorAll('[data-testid=image] img, .image-frame img')]"
        ".some(image => image.naturalWidth > 100)"
    )


def test_sideways_phone_photo_is_shown_and_answered_upright(page, tmp_path):
    from PIL import Image

    exif = Image.Exif()
    exif[274] = 6
    tall = Image.open(EXAMPLES / "teddy-1.jpg").crop((100, 0, 400, 512))
    tall.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "sideways.jpg", exif=exif)
    upload(page, tmp_path / "sideways.jpg")
    answer(page, "teddy")
    image = page.locator(".image-frame img, [data-testid=image] img").first
    assert image.evaluate("image => image.naturalHeight > image.naturalWidth")


def test_page_says_what_it_knows_and_how_to_call_it(page):
    text = page.locator("body").inner_text()
    assert "What it knows: black, grizzly and teddy." in text
    assert "of them were wrong when they were held out" in text
    page.get_by_text("Use it from your own code").click()
    snippets = page.locator("code", has_text="/classify_photo")
    snippets.first.wait_for()
    assert page.url.rstrip("/") in snippets.first.inner_text()
    assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]
