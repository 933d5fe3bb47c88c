"""The map of all photos in headless Chromium, on a desk and on a phone: colours, lasso, decisions, 10,000 points."""

import os

import pytest

from helpers.apps import SIZES
from helpers.clean_pages import go, page_of, says, served
from helpers.cleaners import listed_photos, open_cleaner, open_multi_label_cleaner
from helpers.maps import write_features
from helpers.photos import make_photos, noisy_photo
from training.clean.map import api, photo_map
from training.clean.map.placement import place
from training.clean.review.reviewed_photo import ReviewedPhoto
from training.clean.session import Cleaner


@pytest.fixture(params=SIZES)
def page(request, browser):
    with page_of(browser, request.param) as page:
        yield page


@pytest.fixture(autouse=True)
def in_this_process(monkeypatch):
    monkeypatch.setattr(photo_map, "place_beside", place)


def with_features(cleaner: Cleaner, monkeypatch) -> Cleaner:
    """Let the page find features that lie in a group for each label."""
    features = write_features(cleaner)
    monkeypatch.setattr(api, "PhotoMap", lambda of, _: photo_map.PhotoMap(of, features))
    return cleaner


def open_map(page, address):
    go(page, address)
    page.locator("#open-map").click()
    page.wait_for_function("() => window.fieldguide.map.data()")
    page.wait_for_timeout(300)  # it is drawn with the next frame


def lasso(page, label: str):
    """Draw around all photos of a label with the pointer."""
    box = page.locator("#photo-map .over").bounding_box()
    left, top, right, bottom = page.evaluate(
        """label => {
          const { photos, texts } = fieldguide.map.data();
          const at = photos.id.flatMap((_, i) => (texts[photos.label[i]] === label ? [fieldguide.map.at(i)] : []));
          const [xs, ys] = [at.map((p) => p[0]), at.map((p) => p[1])];
          return [Math.min(...xs) - 6, Math.min(...ys) - 6, Math.max(...xs) + 6, Math.max(...ys) + 6];
        }""",
        label,
    )
    page.mouse.move(box["x"] + left, box["y"] + top)
    page.mouse.down()
    for x, y in ((right, top), (right, bottom), (left, bottom)):
        page.mouse.move(box["x"] + x, box["y"] + y, steps=5)
    page.mouse.up()


def test_a_group_is_lassoed_deleted_relabelled_and_cleared(page, tmp_path, monkeypatch):
    cleaner = with_features(open_cleaner(make_photos(tmp_path / "photos")), monkeypatch)
    n = sum(photo.label == "red" for photo in cleaner.photos)
    with served(cleaner) as address:
        open_map(page, address)
        dialog = page.locator("#photo-map")
        dialog.locator("[data-mode=lasso]").click()
        lasso(page, "red")
        dialog.locator(".n", has_text=f"{n} photos selected").wait_for()
        assert dialog.locator(".strip img").count() == n
        dialog.locator("[data-all=delete]").click()
        dialog.locator(".said", has_text=f"Saved for {n}: {n} to delete").wait_for()
        assert cleaner.counts() == (n, 0, n)
        dialog.locator("input").fill("blue")
        dialog.get_by_role("button", name="Give label").click()
        dialog.locator(".said", has_text=f"{n} to move").wait_for()
        dialog.locator(".by").select_option("decision")
        assert dialog.locator(".legend", has_text="To move").count() == 1
        dialog.locator("input").fill("polar bear")
        dialog.locator(".acts.label button.new").click()
        dialog.locator(".said", has_text=f"Saved for {n}: {n} to move").wait_for()
        page.wait_for_function("() => fieldguide.map.data().labels.includes('polar_bear')")
        dialog.get_by_role("button", name="Close").click()
        says(page, f"{n} to move · {n} of {len(cleaner.photos)}")
        marked = page.locator("#grid .card[data-action=label]")
        assert marked.count() > 0 and marked.first.locator("select").input_value() == "polar_bear"
        page.reload()
        says(page, f"{n} to move")
        open_map(page, address)
        page.keyboard.press("v")
        dialog.locator(".n", has_text=f"{len(cleaner.photos)} photos selected").wait_for()
        page.keyboard.press("Backspace")
        dialog.locator(".said", has_text="Nothing marked").wait_for()
        page.keyboard.press("Escape")
        assert dialog.is_visible() and dialog.locator("[data-all=keep]").is_disabled()
        page.keyboard.press("Escape")
        dialog.wait_for(state="hidden")
        assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_what_the_field_of_the_label_is_for_can_be_read(browser, tmp_path, monkeypatch, scheme):
    cleaner = with_features(open_cleaner(make_photos(tmp_path / "photos")), monkeypatch)
    with served(cleaner) as address, page_of(browser, "desktop") as page:
        page.emulate_media(color_scheme=scheme)
        open_map(page, address)
        text, placeholder = page.evaluate(
            """() => {
              const field = document.querySelector("#photo-map .acts input");
              return [getComputedStyle(field).color, getComputedStyle(field, "::placeholder").color];
            }"""
        )
        assert placeholder == text


def test_a_point_tells_about_its_photo_and_is_selected(page, tmp_path, monkeypatch):
    data = tmp_path / "photos"
    for label in ("red", "<i>green"):
        (data / label).mkdir(parents=True)
        for i in range(3):
            noisy_photo((90, 90, 90), 10 * i + len(label)).save(data / label / f"{i}&lt;b&gt;.png")
    with served(with_features(open_cleaner(data), monkeypatch)) as address:
        open_map(page, address)
        box = page.locator("#photo-map .over").bounding_box()
        x, y = page.evaluate("fieldguide.map.at(0)")
        page.mouse.click(box["x"] + x, box["y"] + y)
        tip = page.locator("#photo-map .tip")
        tip.get_by_text("the model says").wait_for()
        assert tip.locator("i").count() == 0 and "&lt;b&gt;.png" in tip.inner_text(), "names are text, not HTML"
        assert tip.locator("img").evaluate("image => image.decode().then(() => image.naturalWidth)") > 0
        tip.get_by_role("button", name="Select").click()
        page.locator("#photo-map .n", has_text="1 photo selected").wait_for()
        entry = page.locator("#photo-map [data-kind='0']")
        if not entry.is_visible():
            page.locator("#photo-map summary").click()
        entry.click()
        page.locator("#photo-map [data-in-sight]").click()
        page.locator("#photo-map .n", has_text="3 photos selected").wait_for()


def test_several_labels_are_added_and_removed(page, tmp_path, monkeypatch):
    cleaner = with_features(open_multi_label_cleaner(listed_photos(tmp_path / "photos")), monkeypatch)
    with served(cleaner) as address:
        open_map(page, address)
        dialog = page.locator("#photo-map")
        page.keyboard.press("v")
        dialog.locator("input").fill("green")
        dialog.get_by_role("button", name="Add label").click()
        dialog.locator(".said", has_text="3 to relabel").wait_for()
        dialog.get_by_role("button", name="Remove").click()
        dialog.locator(".said", has_text="1 to relabel").wait_for()


def test_a_map_that_cannot_be_computed_says_why(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with served(open_cleaner(make_photos(tmp_path / "photos"))) as address:
        go(page, address)
        page.locator("#open-map").click()
        page.locator("#photo-map .status", has_text="Start the cleaner again.").wait_for()
        assert page.locator("#photo-map button:visible").all_inner_texts() == ["Close"], "there is nothing to select"


@pytest.mark.slow
def test_ten_thousand_points_are_shown_and_decided_about(browser, tmp_path, monkeypatch):
    data = tmp_path / "photos"
    labels, photos = [f"label {i:02}" for i in range(20)], []
    (data / "x").mkdir(parents=True)
    noisy_photo((90, 90, 90), 1).save(data / "one.png")
    for i in range(10_000):
        file = data / labels[i % 20] / f"{i}.png"
        file.parent.mkdir(exist_ok=True)
        os.link(data / "one.png", file)
        shares = dict.fromkeys(labels, 0.05)
        photos.append(ReviewedPhoto(file, f"{i:064}", "", shares, labels[i % 20], 1 - i / 10_000, ""))
    cleaner = with_features(Cleaner(data, photos, labels), monkeypatch)
    with served(cleaner) as address, page_of(browser, "desktop") as page:
        open_map(page, address)
        page.keyboard.press("v")
        page.locator("#photo-map .n", has_text="10000 photos selected").wait_for()
        assert page.locator("#photo-map .strip img").count() == 60
        page.locator("#photo-map .strip", has_text="and 9940 more").wait_for()
        page.keyboard.press("d")
        page.locator("#photo-map .said", has_text="Saved for 10000: 10000 to delete").wait_for()
        assert cleaner.counts() == (10_000, 0, 10_000)
