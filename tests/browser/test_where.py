"""browser/where.js tells in words where a heatmap is."""

import numpy as np
import pytest

PLACES = [
    ["in the upper left", "at the top", "in the upper right"],
    ["on the left", "in the middle", "on the right"],
    ["in the lower left", "at the bottom", "in the lower right"],
]


def words(modules, cells, size=(300, 300), seen=None, largest=None) -> str:
    cells = np.asarray(cells, float)
    heatmap = {
        "shown": {"values": cells.ravel().tolist(), "width": cells.shape[1], "height": cells.shape[0]},
        "seen": seen or [0, 0, *size],
        "largest": largest or float(np.abs(cells).max()),
    }
    return modules("async all => (await import('/where.js')).whereText(...all)", [heatmap, list(size)])


@pytest.mark.parametrize("row", range(3))
@pytest.mark.parametrize("column", range(3))
def test_strongest_ninth_is_named(modules, row, column):
    cells = np.zeros((9, 9))
    cells[3 * row + 1, 3 * column + 1] = 1
    said = words(modules, cells)
    assert said == f"What counted most lies {PLACES[row][column]}, 100% of the outlined part."


def test_two_places_and_what_speaks_against_are_named(modules):
    cells = np.zeros((9, 9))
    cells[:2, :2] = cells[7:, 7:8] = 1
    cells[4, 4] = -1
    said = words(modules, cells)
    assert said.startswith("What counted most lies in the upper left, ")
    assert "of the outlined part, and in the lower right, " not in said, "the larger one holds more than a half"
    assert said.endswith(" What spoke against it most lies in the middle.")
    cells[7:, 7:9] = 1
    cells[4, 4] = -0.2
    said = words(modules, cells)
    assert "in the upper left, 50% of the outlined part." in said or ", and in the lower right, 50%." in said
    assert "against" not in said, "a weak one is not worth a sentence"


def test_only_the_part_that_the_model_saw_counts(modules):
    cells = np.zeros((3, 3))
    cells[0, 0] = 1
    said = words(modules, cells, size=(900, 300), seen=[300, 0, 600, 300])
    assert said.startswith("What counted most lies at the top, ")
    cells = np.zeros((9, 9))
    cells[0, 0] = 1
    padded = words(modules, cells, size=(300, 100), seen=[0, -100, 300, 200])
    assert padded == "Nothing in this photo spoke for it.", "what counted lies in the padding"


def test_nothing_for_it_is_said(modules):
    assert words(modules, -np.ones((7, 7))).startswith("Nothing in this photo spoke for it.")
    assert words(modules, np.zeros((7, 7)), largest=1) == "Nothing in this photo spoke for it."
