"""browser/neighbours.js and neighbour_view.js name the training photos that Python names; the page shows them."""

import json

import numpy as np
import pytest
import torch

from classifier import Classifier, Prediction
from classifier.inference.confidence import normalised
from classifier.inference.neighbour_facts import neighbours_to_facts, read_neighbours
from classifier.inference.neighbours import Neighbours, Pictures
from classifier.json_arrays import pack
from classifier.photo import open_photo
from helpers.browser_modules import CODING, as_base64, served_folder
from helpers.browser_page import choose, opened
from helpers.neighbours import export_with_examples
from helpers.paths import ROOT
from server import neighbour_texts
from training.train.neighbours import principal_axes

LABELS = ["cat", "dog", "emu"]
NEAREST = """async ([facts, nFeatures, labels, several, queries]) => {
  const { Neighbours } = await import("/neighbours.js"), { unpack } = await import("/metadata.js")
  const known = Neighbours.fromFacts(unpack(facts), nFeatures, labels, several)
  if (!known) return null
  const pictures = await Promise.all(known.files.map((_, index) => known.picture({ index })))
  return [queries.map(features => known.nearest(features)), pictures.map(blob => blob?.size ?? 0)]
}"""
DRAW = """async ([prediction]) => {
  const { drawNeighbours } = await import("/neighbour_view.js"), box = document.createElement("div")
  drawNeighbours(box, prediction)
  return [box.hidden, [...box.querySelectorAll("p, li")].map(element => element.textContent)]
}"""
PREDICT = """async data => (await guide.predict(new Blob([bytesOf(data)]))).neighbours"""


def known(n: int = 300, n_features: int = 60, labels=None, pictures=None) -> Neighbours:
    rows = normalised(np.random.default_rng(0).random((n, n_features)) ** 4)
    labels = labels or [(LABELS[i % 3],) for i in range(n)]
    return Neighbours.of(rows, principal_axes(rows), [f"{i:03}.jpg" for i in range(n)], labels, pictures)


def ask(modules, facts: object, several: bool = False, queries: tuple = ()) -> list | None:
    return modules(NEAREST, [json.loads(json.dumps(pack(facts))), 60, LABELS, several, list(queries)])


def test_the_same_photos_are_named_in_the_same_order(modules):
    ours = known()
    asked = [*np.random.default_rng(1).random((40, 60)), *np.eye(60)[:10], np.zeros(60)]
    told, _ = ask(modules, neighbours_to_facts(ours, LABELS), queries=[row.tolist() for row in asked])
    for features, found in zip(asked, told):
        expected = ours.nearest(features)
        assert [one["index"] for one in found] == [one.index for one in expected]
        assert [one["file"] for one in found] == [one.file for one in expected]
        assert [tuple(one["labels"]) for one in found] == [one.labels for one in expected]
        assert [one["similarity"] for one in found] == pytest.approx([one.similarity for one in expected], abs=1e-5)


def test_several_labels_and_pictures_are_read(modules):
    jpeg = (ROOT / "examples" / "teddy-1.jpg").read_bytes()
    labels = [("cat", "dog"), (), ("emu",)]
    data, ends = b"no" + jpeg, np.array([2, 2, 2 + len(jpeg)], np.int32)
    facts = neighbours_to_facts(known(3, labels=labels, pictures=Pictures(data, ends)), LABELS)
    found, pictures = ask(modules, facts, True, [[1.0] * 60])
    assert sorted(tuple(one["labels"]) for one in found[0]) == sorted(labels)
    assert pictures == [0, 0, 0], "neither is a small JPEG"
    assert ask(modules, facts, False) is None and read_neighbours(facts, 60, LABELS) is None


INVALID = [
    None,
    {},
    [],
    "x",
    {"files": []},
    {"files": ["a"] * 299},
    {"files": [7] * 300},
    {"axes": None},
    {"axes": torch.ones(60, 59, dtype=torch.int8)},
    {"codes": torch.ones(300, 59, dtype=torch.int8)},
    {"scales": torch.full((60,), -1.0)},
    {"scales": torch.full((60,), torch.nan)},
    {"mean": torch.zeros(59)},
    {"mean": torch.full((60,), torch.inf)},
    {"rest": torch.zeros(299)},
    {"rest": None},
    {"labels": torch.full((300, 1), 3, dtype=torch.int32)},
    {"labels": torch.full((300, 1), -1, dtype=torch.int32)},
    {"labels": torch.zeros(300, 2, dtype=torch.int32)},
]


@pytest.mark.parametrize("changed", INVALID, ids=lambda changed: "")
def test_invalid_facts_name_nothing(modules, changed):
    facts = neighbours_to_facts(known(), LABELS)
    facts = {**facts, **changed} if isinstance(changed, dict) and changed else changed
    assert ask(modules, facts) is None
    assert read_neighbours(facts, 60, LABELS) is None


def test_the_same_is_said(modules):
    near = (("a/1.jpg", ("cat",)), ("a/<b>.jpg", ("dog_emu",)), ("a/3.jpg", ("cat",)))
    found = tuple(neighbour_texts.Neighbour(file, labels, 0.9, i) for i, (file, labels) in enumerate(near))
    for familiar in (True, False):
        ours = Prediction("cat", {"cat": 0.6, "dog": 0.4}, 0.5, familiar, neighbours=found)
        as_js = [{"file": one.file, "labels": list(one.labels), "similarity": 0.9} for one in found]
        told = {"label": "cat", "familiar": familiar, "isNone": ours.is_none, "neighbours": as_js}
        hidden, lines = modules(DRAW, [told])
        other = "" if ours.is_none else " (another label)"
        heading = neighbour_texts.RESEMBLES if familiar else neighbour_texts.FAR
        assert not hidden and lines == [
            f"{heading}: 2\u00a0×\u00a0cat, 1\u00a0×\u00a0dog emu{other}",
            "cat: 1.jpg, 3.jpg",
            f"dog emu{other}: <b>.jpg",
        ]
    assert modules(DRAW, [{"label": "cat"}]) == [True, []]


@pytest.fixture(scope="module")
def named_site(site_folder, tmp_path_factory):
    """A site of an export that names the examples as its training photos, and that export."""
    from training.static.__main__ import main as static

    folder = tmp_path_factory.mktemp("named")
    export = export_with_examples(folder)
    static(export=str(export), out=str(folder / "site"), fp32=True)
    with served_folder(folder / "site") as server:
        yield server, export


def test_photos_resemble_the_same_as_in_python(browser, named_site):
    server, export = named_site
    classifier, page = Classifier.load(export), browser.new_page()
    page.goto(f"{server.url}/blank")
    page.evaluate(CODING)
    page.evaluate("async () => { window.guide = await (await import('/fieldguide.js')).Classifier.load('/') }")
    for photo in sorted((ROOT / "examples").glob("*.jpg")):
        found = page.evaluate(PREDICT, as_base64(photo.read_bytes()))
        expected = classifier.predict(open_photo(photo)).neighbours
        assert [one["file"] for one in found] == [one.file for one in expected]
        assert [one["similarity"] for one in found] == pytest.approx([one.similarity for one in expected], abs=1e-4)
    page.close()


@pytest.fixture
def page(browser, named_site):
    yield from opened(browser, named_site[0], viewport={"width": 390, "height": 844})


def test_the_page_shows_them_and_takes_them_away(page):
    choose(page, ROOT / "examples" / "grizzly-1.jpg")
    block = page.locator("#neighbours", has_text="It resembles these photos I learned from:")
    block.wait_for()
    assert block.locator("li").count() == 5
    drawn = "[...document.querySelectorAll('#neighbours img')].filter(image => image.naturalWidth > 50).length"
    page.wait_for_function(f"() => {drawn} === 5")
    assert block.locator("li").first.inner_text() == "grizzly"
    assert "another label" in block.inner_text()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.locator("#remove").click()
    page.locator("#neighbours").wait_for(state="hidden")
    choose(page, ROOT / "examples" / "other-mug.jpg")
    page.locator("#neighbours", has_text="none is near").wait_for()
