"""training/hub/account.py: how to log in."""

import sys
from pathlib import Path

import pytest

from training.hub.account import login_command, obstacle


@pytest.fixture
def in_the_projects_environment(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "executable", str(Path.cwd() / ".venv" / "bin" / "python"))
    return tmp_path


@pytest.mark.usefixtures("in_the_projects_environment")
def test_login_is_found_by_who_has_not_activated_the_environment():
    assert login_command() == ".venv/bin/hf auth login"
    _, what_to_do = obstacle({"name": "ada"}, "bob")
    assert what_to_do == "Take ada/…, or log in as bob: .venv/bin/hf auth login --force"
    _, what_to_do = obstacle({"name": "ada", "auth": {"accessToken": {"role": "read"}}}, "ada")
    assert what_to_do.endswith(", then: .venv/bin/hf auth login --force")


def test_login_of_another_environment_is_by_name(in_the_projects_environment, monkeypatch):
    elsewhere = in_the_projects_environment / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    assert login_command("--force") == "hf auth login --force"
