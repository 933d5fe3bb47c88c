"""classifier/bulk: what is away comes back, what changed is asked again, and no other source's answers are taken."""

import os
import shutil
import zipfile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fastcore.script import CliError

from classifier.bulk import reading
from classifier.bulk.listing import list_source
from classifier.bulk.merging import merge
from classifier.bulk.photo_list import UNKNOWN
from classifier.bulk.reading import OutOfReach, read_photo
from classifier.photo import PhotoError
from helpers.bulk import answer, counts, refused, rows_in, write_photos


def errors(out) -> int:
    return sum(row["error"] is not None for row in rows_in(out).values())


# ---- what is away


@pytest.mark.parametrize("leaves", ["nothing", "an empty folder"])
def test_photos_of_a_drive_that_is_not_there_are_asked_again(leaves, photos, tmp_path, capsys):
    away = tmp_path / "away"
    write_photos(photos, 60)  # in eight parts or more, of which shards leave five or more
    assert counts(answer(photos, tmp_path / "out", capsys, shard="1/3"))[1] < 60
    photos.rename(away)
    if leaves == "an empty folder":
        photos.mkdir()
    said = refused(photos, tmp_path / "out")
    assert "out of reach" in said and "The same command goes on" in said
    capsys.readouterr()
    if leaves == "an empty folder":
        photos.rmdir()
    away.rename(photos)
    assert counts(answer(photos, tmp_path / "out", capsys))[0] == 60 and errors(tmp_path / "out") == 0


def test_table_of_files_on_a_drive_that_is_not_there_is_asked_again(tmp_path, capsys):
    photos = write_photos(tmp_path / "drive" / "photos", 3)
    (tmp_path / "list.csv").write_text("file\n" + "".join(f"drive/photos/{i:03}.png\n" for i in range(4)))
    photos.parent.rename(tmp_path / "away")
    assert ", 4 without an answer (4 out of reach" in answer(tmp_path / "list.csv", tmp_path / "out", capsys)
    (tmp_path / "away").rename(photos.parent)
    assert ", 1 without an answer," in answer(tmp_path / "list.csv", tmp_path / "out", capsys)
    assert ", 0 answered now" not in answer(tmp_path / "list.csv", tmp_path / "out", capsys, relist=True)


def test_addresses_of_a_server_that_is_gone_keep_no_other_waiting(photos, tmp_path, capsys, monkeypatch):
    def lost(address: str) -> bytes:
        raise OutOfReach(f"{address} could not be downloaded: it is gone.")

    monkeypatch.setattr(reading, "_download", lost)
    names = [f"http://dead.example/{i:02}.jpg" for i in range(40)] + sorted(
        f"photos/{name}" for name in os.listdir(photos)
    )
    (tmp_path / "list.csv").write_text("\n".join(["file", *names]))
    said = answer(tmp_path / "list.csv", tmp_path / "out", capsys)
    assert counts(said)[:2] == (60, 60) and ", 40 without an answer (40 out of reach" in said
    (tmp_path / "list.csv").write_text("\n".join(["file", *(f"http://dead.example/{i:03}.jpg" for i in range(200))]))
    assert "out of reach" in refused(tmp_path / "list.csv", tmp_path / "web-is-away")


def test_parts_of_a_store_that_is_gone_come_last_the_next_time(photos, tmp_path, monkeypatch):
    def gone(address: str):
        raise OSError("there is no such bucket") if address.startswith("s3:") else AssertionError(address)

    monkeypatch.setattr(reading, "file_system", gone)
    monkeypatch.setattr(reading, "local_path", lambda file: None if file.startswith("s3:") else file)
    names = [f"s3://gone/{i:03}.jpg" for i in range(100)]  # in thirteen parts or more
    below = shutil.copytree(photos, tmp_path / "z" / "photos")  # listed after the others
    (tmp_path / "list.csv").write_text(
        "\n".join(["file", *names, *(f"z/photos/{path.name}" for path in below.iterdir())])
    )
    monkeypatch.chdir(tmp_path)
    found = 0
    while found < 120:
        assert "out of reach" in refused("list.csv", "out")
        now = len(rows_in(tmp_path / "out"))
        assert now > found, "each run comes further"
        found = now
    assert errors(tmp_path / "out") == 100 and merge(["out"], "all.csv") == 120


def test_file_that_was_listed_is_out_of_reach_and_one_that_was_named_is_gone(photos):
    for n_bytes, there, kind in (
        (7, photos, OutOfReach),
        (UNKNOWN, photos, PhotoError),
        (UNKNOWN, photos / "no", OutOfReach),
    ):
        with pytest.raises(PhotoError, match="There is no file") as error:
            read_photo(str(there / "none.png"), n_bytes)
        assert type(error.value) is kind


# ---- sources


def test_same_name_in_another_folder_is_another_source(tmp_path, capsys, monkeypatch):
    for name, n in (("a", 1), ("b", 2)):
        write_photos(tmp_path / name / "photos", n)
    monkeypatch.chdir(tmp_path / "a")
    answer("photos", tmp_path / "out", capsys)
    for same in ("./photos", tmp_path / "a" / "photos", "../a/photos/"):
        assert counts(answer(same, tmp_path / "out", capsys)) == (1, 1, 0, 1)
    monkeypatch.chdir(tmp_path / "b")
    assert f"was begun with {tmp_path}/a/photos" in refused("photos", tmp_path / "out")


@pytest.mark.parametrize("all_of_it", ["zip://*::", "zip://**::", "zip://::", "ZIP://::", "zip://in/*::", "zip://in::"])
def test_all_of_an_archive_is_asked_for_in_each_way_and_from_everywhere(
    all_of_it, photos, tmp_path, capsys, monkeypatch
):
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as archive:
        for path in photos.iterdir():
            archive.write(path, f"in/{path.name}")
        archive.writestr("/in/abs.png", b"no photo")
    monkeypatch.chdir(tmp_path)
    source = f"{all_of_it}photos.zip"
    assert counts(answer(source, "out", capsys, shard="1/2"))[0] < 20
    monkeypatch.chdir(photos)
    said = answer(source, tmp_path / "out", capsys)
    assert counts(said)[:2] == (20, 20) and ", 0 without an answer," in said


def test_changed_file_of_a_table_is_seen_when_it_is_listed_again(photos, tmp_path, capsys):
    names = ["photos/000.png", f"file://{photos}/001.png", f"FILE://{photos}/002.png"]
    (tmp_path / "list.csv").write_text("\n".join(["file", *names]))
    answer(tmp_path / "list.csv", tmp_path / "out", capsys)
    before = rows_in(tmp_path / "out")
    assert all(row["error"] is None and row["modified"] for row in before.values())
    for i in range(3):
        shutil.copyfile(photos / f"{i + 10:03}.png", photos / f"{i:03}.png")
        os.utime(photos / f"{i:03}.png", (1, 1))
    assert counts(answer(tmp_path / "list.csv", tmp_path / "out", capsys, relist=True)) == (3, 3, 3, 0)
    after = rows_in(tmp_path / "out")
    assert all(after[name]["sha256"] != before[name]["sha256"] for name in before)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes")
def test_device_or_pipe_in_a_table_is_not_read(tmp_path, capsys):
    os.mkfifo(tmp_path / "pipe.jpg")
    names = ["/dev/zero", "file:///dev/zero", "local:///dev/zero", f"file://{tmp_path}/pipe.jpg"]
    (tmp_path / "list.csv").write_text("\n".join(["file", *names]))
    assert ", 4 without an answer," in answer(tmp_path / "list.csv", tmp_path / "out", capsys)
    assert all(row["error"].endswith("it is no file.") for row in rows_in(tmp_path / "out").values())


def test_tables_that_are_no_utf8_or_empty_get_their_sentence(tmp_path):
    (tmp_path / "latin.csv").write_bytes(b"file\nb\xe4r.jpg\n")
    (tmp_path / "head.csv").write_text("file\n")
    pq.write_table(pa.table({"file": pa.array([b"\xff.jpg", b"x.jpg"]).view(pa.string())}), tmp_path / "bytes.parquet")
    for name, sentence in (
        ("latin.csv", "no UTF-8"),
        ("head.csv", "no addresses of photos"),
        ("bytes.parquet", "no UTF-8"),
    ):
        with pytest.raises(CliError, match=sentence):
            list_source(str(tmp_path / name), "")


def test_host_that_is_no_name_is_not_an_address():
    with pytest.raises(PhotoError, match="could not be downloaded: not an address") as error:
        read_photo("http://xn--a.com/a.jpg", UNKNOWN)
    assert not isinstance(error.value, OutOfReach)


def test_source_that_is_not_there_leaves_no_model(tmp_path):
    refused(tmp_path / "none.csv", tmp_path / "out")
    assert not [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
