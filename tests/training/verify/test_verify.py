"""training/verify/: each kind of issue is found once, and nothing else; what is moved comes back."""

import io
import os
import shutil
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from fastcore.script import CliError
from PIL import Image, ImageFilter

from helpers.commands import run_module
from helpers.paths import ROOT
from helpers.photos import make_photos
from training.data.duplicates import connected_groups
from training.data.labels import ListedPhoto, read_labels, write_labels
from training.data.photos import get_photos
from training.journal.moves import Journal
from training.verify.__main__ import main
from training.verify.issues import find_issues, near_pairs


def scene(seed: int, size: tuple[int, int] = (320, 240)) -> Image.Image:
    """A picture with large and small shapes, bright and dark, as photos have them."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (6, 8, 3), dtype=np.uint8)).resize(size, Image.Resampling.BICUBIC)
    fine = Image.fromarray(rng.integers(0, 256, (size[1] // 4, size[0] // 4, 3), dtype=np.uint8)).resize(size)
    return Image.blend(coarse, fine, 0.3)


def jpeg(photo: Image.Image, quality: int = 90) -> bytes:
    buffer = io.BytesIO()
    photo.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


@pytest.fixture
def data(tmp_path) -> Path:
    """Two labels of six photos that have nothing wrong with them."""
    for label, start in (("black bear", 0), ("grizzly", 100)):
        (tmp_path / "data" / label).mkdir(parents=True)
        for i in range(6):
            (tmp_path / "data" / label / f"{i}.jpg").write_bytes(jpeg(scene(start + i)))
    return tmp_path / "data"


def issues(data: Path, validated=()) -> dict[str, set[str]]:
    """What is found: the kinds of issues by file."""
    inspections, _ = find_issues(get_photos(data), validated)
    return {
        f"{inspection.file.parent.name}/{inspection.file.name}": set(inspection.issues)
        for inspection in inspections
        if inspection.issues
    }


def test_good_photos_have_no_issues(data):
    assert issues(data) == {}


DEFECTS = {
    "unreadable": jpeg(scene(7))[:2000],
    "too_small": jpeg(scene(7, (80, 40))),
    "blank": jpeg(Image.new("RGB", (300, 200), "white")),
    "dark": jpeg(scene(7).point(lambda value: value // 8)),
    "blurry": jpeg(Image.open(ROOT / "examples" / "black-2.jpg").filter(ImageFilter.GaussianBlur(25))),
    "odd_proportions": jpeg(scene(7, (900, 200))),
    "exact_duplicates": jpeg(scene(2)),
    "near_duplicates": jpeg(scene(2), 60),
}


@pytest.mark.parametrize("name", DEFECTS)
def test_each_defect_is_found_and_nothing_else(data, name):
    (data / "black bear" / "defect.jpg").write_bytes(DEFECTS[name])
    assert issues(data) == {"black bear/defect.jpg": {name}}


@pytest.mark.parametrize("body", [b"", b"<!doctype html><p>gone", b"hello"], ids=["empty", "html", "text"])
def test_what_is_no_photo_is_unreadable(data, body):
    (data / "grizzly" / "photo.png").write_bytes(body)
    assert issues(data) == {"grizzly/photo.png": {"unreadable"}}


@pytest.mark.parametrize(
    "change",
    [
        lambda photo: photo.resize((190, 143)),
        lambda photo: photo.crop((8, 6, 312, 234)),
        lambda photo: photo.resize((640, 480)),
        lambda photo: photo.point(lambda value: min(255, value + 12)),
    ],
    ids=["smaller", "cropped", "larger", "brighter"],
)
def test_copies_that_were_changed_are_near_duplicates(data, change):
    (data / "grizzly" / "copy.jpg").write_bytes(jpeg(change(scene(103)), 70))
    found = issues(data)
    assert list(found.values()) == [{"near_duplicates"}]
    assert set(found) <= {"grizzly/copy.jpg", "grizzly/3.jpg"}


def test_of_copies_the_largest_is_kept(data):
    (data / "grizzly" / "large.jpg").write_bytes(jpeg(scene(103).resize((1280, 960), Image.Resampling.BICUBIC)))
    assert issues(data) == {"grizzly/3.jpg": {"near_duplicates"}}


def test_copies_under_different_labels_are_all_out(data):
    shutil.copy(data / "grizzly" / "1.jpg", data / "black bear" / "also.jpg")
    assert issues(data) == {"grizzly/1.jpg": {"exact_duplicates"}, "black bear/also.jpg": {"exact_duplicates"}}


def listed(data: Path, **labels_of: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """Write a labels.csv of all photos, and return the issues by file; labels_of: of black bears by their stem."""
    files = get_photos(data)
    write_labels(
        data,
        {file: ListedPhoto(labels_of.get(f"{file.parent.name[:1]}{file.stem}", ("bear", "forest"))) for file in files},
    )
    inspections, _ = find_issues(get_photos(data), labels=read_labels(data))
    return {found.file.name: found.issues for found in inspections if found.issues}


@pytest.mark.parametrize(
    "labels, says",
    [
        (("bear", "forest"), {"9.jpg": "as grizzly/0.jpg"}),
        (
            ("bear",),
            {
                "9.jpg": "as grizzly/0.jpg, which has the labels bear, forest",
                "0.jpg": "as grizzly/9.jpg, which has the labels bear",
            },
        ),
        (
            (),
            {
                "9.jpg": "as grizzly/0.jpg, which has the labels bear, forest",
                "0.jpg": "as grizzly/9.jpg, which has no labels",
            },
        ),
    ],
    ids=["the-same", "fewer", "none"],
)
def test_copies_with_several_labels_agree_where_all_of_these_do(data, labels, says):
    shutil.copy(data / "grizzly" / "0.jpg", data / "grizzly" / "9.jpg")
    found = listed(data, g9=labels)
    assert found == {name: {"exact_duplicates": why} for name, why in says.items()}


def test_photos_of_a_labels_csv_are_moved_and_their_rows_stay(data, capsys):
    (data / "photos").mkdir()
    (data / "photos" / "small.jpg").write_bytes(DEFECTS["too_small"])
    listed(data)
    (data / "loose.jpg").write_bytes(b"no photo, and in no row")
    rows = read_labels(data).listed
    main(str(data))
    assert "photos/small.jpg: 80 x 40 pixels" in capsys.readouterr().out
    assert (data / ".rejected" / "photos" / "small.jpg").exists() and (data / "loose.jpg").exists()
    assert read_labels(data).listed == rows and len(get_photos(data)) == 12
    main(str(data), undo=True)
    assert len(get_photos(data)) == 13


def test_validated_photos_are_kept_and_copies_across_the_split_are_counted(data):
    from classifier.files import sha256

    (data / "grizzly" / "zz.jpg").write_bytes(jpeg(scene(103), 60))
    shutil.copy(data / "grizzly" / "1.jpg", data / "grizzly" / "yy.jpg")
    inspections, n_across = find_issues(get_photos(data), [sha256(data / "grizzly" / "zz.jpg")])
    assert {inspection.file.name for inspection in inspections if inspection.issues} == {"3.jpg", "yy.jpg"}
    assert n_across == 1


def test_command_moves_tells_and_brings_back(data, capsys):
    (data / "grizzly" / "broken.jpg").write_bytes(DEFECTS["unreadable"])
    (data / "grizzly" / "dark.jpg").write_bytes(DEFECTS["dark"])
    before = {file: file.read_bytes() for file in get_photos(data)}
    dry = run_module("training.verify", data, "--dry-run")
    assert dry.returncode == 0 and len(get_photos(data)) == 14
    assert dry.stdout.splitlines()[-1] == f"{data}: 14 photos, 1 to move, 0 moved, 14 left"
    assert "grizzly/broken.jpg: This JPEG is cut off" in dry.stdout and "grizzly/dark.jpg: its brightest" in dry.stdout
    run = run_module("training.verify", data)
    assert "14 photos, 1 to move, 1 moved, 13 left; --undo" in run.stdout and not (data / "grizzly/broken.jpg").exists()
    main(data, reject="dark")
    assert "13 photos, 1 to move, 1 moved, 12 left" in capsys.readouterr().out
    main(data)
    assert "12 photos, 0 to move, 0 moved" in capsys.readouterr().out
    main(data, undo=True)
    assert capsys.readouterr().out.splitlines()[-1] == f"{data}: 2 photos are back"
    assert {file: file.read_bytes() for file in get_photos(data)} == before


def test_many_rejections_want_a_yes(data, capsys):
    for i in range(8):
        (data / "grizzly" / f"empty{i}.jpg").touch()
    with pytest.raises(CliError, match=r"8 of 20 photos \(40%\).*--yes"):
        main(data)
    assert len(get_photos(data)) == 20
    main(data, yes=True)
    assert "8 moved" in capsys.readouterr().out


def test_killed_in_the_middle_of_moving_a_rerun_finishes(data, monkeypatch, capsys):
    import os

    for i in range(4):
        (data / "grizzly" / f"empty{i}.jpg").touch()
    rename, moved = os.rename, []

    def killed_after_two(source, target):
        if len(moved) == 2:
            raise KeyboardInterrupt
        moved.append(rename(source, target))

    monkeypatch.setattr(os, "rename", killed_after_two)
    bad = [(inspection.file, "") for inspection in find_issues(get_photos(data))[0] if inspection.issues]
    with pytest.raises(KeyboardInterrupt):
        Journal(data).reject("verify", bad)
    monkeypatch.undo()
    main(data)
    assert "2 moved, 12 left" in capsys.readouterr().out
    main(data, undo=True)
    assert "4 photos are back" in capsys.readouterr().out
    assert len(get_photos(data)) == 16


def test_killed_for_good_in_the_middle_a_rerun_finishes_and_undo_brings_all_back(data):
    for i in range(3000):
        (data / "grizzly" / f"empty {i}.jpg").touch()
    before, rejected = get_photos(data), data / ".rejected" / "grizzly"
    command = [sys.executable, "-W", "ignore", "-m", "training.verify", data, "--yes"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for _ in range(60_000):
        if rejected.exists() and len(os.listdir(rejected)) > 100:
            break
        time.sleep(0.001)
    process.kill()
    process.wait()
    left = len(get_photos(data))
    assert 12 < left < 2913, "it was killed in the middle"
    run = run_module("training.verify", data, "--yes")
    assert f"{left - 12} moved, 12 left" in run.stdout, run.stderr
    assert len(list((data / ".rejected" / "grizzly").iterdir())) == 3000
    assert "3000 photos are back" in run_module("training.verify", data, "--undo").stdout
    assert get_photos(data) == before


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a process cannot be kept from writing")
def test_a_full_disk_is_one_sentence_and_a_rerun_finishes(data):
    import resource

    for i in range(30):
        (data / "grizzly" / f"empty {i}.jpg").touch()
    before = get_photos(data)

    for room in (2000, 9000):  # bytes that a file of this process may have: the journal meets a full disk
        run = run_module(
            "training.verify",
            data,
            "--yes",
            preexec_fn=partial(resource.setrlimit, resource.RLIMIT_FSIZE, (room, room)),
        )
        assert run.returncode and run.stderr.strip().count("\n") == 0, run.stderr
        assert "Nothing can be written in" in run.stderr and get_photos(data) == before
    assert "12 left" in run_module("training.verify", data, "--yes").stdout
    assert "30 photos are back" in run_module("training.verify", data, "--undo").stdout
    assert get_photos(data) == before


@pytest.mark.parametrize(
    "folder, options, says",
    [
        ("nowhere", {}, "There is no folder"),
        (".", {}, "No photos under"),
        (".", {"reject": "ugly"}, "of dark, blurry"),
        ("nowhere", {"undo": True}, "There is no folder"),
    ],
    ids=["missing", "empty", "kind", "undo"],
)
def test_what_cannot_be_verified_is_one_sentence(tmp_path, folder, options, says):
    with pytest.raises(CliError, match=says):
        main(tmp_path / folder, **options)


def test_groups_join_what_is_linked():
    assert connected_groups(6, [(0, 2), (2, 4), (1, 5)]) == [[0, 2, 4], [1, 5]]


def test_noise_is_no_copy_of_other_noise(tmp_path):
    inspections, _ = find_issues(get_photos(make_photos(tmp_path / "photos")))
    assert near_pairs([inspection for inspection in inspections if inspection.hashes]) == []
