"""training/monitor/summary.py and __main__.py: the command says what has drifted, in words and a status."""

import pytest
from fastcore.script import CliError
from PIL import Image

from classifier import Prediction
from helpers.commands import run_module
from helpers.histories import LABELS, START, VERSION, a_day, counters, record, run_main, tally
from helpers.paths import ROOT
from helpers.photos import noisy_photo
from server.feedback.counters import Counters
from server.feedback.store import Feedback
from training.monitor.__main__ import main
from training.monitor.summary import percent

SURE = Prediction("teddy", {"teddy": 0.9, "grizzly": 0.07, "black": 0.03}, 0.8, True)
STRANGE = Prediction("teddy", {"teddy": 0.6, "grizzly": 0.3, "black": 0.1}, 0.2, False)


def test_another_mix_of_labels_is_told_and_is_no_drift(tmp_path, capsys):
    counters(tmp_path, {a_day(i): tally(teddy=60, black=2) for i in range(5)})
    run_main(tmp_path, fail=True)
    told = capsys.readouterr().out
    assert "The mix of labels is much unlike the one in training: teddy 97% (34%)" in told and "is no error" in told
    assert "Nothing has drifted: 0.0% of 310 photos are unfamiliar (0.7% in training), the mean confidence is" in told


def test_a_mix_that_changes_is_told(tmp_path, capsys):
    counters(tmp_path, {a_day(i): tally(**({"teddy": 60} if i > 5 else dict.fromkeys(LABELS, 20))) for i in range(8)})
    run_main(tmp_path, fail=True)
    assert "The latest mix of labels is much unlike the one before: teddy 100% (33%)" in capsys.readouterr().out


def test_corrections_among_all_answers_are_the_least_that_the_error_can_be(tmp_path, capsys):
    counters(tmp_path, {a_day(0): tally(teddy=200)})
    for i in range(60):
        record(tmp_path, i, a_day(0), "black" if i < 50 else "teddy")
    run_main(tmp_path)
    told = capsys.readouterr().out
    assert f"Drifted since {START}: at least 25% of 200 answers are wrong, if users are right, 1.2% in training" in told
    assert "Who clicks is not everyone" in told


def test_judged_answers_alone_are_compared_with_earlier_ones_alone(tmp_path, capsys):
    for i in range(60):
        record(tmp_path, i, a_day(i // 30), "black")
    run_main(tmp_path)
    told = capsys.readouterr().out
    assert "Nothing has drifted" in told and "No counters are there" in told and "60 judged, 60 corrected" in told
    for i in range(60, 160):
        record(tmp_path, i, a_day(-5), "teddy")
    run_main(tmp_path)
    assert f"Drifted since {START}: users correct 100% of the 60 answers that they judge, 0.0% before (p <" in (
        capsys.readouterr().out
    )


def test_other_models_are_told_and_not_judged(tmp_path, capsys):
    counters(tmp_path, {a_day(0): tally(unfamiliar=90)}, "0123456789ab")
    counters(tmp_path, {a_day(3): tally(unfamiliar=90)}, "", "20250306-090000-abcdef")
    run_main(tmp_path, fail=True)
    told = capsys.readouterr().out
    assert "answers of 2 other models, which this export is not judged by:" in told and "  0123456789ab" in told
    assert "Nothing can be concluded yet: 0 answers of this model" in told and "180 of 2 other models" in told


def test_status_is_1_for_a_drift_only_when_asked_for(tmp_path, capsys):
    counters(tmp_path, {a_day(0): tally(teddy=60, unfamiliar=40)})
    run_main(tmp_path)
    with pytest.raises(SystemExit) as stopped:
        run_main(tmp_path, fail=True)
    assert stopped.value.code == 1
    assert f"python -m training.gather --feedback {tmp_path} --out data/..." in capsys.readouterr().out


def test_what_the_app_wrote_is_read(tmp_path):
    feedback = Feedback(tmp_path, LABELS, VERSION)
    for seed in range(40):
        feedback.counters.count(SURE)
        if seed < 3:
            feedback.add(noisy_photo((90, 60, 40), seed), SURE, "grizzly" if seed else "teddy")
    feedback.close(0)
    again = Counters(tmp_path, VERSION)
    for _ in range(2):
        again.count(STRANGE)
    again.flush()
    run = run_module("training.monitor", tmp_path, "--out", tmp_path / "monitor.png", timeout=60)
    assert run.returncode == 0 and run.stderr == ""
    head, day, training, *verdict, _, counts = run.stdout.splitlines()
    assert head.split() == ["day", "answers", "unfamiliar", "confidence", "right", "corrected", "labels"]
    assert day.split()[1:] == ["42", "4.8%", "90%", "1", "2", "teddy", "100%"]
    assert training.split()[2:6] == ["416", "0.7%", "99%", "1.2%"]
    assert "the mean confidence is 90%, 99% in training (p < 0.001" in verdict[0] and "--feedback" in verdict[1]
    assert counts.startswith(f"{tmp_path}: 42 answers of {VERSION} on 1 day, 3 judged, 2 corrected, 0 of 0 other model")
    assert counts.endswith(f" 0 not read, 1 drifted; {tmp_path / 'monitor.png'}")
    assert Image.open(tmp_path / "monitor.png").format == "PNG"


@pytest.mark.parametrize(
    "options, why",
    [
        ({"by": "year"}, "--by year: one of day, week, month"),
        ({"export": "no.pkl"}, "Name the export that the app"),
        ({"path": "nowhere"}, "There is no folder nowhere"),
        ({"out": "README.md/a.png"}, "--out README.md/a.png: "),
    ],
)
def test_mistakes_get_one_sentence(tmp_path, options, why):
    counters(tmp_path, {a_day(0): tally(teddy=60)})
    with pytest.raises(CliError, match=why):
        main(**{"path": str(tmp_path), "export": str(ROOT / "export.pkl"), **options})


def test_an_empty_folder_is_no_drift(tmp_path, capsys):
    run_main(tmp_path, fail=True)
    assert "Nothing can be concluded yet: 0 answers" in capsys.readouterr().out
    assert not (tmp_path / "out").exists()


def test_the_command_starts_without_fastai():
    run = run_module("timeit", "-n1", "-r1", "import training.monitor, sys; assert 'fastai' not in sys.modules")
    assert run.returncode == 0, run.stderr


def test_shares_are_shown_with_a_digit_where_they_are_small():
    assert [percent(share) for share in (None, 0, 0.0048, 0.0994, 0.0996, 0.31, 1)] == [
        "-",
        "0.0%",
        "0.5%",
        "9.9%",
        "10%",
        "31%",
        "100%",
    ]
