"""Photos in Chromium and Firefox beside Python: the same pixels, label, probabilities, familiarity and heatmap."""

import base64

import numpy as np
import pytest

from classifier import Classifier
from classifier.photo import open_photo
from helpers import browser_photos
from helpers.browser_modules import as_base64
from helpers.paths import ROOT

EXAMPLES = sorted((ROOT / "examples").glob("*.jpg"))
ASK = """async data => {
  const blob = new Blob([bytesOf(data)])
  try {
    const explanation = await guide.explain(blob), { prediction } = explanation, input = await guide.input(blob)
    const { contributions, bias, seen, largest, shown } = explanation.heatmap()
    return { label: prediction.label, probabilities: [...prediction.probabilities], familiar: prediction.familiar,
             familiarity: prediction.familiarity, shown: [explanation.photo.width, explanation.photo.height],
             contributions: [...contributions], bias, seen, largest,
             drawn: [...shown.values], input: await base64Of(input.data) }
  } catch (error) {
    return { error: `${error.name}: ${error.message}` }
  }
}"""
DRAW = """async data => {
  const { drawHeatmap } = await import("/fieldguide.js"), canvas = document.createElement("canvas")
  const explanation = await guide.explain(new Blob([bytesOf(data)]))
  drawHeatmap(explanation.heatmap(), explanation, canvas)
  return base64Of(canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data)
}"""
PREDICT = """async data => {
  const { label, familiar, probabilities } = await guide.predict(new Blob([bytesOf(data)]))
  return { label, familiar, probabilities: [...probabilities] }
}"""
N_PHOTOS = 500  # of all sets, half of them in each browser


@pytest.fixture(scope="module")
def classifier():
    return Classifier.load(ROOT / "export.pkl")


def compare(answer: dict, classifier: Classifier, data: bytes, levels: int = 0) -> None:
    """Compare an answer with Python's, from the whole photo: the app may decode large ones at reduced scale.

    levels: of 255, by which the pixels may differ; then only the answer is compared.
    """
    assert "error" not in answer, answer
    photo, engine = open_photo(data), classifier._engine
    scores, features, cells = engine.explain(photo)
    expected, input = classifier._prediction(scores, features), engine.preprocess(photo)
    ours = np.frombuffer(base64.b64decode(answer["input"]), np.float32).reshape(input.shape)
    assert (answer["label"], answer["familiar"]) == (expected.label, expected.familiar)
    assert np.abs(ours - input).max() <= 1.01 * levels / (255 * 0.22)  # the least of the deviations
    if levels:
        return
    assert [name for name, _ in answer["probabilities"]] == list(expected.probabilities)
    assert dict(answer["probabilities"]) == pytest.approx(expected.probabilities, abs=1e-4)
    assert answer["familiarity"] == pytest.approx(expected.familiarity, abs=1e-5)
    label = classifier.labels.index(expected.label)
    assert answer["contributions"] == pytest.approx(cells.contributions[label].ravel(), abs=1e-3)
    assert answer["bias"] == pytest.approx(cells.biases[label], abs=1e-3)
    assert answer["seen"] == pytest.approx(cells.seen)
    shown, largest = cells.shown_for(label, label, [expected.probabilities[name] for name in classifier.labels])
    assert answer["largest"] == pytest.approx(largest, abs=1e-3)
    assert answer["drawn"] == pytest.approx(shown.ravel(), abs=1e-3)


@pytest.mark.parametrize("name", browser_photos.photos())
def test_each_kind_of_photo_is_answered_as_in_python(tab, classifier, name):
    data = browser_photos.photos()[name]
    compare(tab.evaluate(ASK, as_base64(data)), classifier, data)


@pytest.mark.parametrize("name", browser_photos.nearly())
def test_heic_and_avif_have_the_same_label(tab, classifier, name):
    data = browser_photos.nearly()[name]
    levels = 30 if tab.name == "Firefox" and "AVIF" in name else 3
    compare(tab.evaluate(ASK, as_base64(data)), classifier, data, levels)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.stem)
def test_examples_are_answered_as_in_python(tab, classifier, example):
    compare(tab.evaluate(ASK, as_base64(example.read_bytes())), classifier, example.read_bytes())


@pytest.mark.parametrize("name", browser_photos.refused())
def test_what_is_no_photo_is_refused_in_a_sentence(tab, name):
    data, words = browser_photos.refused()[name]
    said = tab.evaluate(ASK, as_base64(data))["error"]
    assert said.startswith("PhotoError: ") and words in said and said.endswith(".")


def test_the_heatmap_is_drawn_as_in_python(tab, classifier):
    data = EXAMPLES[0].read_bytes()
    drawn = np.frombuffer(base64.b64decode(tab.evaluate(DRAW, as_base64(data))), np.uint8).reshape(512, 512, 4)
    expected = np.asarray(classifier.explain(data).picture)
    assert np.abs(drawn[..., :3].astype(int) - expected).mean() < 1


def test_a_photo_is_answered_after_one_that_is_refused(tab, classifier):
    assert "error" in tab.evaluate(ASK, as_base64(b"text"))
    compare(tab.evaluate(ASK, as_base64(EXAMPLES[0].read_bytes())), classifier, EXAMPLES[0].read_bytes())


def test_photos_of_all_sets_are_answered_as_in_python(tab, classifier, shared):
    files = sorted(file for file in (shared / "data").rglob("*") if file.suffix.lower() in (".jpg", ".jpeg", ".png"))
    chosen = files[:: len(files) // N_PHOTOS][("Chromium", "Firefox").index(tab.name) :: 2]
    for file in chosen:
        answer, expected = tab.evaluate(PREDICT, as_base64(file.read_bytes())), classifier.predict(file)
        assert (answer["label"], answer["familiar"]) == (expected.label, expected.familiar), file
        assert dict(answer["probabilities"]) == pytest.approx(expected.probabilities, abs=1e-4), file
    assert len(chosen) >= N_PHOTOS / 2
