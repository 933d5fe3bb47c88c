"""deploy/candidate: a scheduled Job of the Hub that trains a candidate and proposes it to the Space."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from helpers.candidates import environment_of, hub_of_a_team
from helpers.paths import ROOT

JOB = ROOT / "deploy" / "candidate"


def bash(*command: object, cwd: Path = ROOT, **variables: str) -> subprocess.CompletedProcess:
    """Run a script, where `python` and `hf` are those beside the Python that runs the tests."""
    if os.name == "nt" or not shutil.which("bash"):
        pytest.skip("the scripts run in a Job, which is Linux")
    path = os.pathsep.join([*filter(None, [variables.pop("BEFORE", "")]), str(Path(sys.executable).parent)])
    environment = {**os.environ, **variables, "PATH": f"{path}{os.pathsep}{os.environ['PATH']}"}
    run = subprocess.run(
        ["bash", *map(str, command)], cwd=cwd, env=environment, capture_output=True, text=True, timeout=300
    )
    assert run.returncode == 0, run.stdout + run.stderr
    return run


def test_the_hub_takes_the_schedule_and_its_command(tmp_path):
    variables = {"HF_TOKEN": "hf_secret", "HF_HOME": str(tmp_path), "FEEDBACK": "hf://datasets/ada/said"}
    arguments = ("https://github.com/ada/fieldguide", "ada/bears", "ada/photos", "--dry-run", "--namespace", "ada")
    said = bash(JOB / "hf_job.sh", *arguments, HF_ENDPOINT="http://127.0.0.1:9", **variables).stdout
    assert "@weekly" in said and "python:3.12" in said and "hf_secret" not in said
    assert "bash deploy/candidate/job.sh" in said and "SPACE=ada/bears" in said
    assert "FEEDBACK=hf://datasets/ada/said" in said


@pytest.mark.slow
def test_the_job_proposes_a_candidate_to_the_space(tmp_path):
    clone, tools = tmp_path / "clone", tmp_path / "tools"
    clone.mkdir()
    for package in ("classifier", "server", "training"):
        (clone / package).symlink_to(ROOT / package)
    tools.mkdir()
    (tools / "pip").write_text('#!/bin/sh\necho "pip $@"\n')
    (tools / "pip").chmod(0o755)
    with hub_of_a_team(tmp_path) as hub:
        variables = {"SPACE": "me/bears", "DATASET": "me/photos", "FEEDBACK": "hf://datasets/me/said"}
        run = bash(JOB / "job.sh", cwd=clone, BEFORE=str(tools), **environment_of(hub, tmp_path), **variables)
    requirements = [line.split()[-1] for line in run.stdout.splitlines() if line.startswith("pip ")]
    assert requirements == ["pre-requirements.txt", "training/requirements.txt"]
    assert run.stdout.splitlines()[-1] == f"{hub.url}/spaces/me/bears/discussions/1: opened"
    (pull,) = hub.space().pulls
    assert pull.title.startswith("Candidate model ") and "| `red` | 25 | 0 |" in pull.texts[0]
    files = pull.commits[-1][2]
    assert files["export.pkl"] == (clone / "candidate" / "export.pkl").read_bytes() != hub.space().files["export.pkl"]
    assert files["app.py"] == b"" and {"export.onnx", "metrics.json", "manifest.csv"} < {*files}
