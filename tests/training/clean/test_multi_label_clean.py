"""training/clean with labels.csv: labels are switched, applied to rows, taken back, and never overwrite the owner's."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from fastcore.script import CliError

from helpers.cleaners import (
    LABELS,
    ROWS,
    listed_id,
    listed_photos,
    open_multi_label_cleaner,
    reviewed_listed,
    rows,
    write,
)
from helpers.feedback import feedback
from helpers.paths import ROOT
from training.clean.__main__ import open_cleaner
from training.clean.actions import apply, undo
from training.clean.chips import chips, labels_with_keys, shown_labels
from training.clean.multi_label_session import MultiLabelCleaner
from training.clean.review.decisions import ChangedMeanwhile, Decision
from training.clean.review.multi_label_photo import NO_LABEL
from training.clean.session import Cleaner, describe
from training.feedback import Suggestions
from training.journal.moves import Journal


@pytest.fixture
def data(tmp_path) -> Path:
    return listed_photos(tmp_path / "photos")


@pytest.fixture
def cleaner(data) -> MultiLabelCleaner:
    return open_multi_label_cleaner(data)


def choose(cleaner: Cleaner, name: str, action: str, label: str = "", shown: str | None = None) -> Decision:
    return cleaner.choose(listed_id(cleaner, f"{name}.png"), action, label, shown)


def photo_of(cleaner: Cleaner, name: str):
    return cleaner.by_id[listed_id(cleaner, f"{name}.png")]


def test_photos_are_selected_by_each_of_their_labels_and_by_none(cleaner):
    def found(label: str) -> list[str]:
        return sorted(photo.file.stem for _, photo, _ in cleaner.select(label))

    assert (found("red"), found("blue"), found(NO_LABEL), len(found(""))) == (["0", "1"], ["1"], ["2"], 4)


def test_labels_are_switched_one_by_one(cleaner):
    assert choose(cleaner, "0", "toggle", "blue") == Decision("label", "blue|red", "red")
    assert choose(cleaner, "0", "toggle", "red").label == "blue"
    assert choose(cleaner, "0", "toggle", "blue") == Decision("label", "", "red"), "none of the labels"
    assert choose(cleaner, "0", "toggle", "red") == Decision("keep", "", "red"), "its own labels again"
    assert choose(cleaner, "2", "label", "red|green").label == "green|red"
    assert cleaner.counts() == (0, 1, 2)


def test_decisions_are_applied_to_rows_and_taken_back_also_later(data, cleaner):
    choose(cleaner, "0", "toggle", "blue")
    choose(cleaner, "1", "label", "")
    choose(cleaner, "3", "delete")
    choose(cleaner, "2", "keep")
    assert cleaner.counts() == (1, 2, 4) and rows(data) == ROWS
    assert cleaner.apply() == (1, 2)
    assert rows(data) == {**ROWS, "0": "blue|red", "1": ""} and not (data / "photos" / "3.png").exists()
    assert cleaner.counts() == (0, 0, 1) and len(cleaner.photos) == 3
    assert photo_of(cleaner, "1").reason == "when this was opened, it had blue, red"
    later = open_multi_label_cleaner(data)
    assert later.undo() == 3 and rows(data) == ROWS and (data / "photos" / "3.png").exists()
    assert cleaner.select() and cleaner.counts()[:2] == (0, 2), "marked again; it does not know the deleted one"
    assert later.undo() == 0


def test_what_was_taken_back_is_marked_again(data, cleaner):
    for name, action, label in (("0", "toggle", "blue"), ("3", "delete", "")):
        choose(cleaner, name, action, label)
    cleaner.apply()
    choose(cleaner, "0", "toggle", "green")
    cleaner.apply()
    assert rows(data)["0"] == "blue|green|red"
    assert cleaner.undo() == 1 and rows(data)["0"] == "blue|red" and cleaner.counts() == (0, 1, 1)
    assert cleaner.undo() == 2 and rows(data) == ROWS and cleaner.counts() == (1, 1, 2)


@pytest.mark.parametrize(
    ("action", "label"), [("burn", ""), ("toggle", "pink"), ("label", "red|pink")], ids=["action", "label", "labels"]
)
def test_a_choice_that_is_none_is_refused(cleaner, action, label):
    with pytest.raises(ValueError, match="no such choice"):
        choose(cleaner, "0", action, label)
    assert cleaner.counts() == (0, 0, 0)


def test_a_photo_whose_row_changed_since_it_was_shown_is_not_decided_on(data, cleaner):
    write(data, {**ROWS, "0": "green"})
    with pytest.raises(ChangedMeanwhile, match=r"0\.png has green now"):
        choose(cleaner, "0", "toggle", "blue", shown="red")
    assert cleaner.counts() == (0, 0, 0)
    assert choose(cleaner, "0", "toggle", "blue", shown="green").label == "blue|green"


def test_a_row_that_changed_since_the_decision_stays_and_the_photo_says_so(data, cleaner):
    choose(cleaner, "0", "toggle", "blue")
    choose(cleaner, "1", "delete")
    choose(cleaner, "2", "toggle", "red")
    write(data, {**ROWS, "0": "green", "1": "red", "new": "blue"})
    said = apply(cleaner, "export.pkl")
    assert rows(data) == {**ROWS, "0": "green", "1": "red", "2": "red", "new": "blue"}
    assert (data / "photos" / "1.png").exists(), "not deleted, as it is not what was looked at"
    assert said.startswith("1 relabelled in `") and "2 photos are left as they are: labels.csv was changed" in said
    assert "it had red. Decide again" in cleaner.reason(photo_of(cleaner, "0"))
    assert cleaner.counts() == (0, 0, 0)
    choose(cleaner, "0", "toggle", "red", shown="green")
    assert cleaner.reason(photo_of(cleaner, "0")) == "when this was opened, it had red" and cleaner.n_stale() == 1
    assert cleaner.apply() == (0, 1) and rows(data)["0"] == "green|red"


def test_undo_leaves_what_the_owner_changed_since_and_says_so(data, cleaner):
    choose(cleaner, "0", "toggle", "blue")
    choose(cleaner, "2", "toggle", "blue")
    cleaner.apply()
    write(data, {**rows(data), "0": ""})
    assert undo(cleaner) == (
        "1 photo is back, and marked as before. labels.csv was changed since for one photo: these rows stay."
    )
    assert rows(data) == {**ROWS, "0": ""}


def test_a_row_that_the_owner_takes_away_takes_its_photo_out_of_sight(data, cleaner):
    choose(cleaner, "0", "toggle", "blue")
    write(data, {name: text for name, text in ROWS.items() if name != "0"})
    assert len(cleaner.select()) == 3 and cleaner.apply() == (0, 0)
    write(data, ROWS)
    assert len(cleaner.select()) == 4 and cleaner.apply() == (0, 1)


def test_a_label_that_the_owner_adds_can_be_given(data, cleaner):
    write(data, {**ROWS, "2": "pink"})
    cleaner.select()
    assert choose(cleaner, "0", "toggle", "pink").label == "pink|red"


def test_a_list_that_cannot_be_read_stops_with_a_sentence_and_changes_nothing(data, cleaner):
    choose(cleaner, "0", "delete")
    (data / "labels.csv").rename(data / "away.csv")
    for action in (cleaner.apply, cleaner.select, cleaner.undo):
        with pytest.raises(CliError, match=r"labels\.csv is gone"):
            action()
    (data / "away.csv").rename(data / "labels.csv")
    assert cleaner.apply() == (1, 0)


def test_two_cleaners_share_decisions_and_follow_each_others_edits(data, cleaner):
    other = open_multi_label_cleaner(data)
    choose(cleaner, "0", "toggle", "blue")
    assert other.apply() == (0, 1) and cleaner.apply() == (0, 0)
    cleaner.select()
    assert photo_of(cleaner, "0").labels == ("blue", "red")


@pytest.fixture
def suggested(data, tmp_path) -> MultiLabelCleaner:
    """A cleaner of photos and two suggestions, of blue and red and of green."""
    Suggestions(data).add_all(feedback(tmp_path / "said", (11, "blue|red"), (12, "green")))
    return open_multi_label_cleaner(data)


def test_a_suggestion_that_is_kept_joins_the_photos_with_its_row(data, suggested):
    (kept, one, _), (other, two, _) = sorted(suggested.select()[:2], key=lambda entry: entry[1].label)
    assert (one.label, two.label) == ("blue|red", "green") and one.suggested
    suggested.choose(kept, "keep")
    suggested.choose(other, "toggle", "green")
    assert suggested.counts() == (0, 2, 2)
    assert suggested.apply() == (0, 2)
    assert rows(data) == {**ROWS, one.file.stem: "blue|red", two.file.stem: ""}
    assert one.file.parent == data / "photos" and not one.suggested and one.reason == "kept; a user suggested it"
    assert suggested.undo() == 2 and rows(data) == ROWS and one.suggested
    assert (one.label, two.label) == ("blue|red", "green") and suggested.counts() == (0, 2, 2)


def test_a_suggestion_that_is_deleted_leaves_the_list_as_it_is(data, suggested):
    suggested.choose(suggested.select()[0][0], "delete")
    assert suggested.apply() == (1, 0) and rows(data) == ROWS
    assert suggested.undo() == 1 and suggested.select()[0][1].suggested


KILLED = """
import os, signal, sys
sys.path.insert(0, {tests!r})
from pathlib import Path
from helpers.cleaners import open_multi_label_cleaner
from training.clean.review.decisions import Decisions
cleaner = open_multi_label_cleaner(Path({data!r}))
Decisions.add = lambda *_: os.kill(os.getpid(), signal.SIGKILL)  # after the changes, before they are forgotten
cleaner.apply()
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="processes are killed")
def test_killed_between_the_changes_and_forgetting_the_decisions_nothing_is_done_twice(data, cleaner):
    choose(cleaner, "0", "toggle", "blue")
    choose(cleaner, "3", "delete")
    code = KILLED.format(tests=str(ROOT / "tests"), data=str(data))
    run = subprocess.run([sys.executable, "-W", "ignore", "-c", code], cwd=ROOT)
    assert run.returncode == -signal.SIGKILL and rows(data)["0"] == "blue|red"
    again = open_multi_label_cleaner(data)
    assert again.apply() == (0, 0) and again.reason(photo_of(again, "0")) == "odd"
    assert again.undo() == 2 and rows(data) == ROWS and os.path.exists(data / "photos" / "3.png")
    assert Journal(data).take_back("clean").n == 0


def test_a_line_says_what_the_page_does(data):
    assert describe(reviewed_listed(data / "photos" / "0.png", ("blue", "red"))) == (
        "0.500  loss  0.11  photos/0.png: blue, red; predicted blue 90%, red 90%; odd"
    )
    assert "photos/0.png: none of the labels; predicted none of the labels" in describe(
        reviewed_listed(data / "photos" / "0.png", ())
    )


def test_the_kind_of_cleaner_is_that_of_the_photos(data):
    several = [reviewed_listed(data / "photos" / "0.png", ())]
    assert open_cleaner(data, several, LABELS).multi_label and not open_cleaner(data, [], LABELS).multi_label


def test_the_most_frequent_labels_have_keys(data):
    labels = [f"l{i:02}" for i in range(20)]
    photos = [reviewed_listed(data / "photos" / "0.png", tuple(labels[i:])) for i in range(20)]
    assert labels_with_keys(labels, photos) == labels[11:]
    assert labels_with_keys(labels[:3], []) == labels[:3]


def test_of_many_labels_those_that_matter_are_shown(data):
    labels = [f"l{i:02}" for i in range(40)]
    photo = reviewed_listed(data / "photos" / "0.png", ("l30",), likely="l31")
    photo.probabilities = {label: i / 100 for i, label in enumerate(labels)}
    photo.thresholds = dict.fromkeys(labels, 0.385)
    assert shown_labels(photo, {"l01"}, labels) == {"l01", "l30", "l31", "l39", "l38", "l37"}
    assert "34 more labels" in chips(photo, Decision("label", "l01"), labels, labels[:9])
    assert shown_labels(photo, set(), labels[:12]) == set(labels[:12])
