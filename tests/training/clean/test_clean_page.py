"""The cleaner in headless Chromium, on a desk and on a phone: choose, switch, reload, apply, undo."""

import os
import re
import shutil
import socket
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from helpers.apps import SIZES, TIMEOUT
from helpers.clean_pages import go, page_of, says, served, shown, wait_for
from helpers.cleaners import names, open_cleaner
from helpers.feedback import feedback
from helpers.paths import ROOT
from helpers.photos import noisy_photo
from training.clean.review.labelled import ReviewedPhoto, review
from training.clean.session import Cleaner
from training.feedback import Suggestions


@pytest.fixture
def data(trained, tmp_path):
    """A copy of the photos, of which one is in another label's folder."""
    data = tmp_path / "photos"
    shutil.copytree(trained / "photos", data)
    (data / "red" / "00.png").rename(data / "blue" / "wrong.png")
    return data


@pytest.fixture
def cleaning(trained, data):
    """The page on a copy of the photos, served from this process; yields (address, folder)."""
    photos, labels, _ = review(trained / "export.pkl", data)
    with served(Cleaner(data, photos, labels)) as address:
        yield address, data


@pytest.fixture
def command(trained, data):
    """The same by the command; yields (address, folder)."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", "training.clean", trained / "export.pkl", data, "--port", str(port)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        ready = next(line for line in process.stdout if "Clean them on" in line)
        assert "30 photos of 3 labels, 1 unreadable" in ready
        yield wait_for(f"http://127.0.0.1:{port}"), data
    finally:
        process.terminate()
        process.wait(20)


@pytest.fixture(params=SIZES)
def page(request, browser):
    with page_of(browser, request.param) as page:
        yield page


@pytest.mark.slow
def test_choices_survive_switching_and_reload_and_are_applied_and_undone(page, command):
    address, data = command
    before = names(data)
    go(page, address)
    says(page, "Nothing marked · 0 of 30 decided")
    card = page.locator("#grid .card", has=page.locator("b", has_text="blue")).first
    first = card.get_attribute("data-id")
    card.locator("[data-do=delete]").click()
    says(page, "1 to delete · 1 of 30")
    second = page.locator("#grid .card").nth(5)
    own = second.get_attribute("data-own")
    new = next(label for label in ("blue", "green", "red") if label != own)
    second.locator("select").select_option(new)
    second.locator(".to", has_text=f"→ {new}").wait_for()
    says(page, "1 to delete, 1 to move · 2 of 30")
    assert page.locator("#filters").get_by_text("Split").count() == 0, "each photo was held out in turn"
    page.get_by_label("marked", exact=True).check()
    shown(page, 2)
    page.reload()
    shown(page, 24)
    says(page, "1 to delete, 1 to move · 2 of 30")
    assert page.locator(f"[data-id='{first}']").get_attribute("data-action") == "delete"
    page.locator("#next").click()
    shown(page, 6)
    says(page, "1 to delete, 1 to move")
    page.locator("#apply").click()
    page.locator("#message", has_text="1 deleted").wait_for()
    assert "training.train" in page.locator("#message").inner_text()
    says(page, "Nothing marked · 0 of 29")
    assert len(names(data)) == 30 and len(list((data / ".rejected" / "blue").iterdir())) == 1
    page.locator("#undo").click()
    page.locator("#message", has_text="2 photos are back").wait_for()
    says(page, "1 to delete, 1 to move · 2 of 30")
    assert names(data) == before


def test_a_suggestion_is_marked_as_a_users_word_until_it_is_kept(page, trained, tmp_path):
    data = tmp_path / "photos"
    shutil.copytree(trained / "photos", data)
    Suggestions(data).add_all(feedback(tmp_path / "said", (1, "blue")))
    photos, labels, _ = review(trained / "export.pkl", data)
    with served(Cleaner(data, photos, labels)) as address:
        go(page, address)
        page.get_by_text("1 suggested by users").wait_for()
        first = page.locator("#grid .card").first
        assert first.locator(".names b").inner_text() == "A user says: blue"
        assert page.locator("#grid .suggested").count() == 1
        first.locator(".look").click()
        page.locator("#closer.suggested h2", has_text="A user says: blue").wait_for()
        page.get_by_role("button", name="Close", exact=True).click()
        first.locator("[data-do=keep]").click()
        says(page, "1 to move · 1 of 31")
        page.locator("#apply").click()
        page.locator("#message", has_text="1 moved to its label").wait_for()
        says(page, "Nothing marked · 0 of 31")
        assert page.locator("#grid .suggested").count() == 0


def test_page_fits_and_the_bar_stays_in_sight(page, cleaning):
    go(page, cleaning[0])
    assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]
    page.locator("#grid .card").nth(20).scroll_into_view_if_needed()
    box = page.locator("#bar").bounding_box()
    assert 0 <= box["y"] < 60, "the bar sticks"
    assert page.locator("#grid .card").nth(20).locator("img").evaluate("image => image.decode().then(() => true)")


def test_big_view_shows_prediction_probabilities_and_reason(page, cleaning):
    go(page, cleaning[0])
    page.locator("#grid .look").first.click()
    view = page.locator("#closer")
    view.locator(".bars div").nth(2).wait_for()
    shares = [float(text.strip("%")) for text in view.locator(".bars b").all_inner_texts()]
    assert sum(shares) == pytest.approx(100, abs=2)
    assert len(view.locator(".reason").inner_text()) > 10
    assert view.locator("img").evaluate("image => image.decode().then(() => image.naturalWidth)") == 80
    box = view.bounding_box()
    assert box["x"] >= 0 and box["x"] + box["width"] <= page.viewport_size["width"]
    view.locator("[data-do=delete]").click()
    view.locator(".decided", has_text="To delete").wait_for()
    view.get_by_text("Next", exact=False).click()
    view.locator(".decided", has_text="Not decided").wait_for()
    view.get_by_text("Close").click()
    says(page, "1 to delete")
    assert page.locator("#grid .card").first.get_attribute("data-action") == "delete"


def test_keyboard_alone_is_enough(browser, cleaning):
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    page.set_default_timeout(TIMEOUT)
    go(page, cleaning[0])
    ids = page.locator("#grid .card").evaluate_all("cards => cards.map(card => card.dataset.id)")
    columns = len(page.evaluate("getComputedStyle(document.querySelector('#grid')).gridTemplateColumns").split())
    page.keyboard.press("d")
    says(page, "1 to delete · 1 of 30")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("k")
    says(page, "1 to delete · 2 of 30")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowDown")
    own = page.locator(f"[data-id='{ids[columns]}']").get_attribute("data-own")
    page.keyboard.press("1" if own != "blue" else "2")
    says(page, "1 to delete, 1 to move · 3 of 30")
    assert [page.locator(f"[data-id='{ids[i]}']").get_attribute("data-action") for i in (0, 1, columns)] == [
        "delete",
        "keep",
        "label",
    ]
    page.keyboard.press("Backspace")
    says(page, "1 to delete · 2 of 30")
    page.keyboard.press("Enter")
    page.locator("#closer[open]").wait_for()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("d")
    says(page, "2 to delete · 3 of 30")
    page.keyboard.press("Escape")
    page.wait_for_function("!document.querySelector('#closer').open")
    for _ in range(24 - columns - 1):
        page.keyboard.press("ArrowRight")
    shown(page, 6)  # past the last photo lies the next page
    page.keyboard.press("d")
    says(page, "3 to delete · 4 of 30")
    page.close()


def test_a_cleaner_that_was_stopped_says_so(browser, cleaning):
    page = browser.new_page()
    page.set_default_timeout(TIMEOUT)
    go(page, cleaning[0])
    page.route("**/choose", lambda route: route.abort())
    page.locator("#grid [data-do=delete]").first.click()
    says(page, "Not saved: the cleaner does not answer")
    assert page.locator("#grid .card").first.get_attribute("data-action") == ""
    page.close()


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """10,000 photos of 50 labels, whose names are not for the faint-hearted; yields (address, folder)."""
    data = tmp_path_factory.mktemp("large")
    labels = [f"label {i:02} <i>'\"&" for i in range(50)]
    noisy_photo((90, 90, 90), 1).save(data / "one.png")
    photos = []
    for i in range(10_000):
        file = data / labels[i % 50] / f"{i}.png"
        file.parent.mkdir(exist_ok=True)
        os.link(data / "one.png", file)
        photos.append(
            ReviewedPhoto(file, "", "", dict.fromkeys(labels, 0.02), labels[i % 50], 1 - i / 10_000, "<b>x</b>")
        )
    with served(Cleaner(data, photos, labels)) as address:
        yield address, data


@pytest.mark.slow
def test_ten_thousand_photos_of_fifty_labels_are_all_in_reach(page, large):
    go(page, large[0])
    page.get_by_text("Page of 417").wait_for()
    page.locator("#page input").fill("417")
    page.locator("#page input").press("Enter")
    shown(page, 16)
    last = page.locator("#grid .card").last
    last.locator("select").select_option("label 07 <i>'\"&")
    says(page, "1 to move · 1 of 10000")
    last.locator("[data-do=keep]").click()
    says(page, "Nothing marked")
    assert page.locator("#filters").get_by_text("Split").count() == 0, "this export does not tell"
    assert page.locator("#grid i, #grid .reason b").count() == 0, "names are text, not HTML"
    page.get_by_label("Label", exact=True).first.click()
    page.get_by_role("option", name=re.compile(r"^label 49 .*\(200\)")).click()
    page.get_by_text("Page of 9").wait_for()


def test_script_addresses_refuse_what_makes_no_sense(large):
    address, _ = large
    with requests.Session() as session:
        for path in ("thumb/nothing", "photo/..%2f..%2fetc%2fpasswd", "about/0"):
            assert session.get(f"{address}/{path}", timeout=10).status_code == 404
        good = session.get(address, timeout=10)
        assert good.status_code == 200
        for body in ({}, {"id": 7}, {"id": "nothing", "action": "delete"}, [], "x"):
            assert session.post(f"{address}/choose", json=body, timeout=10).status_code in (404, 422)
        form = session.post(f"{address}/choose", data='{"id": "x", "action": "delete"}', timeout=10)
        assert form.status_code == 422, "what another site's form can send is refused"


def test_a_full_disk_is_told_in_the_bar(browser, tmp_path, monkeypatch):
    data = tmp_path / "photos"
    (data / "red").mkdir(parents=True)
    for i in range(3):
        noisy_photo((200, 40, 40), i).save(data / "red" / f"{i}.png")
    with served(open_cleaner(data)) as address:
        page = browser.new_page()
        page.set_default_timeout(TIMEOUT)
        go(page, address)

        def full(*_, **__):
            raise sqlite3.OperationalError("database or disk is full")

        monkeypatch.setattr("training.append_log.AppendLog._add", full)
        page.locator("#grid [data-do=delete]").first.click()
        says(page, "Not saved: Nothing can be written in")
        monkeypatch.undo()
        page.locator("#grid [data-do=delete]").first.click()
        says(page, "1 to delete")
        (data / "red" / "1.png").unlink()
        assert Path(data / "red" / "0.png").exists()
        page.close()
