"""classifier/bulk/worker.py, careful.py and run.py: each photo gets its row, and a run that stopped is gone on with."""

import csv
import os
import signal
import subprocess
import sys
import threading
from functools import partial
from pathlib import Path

import pytest
from fastcore.script import CliError

from classifier.bulk import careful, worker
from classifier.bulk.job import Options, open_job, read_job
from classifier.bulk.merging import merge
from classifier.bulk.reading import OutOfReach, read_photo
from classifier.bulk.run import Wanted, answer_source, share_of
from classifier.bulk.threads import in_threads
from classifier.files import sha256
from helpers.bulk import (
    EXPORT,
    ON_LINUX,
    answer,
    answered,
    by_name,
    counts,
    finished,
    refused,
    rows_in,
    start,
    write_photos,
)
from helpers.paths import ROOT
from helpers.poison import IMPATIENCE, environment, poisoned, processes_with, until, waiting


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
    env = environment(tmp_path, IMPATIENCE)
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
        ({"source": "another"}, f"was begun with {{photos}} --part-size 4, not {Path.cwd()}/another --part-size 4"),
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


def test_serving_and_the_table_of_one_machine_import_nothing_of_it():
    code = (
        "import sys, classifier.__main__, classifier.folder_table\n"
        "assert not {'pyarrow', 'fsspec', 'dask', 'ray'} & sys.modules.keys()\n"
        "import app, server\n"
        "print([name for name in sys.modules if name.startswith('classifier.bulk')])"
    )
    run = subprocess.run([sys.executable, "-W", "ignore", "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert run.stdout.strip().splitlines()[-1] == "[]", run.stdout + run.stderr
