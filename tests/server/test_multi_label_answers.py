"""server/: answers of several labels, or none, in words, in answers.csv and in feedback."""

import json
from types import SimpleNamespace

import pytest

from classifier import Prediction
from classifier.results_csv import row_of
from helpers.photos import noisy_photo
from helpers.several_answers import BOTH, LABELS, NONE, STRANGE
from helpers.web import as_png
from server.answer_label import AnswerLabel
from server.batch.routes import page as page_of
from server.feedback.corrections import NotStored, correction_of, split_labels, words
from server.feedback.counters import Counters
from server.feedback.question import choices, chosen
from server.feedback.records import no_counts, read_counters, read_records, valid_counts
from server.feedback.store import Feedback
from server.predictor import Predictor
from server.settings import Settings
from server.texts import confidence_text, model_text, none_text, question_text, tool_description


def test_rows_join_the_labels_and_one_with_none_has_no_probability():
    assert row_of("a", BOTH, "m", 1, 2)[:5] == ("a", "hat|shoes", "0.550000", "true", "0.800000")
    assert row_of("a", NONE, "m", 1, 2)[:6] == ("a", "", "", "true", "0.800000", "")
    assert row_of("a", STRANGE, "m", 1, 2)[:6] == ("a", "", "", "false", "0.100000", "")
    assert row_of("a", Prediction("=x", {"=x": 0.9, "b": 0.8}, labels=("=x", "b")), "m", 1, 2)[1] == "'=x|b"


# the answer, in words


def test_headline_names_few_labels_and_counts_many():
    component = AnswerLabel()
    drawn = component.postprocess(BOTH)
    assert drawn.label == "hat, shoes"
    assert [bar.label for bar in drawn.confidences] == ["hat", "shoes", "dress"]
    names = [f"label_{i}" for i in range(9)]
    many = Prediction(names[0], {name: 0.9 - i / 100 for i, name in enumerate(names)}, labels=tuple(names[:7]))
    drawn = component.postprocess(many)
    assert drawn.label == "label 0, label 1 and 5 more"
    assert [bar.label for bar in drawn.confidences] == [f"label {i}" for i in range(7)]
    one = Prediction("cat", {"cat": 0.9, "dog": 0.1})
    assert component.postprocess(one) == component.postprocess(one.probabilities)


def test_page_shows_labels_as_people_write_them_and_the_api_keeps_their_names():
    component = AnswerLabel()
    one = Prediction("Blaue_Größe", {"Blaue_Größe": 0.9, "rot": 0.1})
    drawn = component.postprocess(one)
    assert drawn.label == "Blaue Größe" and [bar.label for bar in drawn.confidences] == ["Blaue Größe", "rot"]
    assert component.postprocess(one.probabilities).label == "Blaue_Größe"
    alike = component.postprocess(Prediction("a_b", {"a_b": 0.6, "a b": 0.4}))
    assert [bar.label for bar in alike.confidences] == ["a_b", "a b"], "or nobody could tell them apart"
    assert component.postprocess(Prediction("__", {"__": 0.6, "b": 0.4})).label == "__"


def test_a_label_is_explained_by_its_name_and_as_the_page_shows_it():
    asked = []

    def explain(data, label):
        asked.append(label)
        return SimpleNamespace(prediction=SimpleNamespace(is_none=False), picture=None)

    photo = as_png(noisy_photo((9, 9, 200), 1))
    predictor = Predictor(SimpleNamespace(labels=["a_b", "a b", "Blaue_Größe"], explain=explain))
    for label in ("Blaue_Größe", "Blaue Größe", "a b", "a_b", "rot", None):
        predictor.explain(photo, label)
    assert asked == ["Blaue_Größe", "Blaue_Größe", "a b", "a_b", "rot", None]


def test_words_fit_several_labels_or_none():
    assert question_text(LABELS, True).endswith("if any: **dress, hat and shoes**.")
    assert none_text(LABELS, NONE).startswith("### I see none of these: dress, hat or shoes.")
    assert "*dress*, at 31%" in none_text(LABELS, NONE)
    assert none_text(LABELS, STRANGE).startswith("### I don't think this shows dress, hat or shoes.")
    assert confidence_text(BOTH, True) == (
        "At these levels it is right **about 5 times in 10** with *hat* and **about 1 time in 10** with *shoes*."
    )
    assert "not known" in confidence_text(BOTH, False)
    facts = {"error_rate": 0.12, "n_valid": 200, "n_train": 200, "date": "2026-11-26", "measured": "out of fold"}
    said = model_text(LABELS, facts, True, True)
    assert "A photo may show several of them, or none." in said
    assert said.endswith("12.0% of them had a label too many or too few when they were held out (24 of 200).")
    assert "always answers with one" not in model_text(LABELS, {}, False, True)


def test_assistants_read_what_the_labels_are():
    told = tool_description(LABELS, True, True)
    assert "`labels`, every one that it shows" in told and "(empty for none)" in told
    assert "always answers with one" not in tool_description(LABELS, False, True)


def test_page_of_many_photos_says_that_there_may_be_several():
    content = page_of(Settings(), reports_familiarity=False, feedback=False, multi_label=True)
    assert "A photo may get several labels, or none of them" in content and ">Labels<" in content


# feedback


def test_each_choice_changes_one_label_of_the_answer():
    assert choices(LABELS, BOTH) == [
        ("Yes", "yes"),
        ("No, dress is missing", "0"),
        ("No, hat is wrong", "1"),
        ("No, shoes is wrong", "2"),
        ("No, it is none of these", "none of these"),
    ]
    said = {value: chosen(value, BOTH, LABELS) for _, value in choices(LABELS, BOTH)}
    assert said == {"yes": "hat|shoes", "0": "dress|hat|shoes", "1": "shoes", "2": "hat", "none of these": None}
    assert "none of these" not in dict(choices(LABELS, NONE)).values(), "it is what the app said"
    assert chosen("yes", NONE, LABELS) is None and chosen("1", NONE, LABELS) == "hat"
    assert chosen("1", Prediction("hat", {"hat": 0.9}, labels=("hat",)), LABELS) is None


@pytest.mark.parametrize("prediction, correction, right", [(BOTH, "shoes|hat", True), (NONE, None, True),
                                                           (STRANGE, None, True), (STRANGE, "dress", False),
                                                           (BOTH, "hat", False), (BOTH, None, False)])  # fmt: skip
def test_record_has_labels_and_the_correction_in_the_models_order(prediction, correction, right, tmp_path):
    Feedback(tmp_path, LABELS).add(noisy_photo((9, 9, 9), 0), prediction, correction)
    (record,), unreadable = read_records(tmp_path)
    assert unreadable == 0 and record["right"] is right
    assert record["labels"] == list(prediction.labels) and record["label"] == prediction.label
    assert record["correction"] == (correction and "|".join(sorted(correction.split("|"))))


def test_record_has_the_probability_of_every_label_given(tmp_path):
    names = [f"label {i}" for i in range(12)]
    probabilities = {name: 0.9 - i / 20 for i, name in enumerate(names)}
    answer = Prediction(names[9], probabilities, labels=(names[9], names[11]))
    Feedback(tmp_path, names).add(noisy_photo((9, 9, 9), 0), answer, names[0])
    (record,), _ = read_records(tmp_path)
    assert list(record["probabilities"]) == [*names[:5], names[9], names[11]]


@pytest.mark.parametrize("labels", ["hat", [7], ["dragon"], [["hat"]], {"hat": 1}, None], ids=str)
def test_record_with_labels_that_are_none_is_no_record(labels, tmp_path):
    Feedback(tmp_path, LABELS).add(noisy_photo((9, 9, 9), 0), BOTH, "hat")
    (file,) = tmp_path.glob("??/*.json")
    file.write_text(json.dumps({**json.loads(file.read_text()), "labels": labels}))
    assert read_records(tmp_path) == ([], 1)


def test_counters_count_each_label_and_the_photos(tmp_path):
    counters = Counters(tmp_path, "m")
    for prediction in (BOTH, BOTH, NONE, STRANGE):
        counters.count(prediction)
    counters.flush()
    (counts,) = read_counters(counters.file)[1].values()
    counts = valid_counts(counts)
    assert counts["labels"] == {"hat": 2, "shoes": 2} and counts["unfamiliar"] == 2 and counts["photos"] == 4
    assert sum(counts["confidence"]) == 4 and counts["confidence_sum"] == pytest.approx(1.3)


@pytest.mark.parametrize("photos", [3, 1, 99, -1, True, 2.5, "4", None, 10**9], ids=str)
def test_photos_that_contradict_the_counts_are_no_counts(photos):
    counts = {**no_counts(), "labels": {"hat": 2, "shoes": 2}, "unfamiliar": 2, "confidence_sum": 0.1}
    counts["confidence"][0] = 4
    assert valid_counts({**counts, "photos": 4})["photos"] == 4 and "photos" not in valid_counts(counts)
    with pytest.raises(ValueError):
        valid_counts({**counts, "photos": photos})


def test_a_label_is_never_taken_for_a_word_nor_a_word_for_a_label():
    labels = ["yes", "yes!", "none of these", "no"]
    assert words(labels) == ("yes!!", "none of these!") and words(LABELS) == ("yes", "none of these")
    answer = Prediction("no", {"no": 0.9, "yes": 0.1})
    said = {text: correction_of(text, answer, labels) for text in (*labels, *words(labels))}
    assert said == {**{label: label for label in labels}, "yes!!": "no", "none of these!": None}
    # on the page: its values are numbers and words
    assert [chosen(value, answer, labels) for _, value in choices(labels, answer)] == [
        "no", "yes", "yes!", "none of these", None
    ]  # fmt: skip


def test_separator_in_a_label_is_no_separator():
    labels = ["a", "b", "a|c", "c|d"]
    assert split_labels("a|b", labels) == ["a", "b"] and split_labels("b|a|c", labels) == ["b", "a|c"]
    assert split_labels("c|d|a", labels) == ["c|d", "a"]
    for text in ("", "|", "a|", "d", "a|b|x", "|" * 100_000):
        assert split_labels(text, labels) is None


def test_correction_of_one_label_is_no_list():
    with pytest.raises(NotStored, match=r"no such label; there are dress, hat, shoes\.$"):
        correction_of("dress|hat", Prediction("hat", {"hat": 0.9, "dress": 0.1}), LABELS)
