"""docs/guides/deploy.md: its way by plain git pushes the model through git-lfs."""

import re
import shutil
import subprocess

import pytest

from helpers.documents import section
from helpers.git import HUB_HOOK, git
from helpers.paths import ROOT


def test_redeploy_commands_push_the_model_through_lfs(tmp_path):
    if shutil.which("git-lfs") is None:
        pytest.skip("git-lfs is not installed")
    if not (ROOT / ".git").exists():
        pytest.skip("this copy of the project is no git clone")
    space, clone, seen = tmp_path / "space.git", tmp_path / "clone", tmp_path / "seen"
    git("init", "--bare", "--initial-branch=main", space, cwd=tmp_path)
    (space / "hooks" / "pre-receive").write_text(HUB_HOOK)
    (space / "hooks" / "pre-receive").chmod(0o755)
    git("clone", "--no-local", ROOT, clone, cwd=tmp_path)
    for key, value in {"user.name": "A Learner", "user.email": "learner@example.com"}.items():
        git("config", key, value, cwd=clone)
    refused = git("push", space, "HEAD:refs/heads/main", cwd=clone, check=False)
    assert refused.returncode != 0 and "use LFS/Xet" in refused.stderr

    first, again = re.findall(r"```bash\n(.*?)```", section("docs/guides/deploy.md", "By plain git"), re.S)
    first = first.replace("https://huggingface.co/spaces/USER/NAME", f"file://{space}")
    subprocess.run(["bash", "-ec", first], cwd=clone, check=True, capture_output=True)
    git("clone", f"file://{space}", seen, cwd=tmp_path)
    assert (seen / "export.pkl").read_bytes() == (ROOT / "export.pkl").read_bytes()

    (clone / "export.pkl").write_bytes(b"a new model" * 1000)
    (clone / "metrics.json").write_text("{}")
    subprocess.run(["bash", "-ec", again], cwd=clone, check=True, capture_output=True)
    git("pull", cwd=seen)
    assert (seen / "export.pkl").read_bytes() == b"a new model" * 1000
