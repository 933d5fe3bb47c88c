"""training/deploy: what fails at the Hub, on the way or in the app is told, with the state that it leaves."""

import time
from itertools import count, repeat
from types import SimpleNamespace

import pytest
from huggingface_hub import constants

from helpers.deployments import ANSWER, fails, run
from training.deploy import deployment, precheck, space


def test_a_token_that_the_hub_does_not_know_stops_before_anything(hub, project, monkeypatch, capsys):
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    assert fails(hub, "1 of the checks").endswith("Nothing was created or sent.")
    said = capsys.readouterr().out
    assert "NO  token:" in said and "hf auth login" in said


def test_a_token_for_reading_only_is_told_apart(hub, project, capsys):
    hub.who["auth"]["accessToken"]["role"] = "read"
    fails(hub, "1 of the checks")
    assert "may read but not write" in capsys.readouterr().out


@pytest.mark.parametrize(
    "status, says",
    [(402, "wants PRO"), (403, "may not do that"), (409, "name is taken"), (429, "slow down"), (500, "HTTP 500")],
)
def test_a_space_that_cannot_be_created_leaves_nothing(hub, project, status, says):
    hub.failures["create"] = repeat(status)
    assert fails(hub, says).endswith("Nothing was created or sent.")
    assert not hub.repos


def test_a_space_whose_creation_was_not_answered_is_found_or_said_to_be_unknown(hub, project, capsys):
    hub.failures["create"] = iter(["cut after"])
    run()
    assert "answers as here" in capsys.readouterr().out
    del hub.repos["space", "me/bears"]
    hub.failures |= {"create": iter(["cut after"]), "info": iter([None, 500])}
    assert fails(hub, "Whether it was created is not known. Nothing was sent.").endswith("again sends what is missing.")
    del hub.repos["space", "me/bears"]
    hub.failures = {"create": iter([("after", 504)])}
    run()
    del hub.repos["space", "me/bears"]
    hub.failures["create"] = iter(["cut"])
    assert fails(hub, "connection broke").endswith("Nothing was created or sent.")


@pytest.mark.parametrize(
    "route, failure, says",
    [
        ("preupload", 429, "slow down"),
        ("upload", "cut", "connection broke"),
        ("commit", "cut", "connection broke"),
        ("commit", 403, "may not do that"),
        ("commit", 412, "at the same time"),
        ("lfs", 503, "HTTP 503"),
        ("yaml", 400, "Invalid metadata in README"),
    ],
)
def test_files_arrive_whole_or_not_at_all_and_what_stands_is_said(hub, project, route, failure, says):
    hub.failures[route] = repeat(failure)
    said = fails(hub, says)
    assert "me/bears is as it was" in said and said.endswith("was created and is empty: run the same command again.")
    assert list(hub.space().files) == [".gitattributes"]
    hub.failures.clear()
    run()
    assert "app.py" in hub.space().files


def test_a_cut_connection_or_a_full_hub_is_tried_again(hub, project):
    hub.failures |= {"upload": iter(["cut", 503]), "preupload": iter([429])}
    run()
    assert hub.space().files["export.pkl"] == b"a model"


def test_a_commit_whose_answer_was_lost_is_not_sent_twice(hub, project, capsys):
    hub.failures["commit"] = iter(["cut after"])
    run()
    assert len(hub.space().commits) == 2 and "answers as here" in capsys.readouterr().out


@pytest.mark.parametrize("stage, log", [("BUILD_ERROR", "build"), ("RUNTIME_ERROR", "run")])
def test_a_space_that_fails_shows_its_log(hub, project, stage, log, capsys):
    hub.stages = ["BUILDING", stage]
    hub.logs[log] = [f"line {i}\n" for i in range(100)] + ["ERROR: no such package\n"]
    assert "The files are there as version" in fails(hub, "does not run")
    said = capsys.readouterr().out
    assert "  | ERROR: no such package" in said and "line 5\n" not in said


def test_a_space_that_never_becomes_healthy_ends_the_wait(hub, project):
    hub.stages = ["BUILDING"]
    assert "The files are there" in fails(hub, "does not run after 0 minutes; its state is BUILDING", minutes=0.005)
    hub.stages, hub.answers = ["RUNNING"], [502]
    assert "which holds the same files" in fails(hub, "does not answer as it should: HTTP 502", minutes=0.005)


def test_the_version_before_that_runs_on_for_a_while_is_no_success(hub, project, monkeypatch):
    run()
    (project / "app.py").write_text("# new\n")
    clock = count(time.monotonic(), 10)  # each look at it takes ten seconds
    monkeypatch.setattr(space, "time", SimpleNamespace(monotonic=lambda: next(clock), sleep=lambda _: None))
    hub.stages = [*[("RUNNING", 0)] * 6, "BUILDING", "BUILD_ERROR"]
    fails(hub, "does not run: it could not be built")


def test_questions_about_the_state_that_fail_are_asked_again(hub, project):
    hub.failures["runtime"] = iter([500, "cut", 429])
    run()


def test_an_answer_that_differs_from_here_is_an_error(hub, project):
    hub.answers = [{**ANSWER, "probabilities": {"teddy": 0.7, "black": 0.3}}]
    assert "teddy has 90.0% here and 70.0% there" in fails(hub, "answers otherwise than this folder: of examples/")


def test_without_a_token_everything_else_is_looked_at(hub, project, monkeypatch, tmp_path, capsys):
    monkeypatch.delenv("HF_TOKEN")
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "no-token"))
    fails(hub, "1 of the checks", dry_run=True)
    said = capsys.readouterr().out
    assert "No token is here." in said and "hf auth login" in said and said.count("  ok  ") == 5
    assert "What the Hub holds is not known" in said and "would be created" not in said


def test_an_interrupted_look_says_that_nothing_was_sent(hub, project, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(precheck, "smoke_test", interrupt)
    assert fails(hub, "Interrupted") == "Interrupted. Nothing was created or sent."


def test_a_line_that_is_dead_does_not_hang(hub, project, monkeypatch):
    monkeypatch.setattr("training.hub.repo.SECONDS", 0.2)
    hub.failures["create"] = repeat("hang")
    fails(hub, "connection broke while creating it")
    hub.failures = {"info": repeat("hang")}
    fails(hub, "1 of the checks")


def test_files_whose_arrival_is_not_known_are_not_said_to_be_unsent(hub, project):
    run()
    (project / "app.py").write_text("# new\n")
    hub.failures |= {"commit": iter(["cut after"]), "commits": iter([None, 500, 500, 500, 500, 500, 500, 500])}
    said = fails(hub, "Whether the files arrived is not known. The Space me/bears is there.")
    assert "Nothing was created" not in said and said.endswith("The same command again sends what is missing.")


def test_a_rollback_whose_arrival_is_not_known_is_not_to_be_run_again_blindly(hub, project):
    for content in ("one", "two"):
        (project / "app.py").write_text(content)
        run()
    hub.failures |= {"commit": iter(["cut after"]), "commits": iter([None, *[500] * 7])}
    said = fails(hub, "Whether the files arrived is not known", rollback=True)
    assert "Nothing was changed" not in said and said.endswith("the same command again goes one further back.")


def test_a_token_that_may_not_write_is_told_before_a_rollback(hub, project, capsys):
    run()
    hub.who["auth"]["accessToken"]["role"] = "read"
    assert "Nothing was changed" in fails(hub, "That check", rollback=True)
    assert "may read but not write" in capsys.readouterr().out


def test_the_owner_of_the_model_is_looked_at_too(hub, project, capsys):
    fails(hub, "1 of the checks", model="bob/bears", dry_run=True)
    assert "neither bob nor in an organisation bob" in capsys.readouterr().out


def test_the_hubs_own_words_are_told(hub, project):
    hub.failures["create"] = repeat(403)
    assert 'The Hub says: "the stub says 403".' in fails(hub, "may not do that")
    hub.failures["create"] = repeat(500)
    assert fails(hub, "HTTP 500") == (
        "Stopped while creating it (space me/bears): the Hub answered HTTP 500. "
        'The Hub says: "the stub says 500". Run it again in a while. Nothing was created or sent.'
    )


def test_what_the_hub_says_of_a_space_that_fails_is_told(hub, project):
    hub.stages, hub.error = ["CONFIG_ERROR"], "Missing configuration\n in README"
    fails(hub, r"accept the README's metadata \(Missing configuration in README\)\.")


def test_an_app_whose_answer_is_cut_off_is_asked_again(hub, project, monkeypatch):
    hub.failures["classify"] = iter(["short"])
    run()


def test_what_nobody_foresaw_still_says_what_stands(hub, project, monkeypatch, capsys):
    monkeypatch.setattr(deployment, "difference", lambda here, there: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run()
    assert "The files are there as version" in capsys.readouterr().out.splitlines()[-1]


def test_an_interrupted_wait_says_what_stands(hub, project, monkeypatch):
    def interrupt(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(space.time, "sleep", interrupt)
    assert "The files are there as version" in fails(hub, r"^Interrupted\.")
