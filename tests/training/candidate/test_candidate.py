"""training/candidate/: a reason to train, a candidate, what it is worth in words that hold, and one pull request."""

import json
import re
import shutil
from datetime import date, datetime, timedelta, timezone
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from fastcore.script import CliError

from classifier import Classifier
from helpers.hub_stub import StubPullRequest, StubRepo, deployed_to_hub
from helpers.paths import TRAINED
from helpers.photos import COLOURS, make_photos, noisy_photo
from server.feedback.records import BINS
from training.candidate import live
from training.candidate.__main__ import main
from training.candidate.judgement import Judgement
from training.candidate.promoted import read_promoted
from training.candidate.summary import broken, code, errors
from training.data.contents import sha256_of
from training.data.photos import readable_photos
from training.evaluation.comparison import Comparison
from training.evaluation.held_out import HeldOutPredictions
from training.evaluation.multi_label_predictions import MultiLabelPredictions
from training.evaluation.predictions import Predictions
from training.export.facts import with_fact
from training.metrics import read_metrics, write_metrics

VERSION = sha256((TRAINED / "export.pkl").read_bytes()).hexdigest()[:12]


@pytest.fixture
def folder(tmp_path, monkeypatch, tiny_training) -> Path:
    """The folder of a project: the model in use, the photos that it was made from, and nothing that came since."""
    shutil.copytree(TRAINED, tmp_path / "work")
    make_photos(tmp_path / "work" / "data")
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.delenv("GITHUB_OUTPUT", raising=False)
    return tmp_path / "work"


def add_photos(folder: Path, n: int, label: str = "red", colour: str = "", seed: int = 5000) -> None:
    """Label n photos more; colour: what they show, if not their label."""
    (folder / "data" / label).mkdir(exist_ok=True)
    for i in range(n):
        noisy_photo(COLOURS[colour or label], seed + i).save(folder / "data" / label / f"new-{i}.png")


def answers(folder: Path, unfamiliar: float, n: int = 60, n_days: int = 10, label: str = "red") -> Path:
    """Write the counters of an app, of so many answers a day."""
    strange, today = round(n * unfamiliar), datetime.now(timezone.utc).date()
    day = {
        "labels": {label: n - strange},
        "unfamiliar": strange,
        "confidence": [0] * (BINS - 1) + [n - strange],
        "confidence_sum": 0.99 * (n - strange),
    }
    days = {str(today - timedelta(i)): day for i in range(n_days)}
    (folder / "feedback" / "counters").mkdir(parents=True, exist_ok=True)
    written = folder / "feedback" / "counters" / "20260101-000000-abcdef.json"
    written.write_text(json.dumps({"model_version": VERSION, "days": days}))
    return folder / "feedback"


def record(folder: Path, **said: object) -> None:
    """Write what a user said of an answer."""
    photo = sha256(repr(said).encode()).hexdigest()
    told = {
        "photo": photo,
        "label": "red",
        "probabilities": {"red": 0.9},
        "familiar": True,
        "familiarity": 0.8,
        "correction": "blue",
        "right": False,
        "model_version": VERSION,
        "time": f"{date.today()}T00:00:00+00:00",
        **said,
    }
    (folder / "feedback" / photo[:2]).mkdir(parents=True, exist_ok=True)
    (folder / "feedback" / photo[:2] / f"{photo}-00000000.json").write_text(json.dumps(told))


class Taught:
    """What stands for a training: `n_wrong` photos get a wrong answer; `asked`: the options that it was given."""

    def __init__(self):
        self.n_wrong, self.asked, self.versions = 0, {}, {}

    def __call__(self, data: str, out: str, **options) -> None:
        self.asked, photos = options, readable_photos(data)
        vocab = sorted({photos.labels.text(file) for file in photos.train})
        targets = np.array([vocab.index(photos.labels.text(file)) for file in photos.train])
        answers = np.eye(len(vocab))[np.where(np.arange(len(targets)) < self.n_wrong, (targets + 1) % 3, targets)]
        kept = HeldOutPredictions(vocab, [sha256_of(file) for file in photos.train], answers, targets=targets)
        export = with_fact((TRAINED / "export.pkl").read_bytes(), "taught", [self.n_wrong, vocab])
        Path(out).write_bytes(export)
        metrics = json.loads((TRAINED / "metrics.json").read_text())
        told = {"bytes": len(export), "sha256": sha256(export).hexdigest()}
        metrics["versions"] |= self.versions
        write_metrics({**metrics, "held_out": kept.to_data(), "export": told}, out)
        shutil.copy(TRAINED / "export.onnx", Path(out).with_suffix(".onnx"))


@pytest.fixture
def taught(monkeypatch) -> Taught:
    """In place of trainings, which take a while, predictions as a test wants them."""
    taught = Taught()
    monkeypatch.setattr("training.train.__main__.main", taught)
    return taught


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
    assert "python -m training.operate" in summary and "| `version torch` | `2.13.0+cpu` | `3.0` |" in summary
    assert "| `@octocat` | 10 | 0 |" in summary and "label that one of the two models does not know" in summary


@pytest.fixture
def hub(monkeypatch):
    """The Hub as a stub, with a Space that answers from the model in use and a model repository."""
    with deployed_to_hub(monkeypatch) as hub:
        monkeypatch.setattr(live, "POLL", 0.01)
        monkeypatch.setattr(live, "MINUTES", 0.001)
        hub.repos["space", "me/bears"] = StubRepo([("a" * 40, "first", {"app.py": b"", "export.pkl": b"old"})])
        hub.repos["model", "me/bear-model"] = StubRepo([("b" * 40, "first", {"model.pkl": b"old"})])
        hub.health = [{"model_version": VERSION}]
        yield hub


def test_the_live_space_is_asked_which_model_answers(folder, hub, capsys):
    hub.health = [502, {"model_version": VERSION}]
    main("data", space="me/bears")
    assert f"me/bears answers from {VERSION}, as export.pkl is" in capsys.readouterr().out
    hub.space().private = True
    main("data", space="me/bears")


@pytest.mark.parametrize(
    ("health", "says"),
    [
        ([503], "/health does not answer as it should: HTTP 503. Is the app up?"),
        ([["garbage"]], "/health does not answer as it should: "),
        ([{"model_version": "::error::<b>"}], "/health names no version of a model"),
        ([{"model_version": 7}], "/health names no version of a model"),
        ([{"model_version": "0123456789ab"}], "me/bears answers from model 0123456789ab, and export.pkl is "),
    ],
)
def test_a_space_that_is_down_or_answers_something_else_is_one_sentence(folder, hub, health, says):
    hub.health = health
    with pytest.raises(CliError, match=re.escape(says)) as error:
        main("data", space="me/bears")
    assert "\n" not in str(error.value)


def test_a_space_that_cannot_be_asked_is_one_sentence(folder, hub):
    with pytest.raises(CliError, match="There is no Space me/others"):
        main("data", space="me/others")
    hub.space().sdk = "static"
    with pytest.raises(CliError, match="me/bears is a static Space"):
        main("data", space="me/bears")
    hub.down = True
    with pytest.raises(CliError, match="HTTP 503"):
        main("data", space="me/bears")
    with pytest.raises(CliError, match="--url localhost is no address"):
        main("data", url="localhost")
    with pytest.raises(CliError, match=r"connection|refused"):
        main("data", url="http://127.0.0.1:9")


@pytest.mark.parametrize(
    ("where", "repository", "names"),
    [
        ("spaces/me/bears", ("space", "me/bears"), {"export.pkl", "export.onnx"}),
        ("me/bear-model", ("model", "me/bear-model"), {"model.pkl", "model.onnx"}),
    ],
)
def test_one_pull_request_on_the_hub_has_the_latest_candidate(folder, hub, taught, capsys, where, repository, names):
    pulls, before = hub.repos[repository].pulls, dict(hub.repos[repository].files)
    pulls.append(StubPullRequest("Candidate model of mine", [""], [("c", "", {})], author="a-stranger"))
    add_photos(folder, 20)
    main("data", pull_request=where)
    own = pulls[1]
    assert capsys.readouterr().out.splitlines()[-1].endswith("/discussions/2: opened") and len(pulls) == 2
    assert own.title.startswith("Candidate model ") and own.texts == [(folder / "candidate" / "summary.md").read_text()]
    files = own.commits[-1][2]
    assert {*files} - {*before} | {*files} & names == {*names, "metrics.json", "manifest.csv"}
    assert files[min(names, key=len)] == (folder / "candidate" / "export.pkl").read_bytes()

    main("data", pull_request=where)  # the same candidate
    assert capsys.readouterr().out.splitlines()[-1].endswith("/discussions/2: as it was")
    taught.n_wrong = 12
    main("data", pull_request=where)  # another one
    assert capsys.readouterr().out.splitlines()[-1].endswith("/discussions/2: updated")
    assert len(pulls) == 2 and len(own.commits) == 2 and own.title.endswith(": worse") and len(own.texts) == 2
    own.status = "closed"
    main("data", pull_request=where)
    assert len(pulls) == 3 and hub.repos[repository].files == before, "nothing is merged"
    assert len(pulls[0].commits) == 1, "a stranger's is left alone"


def test_a_pull_request_whose_answer_was_lost_is_not_opened_twice(folder, hub, taught, capsys):
    add_photos(folder, 20)
    hub.failures["commit"] = iter(["cut after"])
    main("data", pull_request="spaces/me/bears")
    assert len(hub.space().pulls) == 1 and capsys.readouterr().out.splitlines()[-1].endswith(": opened")
    hub.space().pulls.clear()
    hub.failures["commit"] = iter([403])
    with pytest.raises(CliError, match=r"may not do that.* The candidate is in candidate"):
        main("data", pull_request="spaces/me/bears")
    with pytest.raises(CliError, match=r"--pull-request datasets/me/bears: spaces/USER/NAME is a Space"):
        main("data", pull_request="datasets/me/bears")


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


def change_metrics(folder: Path, **changed: object) -> None:
    metrics = json.loads((folder / "metrics.json").read_text())
    (folder / "metrics.json").write_text(json.dumps({**metrics, **changed}))
