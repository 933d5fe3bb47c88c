"""deploy/bulk and deploy/kubernetes/bulk-job.yaml: their command lines answer the shares that they are given."""

import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
import yaml

from helpers.commands import run_module
from helpers.paths import ROOT

pytest.importorskip("pyarrow", reason="pyarrow is not installed (classifier/bulk/requirements.txt)")

BULK = ROOT / "deploy" / "bulk"
TINY = ROOT / "tests" / "exports" / "trained" / "export.pkl"
JOB = yaml.safe_load((ROOT / "deploy" / "kubernetes" / "bulk-job.yaml").read_text())["spec"]
[WORKER] = JOB["template"]["spec"]["containers"]


@pytest.fixture
def bash(tmp_path):
    """Run a command with variables, where `python` is the one that runs the tests."""
    if not shutil.which("bash"):
        pytest.skip("bash is not here")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").symlink_to(sys.executable)

    def run(*command: object, **variables: str) -> subprocess.CompletedProcess:
        path = f"{tmp_path / 'bin'}:/usr/bin:/bin"
        environment = {"PATH": path, "VIRTUAL_ENV": sys.prefix, "PYTHONPATH": ":".join(sys.path), **variables}
        return subprocess.run([*map(str, command)], cwd=ROOT, capture_output=True, text=True, env=environment)

    return run


def merged(out: Path) -> Counter:
    """Return how often each photo is in the merged table of a folder of parts."""
    run = run_module("classifier.merge", out, "--out", out / "all.csv")
    assert run.returncode == 0, run.stderr
    return Counter(line.split(",")[0] for line in (out / "all.csv").read_text().splitlines()[1:])


def arguments(out: Path) -> list[object]:
    return [ROOT / "examples", "--out", out, "--export", TINY, "--part-size", 2]


@pytest.mark.slow
def test_tasks_of_a_slurm_array_answer_each_photo_once(tmp_path, bash):
    for task in ("2", "1", "2"):
        run = bash("bash", BULK / "slurm.sh", 2, *arguments(tmp_path / "out"), SLURM_ARRAY_TASK_ID=task)
        assert run.returncode == 0, run.stderr
    assert "0 answered now" in run.stdout
    assert set(merged(tmp_path / "out").values()) == {1}


@pytest.mark.slow
def test_pods_of_a_job_answer_each_photo_once(tmp_path, bash):
    command = [word.replace("/venv/bin/python", sys.executable) for word in WORKER["command"]]
    for index in ("0", "1"):
        run = bash(*command, *arguments(tmp_path / "out"), SHARDS="2", JOB_COMPLETION_INDEX=index)
        assert run.returncode == 0, run.stderr
    assert set(merged(tmp_path / "out").values()) == {1}


def test_a_job_has_as_many_pods_as_shards():
    [shards] = [variable["value"] for variable in WORKER["env"] if variable["name"] == "SHARDS"]
    assert JOB["completions"] == int(shards) and JOB["completionMode"] == "Indexed"


def test_a_pod_of_a_job_is_not_root_and_writes_to_tmp_alone():
    pod = JOB["template"]["spec"]
    assert pod["securityContext"]["runAsUser"] == 10001 and pod["securityContext"]["runAsNonRoot"]
    assert WORKER["securityContext"]["readOnlyRootFilesystem"]
    assert [mount["mountPath"] for mount in WORKER["volumeMounts"]] == ["/tmp"]


def test_jobs_of_the_hub_are_one_for_each_shard(tmp_path, bash):
    (tmp_path / "bin").mkdir(exist_ok=True)
    (tmp_path / "bin" / "hf").write_text('#!/bin/bash\necho "$@"\n')
    (tmp_path / "bin" / "hf").chmod(0o755)
    run = bash("bash", BULK / "hf_jobs.sh", 3, "IMAGE", "hf://datasets/me/photos", "hf://buckets/me/answers")
    lines = run.stdout.splitlines()
    assert [line.rpartition(" ")[2] for line in lines] == ["1/3", "2/3", "3/3"], run.stderr
    assert all("IMAGE /venv/bin/python -m classifier /photos --out /answers" in line for line in lines)
