"""The README that is sent describes the model that is sent, unless its owner has (training/deploy/manifest.py)."""

import pytest
import yaml

from helpers.paths import ROOT
from training.deploy.manifest import fitting, front_matter, serving_files
from training.hub.description import MOST, SHIPPED, SHIPPED_LABELS, describe

README = (ROOT / "README.md").read_text(encoding="utf-8")


def metadata(readme: str) -> dict:
    return yaml.safe_load(front_matter(readme))


def test_readme_of_the_project_describes_its_own_model():
    assert metadata(README)["short_description"] == SHIPPED
    assert fitting(README, SHIPPED_LABELS) == README


def test_other_labels_get_a_description_and_the_rest_stays():
    sent = fitting(README, ["hat", "Blaue_Größe", "a*b"])
    found, before = metadata(sent), metadata(README)
    assert (
        found.pop("short_description") == "Blaue Größe, a*b or hat? Ask by page or API." and found.pop("emoji") == "📷"
    )
    assert found == {key: value for key, value in before.items() if key not in ("short_description", "emoji")}
    assert r"of its own labels: Blaue Größe, a\*b, hat." in sent and sent.endswith(README.partition("\n---\n")[2])
    assert fitting(sent, ["hat"]) == sent, "what somebody has written stays"


@pytest.mark.parametrize(
    "readme", ["no metadata", "---\ntitle: x\n---\ntext", README.replace(SHIPPED, "Hats? Ask me.")]
)
def test_words_of_its_owner_stay(readme):
    assert fitting(readme, ["hat", "shoe"]) == readme


@pytest.mark.parametrize("labels", [["x" * 80], [f"label {i}" for i in range(60)], ['say "x"', "back\\slash", "a: b"]])
def test_description_is_short_and_yaml(labels):
    assert len(describe(labels)) <= MOST
    assert metadata(fitting(README, labels))["short_description"] == describe(labels)


def test_examples_of_each_usual_kind_are_sent(tmp_path):
    (tmp_path / "examples").mkdir()
    for name in ("IMG_1.JPG", "dress.png", "my hat.jpeg", "a.webp", ".hidden.jpg", "README.md", "big.tif"):
        (tmp_path / "examples" / name).write_bytes(b"x")
    sent = {"examples/IMG_1.JPG", "examples/dress.png", "examples/my hat.jpeg", "examples/a.webp"}
    assert serving_files(tmp_path).keys() == sent
