"""training/candidate/live.py and proposal.py: the live Space is asked, and a pull request has the newest candidate."""

import re

import pytest
from fastcore.script import CliError

from helpers.grown_project import VERSION, add_photos
from helpers.hub_stub import StubPullRequest, StubRepo, deployed_to_hub
from training.candidate import live
from training.candidate.__main__ import main


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
