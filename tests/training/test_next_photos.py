"""training/next_photos.py: which photos are to be labelled next, and which are copies."""

import numpy as np
import pytest

from training import next_photos as module
from training.next_photos import (
    distance_to,
    doubt_of_one_label,
    doubt_of_several_labels,
    find_copies,
    next_photos,
)

RNG = np.random.default_rng(0)


def at(*degrees: float) -> np.ndarray:
    """Return features of two numbers, by their direction."""
    angles = np.radians(degrees)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def test_doubt_is_1_between_two_labels_and_0_where_one_is_certain():
    doubt = doubt_of_one_label(np.array([[0.5, 0.5, 0.0], [1.0, 0.0, 0.0], [0.6, 0.3, 0.1]]))
    assert doubt == pytest.approx([1, 0, 0.7])
    assert doubt_of_one_label(np.ones((2, 1))).tolist() == [1, 1], "of one label nothing can be told"


def test_doubt_of_several_labels_is_that_of_the_one_nearest_to_its_threshold():
    thresholds = np.array([0.2, 0.5])
    doubt = doubt_of_several_labels(np.array([[0.2, 1.0], [0.0, 0.0], [0.6, 0.9], [1.0, 0.25]]), thresholds)
    assert doubt == pytest.approx([1, 0, 0.5, 0.5])


def test_of_many_alike_one_comes_soon_and_one_odd_photo_waits():
    features = at(90, 91, 92, 89, 10, 180)
    order = next_photos(np.ones(6), features, at(0)).tolist()
    assert order[0] in range(4) and order[1] == 5, "then what nothing resembles yet"


def test_photos_in_doubt_count_more():
    features = at(80, 81, 82, 160, 161, 162)
    assert next_photos(np.array([0.1, 0.1, 0.1, 0.9, 0.9, 0.9]), features, at(0))[0] in (3, 4, 5)
    assert next_photos(np.array([0.9, 0.9, 0.9, 0.01, 0.01, 0.01]), features, at(0))[0] in (0, 1, 2)


def test_without_any_label_all_photos_have_a_place():
    order = next_photos(np.ones(5), at(0, 1, 90, 91, 180), np.empty((0, 2))).tolist()
    assert sorted(order) == list(range(5)) and len({i // 2 for i in order[:3]}) == 3


def test_the_order_is_that_of_computing_every_gain_anew():
    features, doubt = RNG.normal(size=(60, 5)).astype(np.float32), RNG.random(60)
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    like, covered, left = unit @ unit.T, (unit @ unit[:4].T).max(1), list(range(60))
    expected = []
    for _ in range(20):
        best = max(left, key=lambda i: float(np.maximum(like[i] - covered, 0) @ doubt))
        expected.append(best)
        left.remove(best)
        covered = np.maximum(covered, like[best])
    assert next_photos(doubt, features, features[:4])[:20].tolist() == expected


def test_every_fifth_photo_is_one_that_is_not_familiar():
    doubt, features, familiar = RNG.random(12), RNG.normal(size=(12, 8)).astype(np.float32), np.arange(12) < 9
    order = next_photos(doubt, features, features[:0], familiar)
    assert np.flatnonzero(order >= 9).tolist() == [4, 9, 11] and sorted(order) == list(range(12))
    for part in (order[order < 9], order[order >= 9]):
        own = np.sort(part)
        assert part.tolist() == own[next_photos(doubt[own], features[own], features[:0])].tolist()


@pytest.mark.parametrize("familiar", [True, False])
def test_photos_that_are_all_alike_familiar_keep_their_order(familiar):
    doubt, features = RNG.random(10), RNG.normal(size=(10, 8)).astype(np.float32)
    order = next_photos(doubt, features, features[:0], np.full(10, familiar))
    assert order.tolist() == next_photos(doubt, features, features[:0]).tolist()


def test_features_that_are_no_numbers_do_no_harm():
    features = np.array([[np.nan, 1], [0, 0], [1, 0]], dtype=np.float32)
    assert sorted(next_photos(np.ones(3), features, features)) == [0, 1, 2]


def test_an_empty_inbox_has_no_order():
    assert next_photos(np.empty(0), np.empty((0, 2), dtype=np.float32), at(0)).tolist() == []


def test_those_after_the_first_are_sorted_once(monkeypatch):
    features, doubt = RNG.normal(size=(40, 8)).astype(np.float32), RNG.random(40)
    every = next_photos(doubt, features, features[:0])
    monkeypatch.setattr(module, "N_GREEDY", 10)
    few = next_photos(doubt, features, features[:0])
    assert few[:10].tolist() == every[:10].tolist() and sorted(few) == list(range(40))


def test_distances_in_parts_are_those_of_all(monkeypatch):
    rows = RNG.normal(size=(25, 6)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    whole = distance_to(rows, rows[:7])
    monkeypatch.setattr(module, "CHUNK", 4)
    assert distance_to(rows, rows[:7]) == pytest.approx(whole, abs=1e-6)
    assert whole[:7] == pytest.approx(0, abs=1e-6)


def test_copies_of_labelled_photos_and_of_each_other_are_left_out_once():
    own = [tuple(int(RNG.integers(2**63)) for _ in range(2)) for _ in range(30)]
    hashes = [own[0], own[1], own[1], (own[2][0] ^ 3, own[2][1]), own[3], ()]
    copies = find_copies(hashes, [own[0], own[2], *own[4:]])
    assert copies.of_labelled == {0, 3} and copies.of_others == {2}
