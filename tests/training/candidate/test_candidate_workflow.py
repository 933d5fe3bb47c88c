""".github/workflows/candidate.yml: its steps, run as GitHub does, against a bare repository and stubs of Hub and gh."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from classifier.files import sha256
from helpers.candidates import VERSION, hub_of_a_team, quick_metrics
from helpers.git import git
from helpers.paths import ROOT, TRAINED

WORKFLOW = yaml.safe_load((ROOT / ".github" / "workflows" / "candidate.yml").read_text())
TRAIN, PROPOSE = WORKFLOW["jobs"]["train"], WORKFLOW["jobs"]["propose"]
LFS = "*.pkl filter=lfs diff=lfs merge=lfs -text\n*.onnx filter=lfs diff=lfs merge=lfs -text\n"
BOT = "41898282+github-actions[bot]@users.noreply.github.com"
GH = """#!{python}
import json, os, subprocess, sys
asked = sys.argv[1:]
with open(os.environ["GH_LOG"], "a") as log:
    print(json.dumps(asked), file=log)
if asked[:2] == ["pr", "list"]:
    sys.exit(subprocess.run(["jq", "-r", asked[asked.index("--jq") + 1], os.environ["GH_PULLS"]]).returncode)
"""


@pytest.fixture
def origin(tmp_path, monkeypatch) -> Path:
    """A bare repository with the project's code and the small export, which git-lfs carries, and a stub of gh."""
    if os.name == "nt":
        pytest.skip("the workflow runs on Linux")
    for needed in ("git-lfs", "jq"):
        if shutil.which(needed) is None:
            pytest.skip(f"{needed} is not installed")
    first, bare, tools = tmp_path / "first", tmp_path / "origin.git", tmp_path / "tools"
    for package in ("classifier", "server", "training"):
        shutil.copytree(ROOT / package, first / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(TRAINED, first, dirs_exist_ok=True)
    (first / "metrics.json").write_bytes(quick_metrics())
    shutil.copy(ROOT / ".gitignore", first)
    (first / ".gitattributes").write_text(LFS)
    tools.mkdir()
    (tools / "gh").write_text(GH.format(python=sys.executable))
    (tools / "gh").chmod(0o755)
    (tmp_path / "pulls.json").write_text("[]")
    for name, value in {
        "GIT_CONFIG_GLOBAL": str(tmp_path / "gitconfig"),
        "GH_LOG": str(tmp_path / "gh.log"),
        "GH_PULLS": str(tmp_path / "pulls.json"),
        "PATH": os.pathsep.join([str(tools), str(Path(sys.executable).parent), os.environ["PATH"]]),
    }.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "gitconfig").write_text("[user]\nname = A Person\nemail = person@example.com\n")
    git("init", "--bare", "--initial-branch=main", bare, cwd=tmp_path)
    git("init", "--initial-branch=main", cwd=first)
    git("lfs", "install", "--local", cwd=first)
    git("add", "-A", cwd=first)
    git("commit", "-q", "-m", "first", cwd=first)
    git("push", "-q", f"file://{bare}", "main", cwd=first)
    return bare


def checked_out(origin: Path, name: str) -> Path:
    """Return a fresh clone, as actions/checkout makes it with lfs."""
    clone = origin.parent / name
    git("clone", "-q", "--depth", 1, f"file://{origin}", clone, cwd=origin.parent)
    git("lfs", "pull", cwd=clone)
    return clone


def run_steps(job: dict, clone: Path, values: dict[str, str], **environment: str) -> str:
    """Run the `run` steps of a job but those that install; return what they print. values: by expression."""
    printed = ""
    for step in job["steps"]:
        if "run" not in step or step["name"].startswith("Install"):
            continue
        env = {name: values[text.removeprefix("${{ ").removesuffix(" }}")] for name, text in step["env"].items()}
        run = subprocess.run(
            ["bash", "-e", "-c", step["run"]],
            cwd=clone,
            env={**os.environ, **environment, **env},
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert run.returncode == 0, run.stdout + run.stderr
        printed += run.stdout
    return printed


def propose(origin: Path, name: str, candidate: Path, title: str = "Candidate model 0123456789ab: better") -> str:
    """Run the second job in a fresh clone on what the first one left."""
    clone = checked_out(origin, name)
    shutil.copytree(candidate, clone / "candidate")
    values = {
        "github.token": "gh-token",
        "github.ref_name": "main",
        "needs.train.outputs.title": title,
        "needs.train.outputs.version": "0123456789ab",
    }
    return run_steps(PROPOSE, clone, values)


def asked_of_gh(origin: Path) -> list[list[str]]:
    """Return what gh was asked for since the last time, but for what every run asks."""
    log = origin.parent / "gh.log"
    asked = [json.loads(line) for line in log.read_text().splitlines()]
    log.unlink()
    return [one for one in asked if one[:2] not in (["auth", "setup-git"], ["pr", "list"])]


def branches(origin: Path) -> dict[str, str]:
    """Return the commit of each branch of the bare repository."""
    rows = git("for-each-ref", "--format=%(refname:short) %(objectname)", cwd=origin).stdout.splitlines()
    return dict(row.split() for row in rows)


@pytest.mark.slow
def test_the_workflow_trains_a_candidate_and_opens_a_pull_request(origin, tmp_path):
    clone, outputs, told = checked_out(origin, "clone"), tmp_path / "outputs", tmp_path / "step-summary.md"
    with hub_of_a_team(tmp_path) as hub:
        values = {"secrets.HF_TOKEN": hub.token, "vars.SPACE": "me/bears", "vars.DATASET": "me/photos"}
        values |= {"vars.FEEDBACK": "hf://datasets/me/said", "vars.WEIGHTS": ""}
        environment = {"HF_ENDPOINT": hub.url, "HF_HUB_DISABLE_XET": "1", "HF_HOME": str(tmp_path / "home")}
        said = run_steps(TRAIN, clone, values, **environment, GITHUB_OUTPUT=str(outputs), GITHUB_STEP_SUMMARY=str(told))
    lines = said.splitlines()
    assert lines[0] == f"::stop-commands::{lines[-1].strip(':')}" and len(lines[-1]) == 36
    assert f"me/bears answers from {VERSION}, as export.pkl is" in said and "Nothing has drifted" in said
    output = dict(line.split("=", 1) for line in outputs.read_text().splitlines())
    assert output["candidate"] == "true" and output["title"].startswith(f"Candidate model {output['version']}: ")
    summary = (clone / "candidate" / "summary.md").read_text()
    assert told.read_text() == summary and "| `red` | 25 | 0 |" in summary

    propose(origin, "second", clone / "candidate", output["title"])
    own = next(name for name in branches(origin) if name.startswith("candidate/"))
    (asked,) = asked_of_gh(origin)
    assert asked[:8] == ["pr", "create", "--base", "main", "--head", own, "--title", output["title"]]
    changed = git("diff", "--name-only", "main", own, cwd=origin).stdout.split()
    assert {"export.pkl", "metrics.json", "manifest.csv"} <= {*changed} <= {*changed, "export.onnx"}
    pointer = git("show", f"{own}:export.pkl", cwd=origin).stdout
    assert pointer.startswith("version https://git-lfs") and sha256(clone / "candidate" / "export.pkl") in pointer
    assert git("log", "--format=%ae %s", "main..", own, cwd=origin).stdout == f"{BOT} {output['title']}\n"


@pytest.fixture
def candidate(tmp_path) -> Path:
    """What a training left; its export is any other file."""
    folder = tmp_path / "candidate"
    folder.mkdir()
    for name in ("export.pkl", "metrics.json", "manifest.csv", "summary.md"):
        (folder / name).write_text(f"{name} of a candidate")
    return folder


def test_there_is_one_pull_request_and_nothing_is_merged(origin, candidate):
    main = branches(origin)["main"]
    propose(origin, "first-week", candidate)
    assert [one[:2] for one in asked_of_gh(origin)] == [["pr", "create"]]
    (own,) = {*branches(origin)} - {"main"}
    assert own.endswith("-0123456789ab")
    assert "export.onnx" not in git("ls-tree", "--name-only", own, cwd=origin).stdout, "the old one is no copy of it"
    pulls = [
        {"number": 9, "headRefName": "candidate/by-a-stranger", "isCrossRepository": True},
        {"number": 8, "headRefName": "fix", "isCrossRepository": False},
        {"number": 7, "headRefName": own, "isCrossRepository": False},
    ]
    (origin.parent / "pulls.json").write_text(json.dumps(pulls))
    before = branches(origin)
    assert f"{own} has this candidate already." in propose(origin, "second-week", candidate)
    assert not asked_of_gh(origin) and branches(origin) == before

    (candidate / "export.pkl").write_text("another candidate")
    hostile = 'Candidate model 0: $(touch pwned) `touch pwned` "; touch pwned'
    propose(origin, "third-week", candidate, hostile)
    assert asked_of_gh(origin) == [
        ["pr", "edit", "7", "--title", hostile, "--body-file", "candidate/summary.md"],
    ]
    assert not (origin.parent / "third-week" / "pwned").exists()
    assert {*branches(origin)} == {"main", own} and branches(origin)[own] != before[own]

    clone = checked_out(origin, "person")
    git("fetch", "-q", "origin", own, cwd=clone)
    git("switch", "-q", "-c", "own", "FETCH_HEAD", cwd=clone)
    (clone / "metrics.json").write_text("with the card's figures")
    git("commit", "-q", "-a", "-m", "The card", cwd=clone)
    git("push", "-q", "origin", f"HEAD:refs/heads/{own}", cwd=clone)
    before = branches(origin)
    (candidate / "export.pkl").write_text("a third candidate")
    assert f"Somebody has committed to {own}: it is left as it is." in propose(origin, "fourth-week", candidate)
    assert not asked_of_gh(origin) and branches(origin) == before and before["main"] == main


def test_each_job_may_do_what_it_needs_and_no_text_of_others_is_pasted_into_a_shell():
    assert WORKFLOW["permissions"] == {"contents": "read"} and "permissions" not in TRAIN
    assert PROPOSE["permissions"] == {"contents": "write", "pull-requests": "write"}
    assert TRAIN["if"] == "vars.SPACE != '' && vars.DATASET != ''", "off unless it is set up"
    steps = [*TRAIN["steps"], *PROPOSE["steps"]]
    assert not [step for step in steps if "${{" in step.get("run", "")]
    assert all(step["with"]["persist-credentials"] is False for step in steps if "checkout" in step.get("uses", ""))
    others = "".join(file.read_text() for file in (ROOT / ".github" / "workflows").glob("*.yml"))
    assert all(f"uses: {step['uses']}" in others and "@v" in step["uses"] for step in steps if "uses" in step)
    assert "merge" not in "".join(step.get("run", "") for step in steps)
    for step in steps:
        for line in step.get("run", "").splitlines():
            if line.startswith("pip install -r "):
                assert (ROOT / line.split()[-1]).is_file()
