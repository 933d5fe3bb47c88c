"""python -m classifier.merge: all parts in one file, none missing, none twice."""

import csv
import shutil
from pathlib import Path

import pytest

pytest.importorskip("pyarrow", reason="pip install -r classifier/bulk/requirements.txt")

import pyarrow as pa
import pyarrow.parquet as pq
from fastcore.script import CliError

from classifier.bulk.merging import merge
from classifier.bulk.places import Place
from classifier.bulk.run import Wanted, answer_source
from helpers.bulk import EXPORT, by_name, write_photos
from helpers.commands import run_module


@pytest.fixture(scope="module")
def answered(tmp_path_factory) -> Path:
    """A folder with photos and what three shards say of them. Read only."""
    folder = tmp_path_factory.mktemp("shards")
    write_photos(folder / "photos")
    (folder / "photos" / "=1+1, 'x'\r\n.png").write_bytes((folder / "photos" / "000.png").read_bytes())
    for i in (1, 2, 3):
        answer(folder, f"shard-{i}", shard=f"{i}/3")
    return folder


@pytest.fixture
def shards(answered, tmp_path) -> Path:
    """The same, to change."""
    return shutil.copytree(answered, tmp_path / "shards")


def answer(folder: Path, out: str, **options) -> None:
    wanted = {"source": str(folder / "photos"), "out": str(folder / out), "export": str(EXPORT), "part_size": 2}
    answer_source(Wanted(**{**wanted, **options}))


def merged(folder: Path, *names: str, out: str = "all.parquet") -> str:
    """Return the sentence that a merge ends with, or "" where it ends well."""
    try:
        merge([str(folder / name) for name in names], str(folder / out))
        return ""
    except CliError as error:
        assert "\n" not in str(error) and not (folder / out).exists() and not list(folder.glob(".all*"))
        return str(error)


def a_part(folder: Path) -> Path:
    return sorted((folder / "parts").iterdir())[0]


def test_shards_become_one_file_in_the_order_of_their_list(answered, tmp_path):
    folders = [answered / f"shard-{i}" for i in (3, 1, 2)]
    for name in ("all.parquet", "all.csv"):
        run = run_module("classifier.merge", *folders, "--out", tmp_path / name)
        assert (run.stdout, run.stderr) == (f"{tmp_path / name}: 21 photos\n", "")
    rows = pq.read_table(tmp_path / "all.parquet").to_pylist()
    assert len(by_name(rows)) == 21 and [row["file"] for row in rows] == sorted(row["file"] for row in rows)
    with (tmp_path / "all.csv").open(newline="", encoding="utf-8") as file:
        written = list(csv.DictReader(file))
    assert [row["file"] for row in written] == [row["file"] for row in rows]
    assert [row["label"] for row in written] == [row["label"] for row in rows]


def test_shards_share_one_folder_too(answered, tmp_path):
    folder = shutil.copytree(answered / "photos", tmp_path / "photos").parent
    for i in (1, 2, 3):
        answer(folder, "out", shard=f"{i}/3")
    assert merged(folder, "out", "out") == "", "named twice, taken once"


def test_missing_parts_are_counted(shards):
    a_part(shards / "shard-2").unlink()
    assert "1 of " in (said := merged(shards, "shard-1", "shard-2", "shard-3")) and "parts are missing, with " in said
    assert "Run the same command, or the shards that are missing, and merge again." in merged(shards, "shard-1")


def test_other_jobs_do_not_join(shards):
    answer(shards, "labels", all_labels=True)
    (shards / "photos" / "000.png").unlink()
    answer(shards, "fewer")
    for name in ("labels", "fewer"):
        assert f"{name} is another job than {shards}/shard-1" in merged(shards, "shard-1", name)


@pytest.mark.parametrize("damage", ["empty", "cut", "other photos", "a photo twice", "other columns", "no column"])
def test_damaged_part_is_named(answered, shards, damage):
    part = a_part(shards / "shard-1")
    data, table = part.read_bytes(), pq.read_table(part)
    if damage in ("empty", "cut"):
        part.write_bytes(data[: len(data) // 2 if damage == "cut" else 0])
    elif damage == "other photos":
        shutil.copy(sorted(part.parent.iterdir())[1], part)
    elif damage == "a photo twice":
        pq.write_table(pa.concat_tables([table, table.slice(0, 1)]), part)
    else:
        pq.write_table(table.drop_columns(["label" if damage == "other columns" else "file"]), part)
    said = merged(shards, "shard-1", "shard-2", "shard-3")
    assert str(part) in said and "remove it and run" in said
    part.unlink()
    answer(shards, "shard-1", shard="1/3", source=str(answered / "photos"))
    assert merged(shards, "shard-1", "shard-2", "shard-3") == ""


def test_part_out_of_reach_is_not_said_to_be_damaged(shards, monkeypatch):
    read = Place.read

    def away(self, name):
        if name.startswith("parts/"):
            raise OSError(113, "No route to host")
        return read(self, name)

    monkeypatch.setattr(Place, "read", away)
    said = merged(shards, "shard-1", "shard-2", "shard-3")
    assert said.startswith(f"{shards}/shard-") and said.endswith(".parquet cannot be read: No route to host.")


def test_list_damaged_in_its_middle_is_named(shards):
    damaged = shards / "shard-1" / "list.parquet"
    data = bytearray(damaged.read_bytes())
    data[4:60] = b"\0" * 56
    damaged.write_bytes(data)
    said = merged(shards, "shard-1", "shard-2", "shard-3")
    assert said.startswith(f"{damaged} is damaged (") and said.endswith("run the same command with --relist.")


@pytest.mark.parametrize(
    "folders, out, sentence",
    [
        ((), "all.csv", "Name the folder of parts"),
        (("none",), "all.csv", "none holds no job"),
        (("photos",), "all.csv", "photos holds no job"),
        (("shard-1",), "all.txt", "a file that ends in .parquet or .csv"),
        (("shard-1", "shard-2", "shard-3"), "no/all.csv", "cannot be written: No such file or directory"),
    ],
    ids=["nothing", "no folder", "other folder", "other file", "no room"],
)
def test_mistakes_get_one_sentence(answered, folders, out, sentence):
    run = run_module("classifier.merge", *[answered / name for name in folders], "--out", answered / out)
    assert run.returncode == 1 and sentence in run.stderr and len(run.stderr.splitlines()) == 1, run.stderr
