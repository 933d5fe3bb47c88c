"""training/gather/sources/opening.py and layouts.py: folders of any layout, with nothing misread in silence."""

import os
import shutil

import pytest
from fastcore.script import CliError

from helpers.photos import noisy_photo
from helpers.sources import LABELS, both, photo, photos, refused, understood
from training.data.files import folder_name
from training.data.labels import Labels
from training.data.photos import get_photos
from training.data.splits import given_splits
from training.gather.__main__ import main
from training.gather.sources.candidates import as_folder


def test_a_folder_for_each_label(tmp_path):
    for label in LABELS:
        photos(tmp_path / label, 4)
    assert understood(tmp_path) == (both(4), "folders, each a label")
    assert understood(tmp_path / "cat")[0] == {("train", "cat"): 4}


@pytest.mark.parametrize("names", [("train", "val", "test"), ("Training", "validation", "testing")])
@pytest.mark.parametrize("below", ["", "images"])
def test_splits_are_kept(tmp_path, names, below):
    for name, n in zip(names, (4, 3, 2)):
        for label in LABELS:
            photos(tmp_path / below / name / label, n)
    counts, told = understood(tmp_path)
    assert counts == both(4) + both(3, "valid") + both(2, "test") and "in splits" in told


def test_a_flat_test_folder_is_no_label(tmp_path):
    for label in LABELS:
        photos(tmp_path / "train" / label, 4)
    photos(tmp_path / "test", 3)
    counts, told = understood(tmp_path)
    assert counts == both(4) and "3 photos left out: directly in test" in told


def test_folders_below_a_label_belong_to_it(tmp_path):
    for label in LABELS:
        for year in ("2023", "2024"):
            photos(tmp_path / label / year, 3)
    counts, told = understood(tmp_path)
    assert counts == both(6) and "2023, 2024 in cat" in told


@pytest.mark.parametrize("junk", ["__MACOSX/cat/._0.png", "models/model.pth", "cat/@eaDir/0.png", "cat/.thumbs/0.png"])
def test_what_systems_leave_is_no_label(tmp_path, junk):
    for label in LABELS:
        photos(tmp_path / label, 3)
    photo(tmp_path / junk)
    assert understood(tmp_path)[0] == both(3)


@pytest.mark.parametrize("name", ["{i}", "{i}.png?w=640", "{i}.image"])
def test_a_photo_is_one_whatever_its_name(tmp_path, name):
    for label in LABELS:
        photos(tmp_path / label, 3, name)
        (tmp_path / label / "notes").write_text("no photo")
    counts, told = understood(tmp_path)
    assert counts == both(3) and "2 with no extension" in told


def test_flat_photos_take_the_folders_name_and_a_pattern_is_offered(tmp_path):
    photos(tmp_path / "pets", 6, "{label}_{i:03}.png")
    counts, told = understood(tmp_path)
    assert counts == {("train", "pets"): 6} and "all photos get the label pets" in told and "--pattern" in told
    pattern = told.split("--pattern '")[1].split("'")[0]
    assert understood(tmp_path, pattern=pattern)[0] == both(3)


def test_a_pattern_may_be_of_the_path(tmp_path):
    for label in LABELS:
        photos(tmp_path / "2024" / label / "raw", 3)
    photos(tmp_path / "2024", 2)
    counts, told = understood(tmp_path, pattern=r"/(\w+)/raw/")
    assert counts == both(3) and "2 photos left out" in told


@pytest.mark.parametrize("pattern, says", [("(", "no regular expression"), ("cat", "no group")])
def test_a_pattern_that_is_none_is_one_sentence(tmp_path, pattern, says):
    photos(tmp_path / "cat", 2)
    assert says in refused(tmp_path, pattern=pattern)


def test_what_is_not_a_table_of_photos_changes_nothing(tmp_path):
    for label in LABELS:
        photos(tmp_path / label, 3)
    (tmp_path / "weather.csv").write_text("day,rain\n1,0\n")
    (tmp_path / "config.json").write_text("{}")
    assert understood(tmp_path)[0] == both(3)


def test_what_is_no_source_is_one_sentence(tmp_path):
    (tmp_path / "a.pdf").write_bytes(b"%PDF")
    (tmp_path / "empty").mkdir()
    assert "There is no" in refused(tmp_path / "none")
    assert "no folder, zip or tar" in refused(tmp_path / "a.pdf")
    assert "No photos" in refused(tmp_path / "empty")
    assert "download it first" in refused("https://example.com/a.zip")
    assert "kaggle://OWNER/NAME" in refused("kaggle://name")


@pytest.mark.parametrize("out", ["data", "data/out", "."])
def test_a_folder_is_not_gathered_into_itself(tmp_path, monkeypatch, out):
    monkeypatch.chdir(tmp_path)
    for label in LABELS:
        photos(tmp_path / "data" / label, 3)
    with pytest.raises(CliError, match="lie in each other"):
        main(source="data", out=out)
    assert len(get_photos(tmp_path / "data")) == 6


@pytest.mark.parametrize("form", ["JPEG", "TIFF", "WEBP", "BMP", "AVIF"])
def test_large_photos_without_a_suffix_are_found(tmp_path, form):
    for label in LABELS:
        photo(tmp_path / label / "a.png")
        noisy_photo((9, 9, 200), 3, (900, 700)).save(tmp_path / label / "b", format=form)
    assert understood(tmp_path)[0] == both(2)


def test_a_dry_run_shows_and_copies_nothing(tmp_path, capsys):
    for split, n in (("train", 4), ("test", 2)):
        for label in LABELS:
            photos(tmp_path / "data" / split / label, n)
    main(source=str(tmp_path / "data"), out=str(tmp_path / "out"), dry_run=True)
    shown = capsys.readouterr().out.splitlines()
    assert shown[1:] == ["   train    test  label", "       4       2  cat", "       4       2  dog"]
    assert not (tmp_path / "out").exists()


def test_splits_arrive_as_training_reads_them_and_test_photos_are_never_trained_on(tmp_path):
    for split, n in (("train", 4), ("valid", 3), ("test", 2)):
        for label in LABELS:
            photos(tmp_path / "data" / split / label, n)
    shutil.copy(tmp_path / "data/test/cat/0.png", tmp_path / "data/train/cat/again.png")
    out = tmp_path / "out"
    main(source=str(tmp_path / "data"), out=str(out))
    found = given_splits(out, get_photos(out), Labels())
    assert [len(files) for files in (found.train, found.valid, found.test)] == [8, 6, 4]


@pytest.mark.parametrize("folders", [("images", "annotations"), ("train", "val"), ("training_set", "test_set")])
def test_folders_that_build_a_data_set_are_no_labels(tmp_path, folders):
    for folder in folders:
        photos(tmp_path / folder, 4, "{label}_{i}.png")
    assert "folders of such names are no labels" in refused(tmp_path)


def test_a_json_beside_each_photo_is_told_once(tmp_path):
    for label in LABELS:
        for file in photos(tmp_path / label, 20):
            file.with_suffix(".png.json").write_text("{}")
    counts, told = understood(tmp_path)
    assert counts == both(20) and "38 more such files" in told and len(told) < 1000


def test_photos_beside_the_labels_and_labels_alike_are_told(tmp_path):
    for label in ("Cat", "cat"):
        photos(tmp_path / label, 2)
    photo(tmp_path / "loose.png")
    counts, told = understood(tmp_path)
    assert counts == {("train", "Cat"): 2, ("train", "cat"): 2}
    assert "1 photo left out: directly in" in told and "differ in capitals alone" in told


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_links_in_circles_and_pipes_are_not_waited_for(tmp_path):
    for label in LABELS:
        photos(tmp_path / label, 2)
        for name in ("current", "latest"):
            (tmp_path / label / name).symlink_to("..", target_is_directory=True)
        os.mkfifo(tmp_path / label / "pipe")
        os.mkfifo(tmp_path / label / "pipe.csv")
    assert understood(tmp_path)[0] == both(2)


@pytest.mark.parametrize("where", ["~nobody-at-all/x", "x" * 5000, "nul\0"])
def test_what_can_be_no_path_is_one_sentence(tmp_path, where):
    with pytest.raises(CliError, match="can be no file or folder"):
        main(source=where, out=str(tmp_path / "out"))


@pytest.mark.parametrize(
    "label, folder", [("grizzly bear", "grizzly_bear"), ("  Bär ", "Bär"), ("a/b", "a_b"), ("../up", "_up"), ("?", "_")]
)
def test_labels_become_names_of_folders(label, folder):
    assert as_folder(label) == folder


@pytest.mark.parametrize("label", ["", "..", ".hidden", "a/b", "a\\b", "x" * 201, "nul\0", 'a"b'])
def test_what_can_be_no_folder_is_refused_where_it_was_typed(label):
    with pytest.raises(CliError, match="cannot be a label"):
        folder_name(label)
