"""training/static/folder.py: a site takes its folder as a whole, and no earlier or foreign file is lost."""

import os
import shutil
from pathlib import Path

import pytest
from fastcore.script import CliError

from helpers.kills import kill_everywhere
from training.static import __main__ as command
from training.static.folder import SUMS, check_out, strangers, write_site

FILES = {"index.html": b"<!doctype html>", "runtime/a.js": b"export {}", ".nojekyll": b""}


# A folder that is somebody else's


def test_a_folder_that_is_new_or_empty_is_taken(tmp_path):
    (tmp_path / "empty").mkdir()
    for name in ("new/site", "empty"):
        write_site(check_out(str(tmp_path / name)), FILES)
        assert strangers(tmp_path / name) == [] and (tmp_path / name / "index.html").is_file()


@pytest.mark.parametrize(
    "path, content",
    [("thesis.txt", b"mine"), ("index.html", b"edited by hand"), ("runtime/.git/config", b""), (SUMS, b"")],
    ids=["stranger", "edited", "in a folder", "no list"],
)
def test_a_folder_with_other_things_is_left_alone(tmp_path, path, content):
    out = tmp_path / "site"
    write_site(out, FILES)
    (out / path).parent.mkdir(exist_ok=True)
    (out / path).write_bytes(content)
    before = {file: file.read_bytes() for file in out.rglob("*") if file.is_file()}
    with pytest.raises(CliError, match=r"which no earlier site left there as it is now\. Name a new folder"):
        check_out(str(out))
    assert {file: file.read_bytes() for file in out.rglob("*") if file.is_file()} == before


def test_links_and_empty_folders_of_others_are_left_alone(tmp_path):
    write_site(tmp_path / "site", FILES)
    (tmp_path / "site" / "notes").mkdir()
    assert strangers(tmp_path / "site") == ["notes"]
    (tmp_path / "site" / "notes").rmdir()
    (tmp_path / "elsewhere").write_bytes(FILES["index.html"])
    (tmp_path / "site" / "index.html").unlink()
    try:
        (tmp_path / "site" / "index.html").symlink_to(tmp_path / "elsewhere")
    except OSError:
        pytest.skip("this account may make no links")
    assert strangers(tmp_path / "site") == ["index.html"]


def test_a_file_in_the_place_of_the_folder_is_told(tmp_path):
    (tmp_path / "site").write_text("a file")
    with pytest.raises(CliError, match="is a file"):
        check_out(str(tmp_path / "site"))


def test_work_does_not_begin_for_a_folder_that_is_taken(tmp_path, monkeypatch):
    (tmp_path / "thesis.txt").write_text("mine")
    monkeypatch.setattr(command, "compiled", None)
    with pytest.raises(CliError, match=r"thesis\.txt"):
        command.main("export.pkl", str(tmp_path))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the test kills a process that it forked")
def test_a_kill_leaves_the_old_site_or_the_new_one(tmp_path):
    out, new = tmp_path / "site", {**FILES, "index.html": b"new", "extra.js": b"new"}

    def made():
        shutil.rmtree(out, ignore_errors=True)
        write_site(out, FILES)

    def whole(_):
        assert check_out(str(out)) == out and strangers(out) == []
        index = (out / "index.html").read_bytes()
        assert (out / "extra.js").is_file() == (index == b"new") and index in (b"new", FILES["index.html"])

    assert kill_everywhere(made, lambda: write_site(check_out(str(out)), new), whole, (1, 4), 0) > 10
    write_site(check_out(str(out)), new)
    assert [path.name for path in tmp_path.iterdir()] == ["site"]


def test_a_site_that_cannot_take_its_place_leaves_the_old_one(tmp_path, monkeypatch):
    write_site(tmp_path / "site", FILES)
    rename = Path.rename

    def refused(self, target):
        if self.name == ".site.part":
            raise PermissionError(13, "Permission denied")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", refused)
    with pytest.raises(CliError, match="could not be written: Permission denied"):
        write_site(tmp_path / "site", {"index.html": b"new"})
    assert (tmp_path / "site" / "index.html").read_bytes() == FILES["index.html"]
    assert [path.name for path in tmp_path.iterdir()] == ["site"]
