"""training/monitor/figure.py and panels.py: the plot names levels and drifts, and labels harm nothing."""

from datetime import date, timedelta

import pytest
from PIL import Image

from helpers.histories import REFERENCE, a_day, counters, run_main, tally
from training.monitor.bursts import burst_factor
from training.monitor.drift import find_drifts
from training.monitor.figure import add_title, period_starts, plot_drift
from training.monitor.history import shorten
from training.monitor.reference import Reference

HOSTILE = [
    "$x^2$",
    "$\\frac{1}{",
    "_hidden",
    "\n",
    "\x1b[31mred",
    "a\nb",
    "\u202eevil",
    "<b>&",
    "\udcff",
    "x" * 5000,
    "熊",
]


def test_labels_are_shown_as_they_are_and_harm_nothing(tmp_path, capsys):
    counters(tmp_path, {a_day(i): tally(**{label: 5 for label in HOSTILE}) for i in range(3)})
    run_main(tmp_path)
    told = capsys.readouterr().out
    assert "\x1b" not in told and "\u202e" not in told and "\udcff" not in told and "x" * 30 not in told
    assert Image.open(tmp_path / "out" / "monitor.png").size == (1210, 1210)
    assert shorten("a\nb\x1b$") == "a\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER}$"


def legend(figure, panel: int) -> list[str]:
    return [text.get_text().strip() for text in figure.axes[panel].get_legend().get_texts()]


def test_markup_in_labels_is_drawn_as_text_and_of_a_thousand_labels_the_most_frequent():
    days = {a_day(0): tally(**{"$x^2$": 50, "_hidden": 40}, **{f"bird_{i}": 1 for i in range(1000)})}
    figure = plot_drift(days, {}, "day", burst_factor(list(days.values())), Reference(), [])
    add_title(figure, ["$1 and $2"])
    assert not figure._suptitle.get_parse_math()
    assert len(legend(figure, 1)) == 7 and {"$x^2$", "_hidden", "others"} <= set(legend(figure, 1))
    assert not any(text.get_parse_math() for text in figure.axes[1].get_legend().get_texts())


@pytest.mark.parametrize(
    "n_days, by, length, n",
    [
        (1, "day", "day", 1),
        (62, "day", "day", 62),
        (63, "day", "week", 9),
        (1500, "day", "month", 50),
        (9, "month", "month", 1),
    ],
)
def test_periods_without_answers_keep_their_place_and_many_become_longer(n_days, by, length, n):
    found, used = period_starts([a_day(0), a_day(n_days - 1)], by)
    assert (used, len(found)) == (length, n) and found == sorted(set(found))


def test_years_are_named_where_they_change():
    days = {date(2024, 12, 1) + timedelta(i): tally(teddy=1) for i in range(0, 60, 4)}
    figure = plot_drift(days, {}, "day", burst_factor(list(days.values())), Reference(), [])
    named = [text.get_text() for text in figure.axes[4].get_xticklabels()]
    assert named == ["2024-12-01", "12-09", "12-17", "12-25", "2025-01-02", "01-10", "01-18", "01-26"]


def test_the_plot_names_the_trainings_level_and_marks_the_drift():
    days = {a_day(i): tally(teddy=40, unfamiliar=20 * (i > 3), right=2) for i in range(6)}
    effect = burst_factor(list(days.values()))
    findings = find_drifts(days, effect, REFERENCE)
    figure = plot_drift(days, {a_day(-2): tally(teddy=3)}, "day", effect, REFERENCE, findings)
    assert [text.get_text() for text in figure.axes[2].texts] == [" in training\n 2%"]
    assert [text.get_text() for text in figure.axes[1].texts] == ["training"]
    assert legend(figure, 0) == ["of this model", "of others"] and legend(figure, 4) == ["called right", "corrected"]
    (marked,) = [patch for patch in figure.axes[2].patches if patch.get_alpha()]
    assert (marked.get_x(), marked.get_width()) == (5.5, 2)  # the fifth day, two slots after those of other models
