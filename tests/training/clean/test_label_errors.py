"""suspicion: wrong labels and strangers lead the list, each with its reason."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from training.clean.review.label_errors import (
    familiarity_to_others,
    out_of_fold_probabilities,
    percentile_ranks,
    rank_suspects,
)

N = 40  # photos of a label


@pytest.fixture
def messy() -> tuple[list[Path], np.ndarray, list[str]]:
    """Two labels whose features lie apart; black's first three are swapped, brown's first two are of anything else."""
    rng = np.random.default_rng(0)
    centres = rng.normal(0, 1, (2, 32))
    features = np.concatenate([centres[label] + rng.normal(0, 0.3, (N, 32)) for label in (0, 1)])
    features[:3] = centres[1] + rng.normal(0, 0.3, (3, 32))
    features[N : N + 2] = rng.normal(0, 2, (2, 32))
    files = [Path(f"data/{label}/{i:02}.jpg") for label in ("black", "brown") for i in range(N)]
    return files, features, [f"{i}" for i in range(2 * N)]


def test_wrong_labels_and_strangers_lead(messy):
    files, features, hashes = messy
    found = rank_suspects(files, features, hashes)
    assert len(found) == len(set(suspect.file for suspect in found)) == 2 * N
    assert {suspect.file for suspect in found[:8]} >= {*files[:3], *files[N : N + 2]}
    assert all(first.suspicion >= second.suspicion for first, second in pairwise(found))


def test_reasons_say_what_speaks_against_a_photo(messy):
    by_file = {suspect.file: suspect for suspect in rank_suspects(*messy)}
    swapped, stranger, good = (by_file[messy[0][i]] for i in (0, N, N + 20))
    assert swapped.likely == "brown" and swapped.reason.startswith("the other photos make it brown (")
    assert "unlike the other photos" in stranger.reason
    assert good.likely == "brown" and good.reason.startswith("the other photos agree")


def test_every_photo_has_a_reason_also_where_nothing_speaks_against_it(messy):
    found = rank_suspects(*messy)
    assert all(suspect.reason for suspect in found)
    mild = [suspect.reason for suspect in found if suspect.reason.startswith("the other photos agree")]
    assert any("are less sure of" in reason for reason in mild)
    assert any("it is less like the others than most (similarity 0." in reason for reason in mild)
    assert {suspect.reason for suspect in found if suspect.suspicion < 0.5} <= {"the other photos agree"}


def test_copies_lead_and_name_their_original(messy):
    files, features, hashes = messy
    found = rank_suspects(files, features, hashes, {files[30]: "as black/07.jpg"})
    copy = next(suspect for suspect in found if suspect.file == files[30])
    assert copy.suspicion == 1 and copy.reason == "a copy as black/07.jpg"


def test_a_copy_does_not_vouch_for_its_label(messy):
    files, features, hashes = messy
    features[1], hashes[1] = features[0], hashes[0]  # twice the same photo under a wrong label
    assert (out_of_fold_probabilities(features, [file.parent.name for file in files], hashes)[:2, 1] > 0.5).all()


def test_one_label_alone_is_judged_by_distance(messy):
    files, features, hashes = messy
    found = rank_suspects(files[N:], features[N:], hashes[N:])
    assert {suspect.file for suspect in found[:2]} == {*files[N : N + 2]}
    assert {suspect.likely for suspect in found} == {"brown"}


def test_too_few_photos_still_make_a_list():
    files = [Path("data/black/1.jpg"), Path("data/brown/2.jpg")]
    found = rank_suspects(files, np.eye(2), ["a", "b"])
    assert [suspect.reason for suspect in found] == ["its label cannot be judged"] * 2
    assert familiarity_to_others(np.eye(2)) is None


def test_features_that_are_no_numbers_do_not_stop_it(messy):
    files, features, hashes = messy
    features[5] = np.nan
    assert len(rank_suspects(files, features, hashes)) == 2 * N


def test_shares_run_from_none_to_all():
    assert percentile_ranks(np.array([3.0, 1.0, 2.0])).tolist() == [1, 0, 0.5]
    assert percentile_ranks(np.array([7.0])).tolist() == [0]
