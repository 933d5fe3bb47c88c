"""training/clean/similar.py and the cleaner's page: the photos of the set that a photo resembles."""

import shutil

import pytest
import requests

from helpers.apps import SIZES
from helpers.clean_pages import go, page_of, says, served
from helpers.cleaners import id_of, open_cleaner
from training.clean.review.kept_features import KeptFeatures
from training.clean.review.labelled import review
from training.clean.session import Cleaner
from training.clean.similar import N_SHOWN, SimilarPhotos


@pytest.fixture
def cleaner(trained, tmp_path):
    """A cleaner of a copy of the photos, of which one is in another label's folder."""
    data = tmp_path / "photos"
    shutil.copytree(trained / "photos", data)
    (data / "red" / "00.png").rename(data / "blue" / "wrong.png")
    shutil.copyfile(trained / "export.pkl", tmp_path / "export.pkl")
    photos, labels, _ = review(tmp_path / "export.pkl", data)
    return Cleaner(data, photos, labels)


@pytest.fixture
def similar(cleaner) -> SimilarPhotos:
    return SimilarPhotos(cleaner, KeptFeatures(cleaner.data, cleaner.data.with_name("export.pkl")))


def test_the_photo_itself_is_first_and_its_like_follow(cleaner, similar):
    found = similar.of(id_of(cleaner, "blue/wrong.png"))
    assert len(found) == N_SHOWN + 1
    assert (found[0]["name"], found[0]["title"], found[0]["differs"]) == ("wrong.png", "blue", False)
    assert found[1]["title"] == "red" and found[1]["differs"]
    shares = [one["similarity"] for one in found]
    assert shares == sorted(shares, reverse=True) and 0 <= shares[-1] <= shares[0] <= 1.0001


def test_deleted_photos_are_left_out_and_moved_ones_follow(cleaner, similar):
    name = id_of(cleaner, "blue/wrong.png")
    nearest = similar.of(name)[1]["id"]
    cleaner.choose(nearest, "delete")
    cleaner.choose(name, "label", "red")
    cleaner.apply()
    found = similar.of(name)
    assert nearest not in {one["id"] for one in found}
    assert found[0]["title"] == "red" and not found[1]["differs"]


def test_without_kept_features_a_sentence_says_so(trained, tmp_path):
    shutil.copytree(trained / "photos", tmp_path / "photos")
    (tmp_path / "photos" / "red" / "broken.jpg").unlink()
    cleaner = open_cleaner(tmp_path / "photos")
    with served(cleaner) as address:
        answer = requests.get(f"{address}/similar/{next(iter(cleaner.by_id))}", timeout=30)
        assert answer.json()["detail"].endswith("Start the cleaner again.")
        assert requests.get(f"{address}/similar/none", timeout=30).status_code == 404


@pytest.mark.parametrize("size", SIZES)
def test_the_page_shows_them(browser, cleaner, size, monkeypatch):
    monkeypatch.chdir(cleaner.data.parent)  # `served` names the export so
    with served(cleaner) as address, page_of(browser, size) as page:
        go(page, address)
        card = page.locator(f".card[data-id='{id_of(cleaner, 'blue/wrong.png')}']")
        card.get_by_text("Show similar").click()
        dialog = page.locator("#similar")
        dialog.get_by_text("have another label.").wait_for()
        assert dialog.locator("figure").count() == N_SHOWN + 1
        assert dialog.locator("figure").first.inner_text() == "blue\nthis photo"
        assert "alike, another label" in dialog.locator("figure.differs").first.inner_text()
        page.wait_for_function("() => [...document.querySelectorAll('#similar img')].every(i => i.naturalWidth)")
        page.keyboard.press("d")
        assert cleaner.counts() == (0, 0, 0), "keys decide nothing while it is open"
        dim = "() => getComputedStyle(document.querySelector('#apply')).opacity < 0.5"
        page.wait_for_function(dim)  # nothing is marked
        dialog.get_by_text("Delete").click()
        says(page, "1 to delete")
        assert dialog.get_attribute("data-action") == card.get_attribute("data-action") == "delete"
        page.wait_for_function(dim.replace("< 0.5", "== 1"))
        dialog.get_by_text("Delete").click()
        says(page, "Nothing marked")
        dialog.get_by_label("Label").select_option("red")
        says(page, "1 to move")
        assert card.locator(".to").inner_text() == "→ red" and cleaner.counts() == (0, 1, 1)
        dialog.get_by_text("Close").click()
        dialog.wait_for(state="hidden")
        assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]
