"""training/gather/gathered.py: photos of several labels go into labels.csv, photos without one into the inbox."""

import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from fastcore.script import CliError

from helpers.cleaners import names
from helpers.feedback import feedback
from helpers.gathering import labels_of, listed, on_disk, several, sources
from helpers.paths import ROOT
from helpers.photos import make_photos, noisy_photo
from training.data.labels import ListedPhoto, read_labels, write_labels
from training.data.photos import get_photos, inbox_photos
from training.feedback import Suggestions, pending_suggestions
from training.gather.__main__ import main
from training.gather.sources.candidates import Candidate
from training.journal.moves import Journal


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
