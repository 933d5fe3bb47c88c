"""docs/lesson.md names code that is there; docs/llms.txt has the form of llmstxt.org and links to real pages."""

import re

import pytest

from helpers.documents import SITE, page_of
from helpers.paths import ROOT
from server.limits.endpoints import rule_of
from training.__main__ import COMMANDS, file_of

LESSON = (ROOT / "docs" / "lesson.md").read_text(encoding="utf-8")
LLMS = (ROOT / "docs" / "llms.txt").read_text(encoding="utf-8")
FILES = sorted(set(re.findall(r"`((?:[\w-]+/)*[\w-]+(?:\.py|\.ipynb|/))`", LESSON)))
NAMES = sorted(set(re.findall(r"`(\w+)`\s+in\s+`([\w/]+\.py)`", LESSON)))


@pytest.mark.parametrize("file", FILES)
def test_files_that_the_lesson_names_are_there(file):
    assert (ROOT / file).exists()


@pytest.mark.parametrize("name, file", NAMES)
def test_names_in_the_lesson_are_in_their_files(name, file):
    assert re.search(rf"\b{name}\b", (ROOT / file).read_text(encoding="utf-8"))


def test_the_lesson_names_code_for_most_of_its_steps():
    assert len(FILES) > 20 and len(NAMES) > 25


def test_each_question_has_an_answer():
    questions = re.split(r"^### (\d+)\. .+$", LESSON, flags=re.M)[1:]
    assert [int(number) for number in questions[::2]] == list(range(1, 28))
    for number, answer in zip(questions[::2], questions[1::2]):
        assert len(answer.split()) > 25, f"question {number}"
        assert re.search(r"`[^`]+`|\]\(", answer), f"question {number} names no place"


def test_llms_txt_has_its_form():
    lines = LLMS.splitlines()
    assert lines[0] == "# Fieldguide" and lines[2].startswith("> ") and LLMS.count("\n# ") == 0
    sections = re.split(r"^## .+$", LLMS, flags=re.M)[1:]
    assert sections
    for section in sections:
        for line in section.strip().splitlines():
            assert re.match(r"- \[[^]]+\]\(\S+\)", line), line


def test_llms_txt_links_to_pages():
    links = re.findall(r"\]\((\S+?)\)", LLMS)
    assert len(links) == len(set(links)) > 10
    for link in links:
        assert link.startswith(SITE) and page_of(link), link


def test_llms_txt_names_commands_and_addresses_that_are_there():
    named = set(re.findall(r"python -m training\.(\w+)", LLMS))
    assert {"gather", "verify", "train", "deploy"} <= named <= set(COMMANDS)
    assert all(file_of(command).is_file() for command in named)
    for method, path in re.findall(
        r"`?(GET|POST)? ?(?:https://USER-NAME\.hf\.space)?(/(?:classify|health|openapi\.json|"
        r"gradio_api/mcp/))`",
        LLMS,
    ):
        assert rule_of(method or "GET", path) or rule_of("POST", path), path
