"""training/clean/review/multi_label_errors.py: missing and wrong labels lead, each reason with its labels."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from training.clean.review.multi_label_errors import judge, judged_labels, rank_multi_label_suspects

N = 200
NAMES = ("boots", "dress", "hat")


@pytest.fixture
def outfits() -> tuple[list[Path], list[tuple[str, ...]], np.ndarray, list[str]]:
    """Photos of three things in any combination; 0 lacks its hat, 1 has a dress too many, 2 should have no label."""
    rng = np.random.default_rng(0)
    marks = rng.random((N, 3)) < 0.4
    marks[:4] = [[False, True, True], [True, False, False], [False, False, False], [False, False, False]]
    directions = np.linalg.qr(rng.normal(size=(24, 24)))[0][:4]  # one of each label, and one of all photos
    features = marks @ directions[:3] + directions[3] + rng.normal(0, 0.05, (N, 24))
    labels = [tuple(name for name, mark in zip(NAMES, row) if mark) for row in marks]
    labels[0], labels[1], labels[2] = ("dress",), ("boots", "dress"), ("hat",)
    return [Path(f"data/photos/{i:03}.jpg") for i in range(N)], labels, features, [str(i) for i in range(N)]


def test_wrong_and_missing_labels_lead(outfits):
    found = rank_multi_label_suspects(*outfits)
    assert len({suspect.file for suspect in found}) == N
    assert {suspect.file for suspect in found[:6]} >= set(outfits[0][:3])
    assert all(first.suspicion >= second.suspicion for first, second in pairwise(found))


def test_reasons_name_the_labels_and_likely_has_them(outfits):
    by_file = {suspect.file: suspect for suspect in rank_multi_label_suspects(*outfits)}
    lacks, has, none, right = (by_file[outfits[0][i]] for i in range(4))
    assert lacks.likely == "dress|hat" and lacks.reason.startswith("the other photos make it hat too (9")
    assert has.likely == "boots" and has.reason.startswith("the other photos make it no dress (")
    assert none.likely == "" and none.reason.startswith("the other photos make it no hat (")
    assert right.likely == "" and "make it" not in right.reason, "a photo of none of the labels is right as it is"


def test_every_photo_has_a_reason_also_where_nothing_speaks_against_it(outfits):
    outfits[1][3] = ("spats",)
    found = rank_multi_label_suspects(*outfits)
    assert all(suspect.reason for suspect in found)
    mild = [suspect.reason for suspect in found if suspect.reason.startswith("the other photos agree, but")]
    assert any("are not sure of" in reason for reason in mild) and any("do not rule out" in reason for reason in mild)
    assert any("less like the others than most" in reason for reason in mild)
    spats = next(suspect for suspect in found if suspect.file == outfits[0][3])
    assert spats.reason.startswith("spats cannot be judged; otherwise the other photos agree")


def test_a_reason_may_name_several_labels(outfits):
    _, labels, features, hashes = outfits
    labels[0] = ()
    judgement = judge(labels, features, hashes)
    assert judgement.reason(0, has_labels=False).startswith("the other photos make it dress (")
    assert ", hat (" in judgement.reason(0, has_labels=False)
    labels[0] = ("boots",)
    reason = judge(labels, features, hashes).reason(0, has_labels=True)
    assert reason.startswith("the other photos make it dress too (") and ", hat too (" in reason
    assert ", no boots (" in reason


def test_a_label_with_few_photos_is_not_judged_and_stops_nothing(outfits):
    files, labels, features, hashes = outfits
    labels[3] = ("spats",)
    labels = [(*own, "wall") for own in labels]
    assert judged_labels(labels, hashes) == list(NAMES)
    found = {suspect.file: suspect for suspect in rank_multi_label_suspects(files, labels, features, hashes)}
    assert found[files[3]].likely == "spats|wall" and "hat too" in found[files[0]].reason


def test_copies_lead_and_do_not_vouch_for_their_labels(outfits):
    files, labels, features, hashes = outfits
    features[5], hashes[5], labels[5] = features[0], hashes[0], labels[0]
    found = rank_multi_label_suspects(files, labels, features, hashes, {files[5]: "of photos/000.jpg"})
    assert found[0].file == files[5] and found[0].reason.startswith("a copy of photos/000.jpg; the other photos make")


@pytest.mark.parametrize("labels", [[("a",), ()], [(), ()], [("a",), ("a",)]], ids=["one of each", "none", "always"])
def test_too_few_photos_still_make_a_list(labels):
    found = rank_multi_label_suspects([Path("1.jpg"), Path("2.jpg")], labels, np.eye(2), ["a", "b"])
    assert [suspect.reason for suspect in found] == ["its labels cannot be judged"] * 2


def test_features_that_are_no_numbers_do_not_stop_it(outfits):
    files, labels, features, hashes = outfits
    features[5] = np.nan
    assert len(rank_multi_label_suspects(files, labels, features, hashes)) == N
