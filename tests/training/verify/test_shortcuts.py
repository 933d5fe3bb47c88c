"""training/verify/shortcuts.py: what alone tells a label's photos from others is named, and nothing else."""

import numpy as np
import pytest
from PIL import Image

from benchmarks.shortcuts import PLANTED
from training.data.traits import WORDS, traits_of
from training.verify.__main__ import main
from training.verify.shortcuts import find_shortcuts

N = 30


def photo(seed: int, size: tuple[int, int]) -> Image.Image:
    """A picture of no label: colours, light and size by chance."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (8, 8, 3)) * rng.uniform(0.3, 0.9) + rng.uniform(0, 25)
    fine = rng.normal(0, rng.uniform(2, 20), (size[1], size[0], 3))
    large = np.asarray(Image.fromarray(coarse.astype(np.uint8)).resize(size, Image.Resampling.BICUBIC), np.float32)
    return Image.fromarray((large + fine).clip(0, 255).astype(np.uint8))


@pytest.fixture(scope="module")
def photos():
    sizes = np.random.default_rng(1).integers(120, 260, (3 * N, 2))
    return [photo(seed, (int(width), int(height))) for seed, (width, height) in enumerate(sizes)]


LABELS = [("a",)] * N + [("b",)] * N + [("c",)] * N


def traits(photos, change=lambda photo: photo):
    changed = [change(one) if i < N else one for i, one in enumerate(photos)]
    return np.array([traits_of(one, one.size) for one in changed])


def test_nothing_is_named_where_there_is_nothing(photos):
    assert find_shortcuts(traits(photos), LABELS) == []


@pytest.mark.parametrize("way", [way for way in PLANTED if way != "warmer"])  # the colours of these pictures are any
def test_each_planted_shortcut_is_found_with_its_label(photos, way):
    found = find_shortcuts(traits(photos, PLANTED[way]), LABELS)
    assert [shortcut.label for shortcut in found] == ["a"]
    assert found[0].share >= 0.9 and "a: of two photos, one of them a, that one is " in str(found[0])


def test_a_trait_that_is_alike_is_found(photos):
    of = traits(photos)
    of[:N, list(WORDS).index("brightness")] = 100
    of[N:, list(WORDS).index("brightness")] = np.linspace(0, 200, 2 * N) + 0.5
    assert str(find_shortcuts(of, LABELS)[0]).endswith("nearer to their usual brightness in 100 of 100 pairs")


def test_few_photos_and_photos_of_several_labels(photos):
    dark = traits(photos, PLANTED["in grey"])
    assert find_shortcuts(dark[:N], LABELS[:N]) == []  # nothing else to compare with
    assert find_shortcuts(dark[N - 9 :], LABELS[N - 9 :]) == []
    several = [("a", "b")] * N + [("b",)] * N + [()] * N
    assert {shortcut.label for shortcut in find_shortcuts(dark, several)} == {"a"}
    assert all(
        np.isfinite(traits_of(Image.new("RGB", size), size)).all() for size in ((1, 1), (1, 50), (50, 1), (2, 2))
    )


def test_verify_names_it(photos, tmp_path, capsys):
    for i, one in enumerate(photos):
        folder = tmp_path / "data" / LABELS[i][0]
        folder.mkdir(parents=True, exist_ok=True)
        (PLANTED["in grey"](one) if i < N else one).save(folder / f"{i}.png")
    main(str(tmp_path / "data"), dry_run=True, export=str(tmp_path / "none.pkl"))
    said = capsys.readouterr().out
    assert "shortcuts, which a model may learn" in said
    assert "    a: of two photos, one of them a, that one is less colourful in 100 of 100 pairs" in said
