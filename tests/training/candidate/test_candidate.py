"""training/candidate/: a reason to train, and a candidate with what it is worth; what is missing is one sentence."""

import json
import shutil
from hashlib import sha256

import pytest
from fastcore.script import CliError

from classifier import Classifier
from helpers.grown_project import VERSION, add_photos, answers, change_metrics, record
from training.candidate.__main__ import main
from training.candidate.promoted import read_promoted
from training.export.facts import with_fact
from training.metrics import read_metrics
from training.train.record import versions


def test_without_a_drift_and_without_labels_one_line_says_so(folder, capsys, monkeypatch):
    monkeypatch.setenv("GITHUB_OUTPUT", str(folder / "outputs"))
    add_photos(folder, 3)
    main("data", feedback=str(answers(folder, 0.0)))
    said = list(filter(None, capsys.readouterr().out.splitlines()))
    assert said[0].startswith("Nothing has drifted: 0.0% of 600 photos are unfamiliar")
    assert said[1] == (
        f"No candidate: nothing has drifted; since {VERSION} was trained, 3 photos came, 0 changed their labels, 0 "
        "went. From 20 photos with new labels on, a candidate is trained."
    )
    assert len(said) == 2 and not (folder / "candidate").exists() and not (folder / "runs").exists()
    assert (folder / "outputs").read_text() == "candidate=false\n"
    main("data")
    assert "No candidate: no feedback was read" in capsys.readouterr().out


@pytest.mark.slow
def test_labels_that_came_in_give_a_candidate_with_a_table(folder, capsys, monkeypatch):
    monkeypatch.setenv("GITHUB_OUTPUT", str(folder / "outputs"))
    before = (folder / "export.pkl").read_bytes()
    add_photos(folder, 4)
    (folder / "data" / "red" / "00.png").rename(folder / "data" / "blue" / "r00.png")
    (folder / "data" / "green" / "00.png").unlink()
    main("data", labels=5)
    made = Classifier.load(folder / "candidate" / "export.pkl")
    assert made.compiled and (folder / "export.pkl").read_bytes() == before
    metrics = read_metrics(folder / "candidate" / "export.pkl")
    assert metrics["options"] == read_metrics(folder / "export.pkl")["options"] and metrics["n_train"] == 33
    summary = (folder / "candidate" / "summary.md").read_text()
    assert "| all photos | 33 |" in summary and "| `red` | 4 | 0 |" in summary and "| `green` | 0 | 1 |" in summary
    assert "4 photos came, 1 changed their labels, 1 went" in summary and "29 photos that both held out, 4 " in summary
    assert (
        "Both models have the same options and versions." in summary
        and "squeezenet1_1" in summary
        and VERSION in summary
    )
    version = metrics["export"]["sha256"][:12]
    told = dict(line.split("=") for line in (folder / "outputs").read_text().splitlines())
    assert told["candidate"] == "true" and told["version"] == version
    assert told["title"] == f"Candidate model {version}: {told['shown']}" == summary.splitlines()[0][2:]
    assert f"python -m training.runs --promote {next((folder / 'runs').iterdir()).name}" in capsys.readouterr().out

    # once it is in use, its own list of photos tells that nothing came since; neither names nor sources are in it
    for file in ("export.pkl", "metrics.json", "manifest.csv"):
        shutil.copy(folder / "candidate" / file, folder / file)
    shutil.rmtree(folder / "runs")
    assert "red" in (folder / "manifest.csv").read_text() and ".png" not in (folder / "manifest.csv").read_text()
    main("data", labels=1)
    assert "0 photos came, 0 changed their labels, 0 went" in capsys.readouterr().out.splitlines()[-1]


def test_a_drift_gives_a_candidate_as_soon_as_a_label_came(folder, taught):
    feedback = answers(folder, 0.5)
    with pytest.raises(CliError, match="No photo came or changed its labels") as error:
        main("data", feedback=str(feedback))
    assert str(error.value).startswith("Drifted since ") and "\n" not in str(error.value)
    hostile = "@octocat [x](http://evil) <img src=x> | `"
    record(folder, correction=hostile, label=hostile, probabilities={hostile: 0.5})
    add_photos(folder, 1)
    main("data", feedback=str(feedback))
    summary = (folder / "candidate" / "summary.md").read_text()
    assert "- Drifted since " in summary and "of 600 photos 50% are unfamiliar" in summary
    assert "users judged 1 and corrected 1" in summary
    assert "octocat" not in summary and "evil" not in summary, "what users wrote is not shown"


def test_a_candidate_that_is_worse_is_told_to_be_worse(folder, taught, capsys):
    add_photos(folder, 20)
    taught.n_wrong = 12
    main("data")
    said = "The candidate is worse: 12 of 50 photos wrong instead of "
    assert said in capsys.readouterr().out
    summary = (folder / "candidate" / "summary.md").read_text()
    assert said in summary and ": worse\n" in summary and "answered rightly before and wrongly now, below." in summary
    assert summary.count("| `blue` | `green` |") == 10


def test_an_export_that_names_no_photos_is_followed_by_one_that_names_none(folder, taught):
    add_photos(folder, 20)
    main("data")
    assert taught.asked["neighbours"] and not taught.asked["thumbnails"] and not taught.asked["keep"]
    assert taught.asked["arch"] == "squeezenet1_1" and taught.asked["seed"] == 42 and taught.asked["folds"] == 5
    export = folder / "export.pkl"
    export.write_bytes(with_fact(export.read_bytes(), "neighbours", None))
    change_metrics(folder, export={"bytes": 1, "sha256": sha256(export.read_bytes()).hexdigest()})
    taught.n_wrong = 1
    main("data")
    assert not taught.asked["neighbours"]
    assert ".png" not in (folder / "candidate" / "summary.md").read_text(), "its owner tells no names of files"


def test_the_summary_says_what_a_candidate_lacks(folder, taught):
    add_photos(folder, 10)
    add_photos(folder, 10, label="@octocat", colour="red", seed=9000)
    change_metrics(folder, operating_point={"precision": 0.9})
    taught.versions = {"torch": "3.0"}
    main("data")
    summary = (folder / "candidate" / "summary.md").read_text()
    assert (
        "python -m training.operate" in summary and f"| `version torch` | `{versions()['torch']}` | `3.0` |" in summary
    )
    assert "| `@octocat` | 10 | 0 |" in summary and "label that one of the two models does not know" in summary


def test_the_weights_have_to_be_named_where_they_are_not_here(folder):
    add_photos(folder, 20)
    metrics = json.loads((folder / "metrics.json").read_text())
    metrics["options"]["weights"] = "own.pth"
    (folder / "metrics.json").write_text(json.dumps(metrics))
    with pytest.raises(CliError, match=r"the weights in own.pth, and there is no file own.pth. Say where .* --weights"):
        main("data")
    promoted = read_promoted("export.pkl", "runs")
    assert promoted.options("library")["weights"] == ""
    (folder / "own.pth").touch()
    assert promoted.options("")["weights"] == "own.pth"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda folder: (folder / "metrics.json").unlink(), "no metrics.json of export.pkl"),
        (lambda folder: (folder / "metrics.json").write_text("{"), "no metrics.json of export.pkl"),
        (lambda folder: change_metrics(folder, measured="validation"), "neither runs nor metrics.json has a list"),
        (lambda folder: change_metrics(folder, held_out=7), "neither runs nor metrics.json has a list"),
        (lambda folder: (folder / "export.pkl").unlink(), "no metrics.json of export.pkl"),
        (lambda folder: shutil.rmtree(folder / "data"), "no folder data"),
    ],
)
def test_what_is_missing_is_said_in_a_sentence(folder, change, says):
    change(folder)
    with pytest.raises(CliError, match=says) as error:
        main("data")
    assert "\n" not in str(error.value)
