"""training/gather/collect.py: from names of things to a folder of photos, once, and on from where it stopped."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from fastcore.script import CliError

from classifier.photo import open_photo
from classifier.photo.download import run_async
from helpers.commands import run_module
from helpers.gathering import listing, on_disk, sources
from helpers.paths import ROOT
from helpers.photos import make_photos, noisy_photo
from helpers.web import as_png
from training.data.photos import get_photos
from training.gather.__main__ import main, read_terms
from training.gather.collect import Collector, gather, round_robin
from training.gather.gathered import COLUMNS
from training.gather.search import SearchError
from training.gather.sources.candidates import Candidate


def test_list_of_addresses_becomes_folders_with_their_sources(web, tmp_path):
    rows = [("red bear", f"{web.url}/photo/{i}.jpg") for i in range(4)]
    bad = [("red bear", f"{web.url}/{path}") for path in ("page", "missing", "cut", "photo/0.jpg?again")]
    out = tmp_path / "data" / "bears"
    arguments = ("--urls", listing(tmp_path / "list.csv", rows + bad), "--out", out, "--allow-private")
    run = run_module("training.gather", *arguments)
    assert run.returncode == 0, run.stderr
    assert run.stdout.splitlines()[-1] == f"{out}: 4 photos new, 1 were there, 3 not taken; in all 4 red_bear"
    assert "1 not taken: HTTP 404" in run.stdout and "web page" in run.stdout
    assert {row["url"] for row in sources(out)} == {url for _, url in rows}
    for row in sources(out):
        assert tuple(row) == COLUMNS
        assert open_photo(out / row["file"]).size == (int(row["width"]), int(row["height"])) == (90, 60)
        assert row["sha256"].startswith(Path(row["file"]).stem) and row["file"].endswith(".png")
    assert len(get_photos(out)) == 4  # what the next stage sees: no leftovers
    asked = len(web.asked)
    again = run_module("training.gather", *arguments)
    assert "0 photos new" in again.stdout and len(get_photos(out)) == len(sources(out)) == 4
    # the one cut off is asked for again; and the copy, since nothing of it was kept
    assert {path for path, _ in web.asked[asked:]} == {"/cut", "/photo/0.jpg?again"}


def test_private_addresses_need_their_flag(web, tmp_path, capsys):
    rows = [("red", f"{web.url}/photo/1.jpg")]
    main(urls=listing(tmp_path / "list.csv", rows), out=tmp_path / "out")
    assert "1 not taken: a private address" in capsys.readouterr().out and web.asked == []


def test_killed_run_is_gone_on_with_and_nothing_is_had_twice(web, tmp_path):
    rows = [("red", f"{web.url}/photo/{i}.jpg") for i in range(60)]
    out = tmp_path / "out"
    command = [
        sys.executable,
        "-W",
        "ignore",
        "-m",
        "training.gather",
        "--allow-private",
        "--out",
        out,
        "--urls",
        listing(tmp_path / "list.csv", rows),
    ]
    real = web.RequestHandlerClass.do_photo
    web.RequestHandlerClass.do_photo = lambda handler: (time.sleep(0.2), real(handler))
    process = subprocess.Popen(list(map(str, command)), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    for _ in range(600):
        if (out / ".sources.db").exists() and len(on_disk(out)) > 5:
            break
        time.sleep(0.1)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    had = {row["url"] for row in on_disk(out)}
    assert 5 < len(had) < 60
    web.RequestHandlerClass.do_photo, web.asked[:] = real, []
    run = subprocess.run(list(map(str, command)), cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr
    assert len(get_photos(out)) == len(sources(out)) == len({row["sha256"] for row in sources(out)}) == 60
    assert not had & {f"{web.url}{path}" for path, _ in web.asked}


def test_sources_of_an_earlier_version_are_gone_on_with_and_shown_again(web, tmp_path):
    out, rows = tmp_path / "out", [("red", f"{web.url}/photo/{i}.jpg") for i in range(3)]
    main(urls=listing(tmp_path / "list.csv", rows[:2]), out=out, allow_private=True)
    for list_of in (".sources.db", ".failed.db"):
        (out / list_of).unlink()
    (out / "sources.csv").write_bytes((out / "sources.csv").read_bytes() + b'red/cut.png,red,"a \nname')
    web.asked.clear()
    main(urls=listing(tmp_path / "list.csv", rows), out=out, allow_private=True)
    assert [path for path, _ in web.asked] == ["/photo/2.jpg"]
    # several photos are downloaded at once, so they arrive in any order
    assert sorted(row["url"] for row in sources(out)) == [url for _, url in rows]


def test_sources_are_no_formulas_to_a_spreadsheet(tmp_path):
    out = tmp_path / "out"
    noisy_photo((9, 9, 200), 1).save(tmp_path / "=1+1.png")
    (tmp_path / "phone" / "blue").mkdir(parents=True)
    (tmp_path / "=1+1.png").rename(tmp_path / "phone" / "blue" / "=1+1.png")
    for _ in range(2):
        main(folder=tmp_path / "phone", out=out)
        assert [row["title"] for row in sources(out)] == ["'=1+1.png"]
        (out / ".sources.db").unlink()  # so that the second run begins with the csv


def test_a_sources_csv_of_somebody_else_is_not_written_over(tmp_path):
    (tmp_path / "phone" / "blue").mkdir(parents=True)
    noisy_photo((9, 9, 200), 1).save(tmp_path / "phone" / "blue" / "a.png")
    main(folder=tmp_path / "phone", out=tmp_path / "out")
    (tmp_path / "out" / "sources.csv").write_text("my,own,list\n")
    with pytest.raises(CliError, match="another list than expected"):
        main(folder=tmp_path / "phone", out=tmp_path / "out")
    assert (tmp_path / "out" / "sources.csv").read_text() == "my,own,list\n"


def test_searches_bring_as_many_as_wanted_of_each_label(web, tmp_path, monkeypatch):
    def search(label, term):
        start = {"grizzly bear": 0, "cub": 100, "teddy": 200}[term]
        paths = ["missing" if i % 3 == 0 else f"photo/{start + i}.jpg" for i in range(30)]
        return iter([Candidate((label,), f"{web.url}/{path}?{i}", term=term) for i, path in enumerate(paths)])

    monkeypatch.setattr("training.gather.collect.search_web", search)
    collector = Collector(tmp_path / "out", allow_private=True)
    by_label = read_terms(["teddy"], ["grizzly=grizzly bear", "grizzly=cub"])
    run_async(gather(collector, by_label, 8))
    taken = Counter((row["label"], row["term"]) for row in sources(tmp_path / "out"))
    assert taken["teddy", "teddy"] == taken["grizzly", "grizzly bear"] + taken["grizzly", "cub"] == 8
    assert min(taken["grizzly", "grizzly bear"], taken["grizzly", "cub"]) >= 2
    asked = len(web.asked)
    run_async(gather(Collector(tmp_path / "out", allow_private=True), by_label, 8))
    assert len(web.asked) == asked  # there are enough: nothing is searched or fetched


@pytest.mark.parametrize("wanted", [1, 6])
def test_a_search_whose_first_photos_are_all_good_brings_them(web, tmp_path, monkeypatch, wanted):
    monkeypatch.setattr(
        "training.gather.collect.search_web",
        lambda label, term: iter([Candidate((label,), f"{web.url}/photo/{i}.jpg", term=term) for i in range(30)]),
    )
    run_async(gather(Collector(tmp_path / "out", allow_private=True), {"okapi": ["okapi"]}, wanted))
    assert len(get_photos(tmp_path / "out")) == wanted


def test_search_that_ends_early_is_told(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("training.gather.collect.search_web", lambda label, term: iter([]))
    run_async(gather(Collector(tmp_path / "out"), {"okapi": ["okapi"]}, 5))
    assert "okapi: the search ended after 0 of 5" in capsys.readouterr().out


@pytest.mark.parametrize("n, said", [(0, "It does not answer."), (2, "It does not answer. What was gathered is kept.")])
def test_a_search_that_fails_says_that_photos_are_kept_where_there_are_some(web, tmp_path, monkeypatch, n, said):
    def search(label, term):
        yield from (Candidate((label,), f"{web.url}/photo/{i}.jpg", term=term) for i in range(n))
        while len(on_disk(tmp_path / "out")) < n:
            time.sleep(0.05)
        raise SearchError("It does not answer.")

    monkeypatch.setattr("training.gather.collect.search_web", search)
    with pytest.raises(CliError) as raised:
        main("okapi", per_label=2 * n + 1, out=tmp_path / "out", allow_private=True)
    assert str(raised.value) == said


def test_folders_of_a_phone_are_copied(tmp_path, capsys):
    phone = make_photos(tmp_path / "my phone", n=3)
    (phone / "red" / "not a photo.jpg").write_text("hello")
    main(folder=phone, out=tmp_path / "out")
    assert (
        capsys.readouterr()
        .out.splitlines()[-1]
        .endswith("9 photos new, 0 were there, 1 not taken; in all 3 blue, 3 green, 3 red")
    )
    assert len(get_photos(phone)) == 10  # the originals stay
    assert {row["title"] for row in sources(tmp_path / "out")} == {"00.png", "01.png", "02.png"}
    main(folder=phone, out=tmp_path / "out")
    assert "0 photos new, 9 were there" in capsys.readouterr().out


def test_files_that_are_not_taken_are_named_a_few_of_each_reason(tmp_path, capsys):
    phone = make_photos(tmp_path / "phone", n=1)
    for i in range(5):
        (phone / "red" / f"{i}.jpg").write_text("hello")
    (phone / "blue" / "empty.jpg").touch()
    main(source=str(phone), out=tmp_path / "out")
    lines = capsys.readouterr().out.splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("     5 not taken: This file is not a photo."))
    named = [line.strip() for line in lines[start + 1 : start + 5]]
    assert len(set(named)) == 4 and set(named[:3]) < {f"{phone / 'red' / f'{i}.jpg'}" for i in range(5)}
    assert named[3] == "and 2 more"
    assert lines[start + 5].startswith("     1 not taken: This file is empty")
    assert lines[start + 6].strip() == str(phone / "blue" / "empty.jpg") and lines[start + 7].startswith(f"{tmp_path}")
    shutil.make_archive(str(tmp_path / "photos"), "zip", phone)
    main(source=str(tmp_path / "photos.zip"), out=tmp_path / "other")
    out = capsys.readouterr().out
    assert f"         {tmp_path / 'photos.zip'}: blue/empty.jpg\n" in out and "unpacked" not in out


@pytest.mark.parametrize(
    "terms, options, says",
    [
        ([], {}, "Say what to gather"),
        (["bear"], {"per_label": 0}, "--per-label 0"),
        (["a/b"], {}, "cannot be a label"),
        ([], {"label": ["grizzly"]}, "LABEL="),
        ([], {"urls": "nowhere.csv"}, r"There is no .*nowhere\.csv"),
        ([], {"folder": "nowhere"}, "There is no .*nowhere"),
        (["bear"], {"out": ROOT / "README.md"}, "nothing can be written"),
    ],
    ids=["nothing", "none", "label", "pair", "list", "folder", "out"],
)
def test_what_cannot_be_gathered_is_one_sentence(terms, options, says):
    with pytest.raises(CliError, match=says):
        main(*terms, **options)


def test_full_disk_leaves_what_was_there(tmp_path, monkeypatch):
    collector = Collector(tmp_path / "out")
    photo = tmp_path / "photo.png"
    photo.write_bytes(as_png(noisy_photo((9, 9, 9), 1)))

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(CliError, match=r"No space left on device.*goes on"):
        run_async(collector.add(Candidate(("red",), file=photo)))
    assert on_disk(tmp_path / "out") == [] and get_photos(tmp_path / "out") == []
    assert not list((tmp_path / "out").glob("**/*.part"))


def test_terms_take_turns():
    found = [[Candidate(("a",), f"{term}{i}") for i in range(n)] for term, n in (("x", 3), ("y", 1))]
    assert [candidate.url for candidate in round_robin([iter(row) for row in found])] == ["x0", "y0", "x1", "x2"]
