"""python -m classifier in parts: listed once, answered by part, gone on with after anything."""

import csv
import io
import json
import os
import signal
import subprocess
import sys
import threading
import zipfile
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from fastcore.script import CliError

from classifier import Classifier
from classifier.bulk import careful, job, reading, worker
from classifier.bulk.job import Options, open_job, read_job
from classifier.bulk.listing import list_source
from classifier.bulk.merging import merge
from classifier.bulk.photo_list import UNKNOWN, PhotoList, cut, encoded
from classifier.bulk.reading import MAX_PHOTO_BYTES, OutOfReach, read_photo
from classifier.bulk.run import Wanted, answer_source, share_of
from classifier.bulk.threads import in_threads
from classifier.files import sha256
from classifier.photo import PhotoError
from helpers.bulk import EXPORT, answered, by_name, counts, finished, rows_in, start, write_photos
from helpers.hub_stub import StubRepo, running_hub
from helpers.paths import ROOT, TRAINED
from helpers.poison import environment, poisoned, processes_with, until, waiting

ON_LINUX = pytest.mark.skipif(sys.platform != "linux", reason="signals, limits and names of files as Linux has them")


@pytest.fixture
def photos(tmp_path) -> Path:
    return write_photos(tmp_path / "photos")


@pytest.fixture(autouse=True)
def forget():
    """Make each test read its job anew, as a process does."""
    job._read_job.cache_clear()


def answer(source, out, capsys, **options) -> str:
    """Return what a run in this process said."""
    answer_source(Wanted(str(source), str(out), str(EXPORT), **{"part_size": 4, **options}))
    return capsys.readouterr().out


def refused(source, out, **options) -> str:
    """Return the sentence that a run in this process ends with."""
    with pytest.raises(CliError) as error:
        answer_source(Wanted(str(source), str(out), str(EXPORT), **{"part_size": 4, **options}))
    assert "\n" not in str(error.value)
    return str(error.value)


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


# ---- answers


def test_rows_are_those_of_the_table_of_one_machine(photos, tmp_path, capsys):
    (photos / "broken.jpg").write_text("no photo")
    answered(photos, tmp_path / "a.csv", "--all-labels")
    said = answer(photos, tmp_path / "b.csv", capsys, all_labels=True)
    assert len(said.splitlines()) == 2 and said.endswith("b.csv.parts is not needed any more\n")
    one, other = ([*csv.DictReader(path.open(newline=""))] for path in (tmp_path / "a.csv", tmp_path / "b.csv"))
    one, other = by_name(one), by_name(other)
    assert all(len(row.pop("sha256")) == 64 for row in other.values())
    assert one == other and len(one) == 21
    assert list(one["000.png"])[-3:] == [f"probability of {label}" for label in ("blue", "green", "red")]


@ON_LINUX
def test_names_that_are_no_text_formulas_and_lines_keep_their_rows(tmp_path, capsys, monkeypatch):
    names = [b"odd\xff.png", b"=1+1.png", b"a\nb.png", b"a\rb.png", b'"quoted", .png']
    folder = write_photos(tmp_path / "photos", 1)
    for name in names:
        os.link(folder / "000.png", os.fsencode(folder) + b"/" + name)
    os.unlink(folder / "000.png")
    monkeypatch.chdir(folder)
    answer(".", tmp_path / "a.csv", capsys)
    found = [row["file"] for row in csv.DictReader((tmp_path / "a.csv").open(newline=""))]
    expected = {f"./{os.fsdecode(name)}".encode(errors="backslashreplace").decode() for name in names}
    assert set(found) == expected


@ON_LINUX
def test_photo_that_ends_the_program_costs_two_starts_and_gets_its_row(photos, tmp_path):
    env = environment(tmp_path)
    (photos / "end.jpg").write_bytes(poisoned("end"))
    given = (photos, tmp_path / "out", "--part-size", 8)
    finished(start(*given, env=env), -signal.SIGSEGV)
    said = answered(*given, env=env)
    there, n, now, before = counts(said)
    assert there == n == 21 and now + before == 21
    rows = rows_in(tmp_path / "out")
    assert rows["end.jpg"]["error"] == "This photo could not be opened: it ended the program."
    assert sum(row["error"] is not None for row in rows.values()) == 1
    assert not processes_with(tmp_path)


@ON_LINUX
@pytest.mark.slow
def test_photo_that_never_ends_keeps_no_other_from_its_row(photos, tmp_path):
    env = environment(tmp_path)
    for kind in ("hang", "memory", "raise"):
        (photos / f"{kind}.jpg").write_bytes(poisoned(kind))
    said = answered(photos, tmp_path / "out", env=env)
    assert counts(said) == (23, 23, 23, 0) and ", 3 without an answer," in said
    rows = rows_in(tmp_path / "out")
    assert rows["hang.jpg"]["error"] == "This photo could not be opened: it took more than 8 seconds."
    assert rows["memory.jpg"]["error"] == "This photo failed: MemoryError."
    assert not processes_with(tmp_path)


def test_process_that_does_not_start_is_no_fault_of_a_photo(photos, tmp_path, capsys, monkeypatch):
    answer(photos, tmp_path / "out", capsys)
    found = read_job(str(tmp_path / "out"))
    part = found.parts[0]
    (tmp_path / "out" / "parts" / f"{part}.parquet").unlink()
    (tmp_path / "out" / "trying" / part).touch()
    monkeypatch.setattr(careful, "ROOT", tmp_path)
    monkeypatch.setenv("PYTHONPATH", "")
    monkeypatch.chdir(tmp_path)
    said = worker.answer_part(str(tmp_path / "out"), part)
    assert said == "the process that answers photos one by one did not start" and not found.is_done(part)


def test_threads_leave_what_hangs_behind():
    never = threading.Event()
    results = in_threads(lambda n: never.wait() if n == 3 else n * n, range(8), 2, 0.5)
    never.set()
    assert results == [0, 1, 4, None, 16, 25, 36, 49]
    assert in_threads(str, [], 2, 1) == []


@ON_LINUX
def test_photo_out_of_reach_is_asked_again_by_the_same_command(photos, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(worker, "read_photo", partial(unreachable, "003.png"))
    said = answer(photos, tmp_path / "out", capsys)
    assert (
        counts(said) == (20, 20, 20, 0) and "1 without an answer (1 out of reach: the same command asks again)" in said
    )
    assert rows_in(tmp_path / "out")["003.png"]["error"] == "003.png is away."
    monkeypatch.undo()
    there, n, now, _ = counts(answer(photos, tmp_path / "out", capsys))
    assert there == n == 20 and 1 <= now <= 8
    assert rows_in(tmp_path / "out")["003.png"]["error"] is None
    assert counts(answer(photos, tmp_path / "out", capsys)) == (20, 20, 0, 20)


def unreachable(name: str, file: str, n_bytes: int) -> bytes:
    """Read a photo, unless its name is one that is away; "" is in each."""
    if file.endswith(name):
        raise OutOfReach(f"{Path(file).name} is away.")
    return read_photo(file, n_bytes)


def test_store_that_is_away_stops_the_run_early(photos, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(worker, "read_photo", partial(unreachable, ""))
    assert "one after the other, are out of reach. The same command goes on." in refused(
        photos, tmp_path / "out", part_size=1
    )
    assert len(rows_in(tmp_path / "out")) == 3 and counts(capsys.readouterr().out) == (3, 20, 3, 0)
    monkeypatch.undo()
    assert counts(answer(photos, tmp_path / "out", capsys, part_size=1))[0] == 20


# ---- gone on with


@ON_LINUX
def test_killed_or_stopped_it_goes_on_with_what_was_left(photos, tmp_path):
    env = environment(tmp_path)
    (photos / "010.png").write_bytes(poisoned("wait", (photos / "010.png").read_bytes()))
    given, written = (photos, tmp_path / "out", "--part-size", 2), tmp_path / "out" / "parts"
    for end, code in ((signal.SIGINT, 130), (signal.SIGTERM, 130), (signal.SIGKILL, -signal.SIGKILL)):
        run = start(*given, env=env, start_new_session=True)
        until(
            lambda pid=run.pid: waiting(tmp_path) and max(waiting(tmp_path)) >= pid and any(written.glob("*.parquet"))
        )
        os.killpg(run.pid, end)
        said = finished(run, code)
        if code == 130:
            assert "stopped at" in said and said.endswith("the same command goes on\n") and said.count("\n") == 1
        for path in tmp_path.glob("WAITING-*"):
            path.unlink()
    before = len(rows_in(tmp_path / "out"))
    (tmp_path / "GO").touch()
    assert counts(answered(*given, env=env)) == (20, 20, 20 - before, before) and 0 < before < 20
    assert len(rows_in(tmp_path / "out")) == 20
    assert not processes_with(tmp_path)


def test_source_that_is_listed_again_keeps_the_parts_that_stayed(photos, tmp_path, capsys):
    for i in range(20, 60):
        (photos / f"{i:03}.png").write_bytes((photos / "000.png").read_bytes())
    answer(photos, tmp_path / "out", capsys)
    (photos / "100.png").write_bytes((photos / "000.png").read_bytes())
    assert counts(answer(photos, tmp_path / "out", capsys)) == (60, 60, 0, 60), "the list of the first run"
    there, n, now, before = counts(answer(photos, tmp_path / "out", capsys, relist=True))
    assert there == n == 61 and 1 <= now <= 8 and before == 61 - now
    assert len(rows_in(tmp_path / "out")) == 61, "whoever reads the folder of parts has no photo twice"
    (photos / "100.png").unlink()
    (tmp_path / "out" / "parts" / ".a.parquet.1-2.part").touch()  # of a worker that is busy
    assert counts(answer(photos, tmp_path / "out", capsys, relist=True)) == (60, 60, 0, 60), "answered before"
    assert len(rows_in(tmp_path / "out")) == 60 and (tmp_path / "out" / "parts" / ".a.parquet.1-2.part").exists()
    (photos / "100.png").write_bytes((photos / "000.png").read_bytes())
    os.utime(photos / "100.png", (2e9, 2e9))
    answer(photos, tmp_path / "out", capsys, relist=True)
    assert len(rows_in(tmp_path / "out")) == 61
    assert merge([str(tmp_path / "out")], str(tmp_path / "all.parquet")) == 61


def test_worker_that_knows_an_older_list_reads_the_new_one(photos, tmp_path, capsys):
    answer(photos, tmp_path / "out", capsys)
    old = read_job(str(tmp_path / "out")).parts
    (photos / "100.png").write_bytes((photos / "000.png").read_bytes())
    found = open_job(str(tmp_path / "out"), str(EXPORT), read_job(str(tmp_path / "out")).options, relist=True)
    (new,) = set(found.parts) - set(old)
    assert worker.answer_part(str(tmp_path / "out"), new).photos == found.n_photos([new])
    (gone,) = set(old) - set(found.parts) or {"none"}
    assert worker.answer_part(str(tmp_path / "out"), gone) == "the source was listed again meanwhile"


def test_part_of_a_list_that_was_replaced_while_it_was_answered_is_not_written(photos, tmp_path, monkeypatch):
    job = open_job(str(tmp_path / "out"), str(EXPORT), Options(sha256(EXPORT)[:12], source=str(photos)), relist=False)
    (part,), answers = job.parts, worker._answers

    def answers_while_it_is_listed_again(*asked):
        (photos / "100.png").write_bytes((photos / "000.png").read_bytes())
        open_job(str(tmp_path / "out"), str(EXPORT), job.options, relist=True)
        return answers(*asked)

    monkeypatch.setattr(worker, "_answers", answers_while_it_is_listed_again)
    assert worker.answer_part(str(tmp_path / "out"), part) == "the source was listed again meanwhile"
    assert not job.place.names("parts") and not job.place.names("trying")


@pytest.mark.parametrize(
    "options, sentence",
    [
        ({"all_labels": True}, "was begun with {photos} --part-size 4, not {photos} --part-size 4 --all-labels"),
        ({"part_size": 5}, "was begun with {photos} --part-size 4, not {photos} --part-size 5"),
        ({"source": "another"}, "was begun with {photos} --part-size 4, not another --part-size 4"),
        ({"export": ROOT / "export.pkl"}, "holds answers of another model"),
        ({"engine": "spark"}, "--engine spark: one of dask, ray."),
        ({"part_size": 0}, "--part-size is at least 1"),
        ({"workers": 2}, "--workers and --address belong to an engine"),
        ({"engine": "dask", "workers": 2, "address": "a:1"}, "give one of them"),
        ({"column": "file"}, "--column is of a table"),
        ({"out": ""}, "--out is empty"),
        ({"shard": "0/3"}, "--shard 0/3: write I/N"),
        ({"shard": "4/3"}, "--shard 4/3"),
        ({"shard": "1"}, "--shard 1:"),
        ({"shard": "-1/3"}, "--shard -1/3"),
        ({"export": "none.pkl"}, "none.pkl cannot be read: No such file"),
    ],
    ids=lambda value: " ".join(map(str, value.values())) if isinstance(value, dict) else "",
)
def test_options_that_do_not_fit_get_one_sentence(photos, tmp_path, capsys, options, sentence):
    answer(photos, tmp_path / "out", capsys)
    wanted = {"source": photos, "export": EXPORT, "part_size": 4, **options}
    with pytest.raises(CliError) as error:
        answer_source(Wanted(**{"out": str(tmp_path / "out"), **wanted,
                                "source": str(wanted["source"]), "export": str(wanted["export"])}))  # fmt: skip
    assert sentence.format(photos=photos) in str(error.value)
    assert counts(answer(photos, tmp_path / "out", capsys)) == (20, 20, 0, 20)


def test_table_of_addresses_is_not_replaced_by_the_answers(photos, tmp_path):
    table = tmp_path / "photos.csv"
    table.write_text("file,notes\nphotos/000.png,mine\n")
    (tmp_path / "link.csv").symlink_to(table)
    for out in (table, tmp_path / "photos" / ".." / "photos.csv", tmp_path / "link.csv"):
        assert "is the table of addresses itself" in refused(table, out)
    assert table.read_text().endswith(",mine\n") and not (tmp_path / "photos.csv.parts").exists()


def test_shares_are_all_parts_each_once():
    parts = [str(i) for i in range(100)]
    assert sorted(part for i in range(1, 8) for part in share_of(parts, f"{i}/7")) == sorted(parts)
    assert share_of(parts, "") == share_of(parts, "1/1") == parts


def test_shards_beside_each_other_join(photos, tmp_path, capsys):
    for i in (1, 2, 3):
        said = answer(photos, tmp_path / f"shard-{i}.csv", capsys, shard=f"{i}/3")
        assert f"photos of shard {i}/3," in said and len(said.splitlines()) == 1
    folders = [str(tmp_path / f"shard-{i}.csv.parts") for i in (1, 2, 3)]
    assert merge(folders, str(tmp_path / "all.csv")) == 20


# ---- damage


@ON_LINUX
def test_full_disk_gets_one_sentence_and_what_was_written_is_gone_on_with(photos, tmp_path):
    import resource

    out = tmp_path / "out"
    for room in (100, 30_000):  # bytes of a file: less than each of the model's two
        limited = partial(resource.setrlimit, resource.RLIMIT_FSIZE, (room, room))
        said = answered(photos, out, "--part-size", 4, code=1, preexec_fn=limited)
        assert f"{out} cannot be written: File too large." in said and said.count("\n") == 1
    assert counts(answered(photos, out, "--part-size", 4)) == (20, 20, 20, 0)


def test_parts_that_cannot_be_written_stop_the_run(photos, tmp_path, capsys, monkeypatch):
    from classifier.bulk.places import Place

    write = Place.write

    def full(self, name, data):
        if name.startswith("parts/"):
            raise OSError(28, "No space left on device")
        write(self, name, data)

    monkeypatch.setattr(Place, "write", full)
    said = refused(photos, tmp_path / "out", part_size=1)
    assert said == "20 of 20 parts are left: No space left on device. The same command goes on."
    assert counts(capsys.readouterr().out) == (0, 20, 0, 0)
    assert not list((tmp_path / "out" / "trying").iterdir()), "nobody died of those"
    monkeypatch.undo()
    assert counts(answer(photos, tmp_path / "out", capsys, part_size=1)) == (20, 20, 20, 0)


def test_out_that_cannot_be_written_is_told_before_the_source_is_listed(tmp_path):
    (tmp_path / "file").touch()
    for out in (tmp_path / "file", tmp_path / "file" / "below"):
        assert f"{out} cannot be written: " in refused("memory://nothing", out)
    if os.geteuid():
        (tmp_path / "read-only").mkdir(mode=0o500)
        assert "cannot be written: Permission denied" in refused("memory://nothing", tmp_path / "read-only")


@pytest.mark.parametrize("name", ["job.json", "list.parquet"])
@pytest.mark.parametrize("damage", [b"", b"{", b"PAR1", b'{"model": 3}'], ids=["empty", "cut", "magic", "other"])
def test_damaged_job_gets_one_sentence(photos, tmp_path, capsys, name, damage):
    answer(photos, tmp_path / "out", capsys)
    (tmp_path / "out" / name).write_bytes(damage)
    job._read_job.cache_clear()
    assert f"{name} is damaged" in refused(photos, tmp_path / "out")
    if name == "list.parquet":
        assert counts(answer(photos, tmp_path / "out", capsys, relist=True)) == (20, 20, 0, 20)


@pytest.mark.parametrize("name", ["job.json", "list.parquet", "parts"])
def test_out_that_is_out_of_reach_is_not_said_to_be_damaged(photos, tmp_path, capsys, monkeypatch, name):
    from classifier.bulk.places import Place

    answer(photos, tmp_path / "out", capsys)

    def away(method):
        def asked(self, asked_for, *arguments):
            if asked_for == name:
                raise OSError(113, "No route to host")
            return method(self, asked_for, *arguments)

        return asked

    for method in ("read", "names"):
        monkeypatch.setattr(Place, method, away(getattr(Place, method)))
    job._read_job.cache_clear()
    below = "" if name == "parts" else f"/{name}"
    assert refused(photos, tmp_path / "out") == f"{tmp_path / 'out'}{below} cannot be read: No route to host."


def test_list_damaged_in_its_middle_is_a_problem_of_its_parts(photos, tmp_path, capsys):
    options = Options(Classifier.load(EXPORT).short_version, False, 4, str(photos))
    found = open_job(str(tmp_path / "out"), str(EXPORT), options, False)
    data = bytearray((tmp_path / "out" / "list.parquet").read_bytes())
    data[4:60] = b"\0" * 56
    (tmp_path / "out" / "list.parquet").write_bytes(data)
    job._read_job.cache_clear()
    assert isinstance(worker.answer_part(str(tmp_path / "out"), found.parts[0]), str)
    assert "of 20 photos" in answer(photos, tmp_path / "out", capsys, relist=True)


def test_export_that_is_none_begins_nothing(photos, tmp_path):
    (tmp_path / "export.pkl").write_bytes(b"no export")
    assert "export.pkl" in refused_export(photos, tmp_path / "out", tmp_path / "export.pkl")
    assert not (tmp_path / "out").exists()


def refused_export(source, out, export) -> str:
    with pytest.raises(CliError) as error:
        answer_source(Wanted(str(source), str(out), str(export)))
    return str(error.value)


def test_model_stays_with_the_job_when_the_export_is_replaced(photos, tmp_path, capsys):
    import shutil

    for name in ("export.pkl", "export.onnx"):
        shutil.copy(TRAINED / name, tmp_path / name)
    wanted = {"source": str(photos), "out": str(tmp_path / "out"), "export": str(tmp_path / "export.pkl")}
    answer_source(Wanted(**wanted, part_size=4, shard="1/2"))
    for name in ("export.pkl", "export.onnx"):
        shutil.copy(ROOT / name, tmp_path / name)
    with pytest.raises(CliError, match="holds answers of another model"):
        answer_source(Wanted(**wanted, part_size=4))
    assert {row["model"] for row in rows_in(tmp_path / "out").values()} == {Classifier.load(EXPORT).short_version}


def test_options_of_a_job_are_on_disk_in_plain_text(photos, tmp_path, capsys):
    answer(photos, tmp_path / "out", capsys)
    facts = json.loads((tmp_path / "out" / "job.json").read_text())
    assert facts["source"] == str(photos) and facts["part_size"] == 4 and facts["folder"] == os.getcwd()


def test_serving_and_the_table_of_one_machine_import_nothing_of_it():
    code = (
        "import sys, classifier.__main__, classifier.folder_table\n"
        "assert not {'pyarrow', 'fsspec', 'dask', 'ray'} & sys.modules.keys()\n"
        "import app, server\n"
        "print([name for name in sys.modules if name.startswith('classifier.bulk')])"
    )
    run = subprocess.run([sys.executable, "-W", "ignore", "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert run.stdout.strip().splitlines()[-1] == "[]", run.stdout + run.stderr
