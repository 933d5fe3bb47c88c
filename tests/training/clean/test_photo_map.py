"""The map of all photos in the cleaner: training/clean/map/."""

import json

import numpy as np
import pytest
import requests

from helpers.clean_pages import served
from helpers.cleaners import (
    LABELS,
    id_of,
    listed_id,
    listed_photos,
    open_cleaner,
    open_multi_label_cleaner,
    rows,
    write,
)
from helpers.inboxes import opened, put
from helpers.maps import write_features
from helpers.photos import make_photos
from training.clean.__main__ import open_cleaner as open_reviewed
from training.clean.map import photo_map
from training.clean.map.photo_map import CACHE, PhotoMap
from training.clean.map.placement import FEWEST, place
from training.clean.review.kept_features import KeptFeatures


def groups(n: int, n_groups: int = 3, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return (n, 16) features of length 1 in groups, and the group of each."""
    rng = np.random.default_rng(seed)
    group = np.arange(n) % n_groups
    rows = np.eye(16)[group] + 0.1 * rng.normal(size=(n, 16))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32), group


@pytest.mark.parametrize("n", [1, 2, 5, FEWEST - 1, FEWEST, 300])
def test_photos_of_a_group_lie_together_however_few_they_are(n):
    features, group = groups(n)
    points = place(features)
    assert points.shape == (n, 2) and points.min() >= 0 and points.max() <= 1
    assert np.array_equal(points, place(features)), "the same photos get the same map"
    if n > 5:
        apart = np.linalg.norm(points[:, None] - points[None], axis=2) + 9 * np.eye(n)
        assert (group[apart.argmin(axis=1)] == group).mean() > 0.9


def test_copies_lie_side_by_side_and_not_on_one_another():
    features, _ = groups(12)
    points = place(np.repeat(features, 4, axis=0))
    assert len(np.unique(points, axis=0)) == 48
    own, others = points.reshape(12, 4, 2), place(features)
    assert np.linalg.norm(own - own[:, :1], axis=2).max() < 0.02 and others.shape == (12, 2)
    same = place(np.repeat(features[:1], 50, axis=0))
    assert len(np.unique(same, axis=0)) == 50 and abs(same.mean() - 0.5) < 0.05


def test_features_that_are_no_numbers_are_placed_all_the_same():
    features, _ = groups(40)
    features[3], features[5, 0] = np.nan, np.inf
    assert np.isfinite(place(features)).all()


@pytest.fixture(autouse=True)
def in_this_process(monkeypatch):
    """Place photos without a process of their own, which takes seconds to start; one test has it."""
    monkeypatch.setattr(photo_map, "place_beside", place)


@pytest.fixture
def cleaner(tmp_path):
    return open_cleaner(make_photos(tmp_path / "photos"))


def a_map(cleaner) -> PhotoMap:
    return PhotoMap(cleaner, write_features(cleaner))


def ready(found: PhotoMap) -> dict:
    found.wait()
    state = found.state()
    assert state["state"] == "ready", state["text"]
    return state


def test_all_photos_are_on_it_with_what_is_known_of_each(cleaner):
    name = id_of(cleaner, "red/00.png")
    cleaner.choose(name, "label", "blue")
    state = ready(a_map(cleaner))
    photos, texts = state["photos"], state["texts"]
    assert {len(column) for column in photos.values()} == {len(cleaner.photos)}
    i = photos["id"].index(name)
    assert (photos["name"][i], photos["own"][i], photos["action"][i]) == ("00.png", "red", "label")
    assert [texts[photos[column][i]] for column in ("label", "says", "to")] == ["red", "red", "blue"]
    assert photos["rank"] == sorted(photos["rank"]) and 0 <= photos["rank"][-1] < 1
    assert state["labels"] == LABELS and not state["several"] and state["text"] == ""


def test_deleted_photos_are_not_on_it_until_they_are_back(cleaner):
    found = a_map(cleaner)
    n = len(ready(found)["photos"]["id"])
    cleaner.choose(id_of(cleaner, "red/00.png"), "delete")
    cleaner.apply()
    assert len(found.state()["photos"]["id"]) == n - 1
    cleaner.undo()
    assert len(found.state()["photos"]["id"]) == n


def test_photos_without_a_label_are_on_it_too(tmp_path):
    data = make_photos(tmp_path / "photos")
    put(data, 3)
    state = ready(a_map(opened(data)))
    photos, texts = state["photos"], state["texts"]
    assert [texts[photos["label"][i]] for i, rank in enumerate(photos["rank"]) if rank < 0] == ["No label yet"] * 3
    assert photos["loss"][-1] is None and texts[photos["says"][-1]] == "blue"


def test_the_second_opening_reads_it_from_the_disk_and_other_photos_get_another(cleaner, monkeypatch):
    first = ready(a_map(cleaner))["photos"]
    monkeypatch.setattr(photo_map, "place", None)
    monkeypatch.setattr(photo_map, "place_beside", None)
    assert ready(a_map(cleaner))["photos"] == first
    features = write_features(cleaner, seed=1)
    other = PhotoMap(cleaner, features)
    other.wait()
    assert other.state()["state"] != "ready", "nothing computes it here"


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04 cut"], ids=["empty", "other", "cut"])
def test_a_damaged_file_is_made_anew(cleaner, content):
    first = ready(a_map(cleaner))["photos"]
    file = cleaner.data / ".clean" / CACHE
    file.write_bytes(content)
    assert ready(a_map(cleaner))["photos"] == first
    assert photo_map.read_points(file, str(np.load(file)["digest"]), len(first["id"])) is not None


def test_places_of_the_wrong_shape_are_not_used(cleaner, tmp_path):
    np.savez(tmp_path / "map.npz", digest="x", points=np.full((3, 2), np.nan))
    assert photo_map.read_points(tmp_path / "map.npz", "x", 3) is None
    assert photo_map.read_points(tmp_path / "map.npz", "x", 4) is None


def test_without_the_package_pca_places_them_and_a_sentence_says_so(cleaner, monkeypatch):
    monkeypatch.setattr("training.clean.map.placement.has_method", lambda: False)
    monkeypatch.setattr(photo_map, "has_method", lambda: False)
    state = ready(a_map(cleaner))
    assert "pip install pacmap" in state["text"] and len(state["photos"]["id"]) >= FEWEST


def test_a_failure_is_a_sentence_and_the_next_opening_tries_again(cleaner, monkeypatch):
    found = a_map(cleaner)
    monkeypatch.undo()  # in a process of its own
    monkeypatch.setattr(photo_map, "ROOT", cleaner.data)  # the process finds no `training` there
    monkeypatch.chdir(cleaner.data)
    monkeypatch.delenv("PYTHONPATH", raising=False)
    found.wait()
    state = found.state()
    assert state["state"] == "failed" and state["text"].startswith("The map could not be computed (")
    assert "\n" not in state["text"]
    monkeypatch.undo()
    ready(found)


def test_without_kept_features_a_sentence_says_so(cleaner):
    found = PhotoMap(cleaner, KeptFeatures(cleaner.data, cleaner.data / "none.pkl"))
    found.wait()
    assert found.state()["text"].endswith("Start the cleaner again.")


def test_photos_changed_since_are_named_and_left_out(cleaner):
    features = write_features(cleaner)
    next(iter(cleaner.by_id.values())).sha256 = "0" * 64
    assert ready(PhotoMap(cleaner, features))["text"].startswith("1 photos were changed")


def post(address: str, **body) -> requests.Response:
    return requests.post(f"{address}/choose-all", json=body, timeout=30)


def test_one_request_decides_about_many_photos_or_about_none(cleaner):
    red = [name for name, photo in cleaner.by_id.items() if photo.label == "red"]
    with served(cleaner) as address:
        answer = post(address, ids=red, action="delete")
        assert answer.json()["decisions"] == [[name, "delete", ""] for name in red]
        assert f"{len(red)} to delete" in answer.json()["counts"] and cleaner.counts()[0] == len(red)
        before = cleaner.decisions.all()
        assert post(address, ids=[*red, "none"], action="keep").status_code == 404
        assert post(address, ids=red, action="label", label="<b>").status_code == 422
        assert post(address, ids=red, action="add", label="blue").status_code == 422, "one label a photo"
        assert post(address, ids=[], action="keep").status_code == 422
        assert post(address, ids=red, action="keep", shown=["red"]).status_code == 422
        assert post(address, ids=red, action="label", label="../x", new=True).status_code == 422
        assert cleaner.decisions.all() == before
        form = requests.post(f"{address}/choose-all", data=json.dumps({"ids": red, "action": "keep"}), timeout=30)
        assert form.status_code == 422, "what another site's form can send is refused"
        other = {"Origin": "http://other.example"}
        body = {"ids": red, "action": "keep"}
        assert requests.post(f"{address}/choose-all", json=body, headers=other, timeout=30).status_code == 403
        assert requests.get(f"{address}/map", headers=other, timeout=30).status_code == 403
        too_long = requests.post(f"{address}/choose-all", json={"ids": ["x" * 17_000_000]}, timeout=30)
        assert too_long.status_code == 413
        assert post(address, ids=red, action="").json()["counts"].startswith("Nothing marked")


def test_a_new_label_is_offered_from_then_on_also_by_the_next_start(cleaner):
    red = [name for name, photo in cleaner.by_id.items() if photo.label == "red"]
    with served(cleaner) as address:
        assert post(address, ids=red[:2], action="label", label="polar bear").status_code == 422
        answer = post(address, ids=red[:2], action="label", label="polar bear", new=True).json()
        assert answer["labels"] == sorted([*LABELS, "polar_bear"])
        assert post(address, ids=red[2:3], action="label", label="BLUE", new=True).json()["decisions"][0][2] == "blue"
    again = open_reviewed(cleaner.data, list(cleaner.by_id.values()), LABELS)
    assert "polar_bear" in again.labels
    assert again.apply() == (0, 3) and len(list((cleaner.data / "polar_bear").iterdir())) == 2


def test_with_several_labels_a_photo_one_is_added_or_removed(tmp_path):
    cleaner = open_multi_label_cleaner(listed_photos(tmp_path / "photos"))
    state = ready(a_map(cleaner))
    assert state["several"] and {"red", "blue, red", "green", "none of the labels"} <= set(state["texts"])
    ids = [listed_id(cleaner, f"{i}.png") for i in range(4)]
    with served(cleaner) as address:
        made = post(address, ids=ids, action="add", label="blue", shown=["red", "blue|red", "", "green"]).json()
        assert [label for *_, label in made["decisions"]] == ["blue|red", "", "blue", "blue|green"]
        assert [action for _, action, _ in made["decisions"]] == ["label", "keep", "label", "label"]
        made = post(address, ids=ids, action="remove", label="red").json()
        assert [label for *_, label in made["decisions"]] == ["blue", "blue", "blue", "blue|green"]
        write(cleaner.data, {**rows(cleaner.data), "0": "green"})
        stale = post(address, ids=ids, action="delete", shown=["red", "blue|red", "", "green"])
        assert stale.status_code == 409 and "0.png has green now" in stale.json()["detail"]
        assert cleaner.counts()[0] == 0
