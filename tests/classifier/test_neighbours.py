"""classifier/inference/neighbours.py and neighbour_facts.py: the training photos that a photo resembles."""

import io
import json

import numpy as np
import pytest
import torch
from PIL import Image

from classifier import Classifier, Prediction
from classifier.inference.confidence import normalised
from classifier.inference.neighbour_facts import neighbours_to_facts, read_neighbours
from classifier.inference.neighbours import Neighbour, Neighbours, Pictures
from classifier.json_arrays import pack, unpack
from helpers.neighbours import NAMED, export_with_examples, name_of
from helpers.paths import EXAMPLE, ROOT
from training.train.neighbours import principal_axes

LABELS = ["cat", "dog"]


def jpeg(side: int = 40) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (side, side), "teal").save(buffer, "JPEG")
    return buffer.getvalue()


def known(n: int = 40, n_features: int = 64, pictures: Pictures | None = None) -> Neighbours:
    rows = normalised(np.random.default_rng(0).random((n, n_features)) ** 4)
    labels = [(LABELS[i % 2],) for i in range(n)]
    return Neighbours.of(rows, principal_axes(rows), [f"{i:03}.jpg" for i in range(n)], labels, pictures)


def test_a_training_photo_is_nearest_to_itself_and_others_come_by_their_cosine():
    rows = normalised(np.random.default_rng(0).random((40, 64)) ** 4)
    for i, row in enumerate(rows):
        found = known().nearest(row)
        assert len(found) == 5 and found[0].index == i and found[0].similarity == pytest.approx(1, abs=0.01)
        exact = np.sort(rows @ row)[::-1][:5]
        assert [one.similarity for one in found] == pytest.approx(exact, abs=0.01)
        assert found[0].labels == (LABELS[i % 2],) and found[0].file == f"{i:03}.jpg"


def test_of_equally_near_photos_the_first_is_first():
    rows = np.ones((9, 4))
    same = Neighbours.of(rows, np.eye(4), [str(i) for i in range(9)], [("cat",)] * 9)
    assert [one.index for one in same.nearest(np.ones(4))] == [0, 1, 2, 3, 4]


def test_fewer_photos_than_are_shown_are_all_named():
    few = Neighbours.of(np.eye(2, 4), np.eye(4), ["a", "b"], [("cat",), ("dog",)])
    assert [one.file for one in few.nearest(np.array([0.1, 1, 0, 0]))] == ["b", "a"]


@pytest.mark.parametrize("features", [np.zeros(64), np.full(64, np.nan), np.full(64, np.inf)], ids=str)
def test_features_without_a_direction_resemble_nothing(features):
    assert known().nearest(features) == ()


def facts(**changed) -> dict:
    return {**neighbours_to_facts(known(), LABELS), **changed}


def with_pictures(**changed) -> dict:
    kept = Pictures(jpeg() * 2, np.array([len(jpeg())] * 39 + [2 * len(jpeg())], np.int32))
    return {**neighbours_to_facts(known(pictures=kept), LABELS), **changed}


@pytest.mark.parametrize("as_json", [False, True], ids=["pkl", "onnx"])
def test_facts_name_the_same_photos(as_json):
    told = with_pictures()
    read = read_neighbours(unpack(json.loads(json.dumps(pack(told)))) if as_json else told, 64, LABELS)
    features = np.random.default_rng(1).random(64)
    ours, expected = read.nearest(features), known().nearest(features)
    assert [(one.file, one.labels, one.index) for one in ours] == [
        (one.file, one.labels, one.index) for one in expected
    ]
    assert [one.similarity for one in ours] == pytest.approx([one.similarity for one in expected], abs=1e-6)
    assert read.pictures.n == 2
    assert read.picture(Neighbour("", (), 0, 0)) == read.picture(Neighbour("", (), 0, 39)) == jpeg()
    assert read.picture(Neighbour("", (), 0, 7)) is None


def test_several_labels_or_none_come_back():
    labels = [("cat", "dog"), (), ("dog",)]
    some = Neighbours.of(np.eye(3, 4), np.eye(4), ["a", "b", "c"], labels)
    told = neighbours_to_facts(some, LABELS)
    assert read_neighbours(told, 4, LABELS, multi_label=True).labels == labels
    assert read_neighbours(told, 4, LABELS) is None, "of a model with one label a photo, each has one"


@pytest.mark.parametrize(
    "changed",
    [
        {"files": None},
        {"files": []},
        {"files": ["a"] * 39},
        {"files": [*["a"] * 39, 7]},
        {"files": ["a" * 501] * 40},
        {"files": ["a"] * 10_001},
        {"axes": None},
        {"axes": torch.ones(40, 63, dtype=torch.int8)},
        {"axes": torch.ones(40, 64, dtype=torch.bool)},
        {"codes": torch.ones(39, 40, dtype=torch.int8)},
        {"codes": torch.ones(40, 40)},
        {"codes": torch.full((40, 40), 200, dtype=torch.int32)},
        {"scales": torch.ones(39)},
        {"scales": torch.full((40,), torch.nan)},
        {"mean": None},
        {"mean": torch.zeros(63)},
        {"mean": torch.full((64,), torch.inf)},
        {"rest": torch.zeros(39)},
        {"rest": torch.full((40,), 11.0)},
        {"rest": torch.zeros(40, dtype=torch.int8)},
        {"scales": -torch.ones(40)},
        {"scales": torch.ones(40, requires_grad=True)},
        {"scales": torch.ones(0)},
        {"labels": torch.zeros(40, dtype=torch.int32)},
        {"labels": torch.full((40, 1), 2, dtype=torch.int32)},
        {"labels": torch.full((40, 1), -1, dtype=torch.int32)},
        {"labels": torch.zeros(40, 2, dtype=torch.int32)},
        {"labels": [["cat"]] * 40},
    ],
    ids=lambda changed: "",
)
def test_facts_that_make_no_sense_name_nothing_and_are_logged(changed, caplog):
    assert read_neighbours(facts(**changed), 64, LABELS) is None
    assert "cannot be used" in caplog.text


@pytest.mark.parametrize("of", ["text", [], {}, 7, {"files": ["a"]}], ids=str)
def test_facts_that_are_none_name_nothing(of):
    assert read_neighbours(of, 64, LABELS) is None


def test_a_name_with_half_a_character_can_be_sent():
    read = read_neighbours(facts(files=["\udcff.jpg"] * 40), 64, LABELS)
    assert read.files[0].encode() == b"?.jpg"


def test_a_model_without_features_names_nothing():
    assert read_neighbours(None, 64, LABELS) is None
    assert read_neighbours(facts(), None, LABELS) is None


@pytest.mark.parametrize(
    "changed",
    [
        {"pictures": torch.zeros(9, dtype=torch.int8)},
        {"pictures": torch.zeros(9)},
        {"pictures": "jpeg"},
        {"pictures": torch.zeros(2_000_001, dtype=torch.uint8)},
        {"ends": None},
        {"ends": torch.zeros(39, dtype=torch.int32)},
        {"ends": torch.full((40,), 10**6, dtype=torch.int32)},
        {"ends": torch.arange(40, 0, -1, dtype=torch.int32)},
        {"ends": torch.full((40,), -1, dtype=torch.int32)},
    ],
    ids=lambda changed: "",
)
def test_pictures_that_make_no_sense_are_left_out_and_names_stay(changed, caplog):
    read = read_neighbours(with_pictures(**changed), 64, LABELS)
    assert read.pictures is None and len(read.files) == 40
    assert "pictures of its training photos cannot be used" in caplog.text


@pytest.mark.parametrize(
    "data", [b"<svg onload=alert(1)>", b"", jpeg()[:20], jpeg(400), b"\xff\xd8\xff" + b"x" * 99], ids=range(5)
)
def test_what_is_no_small_jpeg_is_not_shown(data):
    assert Pictures(data, np.array([len(data)])).of(0) is None


@pytest.fixture(scope="module")
def export(tmp_path_factory):
    return export_with_examples(tmp_path_factory.mktemp("named"))


def test_an_export_names_the_photos_that_a_photo_resembles(export):
    classifier = Classifier.load(export)
    assert classifier.compiled
    for file in NAMED:
        answer = classifier.predict(file)
        first = answer.neighbours[0]
        assert (first.file, first.labels) == (name_of(file), (answer.label,))
        assert classifier.neighbours.picture(first).startswith(b"\xff\xd8\xff")
    told = classifier.predict(EXAMPLE).to_dict()["neighbours"]
    assert len(told) == 5 and set(told[0]) == {"file", "label", "similarity"}
    json.dumps(told)


def test_the_export_itself_and_its_compiled_copy_name_the_same(export, tmp_path):
    (tmp_path / "export.pkl").write_bytes(export.read_bytes())
    itself, compiled = Classifier.load(tmp_path / "export.pkl"), Classifier.load(export)
    assert not itself.compiled
    for photo in sorted((ROOT / "examples").glob("*.jpg")):
        ours, theirs = itself.predict(photo).neighbours, compiled.predict(photo).neighbours
        assert [one.file for one in ours] == [one.file for one in theirs]
        assert [one.similarity for one in ours] == pytest.approx([one.similarity for one in theirs], abs=1e-4)


def test_labels_are_told_where_photos_may_have_several():
    near = (Neighbour("a.jpg", (), 0.51234, 0), Neighbour("b.jpg", ("cat", "dog"), 0.5, 1))
    told = Prediction("cat", {"cat": 0.9, "dog": 0.1}, labels=("cat",), neighbours=near).to_dict()["neighbours"]
    assert told[0] == {"file": "a.jpg", "labels": [], "similarity": 0.5123}
    assert told[1]["labels"] == ["cat", "dog"]


def test_an_export_that_names_none_answers_as_before(tmp_path):
    (tmp_path / "export.pkl").write_bytes((ROOT / "tests" / "exports" / "lesson-bears.pkl").read_bytes())
    classifier = Classifier.load(tmp_path / "export.pkl")
    answer = classifier.predict(EXAMPLE)
    assert classifier.neighbours is None and answer.neighbours is None
    assert "neighbours" not in answer.to_dict()
