"""training/append_log.py: lists that a kill, a full disk, a damaged file or another process does no harm to."""

import csv
import os
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from fastcore.script import CliError

from helpers.paths import ROOT
from training.append_log import AppendLog
from training.csv_rows import read_csv_rows, write_csv

COLUMNS = ("url", "title")
NAMES = [
    'a "bear",  two spaces',
    "two\nlines",
    "a\rb",
    os.fsdecode(b"no utf-8 \xff"),
    "half \ud83d",
    "ü",
    "\0",
    "",
    "x" * 200_000,
]


def rows(*urls: str) -> list[dict]:
    return [{"url": url, "title": "t"} for url in urls]


def test_what_is_added_is_there_as_it_was(tmp_path):
    store = AppendLog(tmp_path / "list.db", COLUMNS)
    store.add({"url": "http://x/", "title": name} for name in NAMES)
    found, n = AppendLog(tmp_path / "list.db", COLUMNS).rows()
    assert [row["title"].replace("half ?", "half \ud83d") for row in found] == NAMES and n == len(NAMES)
    assert store.rows(after=n - 1) == (found[-1:], n) and store.rows(after=n) == ([], n)


def test_all_rows_are_added_or_none(tmp_path):
    store = AppendLog(tmp_path / "list.db", COLUMNS)
    with pytest.raises(ZeroDivisionError):
        store.add(row if row["url"] else 1 / 0 for row in rows("a", "b", ""))
    assert store.rows() == ([], 0)


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"\0" * 100 + data[100:],
        lambda data: data[:5000],
        lambda data: data[:50],
        lambda data: data[:4096] + b"\xff" * (len(data) - 4096),
        lambda data: b"url,title\na,b\n",
    ],
    ids=["zeroed header", "truncated", "hardly begun", "overwritten", "a csv"],
)
def test_a_damaged_file_is_one_sentence_and_stays_as_it_is(tmp_path, damage):
    path = tmp_path / "list.db"
    AppendLog(path, COLUMNS).add(rows(*map(str, range(500))))
    path.write_bytes(damage(path.read_bytes()))
    was = path.read_bytes()
    for use in (
        lambda: AppendLog(path, COLUMNS).rows(),
        lambda: AppendLog(path, COLUMNS).add(rows(*map(str, range(500)))),
    ):
        with pytest.raises(CliError, match=r"list.db is damaged|is another list than expected"):
            use()
    assert path.read_bytes() == was


@pytest.mark.parametrize("more", [b"2,verify,move,b/0.j", b"\0" * 8192, b"\xff" * 100_000], ids=len)
def test_what_is_appended_to_a_file_does_no_harm(tmp_path, more):
    path = tmp_path / "list.db"
    AppendLog(path, COLUMNS).add(rows("a"))
    with path.open("ab") as file:
        file.write(more)
    AppendLog(path, COLUMNS).add(rows("b"))
    assert [row["url"] for row in AppendLog(path, COLUMNS).rows()[0]] == ["a", "b"]


@pytest.mark.parametrize(
    "made",
    [
        "CREATE TABLE mine (x)",
        "CREATE TABLE rows (id INTEGER PRIMARY KEY, url TEXT)",
        "CREATE VIEW rows AS SELECT 1 AS id, 2 AS url, 3 AS title",
        "CREATE TABLE rows (id INTEGER PRIMARY KEY, url TEXT, title TEXT);"
        "CREATE TRIGGER t AFTER INSERT ON rows BEGIN DELETE FROM rows; END",
    ],
    ids=["another table", "fewer columns", "a view", "a trigger"],
)
def test_a_database_of_somebody_else_is_refused(tmp_path, made):
    file = sqlite3.connect(tmp_path / "list.db")
    file.executescript(made)
    file.close()
    was = (tmp_path / "list.db").read_bytes()
    with pytest.raises(CliError, match="another list than expected"):
        AppendLog(tmp_path / "list.db", COLUMNS)
    assert (tmp_path / "list.db").read_bytes() == was


@pytest.mark.skipif(not hasattr(os, "seteuid"), reason="folders have no owner here")
def test_a_folder_that_takes_nothing_is_read_and_named():
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "list.db"
        AppendLog(path, COLUMNS).add(rows("a"))
        path.chmod(0o444)
        Path(folder).chmod(0o555)
        root = os.geteuid() == 0
        try:
            if root:
                os.seteuid(65534)  # root may write everywhere
            assert AppendLog(path, COLUMNS).rows()[1] == 1
            with pytest.raises(CliError, match="Nothing can be written in"):
                AppendLog(path, COLUMNS).add(rows("b"))
        finally:
            if root:
                os.seteuid(0)
            Path(folder).chmod(0o755)


def test_two_processes_at_once_lose_nothing(tmp_path):
    code = (
        "import sys; from pathlib import Path; from training.append_log import AppendLog\n"
        "for i in range(50):\n"
        "    AppendLog(Path(sys.argv[1]), ('url', 'title')).add([{'url': str(i), 'title': 't'}] * 2)"
    )
    processes = [
        subprocess.Popen([sys.executable, "-W", "ignore", "-c", code, tmp_path / "list.db"], cwd=ROOT) for _ in range(3)
    ]
    assert [process.wait(120) for process in processes] == [0, 0, 0]
    assert AppendLog(tmp_path / "list.db", COLUMNS).rows()[1] == 300


def test_another_process_that_does_not_let_go_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr("training.append_log.LOCK_TIMEOUT", 0.1)
    store = AppendLog(tmp_path / "list.db", COLUMNS)
    other = sqlite3.connect(tmp_path / "list.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(CliError, match="Another process"):
        store.add(rows("a"))
    other.close()
    store.add(rows("a"))


def test_an_old_list_is_taken_over_once(tmp_path):
    asked = []

    def old():
        asked.append(1)
        return rows("a", "b")

    for _ in range(2):
        assert AppendLog(tmp_path / "list.db", COLUMNS, old).rows()[1] == 2
    assert asked == [1]


def test_an_old_list_that_cannot_be_read_leaves_no_empty_one(tmp_path):
    (tmp_path / "list.csv").write_text("my,own,list\n1,2,3\n")
    for _ in range(2):
        with pytest.raises(CliError, match=r"list.csv is another list than expected"):
            AppendLog(tmp_path / "list.db", COLUMNS, lambda: read_csv_rows(tmp_path / "list.csv", COLUMNS))
    assert (tmp_path / "list.csv").read_text() == "my,own,list\n1,2,3\n"


@pytest.mark.parametrize(
    "text, urls",
    [
        (b"", []),
        (b"url,ti", []),
        (b"url,title\n", []),
        (b"url,title\na,b", []),
        (b"url,title\na,b\nc", ["a"]),
        (b'url,title\n"a\n\nb",t\nc,t\n', ["a\n\nb", "c"]),
        (b'url,title\na,"cut\nb,t\nc,t\n', ["b", "c"]),
        (b'url,title\na,"cut\nb,"quoted"\nc,t\n', ["b", "c"]),
        (b"url,title\r\na,t\r\n", ["a"]),
        (b"\xef\xbb\xbfurl,title\na,t\n", ["a"]),
        (b"url,title\na\rb,t\n", ["a\rb"]),
        (b"url,title\na,t\n" + b"\0" * 100 + b"\nb,t\n", ["a", "b"]),
        (b"url,title\na,b,c\n\nd,t\n", ["d"]),
        (b"url,title\n\xff,t\n", [os.fsdecode(b"\xff")]),
    ],
    ids=range(14),
)
def test_old_lists_are_read_as_far_as_they_are_whole(tmp_path, text, urls):
    (tmp_path / "list.csv").write_bytes(text)
    assert [row["url"] for row in read_csv_rows(tmp_path / "list.csv", COLUMNS)] == urls


def test_a_csv_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "list.csv"
    write_csv(path, COLUMNS, rows("=1+1", "two\nlines"))
    with path.open(newline="") as file:
        assert [row["url"] for row in csv.DictReader(file)] == ["'=1+1", "two\nlines"]
    was = path.read_bytes()
    with pytest.raises(KeyError):
        write_csv(path, COLUMNS, [{"url": "a"}])
    monkeypatch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(CliError, match="Nothing can be written in"):
        write_csv(path, COLUMNS, rows("b"))
    assert path.read_bytes() == was and list(tmp_path.iterdir()) == [path]
