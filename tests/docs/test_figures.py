"""Figures in README.md and docs/ are what the shipped export does."""

import re

from classifier import Classifier
from helpers.documents import pages, prose
from helpers.paths import ROOT
from training.data.photos import get_photos

MUG = re.compile(r'not "teddy, (\d+)%"|a mug it says "teddy" with (\d+)%')


def test_the_mug_is_answered_as_the_pages_say():
    answer = Classifier.load(ROOT / "export.pkl").predict(ROOT / "examples" / "other-mug.jpg")
    assert answer.familiar is False
    told = {int(a or b) for page in pages() for a, b in MUG.findall(" ".join(prose(page).split()))}
    assert told == {round(100 * answer.probabilities["teddy"])}


def test_figure_of_the_second_source_is_what_the_export_does(shared):
    classifier = Classifier.load(ROOT / "export.pkl")
    photos = get_photos(shared / "data" / "bears-field")
    right = sum(classifier.predict(photo).label == photo.parent.name for photo in photos)
    row = f"| bears-field | {len(photos)} | {right / len(photos):.1%} | {1 - right / len(photos):.1%} |"
    assert row in (ROOT / "docs" / "MODEL_CARD.md").read_text(encoding="utf-8")
