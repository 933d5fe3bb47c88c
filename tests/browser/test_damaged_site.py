"""A folder whose files are missing or damaged: the page says so in a sentence, and answers once it is whole again."""

import gzip
import os
import shutil
import time

import pytest

from helpers.apps import TIMEOUT
from helpers.browser_modules import served_folder

HTML = b"<!DOCTYPE html><title>Not found</title>"  # some hosts answer 200 with that
DAMAGED = {
    "site.json": [(HTML, "site.json is damaged"), (b"{}", "site.json is damaged")],
    "model.onnx": [(HTML, "model.onnx is damaged"), (b"", "model.onnx is damaged"), ("cut", "model.onnx is damaged")],
    "runtime/*.mjs": [(HTML, ".mjs did not come"), (None, ".mjs did not come")],
    "runtime/*.gz": [("cut", ".gz is damaged"), (HTML, "is damaged"), (None, "the site answered 404")],
}


@pytest.fixture
def folder(site_folder, tmp_path):
    return shutil.copytree(site_folder, tmp_path / "site")


@pytest.fixture
def page(browser):
    context = browser.new_context(service_workers="block")
    page = context.new_page()
    page.set_default_timeout(TIMEOUT)
    yield page
    context.close()


def mend(file, whole: bytes) -> None:
    """Write a file whole, with a later time: one of the same second would be "not modified" to a server."""
    file.write_bytes(whole)
    later = time.time() + 5
    os.utime(file, (later, later))


def cases():
    return [(pattern, *damage) for pattern, damages in DAMAGED.items() for damage in damages]


@pytest.mark.parametrize(("pattern", "content", "words"), cases())
def test_a_damaged_file_is_told_in_a_sentence_and_can_be_tried_again(page, folder, pattern, content, words):
    file = next(folder.glob(pattern))
    whole = file.read_bytes()
    if content is None:
        file.unlink()
    else:
        file.write_bytes(whole[: len(whole) // 2] if content == "cut" else content)
    with served_folder(folder) as server:
        page.goto(server.url)
        problem = page.locator("#no-model")
        problem.wait_for()
        said = problem.locator("p").inner_text()
        assert words in said and said.endswith(".") and "went wrong" not in said
        mend(file, whole)
        page.locator("#again").click()
        page.locator("body[data-ready]").wait_for()
        assert not problem.is_visible()


def test_a_host_may_unpack_the_runtime(page, folder):
    packed = next(folder.glob("runtime/*.gz"))
    packed.write_bytes(gzip.decompress(packed.read_bytes()))
    with served_folder(folder) as server:
        page.goto(server.url)
        page.locator("body[data-ready]").wait_for()


@pytest.mark.parametrize(("name", "content"), [("csv.js", None), ("answer.js", b"export const ="), ("page.js", None)])
def test_a_script_of_the_page_that_does_not_come_is_told(page, folder, name, content):
    whole = (folder / name).read_bytes()
    (folder / name).unlink()
    if content is not None:
        (folder / name).write_bytes(content)
    with served_folder(folder) as server:
        page.goto(server.url)
        page.locator("#no-model", has_text="A part of it did not come, or is damaged.").wait_for()
        assert page.locator("#loading").is_hidden()
        mend(folder / name, whole)
        page.locator("#again").click()
        page.locator("body[data-ready]").wait_for()
