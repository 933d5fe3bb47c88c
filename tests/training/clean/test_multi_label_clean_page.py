"""The cleaner of photos with several labels in headless Chromium: chips, keys, apply, undo, and a list that changes."""

from pathlib import Path

import pytest

from helpers.apps import SIZES, TIMEOUT
from helpers.clean_pages import go, page_of, says, served
from helpers.cleaners import ROWS, listed_id, listed_photos, open_multi_label_cleaner, reviewed_listed, rows, write
from helpers.photos import noisy_photo
from training.clean.multi_label_session import MultiLabelCleaner
from training.data.labels import ListedPhoto, write_labels


@pytest.fixture
def data(tmp_path) -> Path:
    return listed_photos(tmp_path / "photos")


@pytest.fixture
def cleaner(data) -> MultiLabelCleaner:
    """Photos of which the first, in the eyes of the others, is blue too."""
    cleaner = open_multi_label_cleaner(data)
    cleaner.by_id[listed_id(cleaner, "0.png")].likely = "blue|red"
    return cleaner


@pytest.fixture
def address(cleaner):
    with served(cleaner) as address:
        yield address


@pytest.fixture(params=SIZES)
def page(request, browser):
    with page_of(browser, request.param) as page:
        yield page


def card(page, name: str):
    return page.locator(f"#grid .card[aria-label$='{name}.png']")


def lit(box) -> list[str]:
    return box.locator(".chip[aria-pressed=true]").evaluate_all("chips => chips.map(chip => chip.dataset.label)")


def test_chips_are_switched_applied_and_undone(page, address, data):
    go(page, address)
    one, none = card(page, "1"), card(page, "2")
    assert lit(one) == ["blue", "red"] and lit(none) == []
    assert none.locator("b").inner_text() == "none of the labels"
    for label in ("blue", "red"):
        one.locator(f"[data-label={label}]").click()
    one.locator(".to", has_text="→ none of the labels").wait_for()
    says(page, "1 to relabel · 1 of 4")
    none.locator("[data-label=green]").click()
    card(page, "3").locator("[data-do=delete]").click()
    says(page, "1 to delete, 2 to relabel · 3 of 4")
    page.reload()
    says(page, "1 to delete, 2 to relabel · 3 of 4")
    assert lit(card(page, "2")) == ["green"] and lit(card(page, "1")) == [] and rows(data) == ROWS
    page.locator("#apply").click()
    page.locator("#message", has_text="1 deleted").wait_for()
    assert "2 relabelled in" in page.locator("#message").inner_text()
    says(page, "Nothing marked · 0 of 3")
    assert rows(data) == {**ROWS, "1": "", "2": "green"} and lit(card(page, "2")) == ["green"]
    page.locator("#undo").click()
    page.locator("#message", has_text="3 photos are back").wait_for()
    assert rows(data) == ROWS
    says(page, "1 to delete, 2 to relabel · 3 of 4")


def test_what_the_other_photos_make_probable_is_marked_and_accepted(page, address):
    go(page, address)
    first = card(page, "0")
    assert first.locator(".chip[data-hint]").evaluate_all("chips => chips.map(chip => chip.dataset.label)") == ["blue"]
    assert card(page, "1").locator("[data-do=likely]").count() == 0, "there is nothing to accept"
    first.locator("[data-do=likely]").click()
    first.locator(".to", has_text="→ blue, red").wait_for()
    assert lit(first) == ["blue", "red"]


def test_a_photo_whose_row_changed_meanwhile_is_shown_anew(page, address, data):
    go(page, address)
    write(data, {**ROWS, "0": "green"})
    card(page, "0").locator("[data-label=blue]").click()
    says(page, "Not saved: labels.csv was changed meanwhile. 0.png has green now.")
    first = card(page, "0")
    assert lit(first) == ["green"] and first.locator(".reason").inner_text() == "when this was opened, it had red"
    first.locator("[data-label=blue]").click()
    says(page, "1 to relabel · 1 of 4")
    write(data, {**ROWS, "0": "red"})
    page.locator("#apply").click()
    page.locator("#message", has_text="labels.csv was changed after the decision").wait_for()
    card(page, "0").locator(".reason", has_text="it had green. Decide again.").wait_for()
    assert rows(data)["0"] == "red"


def test_large_view_has_the_chips_too(page, address):
    go(page, address)
    card(page, "0").locator(".look").click()
    view = page.locator("#closer")
    view.locator(".bars div").nth(2).wait_for()
    assert lit(view) == ["red"] and not view.locator("select").is_visible()
    view.locator("[data-label=green]").click()
    view.locator(".decided", has_text="To relabel: green, red").wait_for()
    assert lit(view) == lit(card(page, "0")) == ["green", "red"]
    view.locator("[data-do=likely]").click()
    view.locator(".decided", has_text="To relabel: blue, red").wait_for()
    view.get_by_text("Next", exact=False).click()
    view.locator(".decided", has_text="Not decided").wait_for()
    assert not view.locator("[data-do=likely]").is_visible() and lit(view) == ["blue", "red"]


def test_keys_switch_labels(browser, address):
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.set_default_timeout(TIMEOUT)
    go(page, address)
    first = card(page, "0")
    for key in "123":  # quickly: each counts, in order
        page.keyboard.press(key)
    first.locator(".to", has_text="→ blue, green").wait_for()
    page.wait_for_function("document.querySelectorAll('#grid .card:first-child .chip[aria-pressed=true]').length == 2")
    assert lit(first) == ["blue", "green"]
    page.keyboard.press("0")
    first.locator(".to", has_text="→ none of the labels").wait_for()
    page.keyboard.press("a")
    first.locator(".to", has_text="→ blue, red").wait_for()
    page.keyboard.press("1")
    page.wait_for_function("document.querySelector('#grid .card:first-child').dataset.action == 'keep'")
    assert lit(first) == ["red"], "as it was"
    page.keyboard.press("Backspace")
    says(page, "Nothing marked · 0 of 4")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("d")
    says(page, "1 to delete · 1 of 4")
    page.close()


def test_photos_are_filtered_by_one_of_their_labels_and_by_none(browser, address):
    page = browser.new_page()
    page.set_default_timeout(TIMEOUT)
    go(page, address)
    for option, n in (("red (2)", 2), ("none of the labels (1)", 1), ("all labels (4)", 4)):
        page.get_by_label("Label", exact=True).first.click()
        page.get_by_role("option", name=option).click()
        page.wait_for_function("n => document.querySelectorAll('#grid .card').length === n", arg=n)
    page.close()


def test_forty_labels_fit_and_are_all_in_reach(page, tmp_path):
    labels = [f"label_{i:02}_of_forty" for i in range(40)]
    data = tmp_path / "many"
    (data / "photos").mkdir(parents=True)
    photos = []
    for i in range(4):
        file = data / "photos" / f"{i}.png"
        noisy_photo((90, 90, 90), i).save(file)
        photo = reviewed_listed(file, (labels[i],))
        photo.probabilities, photo.thresholds = dict.fromkeys(labels, 0.1), dict.fromkeys(labels, 0.5)
        photos.append(photo)
    write_labels(data, {photo.file: ListedPhoto(photo.labels) for photo in photos})
    with served(MultiLabelCleaner(data, photos, labels)) as address:
        go(page, address)
        assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]
        first = card(page, "0")
        assert first.locator(".chip:visible").count() == 6
        first.locator("summary", has_text="34 more labels").click()
        first.locator("[data-label=label_39_of_forty]").click()
        first.locator(".to", has_text="→ label_00_of_forty, label_39_of_forty").wait_for()
        assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]
