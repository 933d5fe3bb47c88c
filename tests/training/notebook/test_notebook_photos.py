"""training/notebook/photos.py: a folder, an archive, an upload, a search or the Hub; and what else is said."""

import os
import shutil
import sys
from pathlib import Path
from types import ModuleType

import pytest
from fastcore.script import CliError

from training.notebook import photos as notebook_photos
from training.notebook.photos import choose_photos, folder_of


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    for name in ("COLAB_RELEASE_TAG", "KAGGLE_KERNEL_RUN_TYPE"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")


@pytest.fixture
def gathered(monkeypatch):
    """The calls of `gather`, which is not run."""
    calls = []
    monkeypatch.setattr(notebook_photos, "gather", lambda *terms, **options: calls.append((terms, options)))
    return calls


@pytest.fixture
def colab(monkeypatch):
    """Colab, whose upload gives what a test puts into `files`."""
    files: dict[str, bytes] = {}
    module = ModuleType("google.colab.files")
    module.upload = lambda: files
    for name in ("google", "google.colab"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    monkeypatch.setitem(sys.modules, "google.colab.files", module)
    return files


def labels_in(folder: str) -> set[str]:
    return {path.name for path in Path(folder).iterdir() if path.is_dir() and path.name[0] != "."}


def test_a_folder_is_used_where_it_lies(photos, gathered):
    assert choose_photos(str(photos)) == str(photos)
    assert not gathered


def test_a_folder_that_can_only_be_read_is_copied(photos, monkeypatch):
    monkeypatch.setattr(notebook_photos.os, "access", lambda path, mode: mode != os.W_OK)
    assert choose_photos(str(photos)) == "data/photos"
    assert labels_in("data/photos") == labels_in(str(photos))


def test_an_upload_on_colab_is_unpacked(photos, colab):
    shutil.make_archive("My Bears", "zip", photos)
    colab["My Bears.zip"] = b""
    assert choose_photos("data/bears", upload=True) == "data/my-bears"
    assert labels_in("data/my-bears") == labels_in(str(photos))


def test_an_upload_of_nothing_is_named(colab):
    with pytest.raises(CliError, match="0 files were uploaded: one zip file is needed"):
        choose_photos(upload=True)


def test_an_upload_elsewhere_says_what_to_do_instead():
    with pytest.raises(CliError, match=r"Jupyter notebooks ask for no file\. Set FOLDER to a folder"):
        choose_photos(upload=True)


def test_a_search_and_a_data_set_have_folders_of_their_own(gathered):
    assert choose_photos("data/bears", search=["Red fox", "arctic fox"]) == "data/red-fox-arctic-fox"
    assert choose_photos("data/bears", hub="hf://datasets/me/my_foxes") == "data/my-foxes"
    assert gathered == [
        (("Red fox", "arctic fox"), {"source": "", "out": "data/red-fox-arctic-fox"}),
        ((), {"source": "hf://datasets/me/my_foxes", "out": "data/my-foxes"}),
    ]


def test_two_choices_are_refused():
    with pytest.raises(CliError, match="Choose one of UPLOAD, SEARCH and HUB"):
        choose_photos("data/bears", search=["fox"], hub="hf://datasets/me/foxes")


def test_a_missing_folder_says_what_there_is_on_kaggle(tmp_path, monkeypatch):
    monkeypatch.setenv("KAGGLE_KERNEL_RUN_TYPE", "Interactive")
    monkeypatch.setattr(notebook_photos, "KAGGLE_INPUT", tmp_path / "input")
    with pytest.raises(CliError, match="There is nothing yet: Add Input"):
        choose_photos("data/bears")
    (tmp_path / "input" / "foxes").mkdir(parents=True)
    with pytest.raises(CliError, match=r"There is no folder data/bears\. Set FOLDER .*There are: .*foxes\."):
        choose_photos("data/bears")


def test_a_missing_folder_says_what_to_do_on_colab(monkeypatch):
    monkeypatch.setenv("COLAB_RELEASE_TAG", "release")
    with pytest.raises(CliError, match="Set UPLOAD = True to send a zip file"):
        choose_photos("data/bears")


def test_a_name_of_other_letters_has_a_folder():
    assert folder_of("медведь") == "data/photos"
