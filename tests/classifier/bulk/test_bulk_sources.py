"""classifier/bulk/listing.py, photo_list.py and reading.py: any source is listed once, each photo in one part."""

import csv
import io
import os
import subprocess
import sys
import zipfile

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from classifier.bulk import reading
from classifier.bulk.listing import list_source
from classifier.bulk.merging import merge
from classifier.bulk.photo_list import UNKNOWN, PhotoList, cut, encoded
from classifier.bulk.reading import MAX_PHOTO_BYTES, OutOfReach, read_photo
from classifier.bulk.run import Wanted, answer_source
from classifier.photo import PhotoError
from helpers.bulk import EXPORT, answer, answered, counts, refused, rows_in
from helpers.hub_stub import StubRepo, running_hub
from helpers.paths import ROOT


def listed(n: int) -> list[tuple[str, int, str]]:
    return [(f"photos/{i:06}.jpg", i, "1") for i in range(n)]


# ---- the list


def test_parts_are_as_large_as_wanted_and_hold_each_photo_once():
    parts = list(cut(listed(10_000), 64))
    assert [photo for part in parts for photo in part] == listed(10_000)
    assert all(32 <= len(part) <= 128 for part in parts[:-1]) and 48 < 10_000 / len(parts) < 80
    assert [len(part) for part in cut(listed(5), 1)] == [1, 1, 1, 1, 1]


def test_photo_that_comes_goes_or_changes_leaves_most_parts_as_they_are():
    def names(photos):
        return set(PhotoList.read(encoded(photos, 16, "model")).groups)

    photos = listed(1000)
    before = names(photos)
    for changed in (photos[:500] + photos[501:], [*photos[:500], ("photos/000499b.jpg", 1, "1"), *photos[500:]],
                    [*photos[:500], ("photos/000500.jpg", 500, "2"), *photos[501:]]):  # fmt: skip
        assert 0 < len(before - names(changed)) <= 2
    assert not before & set(PhotoList.read(encoded(photos, 16, "another model")).groups)


def test_list_gives_the_photos_of_a_part_alone():
    photos = [*listed(100), ("photos/odd\udcff, \n.jpg", -1, "é")]
    found = PhotoList.read(encoded(photos, 8, "model"))
    assert [photo for part in found.groups for photo in found.photos_of(part)] == photos
    assert sum(map(found.size, found.groups)) == 101


def test_photos_by_the_hundred_thousand_are_listed_in_a_bounded_memory(tmp_path):
    code = (
        "import resource\n"
        "from classifier.bulk.photo_list import PhotoList, encoded\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "photos = ((f's3://bucket/photos/{i // 1000:04}/{i:08}.jpg', 10**5 + i, f'{i:032x}') for i in range(200_000))\n"
        "found = PhotoList.read(encoded(photos, 512, 'model'))\n"
        "assert sum(map(found.size, found.groups)) == 200_000\n"
        "print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert int(run.stdout) < 60, run.stdout + run.stderr  # MB: 10 of them are the file


# ---- sources


def test_table_names_photos_relative_to_itself_each_once(photos, tmp_path, capsys):
    for name in ("list.csv", "list.parquet"):
        files = ["photos/000.png", "", str(photos / "001.png"), " photos/000.png ", "photos/none.png",
                 "http://127.0.0.1:9/a.jpg", f"file://{photos}/002.png"]  # fmt: skip
        table = pa.table({"id": range(7), "file": files})
        if name.endswith("csv"):
            pa.csv.write_csv(table, tmp_path / name)
        else:
            pq.write_table(table, tmp_path / name)
        said = answer(tmp_path / name, tmp_path / f"out-{name[5:]}", capsys)
        assert counts(said)[:2] == (5, 5) and "2 without an answer" in said
        rows = rows_in(tmp_path / f"out-{name[5:]}")
        assert set(rows) == {"000.png", "001.png", "002.png", "none.png", "a.jpg"}
        assert rows["none.png"]["error"].startswith("There is no file") and rows["none.png"]["bytes"] is None
        assert rows["a.jpg"]["error"].endswith("could not be downloaded: a private address.")
        assert rows["000.png"]["bytes"] == (photos / "000.png").stat().st_size


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_table_has_the_delimiter_of_whoever_wrote_it(delimiter, photos, tmp_path):
    lines = ["id,file", "1,photos/000.png", "4,photos/001.png"]
    (tmp_path / "list.csv").write_text("\n".join(line.replace(",", delimiter) for line in lines), encoding="utf-8-sig")
    assert [name for name, _, _ in list_source(str(tmp_path / "list.csv"), "")] == [
        str(photos / "000.png"),
        str(photos / "001.png"),
    ]


@pytest.mark.parametrize("kind", [pa.dictionary(pa.int8(), pa.string()), pa.string_view()], ids=str)
def test_addresses_as_other_programs_write_texts_are_addresses(kind, photos, tmp_path, capsys):
    addresses = pa.array(["photos/000.png", "photos/001.png"])
    column = addresses.dictionary_encode() if pa.types.is_dictionary(kind) else addresses.cast(kind)
    pq.write_table(pa.table({"file": column}), tmp_path / "list.parquet")
    assert counts(answer(tmp_path / "list.parquet", tmp_path / "out", capsys)) == (2, 2, 2, 0)


@pytest.mark.parametrize(
    "text, options, sentence",
    [
        ("id,name\n1,a.jpg\n", {}, "has the columns id, name: name the one of addresses with --column."),
        ("id,name\n1,a.jpg\n", {"column": "nom"}, "has the columns id, name"),
        ("id,name\n1,a.jpg\n", {"column": "id"}, "has no addresses in that column, but int64"),
        ("a.jpg\nb.jpg\n", {}, "begins with an address, a.jpg: its first line is to name the column"),
        ("file\n", {}, "has no addresses"),
        ("", {}, "cannot be read: Empty CSV file"),
        ("a,b\n1\n", {}, "cannot be read: CSV parse error"),
    ],
    ids=["no usual column", "no such column", "numbers", "no header", "no rows", "empty", "damaged"],
)
def test_table_without_addresses_gets_a_sentence(text, options, sentence, tmp_path):
    (tmp_path / "list.csv").write_text(text)
    assert sentence in refused(tmp_path / "list.csv", tmp_path / "out", **options)
    assert not (tmp_path / "out" / "job.json").exists()


@pytest.mark.parametrize(
    "address",
    ["dir://a.jpg::http://127.0.0.1:9/", "zip://a.jpg::file:///a.zip", "reference://a.jpg::file:///a.json",
     "simplecache::http://127.0.0.1:9/a.jpg", "webhdfs://127.0.0.1:9/a.jpg", "ftp://127.0.0.1:9/a.jpg"],
    ids=lambda address: address.partition(":")[0],
)  # fmt: skip
def test_table_opens_nothing_by_other_file_systems(address, monkeypatch):
    monkeypatch.setattr(reading, "file_system", lambda address: pytest.fail("it was opened"))
    with pytest.raises(PhotoError, match="is not read: a table names files") as error:
        read_photo(address, UNKNOWN)
    assert not isinstance(error.value, OutOfReach)
    with pytest.raises(PhotoError, match="could not be downloaded: a private address"):
        read_photo("HTTP://127.0.0.1:9/a.jpg", UNKNOWN)


def test_names_with_colons_choose_nothing_that_is_opened(photos, tmp_path, capsys):
    import fsspec

    photo = (photos / "000.png").read_bytes()
    fsspec.filesystem("memory").pipe({"/colons/a::b.png": photo, "/colons/c::http://127.0.0.1:9/d.png": photo})
    said = answer("memory://colons", tmp_path / "out", capsys)
    assert counts(said)[:2] == (2, 2) and ", 0 without an answer," in said
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as archive:
        archive.writestr("in/a.png", photo)
        archive.writestr("in/a::http://127.0.0.1:9/b.png", photo)
    answer_source(Wanted(f"zip://in::{tmp_path}/photos.zip", str(tmp_path / "zipped"), str(EXPORT)))
    said = capsys.readouterr()
    assert counts(said.out)[:2] == (1, 1) and "b.png is left out: its name has :: in it." in said.err


def test_archive_and_memory_are_sources_as_any(photos, tmp_path, capsys):
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as archive:
        for path in photos.iterdir():
            archive.write(path, f"in/{path.name}")
        archive.write(photos / "000.png", "in/.hidden.png")
        archive.writestr("in/notes.txt", "no photo")
    said = answer(f"zip://in::{tmp_path}/photos.zip", tmp_path / "out", capsys)
    assert counts(said)[:2] == (20, 20) and ", 0 without an answer," in said
    import fsspec

    fsspec.filesystem("memory").pipe({f"/bulk/{path.name}": path.read_bytes() for path in photos.iterdir()})
    said = answer("memory://bulk", "memory://answers", capsys)
    assert counts(said)[:2] == (20, 20) and ", 0 without an answer," in said
    answer("memory://bulk", "memory://answers", capsys)
    assert merge(["memory://answers"], "memory://all.csv") == 20
    assert len(list(csv.DictReader(io.StringIO(fsspec.filesystem("memory").cat("/all.csv").decode())))) == 20


def test_data_set_on_the_hub_is_a_source(photos, tmp_path):
    with running_hub() as hub:
        hub.repos["dataset", "me/said"] = StubRepo()
        files = {f"in/{path.name}": path.read_bytes() for path in photos.iterdir()}
        hub.repos["dataset", "me/said"].commit("photos", {**files, "README.md": b"Photos."})
        env = {**os.environ, "HF_ENDPOINT": hub.url, "HF_TOKEN": hub.token, "HF_HOME": str(tmp_path / "hub")}
        said = answered("hf://datasets/me/said/in", tmp_path / "out", env={**env, "HF_HUB_DISABLE_XET": "1"})
        assert counts(said) == (20, 20, 20, 0) and hub.asked.count("resolve") == 20
    assert rows_in(tmp_path / "out")["007.png"]["file"] == "hf://datasets/me/said/in/007.png"


@pytest.mark.parametrize(
    "source, sentence",
    [
        ("nowhere", "There is no folder nowhere."),
        ("gs://bucket/photos", "gs://bucket/photos needs a package that is not installed"),
        ("nonsense://a", "nonsense://a cannot be opened: Protocol not known"),
        ("zip://::none.zip", "cannot be opened"),
        ("none.csv", "none.csv cannot be read"),
        ("memory://nothing", "No photos under memory://nothing"),
    ],
)
def test_source_that_is_not_there_gets_one_sentence(source, sentence, tmp_path):
    if source.startswith("gs"):
        sys.modules.setdefault("gcsfs", None)
    try:
        assert sentence in refused(source, tmp_path / "out")
    finally:
        if sys.modules.get("gcsfs", ...) is None:
            del sys.modules["gcsfs"]


def test_photo_that_is_too_large_is_not_read(tmp_path):
    with (tmp_path / "a.jpg").open("wb") as file:
        file.truncate(MAX_PHOTO_BYTES + 1)
    for file, n_bytes in ((tmp_path / "a.jpg", -1), (tmp_path / "a.jpg", 1), (f"file://{tmp_path}/a.jpg", -1)):
        with pytest.raises(PhotoError, match="This file has 200 MB, more than"):
            read_photo(str(file), n_bytes)
