"""training/gather/ and training/feedback.py: users' corrections become suggestions, from a folder or the Hub."""

import os
from collections import Counter

import pytest
from fastcore.script import CliError

from classifier import Prediction
from helpers.cleaners import names
from helpers.feedback import feedback
from helpers.photos import noisy_photo
from server.feedback.store import Feedback
from training.data.labels import ListedPhoto, write_labels
from training.data.photos import get_photos
from training.feedback import Suggestions, pending_suggestions, suggested_labels
from training.gather.__main__ import main


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
