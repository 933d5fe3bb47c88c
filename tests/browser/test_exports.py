"""Exports of every make in Chromium beside Python: other transforms, other heads, several labels a photo or none."""

import json

import pytest

from classifier import Classifier
from classifier.export import read_export
from classifier.inference.onnx_export import to_onnx
from classifier.inference.torch_engine import TorchEngine
from classifier.photo import open_photo
from helpers.browser_modules import CODING, as_base64, served_folder
from helpers.paths import EXPORTS, ROOT

NAMES = (
    "lesson-bears",
    "pad-mixup",
    "presized",
    "squish-lin-ftrs",
    "timm-resnet",
    "several-encoded",
    "several-pascal",
    "several-sigmoid",
    "several-with-na-lambda",
)
PHOTOS = [ROOT / "examples" / name for name in ("grizzly-1.jpg", "other-car.jpg")]
LOAD = """async name => {
  const { Classifier } = await import("/fieldguide.js")
  window.guide = await Classifier.load(`/${name}/`)
  const { labels, explains, multiLabel, calibrated, reportsFamiliarity } = guide
  return { labels, explains, multiLabel, calibrated, reportsFamiliarity }
}"""
ASK = """async data => {
  const explanation = await guide.explain(new Blob([bytesOf(data)])), { prediction } = explanation
  const heatmap = guide.explains ? [...explanation.heatmap().contributions] : null
  return { ...prediction, probabilities: [...prediction.probabilities], heatmap }
}"""


@pytest.fixture(scope="module")
def page(browser, site_folder, tmp_path_factory):
    """A page of a site with a folder for each export, which share the runtime."""
    folder = tmp_path_factory.mktemp("exports")
    for file in site_folder.iterdir():
        if file.name not in ("model.onnx", "site.json"):
            (folder / file.name).symlink_to(file)
    with served_folder(folder) as server:
        page = browser.new_page()
        page.goto(f"{server.url}/blank")
        page.evaluate(CODING)
        page.folder = folder
        yield page
        page.close()


def add_model(page, name: str) -> Classifier:
    """Compile an export into a folder of the site; return Python's classifier of the compiled copy."""
    export = read_export(EXPORTS / f"{name}.pkl")
    classifier = Classifier(TorchEngine(export), export.facts, "0" * 64)
    model = to_onnx(TorchEngine(export), export.facts, "0" * 64)
    site = json.loads((page.folder / "index.html").resolve().with_name("site.json").read_text())
    site["model"]["bytes"] = len(model)
    site["runtime"] |= {name: f"../{site['runtime'][name]}" for name in ("script", "wasm")}
    (page.folder / name).mkdir()
    (page.folder / name / "site.json").write_text(json.dumps(site))
    (page.folder / name / "model.onnx").write_bytes(model)
    return classifier


@pytest.mark.parametrize("name", NAMES)
def test_an_export_answers_as_in_python(page, name):
    classifier = add_model(page, name)
    assert page.evaluate(LOAD, name) == {
        "labels": classifier.labels,
        "explains": classifier.explains,
        "multiLabel": classifier.multi_label,
        "calibrated": classifier.calibrated,
        "reportsFamiliarity": classifier.reports_familiarity,
    }
    for photo in PHOTOS:
        answer, opened = page.evaluate(ASK, as_base64(photo.read_bytes())), open_photo(photo)
        expected = classifier.predict(opened)
        assert answer["label"] == expected.label
        assert answer.get("labels") == (None if expected.labels is None else [*expected.labels])
        assert dict(answer["probabilities"]) == pytest.approx(expected.probabilities, abs=1e-4)
        assert (answer["familiar"], answer["isNone"]) == (expected.familiar, expected.is_none)
        if classifier.explains:
            heatmap = classifier.explain(opened).heatmap.contributions
            assert answer["heatmap"] == pytest.approx(heatmap.ravel(), abs=1e-3)
    page.evaluate("() => guide.close()")
