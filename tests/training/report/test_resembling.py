"""training/report/resembling.py: the nearest training photos on the cards of the report."""

import re

import pytest

from classifier import Classifier
from helpers.commands import run_module
from helpers.neighbours import export_with_examples, known_examples
from helpers.paths import EXPORTS, ROOT
from training.report.page import templates
from training.report.resembling import picture_url, resembling


def test_a_card_shows_the_nearest_photos_and_not_the_photo_itself(trained):
    data = trained / "photos"
    found = resembling(Classifier.load(trained / "export.pkl"), data, data / "red" / "03.png")
    assert len(found) == 3 and "red/03.png" not in {one["name"] for one in found}
    assert all(one["url"].startswith("data:image/jpeg;base64,") for one in found)
    assert [one["similarity"] for one in found] == sorted((one["similarity"] for one in found), reverse=True)


def test_photos_that_are_gone_are_shown_as_the_export_keeps_them_or_named(tmp_path):
    classifier = Classifier.load(export_with_examples(tmp_path, pictures=True))
    shown = resembling(classifier, tmp_path / "gone", ROOT / "examples" / "teddy-1.jpg")
    assert all(one["url"] for one in shown)
    classifier.neighbours = known_examples(pictures=False)
    shown = resembling(classifier, tmp_path / "gone", ROOT / "examples" / "teddy-1.jpg")
    assert shown[0]["name"] == "teddy/teddy-1.jpg" and not any(one["url"] for one in shown)


@pytest.mark.parametrize("name", ["../secret.png", "/etc/secret.png", "a/../../secret.png"])
def test_a_strangers_export_names_no_file_outside_of_the_folder(tmp_path, trained, name):
    (tmp_path / "secret.png").write_bytes((trained / "photos" / "red" / "00.png").read_bytes())
    (tmp_path / "data" / "a").mkdir(parents=True)
    classifier = Classifier.load(trained / "export.pkl")
    classifier.neighbours.files[:] = [name] * 30
    found = resembling(classifier, tmp_path / "data", trained / "photos" / "red" / "00.png")
    assert found and not any(one["url"] for one in found)


def test_a_photo_that_is_broken_by_now_has_no_picture(tmp_path):
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff no photo")
    assert picture_url(tmp_path / "broken.jpg", None) == ""
    assert picture_url(tmp_path / "broken.jpg", b"jpeg").startswith("data:image/jpeg")


def test_an_export_that_names_none_has_cards_without(tmp_path):
    classifier = Classifier.load(EXPORTS / "lesson-bears.pkl")
    assert resembling(classifier, tmp_path, ROOT / "examples" / "teddy-1.jpg") == []


def test_names_are_shown_as_text():
    row = {"name": "<b>x</b>", "labels": "<i>y</i>", "similarity": 0.5, "url": ""}
    macro = templates().get_template("sections.html").module.neighbours
    assert "<b>" not in str(macro([row])) and "<i>" not in str(macro([row])) and "0.50" in str(macro([row]))
    assert str(macro([])).strip() == ""


@pytest.mark.slow
def test_the_report_has_them(trained, tmp_path):
    run = run_module("training.report", trained / "export.pkl", trained / "photos", "--out", tmp_path / "report")
    assert run.returncode == 0, run.stderr
    page = (tmp_path / "report" / "report.html").read_text()
    assert page.count("It resembles, of the training photos:") == 12
    assert not re.findall(r'(?:src|href)="(?!data:)', page)
