"""training/deploy: a Space from nothing to its answer, against the Hub's endpoints on this machine; what fails."""

import hashlib
import os
import subprocess
import sys
import time
from itertools import count, repeat
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from fastcore.script import CliError
from huggingface_hub import constants

from helpers.hub_stub import deployed_to_hub
from helpers.paths import ROOT
from training.deploy import deployment, precheck, space
from training.deploy.__main__ import main
from training.deploy.checks import Check
from training.deploy.manifest import serving_files

VERSION = "abcdef012345"
ANSWER = {"label": "teddy", "probabilities": {"teddy": 0.9, "black": 0.1}, "model_version": VERSION}


@pytest.fixture
def hub(monkeypatch):
    """The Hub as a stub, one that this process talks to with a token, without waiting."""
    with deployed_to_hub(monkeypatch) as hub:
        hub.answers = [ANSWER]
        yield hub


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A small folder with the serving files, beside much that is not to be sent; its app is taken to answer."""
    for file, content in serving_files(ROOT).items():
        path = tmp_path / "project" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"a model" if file.endswith((".pkl", ".onnx")) else content)
    root = tmp_path / "project"
    for other in (
        "training/train/record.py",
        "data/teddy/1.jpg",
        ".env",
        "server/.env",
        "tests/server/test_app.py",
        "other.pkl",
    ):
        (root / other).parent.mkdir(parents=True, exist_ok=True)
        (root / other).write_text("not to be sent")
    monkeypatch.setattr(deployment, "ROOT", root)
    monkeypatch.setattr(precheck, "smoke_test", lambda files, hardware: (Check("the app, alone", "answers"), ANSWER))
    return root


def run(*args, **options) -> None:
    main("me/bears", *args, url=options.pop("url", ""), **options)


def test_a_new_space_holds_exactly_the_serving_files_and_answers_as_here(hub, project, capsys):
    run()
    assert hub.space().hardware == "cpu-basic" and not hub.space().private
    assert set(hub.space().files) == {*serving_files(project), ".gitattributes"}
    assert hub.space().files["server/settings.py"] == (project / "server" / "settings.py").read_bytes()
    said = capsys.readouterr().out
    assert f"{hub.url}/spaces/me/bears" in said
    assert f"curl -F file=@examples/black-1.jpg {hub.url}/classify" in said
    assert "building\n  app starting\n  running" in said
    n_files = len(serving_files(project))
    assert said.splitlines()[-1].startswith(f"me/bears answers as here: {n_files} files new, 0 changed, 0 deleted")


def test_again_only_what_changed_is_sent(hub, project, capsys):
    run()
    hub.uploaded.clear()
    (project / "export.pkl").write_bytes(b"another model")
    (project / "app.py").write_text("# new\n")
    (project / "classifier" / "words.py").write_text("# new\n")
    (project / "server" / "texts.py").unlink()
    run()
    assert hub.uploaded == [hashlib.sha256(b"another model").hexdigest()]
    assert "server/texts.py" not in hub.space().files and hub.space().files["app.py"] == b"# new\n"
    n_same = len(serving_files(project)) - 3
    assert f"1 files new, 2 changed, 1 deleted, {n_same} as they are" in capsys.readouterr().out
    n_commits = len(hub.space().commits)
    run()
    assert len(hub.space().commits) == n_commits and "nothing to send" in capsys.readouterr().out


def test_dry_run_shows_all_of_it_and_sends_nothing(hub, project, capsys):
    run(dry_run=True)
    assert not hub.repos and not hub.uploaded
    said = capsys.readouterr().out
    assert "would be created on cpu-basic" in said and "+ app.py" in said and " 0 changed" in said
    assert said.count("  ok  ") == 7
    assert all(f"\n  + {file}\n" in said for file in serving_files(project))


def test_a_free_account_gets_zero_gpu_without_the_cpu_pins(hub, project, capsys):
    hub.who["isPro"] = False
    run()
    files = hub.space().files
    assert hub.space().hardware == "zero-a10g" and "pre-requirements.txt" not in files
    readme = files["README.md"].decode()
    assert 'python_version: "3.12.12"\n' in readme and "suggested_hardware: zero-a10g\n" in readme
    with pytest.raises(CliError, match="1 of the checks"):
        main("me/other", hardware="cpu-basic")
    assert "needs PRO" in capsys.readouterr().out


def fails(hub, what: str, **options) -> str:
    """Return what a deployment that fails says last."""
    with pytest.raises(CliError, match=what) as error:
        run(**options)
    assert "\n" not in str(error.value) and "Traceback" not in str(error.value)
    return str(error.value)


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


def test_the_version_before_is_not_taken_for_the_new_one(hub, project):
    run()
    (project / "app.py").write_text("# new\n")
    hub.stages = [("RUNNING", 0), ("BUILD_ERROR", 0), "RUNNING_BUILDING", "RUNNING"]
    hub.answers = [502, {**ANSWER, "model_version": "old"}, ANSWER]
    run()
    assert not hub.stages[1:] and not hub.answers[1:]


def test_the_version_before_that_runs_on_for_a_while_is_no_success(hub, project, monkeypatch):
    run()
    (project / "app.py").write_text("# new\n")
    clock = count(time.monotonic(), 10)  # each look at it takes ten seconds
    monkeypatch.setattr(space, "time", SimpleNamespace(monotonic=lambda: next(clock), sleep=lambda _: None))
    hub.stages = [*[("RUNNING", 0)] * 6, "BUILDING", "BUILD_ERROR"]
    fails(hub, "does not run: it could not be built")


def test_where_the_hub_names_no_version_it_is_given_time(hub, project, monkeypatch):
    monkeypatch.setattr(space, "SETTLE", 60)
    hub.tells_version, hub.stages = False, ["RUNNING", "BUILDING", "RUNNING"]
    run()
    assert hub.asked.count("runtime") == 3


def test_questions_about_the_state_that_fail_are_asked_again(hub, project):
    hub.failures["runtime"] = iter([500, "cut", 429])
    run()


def test_an_answer_that_differs_from_here_is_an_error(hub, project):
    hub.answers = [{**ANSWER, "probabilities": {"teddy": 0.7, "black": 0.3}}]
    assert "teddy has 90.0% here and 70.0% there" in fails(hub, "answers otherwise than this folder: of examples/")


def test_another_app_is_not_overwritten_unless_told_to(hub, project, capsys):
    run()
    hub.space().commit("mine", {"app.py": b"mine", "poems.txt": b"mine"})
    fails(hub, "1 of the checks")
    assert "holds another app (poems.txt)" in capsys.readouterr().out
    run(replace=True)
    assert "poems.txt" not in hub.space().files


def test_rollback_goes_one_version_back_each_time(hub, project, capsys):
    for content in ("one", "two", "three"):
        (project / "app.py").write_text(content)
        (project / "export.pkl").write_text(content)
        run()
    hub.uploaded.clear()
    hub.answers = [{**ANSWER, "model_version": hashlib.sha256(b"two").hexdigest()[:12]}]
    run(rollback=True)
    assert hub.space().files == hub.space().commits[2][2] and hub.space().files["app.py"] == b"two"
    assert not hub.uploaded
    hub.answers = [{**ANSWER, "model_version": hashlib.sha256(b"one").hexdigest()[:12]}]
    run(rollback=True, dry_run=True)
    assert f"Would put back version {hub.space().commits[1][0][:12]}" in capsys.readouterr().out
    run(rollback=True)
    assert hub.space().files["export.pkl"] == b"one"
    assert "Nothing was changed" in fails(hub, "no earlier version", rollback=True)
    assert "Nothing was changed" in fails(hub, "no earlier version", rollback=True, dry_run=True)


def test_the_model_goes_to_its_own_repository_with_its_card(hub, project):
    main("me/bears", model="me/bear-model", dataset="club/bears")
    model = hub.repos["model", "me/bear-model"].files
    assert model["model.pkl"] == b"a model" and b"fastai=2.8.12" in model["pyproject.toml"]
    head = model["README.md"].decode().split("---\n")[1]
    assert "library_name: fastai" in head and "model-index" in head and "- club/bears" in head
    readme = hub.space().files["README.md"].decode()
    assert "models:\n  - me/bear-model\n" in readme and "datasets:\n  - club/bears\n" in readme
    run()
    assert hub.space().files["README.md"].decode() == readme, "what an earlier --model filled in stays"
    hub.failures["create"] = repeat(402)
    with pytest.raises(CliError, match=r"The model me/bear-model is up to date. Of the Space, nothing was created"):
        main("me/more", model="me/bear-model")


STOCK = """
from fastai.vision.all import PILImage
from huggingface_hub import from_pretrained_fastai
learn = from_pretrained_fastai("me/bear-model")
with learn.no_bar():
    print(learn.predict(PILImage.create("examples/black-1.jpg"))[0])
"""


def test_the_github_workflow_deploys_and_stock_fastai_opens_the_model(hub, app_url, tmp_path):
    """The real thing but for the Hub: the whole folder, its app, and another running app as the live Space."""
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "deploy.yml").read_text())
    step = workflow["jobs"]["deploy"]["steps"][-1]
    hub.host = app_url
    python = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    env = {**os.environ, "PATH": python, "SPACE": "me/bears", "HF_HUB_DISABLE_XET": "1", "HF_HOME": str(tmp_path)}
    run = subprocess.run(
        ["bash", "-ec", step["run"] + " --model me/bear-model"],
        cwd=ROOT,
        env=env,
        timeout=120,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert "me/bears answers as here" in run.stdout and not run.stderr
    assert set(step["env"]) == {"SPACE", "HF_TOKEN"}

    pytest.importorskip("toml", reason="from_pretrained_fastai needs toml")
    code = (ROOT / "classifier" / "torchvision_compat.py").read_text() + "declare_operators()\n" + STOCK
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], cwd=ROOT, env=env, timeout=120, capture_output=True, text=True
    )
    assert run.stdout.strip() == "black", run.stderr


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


@pytest.mark.parametrize(
    "options, says",
    [({"url": "ada-bears.hf.space"}, "--url ada-bears.hf.space is no address"), ({"dataset": "a: b"}, "USER/NAME")],
)
def test_options_that_cannot_be_are_refused_before_anything(hub, project, options, says):
    fails(hub, says, **options)
    assert not hub.asked


def test_an_interrupted_wait_says_what_stands(hub, project, monkeypatch):
    def interrupt(_):
        raise KeyboardInterrupt

    monkeypatch.setattr(space.time, "sleep", interrupt)
    assert "The files are there as version" in fails(hub, r"^Interrupted\.")


def test_a_private_space_is_asked_with_the_token(hub, project, monkeypatch, capsys):
    tokens = []
    monkeypatch.setattr(space, "ask", lambda url, photo, token: tokens.append(token) or ANSWER)
    run(private=True)
    assert hub.space().private and tokens == [hub.token]
    said = capsys.readouterr().out
    assert '-H "Authorization: Bearer $HF_TOKEN"' in said and hub.token not in said


@pytest.mark.parametrize(
    "name, host",
    [("ada/bears", "https://ada-bears.hf.space"), ("Ada_L/My.Bears_2", "https://ada-l-my-bears-2.hf.space")],
)
def test_a_space_answers_at_its_own_address(name, host):
    assert space.app_address(name, None) == host


@pytest.mark.parametrize("name", ["bears", "me/be ars", "a/b/c", ""])
def test_a_name_that_cannot_be_one_is_refused(hub, name):
    with pytest.raises(CliError, match="USER/NAME"):
        main(name)
