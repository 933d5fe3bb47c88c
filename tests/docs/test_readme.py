"""README.md: short, with the metadata that Spaces read, true links, and a tree of every folder."""

import re
import subprocess

import pytest
import yaml

from helpers.documents import FRONT_MATTER, SITE, anchors, page_of, section
from helpers.paths import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
METADATA = FRONT_MATTER.match(README)[0]
MAX_BYTES = 10_000
SPACE_KEYS = {
    "title",
    "emoji",
    "colorFrom",
    "colorTo",
    "sdk",
    "sdk_version",
    "python_version",
    "app_file",
    "models",
    "datasets",
    "model-index",
    "short_description",
    "tags",
    "license",
    "pinned",
    "suggested_hardware",
    "startup_duration_timeout",
}
COLOURS = {"red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray"}
LINKS = re.findall(r"\[[^]]*\]\(([^)\s]+)\)", README)
SITE_LINKS = sorted({link for link in LINKS if link.startswith(SITE)})


def pinned(package: str) -> str:
    return re.search(rf"^{package}==(\S+)$", (ROOT / "requirements.txt").read_text(), re.M).group(1)


def test_readme_has_at_most_10_000_bytes():
    assert len(README.encode()) <= MAX_BYTES


def test_space_metadata_is_valid():
    metadata = yaml.safe_load(METADATA.strip("-\n"))
    assert set(metadata) <= SPACE_KEYS
    assert metadata["sdk"] == "gradio"
    assert metadata["sdk_version"] == pinned("gradio")
    assert (ROOT / metadata["app_file"]).is_file()
    assert len(metadata["short_description"]) <= 60
    assert {metadata["colorFrom"], metadata["colorTo"]} <= COLOURS
    assert re.search(r'^python_version: "3\.1[0-3]"$', METADATA, re.M), "quoted, or 3.10 becomes 3.1"


def test_torch_is_pinned_alike_for_the_spaces_image():
    pre = (ROOT / "pre-requirements.txt").read_text()
    for package in ("torch", "torchvision"):
        assert f"{package}=={pinned(package)}" in pre
    assert "--extra-index-url" in pre
    assert "--extra-index-url" not in (ROOT / "requirements.txt").read_text()


def test_every_requirement_of_serving_is_pinned():
    lines = [line for line in (ROOT / "requirements.txt").read_text().splitlines() if line and line[0] != "#"]
    assert all(re.match(r"^[A-Za-z_-]+==\d[\w.]*(; python_version .*)?$", line) for line in lines)


def test_links_work_on_the_hubs_page_of_the_space_too():
    """Only the serving files and the README's picture are sent there, so all links are absolute."""
    assert [link for link in LINKS if not link.startswith("https://")] == ["docs/page.jpg"]
    assert (ROOT / "docs" / "page.jpg").is_file()


@pytest.mark.parametrize("link", SITE_LINKS, ids=lambda link: link.removeprefix(SITE))
def test_link_to_the_site_has_its_page(link):
    page, anchor = page_of(link), link.partition("#")[2]
    assert page, f"docs/ has no page for {link}"
    assert link.partition("#")[0].endswith("/"), "without it, the site redirects"
    assert not anchor or anchor in anchors(page)


def test_tree_names_every_folder():
    tree = section("README.md", "Folders").split("```")[1]
    tracked = {
        line.split("/")[0]
        for line in subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True).stdout.splitlines()
        if "/" in line
    }
    folders = {f"{name}/" for name in tracked if not name.startswith(".")}
    assert folders <= set(tree.split())
    assert all((ROOT / line.split()[0]).exists() for line in tree.strip().splitlines())
