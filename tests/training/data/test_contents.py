"""training/data/contents.py and duplicates.py: each photo is read once, and compared with all others."""

import hashlib
import io
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from classifier.photo import PhotoError, open_photo
from helpers.photos import make_photos, noisy_photo
from training.data import contents, duplicates
from training.data.contents import content_of, open_whole, read_photos, sha256_of
from training.data.duplicates import find_near_pairs, groups_of_copies
from training.data.photos import get_photos, readable_photos
from training.data.prefetch import ahead


@pytest.fixture
def photos(tmp_path):
    """Ten photos of three labels each."""
    return make_photos(tmp_path / "photos")


def said(open_, data: bytes) -> str:
    """Return why a photo cannot be opened; "" where it can be."""
    try:
        open_(data)
    except PhotoError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("progressive", [False, True], ids=["baseline", "progressive"])
def test_a_cut_off_photo_is_named_as_in_full_size(progressive):
    buffer = io.BytesIO()
    noisy_photo((200, 40, 40), 1, (1040, 780)).save(buffer, "JPEG", progressive=progressive)
    data = buffer.getvalue()
    lengths = [*np.linspace(0, len(data), 9, dtype=int), *(len(data) - n for n in (1, 2, 50, 5000))]
    parts = [data[:n] for n in lengths] + [data[:50_000] + b"\xff\xd9"]
    assert [said(open_whole, part) for part in parts] == [said(open_photo, part) for part in parts]
    assert open_whole(data).size == (520, 390)


def test_a_photo_is_decoded_once_until_it_changes(photos, monkeypatch):
    opened = []
    monkeypatch.setattr(contents, "open_photo", lambda data, **kwargs: opened.append(1) or open_photo(data, **kwargs))
    monkeypatch.setattr(contents, "sha256", lambda file: pytest.fail("read again"))
    found = readable_photos(photos)
    groups_of_copies(found.train, 5)
    assert len(opened) == 30
    assert sha256_of(found.train[0]) == hashlib.sha256(found.train[0].read_bytes()).hexdigest()
    noisy_photo((1, 2, 3), 99).save(found.train[0])
    assert content_of(found.train[0]).sha256 == hashlib.sha256(found.train[0].read_bytes()).hexdigest()
    assert len(opened) == 31


def test_what_cannot_be_read_is_named(tmp_path):
    (tmp_path / "empty.jpg").touch()
    assert "empty" in read_photos([tmp_path / "empty.jpg", tmp_path / "gone.jpg"])[tmp_path / "empty.jpg"]
    with pytest.raises(OSError):
        sha256_of(tmp_path / "gone.jpg")


def slow_pairs(hashes) -> list[tuple[int, int]]:
    """Return the near pairs, each compared with each."""
    near = lambda a, b: all(bin(x ^ y).count("1") <= 10 for x, y in zip(a, b))  # noqa: E731
    return [(i, j) for j in range(len(hashes)) for i in range(j) if near(hashes[i], hashes[j])]


@pytest.mark.parametrize("rows, columns", [(64, 16_384), (7, 13), (1, 1)])
def test_near_pairs_are_all_found(monkeypatch, rows, columns):
    monkeypatch.setattr(duplicates, "ROWS", rows)
    monkeypatch.setattr(duplicates, "COLUMNS", columns)
    rng = np.random.default_rng(0)
    hashes = [tuple(map(int, row)) for row in rng.integers(0, 2**63, (60, 2))]
    for i in range(40):  # up to 12 bits of another one turned
        turned = [sum(1 << int(bit) for bit in rng.choice(64, rng.integers(13), replace=False)) for _ in range(2)]
        hashes.append(tuple(own ^ mask for own, mask in zip(hashes[i // 2], turned)))
    assert find_near_pairs(hashes) == sorted(slow_pairs(hashes))
    assert len(find_near_pairs(hashes)) > 20
    assert find_near_pairs([]) == find_near_pairs(hashes[:1]) == []


def test_copies_are_the_same_however_few_pairs_are_held(photos, monkeypatch):
    for i in range(5):
        noisy_photo((200, 40, 40), i).save(photos / "red" / f"copy{i}.jpg", quality=80)
        noisy_photo((200, 40, 40), 0).save(photos / "red" / f"same{i}.png")
    files = get_photos(photos)
    expected = groups_of_copies(files, 20)
    assert sorted(map(len, expected))[-1] >= 7
    duplicates._near_groups.cache_clear()
    monkeypatch.setattr(duplicates, "MAX_PAIRS", 1)
    monkeypatch.setattr(duplicates, "ROWS", 2)
    assert groups_of_copies(files, 20) == expected


def test_a_few_results_wait_and_no_more():
    begun = []

    def work(i: int) -> int:
        begun.append(i)
        return i * i

    with ThreadPoolExecutor(4) as pool:
        results = ahead(pool, work, range(1000), 10)
        assert [next(results) for _ in range(3)] == [0, 1, 4]
        assert len(begun) <= 14
        results.close()
    assert len(begun) <= 14
    with ThreadPoolExecutor(2) as pool:
        assert list(ahead(pool, work, range(50), 3)) == [i * i for i in range(50)]
        assert list(ahead(pool, work, [], 3)) == []


def test_an_error_in_a_thread_is_raised_where_its_result_is_taken():
    with ThreadPoolExecutor(2) as pool:
        results = ahead(pool, lambda i: 1 // (i - 2), range(5), 2)
        assert next(results) == -1
        with pytest.raises(ZeroDivisionError):
            list(results)
