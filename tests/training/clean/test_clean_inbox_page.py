"""The cleaner's queue of photos without a label in headless Chromium: suggestions, keys, apply, undo."""

from pathlib import Path

import pytest

from helpers.apps import SIZES
from helpers.clean_pages import go, page_of, says, served, shown
from helpers.inboxes import opened, opened_several, put
from helpers.photos import make_pairs, make_photos
from training.data.files import INBOX
from training.data.labels import read_labels
from training.data.photos import get_photos, inbox_photos


@pytest.fixture(params=SIZES)
def page(request, browser):
    with page_of(browser, request.param) as page:
        yield page


@pytest.fixture
def data(tmp_path) -> Path:
    data = make_photos(tmp_path / "photos", n=4)
    put(data, 5)
    return data


def show_inbox(page, n: int) -> None:
    page.locator("#filters").get_by_label("Label", exact=True).click()
    page.get_by_role("option", name=f"without a label ({n})").click()
    page.locator("#grid .unlabelled").first.wait_for()
    shown(page, n)


def card(page, name: str):
    return page.locator(f"#grid .card[aria-label$='{name}.png']")


def test_keys_label_one_photo_after_the_other(page, data):
    with served(opened(data)) as address:
        go(page, address)
        page.get_by_text("5 photos have no label yet").wait_for()
        assert page.locator("#grid .unlabelled").count() == 0, "the queue of today stays as it is"
        show_inbox(page, 5)
        first = card(page, "new-0")
        assert first.locator("b").inner_text() == "No label yet" and "blue 60%" in first.locator(".said").inner_text()
        first.locator(".names").click()
        for key in ("a", "2", "k", "d"):
            page.keyboard.press(key)
        says(page, "1 to delete, 2 to move · 0 of 12 decided · 4 of 5 without a label")
        assert page.evaluate("document.activeElement.getAttribute('aria-label')").endswith("new-4.png")
        actions = page.locator("#grid .card").evaluate_all("all => all.map(c => c.dataset.action + ' ' + c.dataset.to)")
        assert actions == ["label blue", "label green", "keep ", "delete ", " "]
        page.locator("#apply").click()
        page.locator("#message", has_text="1 deleted").wait_for()
        shown(page, 2)
        assert (data / "blue" / "new-0.png").exists() and (data / "green" / "new-1.png").exists()
        page.locator("#undo").click()
        page.locator("#message", has_text="3 photos are back").wait_for()
        shown(page, 5)
        assert len(inbox_photos(data)) == 5 and len(get_photos(data)) == 12


def test_buttons_and_the_large_view_do_the_same(page, data):
    with served(opened(data)) as address:
        go(page, address)
        show_inbox(page, 5)
        card(page, "new-0").locator("[data-do=likely]").click()
        card(page, "new-1").locator("[data-do=keep]", has_text="Skip").click()
        card(page, "new-2").locator("select").select_option("red")
        says(page, "2 to move · 0 of 12 decided · 3 of 5 without a label")
        card(page, "new-1").locator(".look").click()
        view = page.locator("#closer")
        view.locator("h2", has_text="No label yet").wait_for()
        assert (
            view.locator(".decided").inner_text() == "Skipped" and view.get_by_role("button", name="Skip").is_visible()
        )
        assert "suspicious" not in view.locator(".what").inner_text()
        page.keyboard.press("a")
        says(page, "3 to move")
        view.locator(".decided", has_text="To move to red").wait_for(), "the next photo is shown"
        page.get_by_role("button", name="Close", exact=True).click()
        page.reload()
        show_inbox(page, 5)
        assert card(page, "new-1").get_attribute("data-to") == "blue"


def test_an_inbox_alone_is_shown_at_once(page, tmp_path):
    (tmp_path / "photos").mkdir()
    put(tmp_path / "photos", 3)
    with served(opened(tmp_path / "photos")) as address:
        go(page, address)
        shown(page, 3)
        says(page, "Nothing marked · 0 of 0 decided · 0 of 3 without a label")


def test_with_several_labels_chips_and_none_of_them(page, tmp_path):
    data = make_pairs(tmp_path / "several", n=2)
    put(data)
    with served(opened_several(data)) as address:
        go(page, address)
        show_inbox(page, 3)
        card(page, "new-0").locator("[data-label=red]").click()
        card(page, "new-1").locator(".names").click()
        page.keyboard.press("a")
        page.keyboard.press("0")
        says(page, "3 to relabel · 0 of 14 decided · 3 of 3 without a label")
        page.locator("#apply").click()
        page.locator("#message", has_text="3 relabelled").wait_for()
        labels = read_labels(data)
        found = [labels(data / "photos" / f"new-{i}.png") for i in range(3)]
        assert found == [("red",), ("blue", "red"), ()] and not list((data / INBOX).iterdir())
