"""training/gather/collect.py: from names of things to a folder of photos, once, and on from where it stopped."""

import csv
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

from classifier import Prediction
from classifier.photo import open_photo
from classifier.photo.download import run_async
from helpers.cleaners import names
from helpers.commands import run_module
from helpers.feedback import feedback
from helpers.paths import ROOT
from helpers.photos import make_photos, noisy_photo
from helpers.web import as_png, served
from server.feedback.store import Feedback
from training.append_log import AppendLog
from training.data.labels import ListedPhoto, read_labels, write_labels
from training.data.photos import get_photos, inbox_photos
from training.feedback import Suggestions, pending_suggestions, suggested_labels
from training.gather.__main__ import main, read_terms
from training.gather.collect import Collector, gather, round_robin
from training.gather.gathered import COLUMNS
from training.gather.sources.candidates import Candidate
from training.journal.moves import Journal


@pytest.fixture
def web():
    """A server whose every /photo/N is another photo."""
    with served() as server:

        def do_photo(handler):
            seed = int(handler.path.rstrip("/").split("/")[-1].split(".")[0])
            handler.reply(200, as_png(noisy_photo((200, 40, 40), seed, (90, 60))))

        server.RequestHandlerClass.do_photo = do_photo
        yield server


def listing(path: Path, rows) -> Path:
    path.write_text("label,url\n" + "".join(f"{label},{url}\n" for label, url in rows))
    return path


def sources(out: Path) -> list[dict]:
    return list(csv.DictReader((out / "sources.csv").open(newline="", encoding="utf-8")))


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


def on_disk(out: Path) -> list[dict]:
    """Return what is known of the photos while a run goes on."""
    return AppendLog(out / ".sources.db", COLUMNS).rows()[0]


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


def test_feedback_becomes_suggestions_which_no_stage_takes_for_photos(tmp_path, photos, capsys):
    before = names(photos)
    said = feedback(tmp_path / "said", (1, "blue"), (2, "red"), (3, None), (4, "green"), (4, "blue"))
    main(out=str(photos), feedback=str(said))
    line = (
        f"{photos}: suggestions: 2 new, 0 were there; 1 said to be right, 1 said to be none of the labels "
        "(1 new in _inbox), 1 overruled by a later word on the same photo. "
        f"`python -m training.clean export.pkl {photos}` leads with suggestions."
    )
    assert capsys.readouterr().out.strip() == line
    assert names(photos) == before, "nothing that is trained on or verified has changed"
    assert sorted(suggestion.parent.name for suggestion in pending_suggestions(photos)) == ["blue", "blue"]
    assert set(pending_suggestions(photos).values()) == {"suggested by a user; the app said red (60%)"}
    main(out=str(photos), feedback=str(said))
    assert f"{photos}: suggestions: 0 new, 2 were there" in capsys.readouterr().out


@pytest.mark.parametrize("label", ["../../out", "/etc", ".suggested", "a/b", "x" * 300, "", "con|aux", "nul\0"])
def test_a_correction_that_can_be_no_folder_is_counted_and_leads_nowhere(tmp_path, photos, label):
    suggestions = Suggestions(photos)
    suggestions.add_all(feedback(tmp_path / "said", (1, label)))
    assert suggestions.counts["unusable"] == 1 and not pending_suggestions(photos)
    assert sorted(os.listdir(tmp_path)) == ["photos", "said"]


def test_markup_and_spaces_are_a_label_like_any_other(tmp_path, photos):
    (photos / "polar bear").mkdir()
    suggestions = Suggestions(photos)
    suggestions.add_all(feedback(tmp_path / "said", (1, "polar bear"), (2, "sun bear"), (3, "50% & more")))
    assert {file.parent.name for file in pending_suggestions(photos)} == {"polar bear", "sun_bear", "50%_&_more"}


def test_corrections_of_several_labels_are_suggestions_with_all_of_them(tmp_path, photos):
    write_labels(photos, {file: ListedPhoto((file.parent.name,)) for file in get_photos(photos)})
    said = [
        (1, "hat|blue"),
        (2, ""),
        (3, "a+b|c|c"),
        (4, "x/y|hat"),
        (5, "hat|"),
        (6, None),
        (7, "blue"),
        (7, "sun bear"),
    ]
    suggestions = Suggestions(photos)
    suggestions.add_all(feedback(tmp_path / "said", *said))
    assert suggestions.counts["new"] == 5 and suggestions.counts["unusable"] == 2 and suggestions.counts["none"] == 0
    found = suggested_labels(photos)
    assert sorted(found.values()) == [(), (), ("a+b", "c"), ("blue", "hat"), ("sun_bear",)]  # none is one too
    assert {file.parent for file in found} == {photos / ".suggested" / "photos"}
    assert list(found) == list(pending_suggestions(photos)) and len(get_photos(photos)) == 30
    again = Suggestions(photos)
    again.add_all(feedback(tmp_path / "later", (2, "hat")))
    assert again.counts["new"] == 1
    assert sorted(suggested_labels(photos).values()) == [(), ("a+b", "c"), ("blue", "hat"), ("hat",), ("sun_bear",)]


def test_records_that_make_no_sense_are_counted(tmp_path, photos):
    said = feedback(tmp_path / "said", (1, "blue"), (2, "blue"))
    first, second = sorted(said.glob("*/*.jpg"))
    first.write_bytes(first.read_bytes()[:-9] + b"tampered!")
    second.unlink()
    for name, text in (("a", "no json"), ("b", "[]"), ("c", '{"photo": "../../x"}'), ("d", "{" * 9)):
        (first.parent / f"{name}.json").write_text(text)
    suggestions = Suggestions(photos)
    suggestions.add_all(said)
    assert suggestions.counts["unreadable"] == 4 and suggestions.counts["unusable"] == 2
    assert not pending_suggestions(photos)


def test_what_the_app_kept_is_what_is_gathered(tmp_path, photos):
    kept = Feedback(tmp_path / "said", ["blue", "red"], "d51c0901e26d")
    kept.add(noisy_photo((40, 60, 200), 1), Prediction("red", {"red": 0.7, "blue": 0.3}, None, None), "blue")
    suggestions = Suggestions(photos)
    suggestions.add_all(tmp_path / "said")
    assert suggestions.counts == Counter(new=1, unreadable=0, disputed=0)


def test_feedback_on_the_hub_is_fetched(tmp_path, photos, monkeypatch, capsys):
    asked = []
    said = feedback(tmp_path / "said", (1, "blue"))
    monkeypatch.setattr(
        "huggingface_hub.snapshot_download", lambda *args, **options: asked.append((args, options)) or str(said)
    )
    main(out=str(photos), feedback="hf://datasets/me/said")
    assert asked == [(("me/said",), {"repo_type": "dataset", "allow_patterns": None})]
    assert "suggestions: 1 new" in capsys.readouterr().out


@pytest.mark.parametrize("where", ["nowhere", "hf://datasets/"])
def test_feedback_that_is_not_there_is_one_sentence(where, photos):
    with pytest.raises(CliError, match=r"There is no folder|cannot be had from the Hub"):
        main(out=str(photos), feedback=where)


def several(folder: Path, rows: list[tuple[int, str]]) -> Path:
    """Write photos by their seeds, and a table of their labels, with "; " between several."""
    folder.mkdir(exist_ok=True)
    for seed, _ in rows:
        noisy_photo((9, 9, 200), seed, (40, 30)).save(folder / f"{seed}.png")
    text = "".join(f"{seed}.png,{labels}\n" for seed, labels in rows)
    (folder / "tags.csv").write_text(f"file,labels\n{text}")
    return folder / "tags.csv"


def labels_of(out: Path) -> dict[int, str]:
    """Return the labels of each photo in a labels.csv by its seed."""
    titles = {row["file"]: int(row["title"].split(".")[0]) for row in sources(out)}
    labels = read_labels(out)
    return {titles[file.relative_to(out).as_posix()]: labels.text(file) for file in labels.listed}


def test_labels_of_later_sightings_are_united_and_rows_of_labels_csv_stay(tmp_path, capsys):
    out = tmp_path / "out"
    main(source=several(tmp_path / "a", [(1, "cat;dog"), (2, "cat"), (3, "")]), label_delim=";", out=out)
    assert labels_of(out) == {1: "cat|dog", 2: "cat", 3: ""}
    edited = {file: ListedPhoto(("owl",)) if row.labels == ("cat",) else row for file, row in listed(out).items()}
    write_labels(out, edited)
    capsys.readouterr()
    main(source=several(tmp_path / "b", [(2, "cat;emu"), (1, "dog"), (4, "emu")]), label_delim=";", out=out)
    assert labels_of(out) == {1: "cat|dog", 2: "owl", 3: "", 4: "emu"}
    assert Counter(row["label"] for row in sources(out)) == Counter(["cat|dog", "cat", "", "cat|emu", "emu"])
    said = capsys.readouterr().out.splitlines()
    counts = "1 photos new, 2 were there, 0 not taken; in all 1 cat, 1 dog, 1 emu, 1 owl; 1 with several, 1 with none"
    assert said[-1].endswith(counts)
    assert said[-2].startswith("labels.csv stays as it is, and lacks labels that were found now: photos/")
    assert said[-2].endswith(".png (cat|emu). Add those that are right; sources.csv has all of them.")


def test_photos_of_one_run_unite_their_labels(tmp_path):
    out, table = tmp_path / "out", several(tmp_path / "a", [(1, "cat"), (2, "dog"), (3, "owl;cat")])
    (tmp_path / "a" / "2.png").write_bytes((tmp_path / "a" / "1.png").read_bytes())
    main(source=table, label_delim=";", out=out)
    assert sorted(row.labels for row in listed(out).values()) == [("cat", "dog"), ("cat", "owl")]
    assert len(get_photos(out)) == 2


def listed(out: Path) -> dict[Path, ListedPhoto]:
    return read_labels(out).listed


def test_a_photo_that_was_moved_away_keeps_its_row_and_is_not_gathered_again(tmp_path):
    out, table = tmp_path / "out", several(tmp_path / "a", [(1, "cat;dog"), (2, "cat"), (3, "dog")])
    main(source=table, label_delim=";", out=out)
    before = listed(out)
    Journal(out).reject("verify", [(min(before), "")])
    main(source=table, label_delim=";", out=out)
    assert listed(out) == before and len(get_photos(out)) == 2


def test_killed_run_has_its_labels_from_the_next_one(tmp_path):
    out, table = tmp_path / "out", several(tmp_path / "a", [(i, "cat;dog" if i % 2 else "") for i in range(40)])
    code = (
        "import os; from training.gather import gathered; from training.gather.__main__ import main\n"
        "add, n = gathered.Gathered.add, []\n"
        "gathered.Gathered.add = lambda *args: n.append(1) or (os._exit(9) if len(n) > 20 else add(*args))\n"
        f"main(source={str(table)!r}, label_delim=';', out={str(out)!r})"
    )
    run = subprocess.run([sys.executable, "-W", "ignore", "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 9, run.stderr
    assert len(list((out / "photos").iterdir())) == len(on_disk(out)) == 20 and listed(out) == {}
    noisy_photo((1, 1, 1), 1).save(tmp_path / "one.png")
    (tmp_path / "b" / "owl").mkdir(parents=True)
    (tmp_path / "one.png").rename(tmp_path / "b" / "owl" / "41.png")
    main(source=tmp_path / "b", out=out)  # any next run writes what that one could not
    assert Counter(row.labels for row in listed(out).values()).total() == 21
    main(source=table, label_delim=";", out=out)
    assert Counter(row.labels for row in listed(out).values()) == {("cat", "dog"): 20, (): 20, ("owl",): 1}


def test_a_full_disk_loses_no_labels(tmp_path, monkeypatch):
    out, table = tmp_path / "out", several(tmp_path / "a", [(1, "cat;dog"), (2, "cat"), (3, "")])

    def full(*_):
        raise CliError("Nothing can be written")

    with monkeypatch.context() as patched:
        patched.setattr("training.gather.gathered.write_csv", full)
        with pytest.raises(CliError, match="Nothing can be written"):
            main(source=table, label_delim=";", out=out)
    main(source=table, label_delim=";", out=out)
    assert labels_of(out) == {1: "cat|dog", 2: "cat", 3: ""}


def test_searches_go_into_a_data_set_of_several_labels(web, tmp_path, monkeypatch):
    def search(label, term):
        return iter([Candidate((label,), f"{web.url}/photo/{i}.jpg", term=term, title=f"{i}") for i in range(30)])

    monkeypatch.setattr("training.gather.collect.search_web", search)
    out = tmp_path / "out"
    main("cat", "dog", out=out, per_label=4, labels_per_photo="several", allow_private=True)
    before = {**{i: "cat|dog" for i in range(4)}, **{i: "dog" for i in range(4, 8)}}
    assert labels_of(out) == before
    main("owl", out=out, per_label=5, allow_private=True)
    assert labels_of(out) == {**before, **{i: "owl" for i in range(8, 13)}}


def unlabelled(tmp_path, n: int = 5) -> Path:
    """Write photos as a phone has them: in a folder that says nothing of what they show."""
    (tmp_path / "phone").mkdir()
    for i in range(n):
        noisy_photo((90, 120, 30), 50 + i).save(tmp_path / "phone" / f"IMG_{i}.png")
    return tmp_path / "phone"


def test_photos_without_a_label_go_to_the_inbox_once(tmp_path, photos, capsys):
    source, before = unlabelled(tmp_path), names(photos)
    (source / "known.png").write_bytes((photos / "red" / "00.png").read_bytes())
    for _ in range(2):
        main(source=str(source), out=str(photos), unlabelled=True)
    said = capsys.readouterr().out
    assert "6 photos without a label" in said and f"{photos}: 6 photos new, 0 were there" in said
    assert f"{photos}: 0 photos new, 6 were there, 0 not taken; in all 6 without a label, in _inbox" in said
    assert len(inbox_photos(photos)) == 6 and names(photos) == before


def test_what_has_a_label_is_not_gathered_again_without_one(tmp_path, capsys):
    source, out = make_photos(tmp_path / "source", n=2), tmp_path / "out"
    main(source=str(source), out=str(out))
    main(source=str(source), out=str(out), unlabelled=True)
    assert "0 photos new, 6 were there" in capsys.readouterr().out and inbox_photos(out) == []
    assert len(get_photos(out)) == 6


def test_an_archive_and_a_table_may_be_gathered_without_their_labels(tmp_path):
    source = make_photos(tmp_path / "source", n=2)
    archive = shutil.make_archive(str(tmp_path / "photos"), "zip", source)
    table = tmp_path / "list.csv"
    table.write_text("file,label\nsource/red/00.png,red\nsource/blue/00.png,blue\n")
    main(source=archive, out=str(tmp_path / "a"), unlabelled=True)
    main(source=str(table), out=str(tmp_path / "b"), unlabelled=True)
    assert len(inbox_photos(tmp_path / "a")) == 6 and len(inbox_photos(tmp_path / "b")) == 2


def test_an_inbox_of_several_labels_has_no_rows_and_does_not_stand_in_the_way(tmp_path, capsys):
    main(source=str(unlabelled(tmp_path)), out=str(tmp_path / "new"), unlabelled=True)
    table = tmp_path / "tags.csv"
    noisy_photo((9, 9, 9), 1).save(tmp_path / "1.png")
    noisy_photo((9, 200, 9), 2).save(tmp_path / "2.png")
    table.write_text("file,tags\n1.png,dress\n1.png,hat\n2.png,\n")
    main(source=str(table), out=str(tmp_path / "new"), label_column="tags", labels_per_photo="several")
    listed = read_labels(tmp_path / "new").listed
    assert sorted(row.labels for row in listed.values()) == [(), ("dress", "hat")]
    assert len(inbox_photos(tmp_path / "new")) == 5


def test_a_search_is_never_without_a_label(tmp_path):
    with pytest.raises(CliError, match="--unlabelled takes a --source"):
        main("bears", out=str(tmp_path), unlabelled=True)


def test_what_is_none_of_the_labels_waits_in_the_inbox_and_once_decided_stays_away(tmp_path, photos):
    said = feedback(tmp_path / "said", (3, None), (4, None))
    suggestions = Suggestions(photos)
    suggestions.add_all(said)
    assert suggestions.summary().endswith("2 said to be none of the labels (2 new in _inbox)")
    waiting = inbox_photos(photos)
    assert len(waiting) == 2 and pending_suggestions(photos) == {}
    Journal(photos).reject("clean", [(waiting[0], "")])
    again = Suggestions(photos)
    again.add_all(said)
    assert again.summary().endswith("2 said to be none of the labels") and inbox_photos(photos) == waiting[1:]
