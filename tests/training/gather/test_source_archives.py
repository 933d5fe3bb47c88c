"""training/gather/sources/archives.py: an archive reaches nothing outside of itself; what it unpacks to is bounded."""

import csv
import io
import shutil
import tarfile
import zipfile
from pathlib import Path

import pytest

from helpers.sources import LABELS, both, photo, photos, refused, table, understood
from training.data.photos import get_photos
from training.gather.__main__ import main


@pytest.mark.parametrize("form", ["zip", "tar", "gztar"])
@pytest.mark.parametrize("kind", ["folders", "csv"])
def test_archives(tmp_path, form, kind):
    if kind == "csv":
        table(tmp_path / "data", "csv")
    else:
        for label in LABELS:
            photos(tmp_path / "data" / label, 3)
    archive = shutil.make_archive(str(tmp_path / "pets"), form, tmp_path, "data")
    assert understood(archive)[0] == both(3)
    assert main(source=archive, out=str(tmp_path / "out")) is None
    assert len(get_photos(tmp_path / "out")) == 6
    rows = list(csv.DictReader((tmp_path / "out" / "sources.csv").open(newline="")))
    assert {row["source"] for row in rows} == {Path(archive).name}


def add(archive: tarfile.TarFile, name: str, data: bytes = b"", **more) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(data)
    for key, value in more.items():
        setattr(member, key, value)
    archive.addfile(member, io.BytesIO(data))


def test_an_archive_reaches_nothing_outside_of_itself(tmp_path):
    secret = photo(tmp_path / "secret.png")
    data = photo(tmp_path / "a.png").read_bytes()
    with tarfile.open(tmp_path / "evil.tar", "w") as archive:
        for name in ("../../up.png", "/tmp/fieldguide-absolute.png", "cat/1.png", "dog/2.png"):
            add(archive, name, data)
        add(archive, "cat/link.png", type=tarfile.SYMTYPE, linkname=str(secret))
        add(archive, "cat/fifo.png", type=tarfile.FIFOTYPE)
        add(archive, "a.csv", f"file,label\n{secret},owl\n../../secret.png,owl\ncat/1.png,zebra\n".encode())
    counts, told = understood(tmp_path / "evil.tar")
    assert counts == {("train", "zebra"): 1} and "2 for a path out of the archive" in told
    assert not Path("/tmp/fieldguide-absolute.png").exists()


def test_archives_are_bounded_by_what_they_unpack_to(tmp_path, monkeypatch):
    monkeypatch.setattr("training.gather.sources.archives.MAX_BYTES", 5000)
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for label in LABELS:
            archive.writestr(f"{label}/0.png", photo(tmp_path / "a.png").read_bytes())
        archive.writestr("cat/bomb.png", bytes(10_000_000))
    counts, told = understood(tmp_path / "a.zip")
    assert counts == both(1) and "1 for too large" in told
    monkeypatch.setattr("training.gather.sources.archives.RESERVE_BYTES", 10**18)
    assert "than the disk has room for" in refused(tmp_path / "a.zip")


def test_a_damaged_archive_is_one_sentence(tmp_path):
    for label in LABELS:
        photos(tmp_path / "data" / label, 3)
    whole = Path(shutil.make_archive(str(tmp_path / "a"), "zip", tmp_path / "data")).read_bytes()
    for n, data in enumerate((whole[:-40], whole[: len(whole) // 2] + bytes(60) + whole[len(whole) // 2 + 60 :])):
        (tmp_path / f"b{n}.zip").write_bytes(data)
        said = refused(tmp_path / f"b{n}.zip")
        assert "cannot be unpacked" in said and "\n" not in said


@pytest.mark.parametrize("cut", [512 * 3, -1024])
def test_a_tar_that_ends_amid_its_files_is_damaged(tmp_path, cut):
    for label in LABELS:
        photos(tmp_path / "data" / label, 4)
    whole = Path(shutil.make_archive(str(tmp_path / "a"), "tar", tmp_path / "data")).read_bytes()
    end = len(whole.rstrip(b"\0")) // 512 * 512 + 512
    (tmp_path / "cut.tar").write_bytes(whole[:cut] if cut > 0 else whole[: end - 512])
    assert "damaged" in refused(tmp_path / "cut.tar")
