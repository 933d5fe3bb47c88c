"""classifier/inference/detail.py: the second look lies where the photo is, tells labels apart, and knows its limits."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from classifier import Classifier
from classifier.inference import detail
from classifier.inference.detail import detail_of, quarters, shown_for
from classifier.inference.linear_head import LinearHead
from classifier.photo import open_photo
from helpers.paths import ROOT

MEANS = LinearHead(True, False, [{"weight": np.eye(2), "bias": np.zeros(2)}])
BOTH = LinearHead(True, True, [{"weight": np.eye(2, 4), "bias": np.zeros(2)}])


def test_quarters_are_those_of_what_is_seen_and_black_beyond_the_photo():
    photo = Image.new("RGB", (40, 20), "red")
    parts = quarters(photo, (0, -10, 40, 30))
    assert [part.size for part in parts] == [(20, 20)] * 4
    assert parts[0].getpixel((0, 0)) == (0, 0, 0) and parts[0].getpixel((0, 19)) == (255, 0, 0)
    assert all(min(part.size) == 1 for part in quarters(Image.new("RGB", (1, 1)), (0, 0, 1, 1)))


@pytest.mark.parametrize("head", [MEANS, BOTH], ids=["means", "maxima and means"])
def test_each_quarter_lies_in_its_place(head):
    cells = np.zeros((2, 3, 3))
    of_quarters = np.zeros((4, 2, 3, 3))
    of_quarters[1, 0, 2, 0] = 6  # of the upper right one, the cell at its lower left
    found = detail_of(head, cells, of_quarters)
    assert found.shape == (2, 6, 6)
    assert np.unravel_index(found[0].argmax(), (6, 6)) == (2, 3) and not found[1].any()


def test_both_scales_count_alike():
    cells, of_quarters = np.ones((2, 3, 3)), np.ones((4, 2, 3, 3))
    assert detail_of(MEANS, cells, of_quarters).sum((1, 2)) == pytest.approx([1, 1])


def test_what_speaks_for_all_labels_alike_is_not_shown():
    found = np.stack([np.eye(6), np.eye(6) + np.pad([[1.0]], ((1, 4), (3, 2)))])
    assert np.abs(shown_for(found, 0, [0.5, 0.5])).max() == pytest.approx(shown_for(found, 1, [0.5, 0.5]).max())
    assert np.unravel_index(shown_for(found, 1, [0.5, 0.5]).argmax(), (6, 6)) == (1, 3)
    assert shown_for(found, 1, [0, 1]) == pytest.approx(shown_for(found, 1, [0.5, 0.5]))  # the others have nothing
    assert np.unravel_index(shown_for(found, 0, None).argmax(), (6, 6)) != (1, 3)  # several labels: each alone
    assert shown_for(found[:1], 0, [1]).sum() > 0  # one label alone


def test_too_large_or_no_numbers_is_no_detail(monkeypatch):
    cells, of_quarters = np.ones((2, 3, 3)), np.ones((4, 2, 3, 3))
    assert detail_of(MEANS, cells, of_quarters * np.nan) is None
    monkeypatch.setattr(detail, "MAX_NUMBERS", 4 * 9 * 4 - 1)
    assert detail_of(MEANS, cells, of_quarters) is None


def test_picture_is_that_of_the_detail_and_the_sum_stays_exact():
    classifier = Classifier.load(ROOT / "export.pkl")
    photo = open_photo(ROOT / "examples" / "grizzly-1.jpg")
    heatmap = classifier.explain(photo).heatmap
    score = classifier._engine.answer(photo)[0][classifier.labels.index("grizzly")]
    assert heatmap.contributions.sum() + heatmap.bias == pytest.approx(score, abs=1e-4)
    assert heatmap.shown.shape == tuple(2 * side for side in heatmap.contributions.shape)
    assert heatmap.largest == pytest.approx(np.abs(heatmap.shown).max())
    assert heatmap.draw_on(photo) != replace(heatmap, detail=None).draw_on(photo)
    other = classifier.explain(photo, "black").heatmap
    assert other.largest == pytest.approx(max(heatmap.largest, np.abs(other.shown).max()))


def test_two_halves_are_told_apart():
    """A grizzly beside a teddy: each label points at its own half, whichever side it is on."""
    classifier = Classifier.load(ROOT / "export.pkl")
    halves = {
        label: open_photo(ROOT / "examples" / f"{label}-1.jpg").resize((256, 512)) for label in ("grizzly", "teddy")
    }
    for left, right in (("grizzly", "teddy"), ("teddy", "grizzly")):
        both = Image.new("RGB", (512, 512))
        both.paste(halves[left], (0, 0))
        both.paste(halves[right], (256, 0))
        for label, on_the_left in ((left, True), (right, False)):
            values = classifier.explain(both, label).heatmap.interpolated((512, 512), (64, 64))
            assert (values.argmax() % 64 < 32) == on_the_left, (label, left)
