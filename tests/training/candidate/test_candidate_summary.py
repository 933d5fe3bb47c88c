"""training/candidate/summary.py: what a candidate is worth, in words and tables that hold."""

import re
from pathlib import Path

import numpy as np
import pytest

from training.candidate.judgement import Judgement
from training.candidate.summary import broken, code, errors
from training.evaluation.comparison import Comparison
from training.evaluation.multi_label_predictions import MultiLabelPredictions
from training.evaluation.predictions import Predictions


def predictions(right: list[bool], vocab: tuple[str, ...] = ("a", "b")) -> Predictions:
    targets = np.zeros(len(right), int)
    probabilities = np.array([[0.9, 0.1] if one else [0.1, 0.9] for one in right])
    return Predictions([Path(vocab[0]) / f"{i}.jpg" for i in range(len(right))], list(vocab), targets, probabilities)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (20, 5, "The candidate is better: 5 of 100 photos wrong instead of 20, 15 fixed and 0 broken"),
        (5, 20, "The candidate is worse: 20 of 100 photos wrong instead of 5, 0 fixed and 15 broken"),
        (5, 3, "The candidate is not told apart from the model in use: 3 of 100 photos wrong instead of 5"),
        (3, 3, "The candidate is not told apart from the model in use: 3 of 100 photos wrong instead of 3"),
    ],
)
def test_nothing_is_called_better_or_worse_that_chance_explains(old, new, says):
    before, after = (predictions([i >= n_wrong for i in range(100)]) for n_wrong in (old, new))
    assert Judgement(Comparison(before, after), 0, []).sentence.startswith(says)


@pytest.mark.parametrize(
    "name",
    [
        "@octocat",
        "[a](http://evil)",
        "<img src=x onerror=y>",
        "a|b",
        "\\|",
        "`",
        "``",
        "a\n# b",
        "\u202eevil",
        "::error::x",
        "",
    ],
)
def test_a_hostile_label_is_code_on_one_line(name):
    markdown_it = pytest.importorskip("markdown_it", reason="markdown-it-py is not installed")
    shown = code(name)
    assert shown[0] == shown[-1] == "`" and "`" not in shown[1:-1] and len(shown) > 2
    assert "\n" not in shown and "|" not in shown and "\u202e" not in shown
    before, after = predictions([True] * 30, (name, "b")), predictions([False] * 30, (name, "b"))
    for text in (errors(Comparison(before, after)), broken(Comparison(before, after))):
        heads = {line.count("|") for line in text.splitlines() if line.startswith("|")}
        assert len(heads) == 1 and (shown in text or name == "")
        html = markdown_it.MarkdownIt("commonmark").enable("table").render(text)
        cells = "".join(re.findall(r"<t[dh]\b[^>]*>(.*?)</t[dh]>", html, re.S))
        assert set(re.findall(r"<(\w+)", cells)) <= {"code"}, "no link, no picture, no HTML of the name's own"


def test_with_several_labels_a_photo_each_label_is_right_or_wrong_by_itself():
    vocab, marks = ["dress", "hat"], np.array([[True, False], [True, True], [False, False]])

    def given(said: list, names: str = "abc") -> MultiLabelPredictions:
        files = [Path("photos") / f"{name}.jpg" for name in names]
        return MultiLabelPredictions(files, vocab, marks, marks * 0.9, None, predicted_labels=np.array(said))

    right, wrong = given([[1, 0], [1, 1], [0, 0]]), given([[1, 1], [1, 0], [0, 0]])
    text = errors(Comparison(right, wrong))
    assert "| all photos | 3 | 0 (0.0%)" in text and "| `hat` | 3 | 0 (0.0%) | 0.0% to 56.2% | 2 (66.7%) |" in text
    assert "`photos/b.jpg` | `dress¦hat` | `dress` |" in broken(Comparison(right, wrong))
    both = right.joined(given([[1, 1], [1, 0], [0, 0]], "def"))
    assert len(both.files) == 6 and both.n_wrong == 2 and both.wrong_by_label() == {"dress": (6, 0), "hat": (6, 2)}


def test_long_lists_end(folder):
    many = [f"label {i}" for i in range(500)]
    old = Predictions(
        [Path("x") / f"{i}.jpg" for i in range(500)], many, np.arange(500), np.eye(500)[::-1].copy(), None
    )
    assert "and 450 more labels" in errors(Comparison(old, old))
