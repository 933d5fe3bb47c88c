"""The documentation's site: it builds without a warning, and every page is found from another."""

import importlib.util
import os
import re
import subprocess
import sys
from itertools import pairwise

import pytest
import yaml

from helpers.documents import DOCS, FENCE, SITE, page_of, pages
from helpers.paths import ROOT

CONFIG = yaml.safe_load((ROOT / "mkdocs.yml").read_text())


def listed(entry) -> list[str]:
    """Return the pages of a part of the navigation."""
    if isinstance(entry, str):
        return [entry]
    return [page for part in (entry.values() if isinstance(entry, dict) else entry) for page in listed(part)]


def test_site_builds_without_a_warning(tmp_path):
    if importlib.util.find_spec("mkdocs") is None or importlib.util.find_spec("material") is None:
        pytest.skip("mkdocs-material is not installed (pip install -r docs/requirements.txt)")
    build = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", tmp_path / "site"]
    run = subprocess.run(
        build, cwd=ROOT, capture_output=True, text=True, timeout=120, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    )
    assert run.returncode == 0, run.stderr
    assert (tmp_path / "site" / "index.html").is_file()


def test_navigation_lists_every_page_once():
    assert sorted(listed(CONFIG["nav"])) == sorted(page.relative_to(DOCS).as_posix() for page in DOCS.rglob("*.md"))


def test_mkdocs_is_told_to_report_every_dead_link():
    assert set(CONFIG["validation"]["links"].values()) == set(CONFIG["validation"]["nav"].values()) == {"warn"}


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_in_a_page_lead_somewhere(page):
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    for link in re.findall(r"\]\(([^)#\s]+)", text):
        if link.startswith(SITE):
            assert page_of(link), link
        else:
            assert ":" in link or (page.parent / link).exists(), link


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.relative_to(ROOT).as_posix())
def test_a_page_has_one_title_and_no_heading_skips_a_level(page):
    levels = [len(marks) for marks in re.findall(r"^(#+) ", FENCE.sub("", page.read_text(encoding="utf-8")), re.M)]
    assert levels.count(1) == 1 and levels[0] == 1
    assert all(below <= above + 1 for above, below in pairwise(levels))


def test_workflow_publishes_what_the_test_builds():
    steps = yaml.safe_load((ROOT / ".github" / "workflows" / "docs.yml").read_text())["jobs"]["build"]["steps"]
    commands = [step["run"] for step in steps if "run" in step]
    assert commands == ["pip install -r docs/requirements.txt", "mkdocs build --strict"]
    assert {"path": CONFIG["site_dir"]} in [step.get("with") for step in steps]
