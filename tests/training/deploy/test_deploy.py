"""training/deploy: a Space from nothing to its answer, against the Hub's endpoints on this machine."""

import hashlib
import os
import subprocess
import sys
from itertools import repeat
from pathlib import Path

import pytest
import yaml
from fastcore.script import CliError

from helpers.deployments import ANSWER, fails, run
from helpers.paths import ROOT
from training.deploy import space
from training.deploy.__main__ import main
from training.deploy.manifest import serving_files


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


def test_the_version_before_is_not_taken_for_the_new_one(hub, project):
    run()
    (project / "app.py").write_text("# new\n")
    hub.stages = [("RUNNING", 0), ("BUILD_ERROR", 0), "RUNNING_BUILDING", "RUNNING"]
    hub.answers = [502, {**ANSWER, "model_version": "old"}, ANSWER]
    run()
    assert not hub.stages[1:] and not hub.answers[1:]


def test_where_the_hub_names_no_version_it_is_given_time(hub, project, monkeypatch):
    monkeypatch.setattr(space, "SETTLE", 60)
    hub.tells_version, hub.stages = False, ["RUNNING", "BUILDING", "RUNNING"]
    run()
    assert hub.asked.count("runtime") == 3


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


@pytest.mark.parametrize(
    "options, says",
    [({"url": "ada-bears.hf.space"}, "--url ada-bears.hf.space is no address"), ({"dataset": "a: b"}, "USER/NAME")],
)
def test_options_that_cannot_be_are_refused_before_anything(hub, project, options, says):
    fails(hub, says, **options)
    assert not hub.asked


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
