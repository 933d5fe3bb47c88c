"""python -m classifier on an object store: a stand-in for S3 on this machine holds photos and answers."""

import pytest

pytest.importorskip("pyarrow", reason="pip install -r classifier/bulk/requirements.txt")
pytest.importorskip("s3fs", reason="pip install s3fs")
pytest.importorskip("moto.server", reason="pip install moto[s3] flask flask-cors")

import io

import pyarrow.parquet as pq
from fastcore.script import CliError

from classifier.bulk import job, listing, places, reading
from classifier.bulk.merging import merge
from classifier.bulk.run import Wanted, answer_source
from helpers.bulk import EXPORT, by_name, counts, write_photos

KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}
QUICK = {"AWS_MAX_ATTEMPTS": "1", "AWS_EC2_METADATA_DISABLED": "true"}


@pytest.fixture(scope="module")
def server():
    """The address of a store."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    yield "http://{}:{}".format(*server.get_host_and_port())
    server.stop()


@pytest.fixture
def store(server, tmp_path, monkeypatch):
    """A file system of a bucket `photos` with twenty photos, and of one `answers` without anything."""
    for name, value in {**KEYS, **QUICK, "AWS_ENDPOINT_URL": server}.items():
        monkeypatch.setenv(name, value)
    forget()
    files, _ = places.file_system("s3://photos")
    for bucket in ("photos", "answers"):
        if files.exists(bucket):
            files.rm(bucket, recursive=True)
        files.mkdir(bucket)
    files.put([*map(str, write_photos(tmp_path / "photos").iterdir())], "photos/in/")
    files.pipe(
        {"photos/in/.hidden.png": b"no", "photos/in/notes.txt": b"no photo", "photos/in/broken.jpg": b"no photo"}
    )
    yield files
    forget()


def forget() -> None:
    """Make this process open stores and jobs anew: the environment decides which."""
    import s3fs

    places._opened.cache_clear()
    s3fs.S3FileSystem.clear_instance_cache()
    job._read_job.cache_clear()


def answer(capsys, source="s3://photos/in", out="s3://answers/a", **options) -> str:
    answer_source(Wanted(source, out, str(EXPORT), **{"part_size": 4, **options}))
    return capsys.readouterr().out


def rows(files, out="answers/a") -> dict[str, dict]:
    """Return the rows of all parts."""
    files.invalidate_cache()
    parts = files.ls(f"{out}/parts", detail=False)
    return by_name([row for part in parts for row in pq.read_table(io.BytesIO(files.cat_file(part))).to_pylist()])


def test_photos_and_answers_in_a_store_are_gone_on_with(store, capsys):
    assert counts(answer(capsys, shard="1/2"))[1] < 21
    before = len(rows(store))
    assert counts(answer(capsys)) == (21, 21, 21 - before, before)
    found = rows(store)
    assert len(found) == 21 and found["broken.jpg"]["error"].startswith("This file is not a photo.")
    assert found["000.png"]["file"] == "s3://photos/in/000.png" and len(found["000.png"]["sha256"]) == 64
    assert found["000.png"]["modified"] == store.info("photos/in/000.png")["ETag"].strip('"')
    assert merge(["s3://answers/a"], "s3://answers/all.parquet") == 21
    assert pq.read_table(io.BytesIO(store.cat_file("answers/all.parquet"))).num_rows == 21
    assert not store.exists("answers/a/trying") or not store.ls("answers/a/trying")


def test_file_in_a_store_is_written_once_all_parts_are_there(store, capsys, tmp_path):
    said = answer(capsys, out="s3://answers/b.csv")
    assert said.splitlines()[1] == "s3://answers/b.csv: 21 photos; s3://answers/b.csv.parts is not needed any more"
    assert store.cat_file("answers/b.csv").count(b"\r\n") == 22
    assert counts(answer(capsys, out=str(tmp_path / "here")))[0] == 21


def test_replaced_photo_is_answered_again_and_the_other_parts_stay(store, capsys):
    answer(capsys)
    old = rows(store)["005.png"]
    store.pipe_file("photos/in/005.png", store.cat_file("photos/in/004.png"))
    assert counts(answer(capsys)) == (21, 21, 0, 21), "the list of the first run"
    there, n, now, before = counts(answer(capsys, relist=True))
    assert there == n == 21 and 1 <= now <= 8 and before == 21 - now
    assert len(rows(store)) == 21
    assert merge(["s3://answers/a"], "s3://answers/all.parquet") == 21
    new = by_name(pq.read_table(io.BytesIO(store.cat_file("answers/all.parquet"))).to_pylist())
    assert new["005.png"]["sha256"] == new["004.png"]["sha256"] != old["sha256"]


def test_photo_that_goes_after_it_was_listed_is_a_row(store, capsys, monkeypatch):
    listed = listing.list_source

    def list_and_lose(*given):
        found = listed(*given)
        store.rm_file("photos/in/003.png")
        return found

    monkeypatch.setattr(job, "list_source", list_and_lose)
    assert ", 2 without an answer (1 out of reach: the same command asks again)," in answer(capsys)
    assert rows(store)["003.png"]["error"] == "There is no file s3://photos/in/003.png."


def test_huge_object_is_refused_without_being_read(store, capsys, monkeypatch, tmp_path):
    monkeypatch.setattr(reading, "MAX_PHOTO_BYTES", 20_000)
    store.pipe_file("photos/in/huge.jpg", b"0" * 30_000)
    read = []
    monkeypatch.setattr(type(store), "cat_file", lambda self, path, **_: read.append(path) or b"")
    for n_bytes in (30_000, -1):
        with pytest.raises(reading.PhotoError, match="This file has 0 MB, more than"):
            reading.read_photo("s3://photos/in/huge.jpg", n_bytes)
    assert not read


def test_table_in_a_store_names_objects(store, capsys):
    store.pipe_file("photos/list.csv", b"url\ns3://photos/in/000.png\nin/001.png\ns3://photos/in/none.png\n")
    assert ", 1 without an answer," in answer(capsys, source="s3://photos/list.csv")
    found = rows(store)
    assert set(found) == {"000.png", "001.png", "none.png"} and found["001.png"]["label"]


@pytest.mark.parametrize(
    "changed, sentence",
    [
        ({"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None}, "cannot be listed: Unable to locate credentials."),
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, "cannot be listed: Could not connect to the endpoint URL"),
    ],
    ids=["no credentials", "no server"],
)
def test_store_that_cannot_be_asked_gets_one_sentence(store, changed, sentence, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    for name, value in changed.items():
        monkeypatch.setenv(name, value) if value else monkeypatch.delenv(name)
    forget()
    for source, out, expected in (
        ("s3://photos/in", str(tmp_path / "out"), f"s3://photos/in {sentence}"),
        (str(tmp_path / "photos"), "s3://answers/c", "s3://answers/c cannot be written"),
    ):
        with pytest.raises(CliError) as error:
            answer_source(Wanted(source, out, str(EXPORT)))
        assert str(error.value).startswith(expected) and "\n" not in str(error.value)


def test_photo_that_may_not_be_read_is_asked_again_by_the_next_run(store, capsys, monkeypatch):
    class Denying:
        def cat_file(self, path):
            raise PermissionError("Access Denied")

    def file_system(address):
        return (Denying(), address) if address.endswith("/001.png") else places.file_system(address)

    monkeypatch.setattr(reading, "file_system", file_system)
    assert ", 2 without an answer (1 out of reach: the same command asks again)" in answer(capsys)
    assert rows(store)["001.png"]["error"] == "s3://photos/in/001.png could not be read: Access Denied."
    monkeypatch.setattr(reading, "file_system", places.file_system)
    assert ", 0 without an answer," in answer(capsys) and rows(store)["001.png"]["label"]


def test_each_photo_costs_one_request(store, capsys, caplog):
    caplog.set_level("INFO", logger="werkzeug")
    answer(capsys, out="memory://one-request")
    assert sum("/photos/in/000.png" in record.getMessage() for record in caplog.records) == 1
