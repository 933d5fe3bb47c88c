"""The browser edition sends no photo anywhere, works without its server after a visit, and takes over a new version."""

import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request

import pytest

from helpers.apps import TIMEOUT
from helpers.browser_modules import served_folder
from helpers.browser_page import choose
from helpers.paths import ROOT
from training.static.site import with_files

EXAMPLES = ROOT / "examples"


@pytest.fixture
def context(browser):
    context = browser.new_context()
    context.set_default_timeout(TIMEOUT)
    yield context
    context.close()


def visit(context, url: str):
    """A page with its model, once it works without a network."""
    page = context.new_page()
    page.goto(url)
    page.locator("body[data-ready]").wait_for()
    page.locator("#offline", has_text="It now works without a network, too.").wait_for()
    return page


def answered(page, photo: str) -> str:
    choose(page, EXAMPLES / f"{photo}.jpg")
    page.locator("#verdict").wait_for()
    return page.locator("#verdict h3").inner_text()


def test_after_loading_no_request_leaves_the_page(context, site):
    page = visit(context, site.url)
    requests = []
    context.on("request", lambda request: requests.append(request.url))
    site.asked.clear()
    assert answered(page, "grizzly-1") == "grizzly"
    page.locator(".bar").nth(1).click()
    page.locator("#examples button").nth(0).click()
    page.locator("#verdict h3", has_text="black").wait_for()
    choose(page, *sorted(EXAMPLES.glob("*.jpg"))[:3])
    page.locator("#said", has_text="without an answer").wait_for()
    with page.expect_download():
        page.get_by_role("button", name="Download as CSV").click()
    page.wait_for_timeout(500)
    assert [url for url in requests if not url.startswith("blob:")] == [] and site.asked == []


def test_every_byte_crosses_the_wire_once(context, site):
    site.asked.clear()
    visit(context, site.url)
    for name in ("model.onnx", "ort-wasm-simd-threaded.wasm.gz"):
        sent = [path for path in site.asked if path.endswith(name)]
        assert 1 <= len(sent) <= 2, "fetched by the page; the service worker asks whether it has changed"
    assert not [path for path in site.asked if path.startswith("/heic/")], "few photos need it"
    site.asked.clear()
    page = visit(context, site.url)
    assert set(site.asked) <= {"/service-worker.js"}, "the browser asks for a newer version of it"
    assert answered(page, "teddy-1") == "teddy"


def test_it_works_with_the_server_process_killed(context, site_folder):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1", "-d", str(site_folder)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}/"
    try:
        for _ in range(100):
            try:
                urllib.request.urlopen(url, timeout=1).close()
                break
            except OSError:
                time.sleep(0.1)
        visit(context, url).close()
    finally:
        server.kill()
        server.wait()
    for address in (url, f"{url}index.html?from=a-bookmark"):
        page = visit(context, address)
        assert page.evaluate("navigator.serviceWorker.controller !== null")
        assert answered(page, "black-1") == "black"
        page.locator("#examples button").nth(4).click()
        page.locator("#verdict[data-kind=none]").wait_for()
        page.close()


def changed(folder, title: str) -> None:
    """Give a site another title, as `training.static` would: its service worker's version changes too."""
    told, worker = folder / "site.json", folder / "service-worker.js"
    told.write_text(re.sub(r'"title": "[^"]*"', f'"title": "{title}"', told.read_text()))
    names = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    files = {name: (folder / name).read_bytes() for name in names if name != "SHA256SUMS"}
    worker.write_text(with_files(worker.read_text(), files))


def test_newer_version_is_told_and_taken_over(context, site_folder, tmp_path):
    folder = tmp_path / "site"
    shutil.copytree(site_folder, folder)
    with served_folder(folder) as server:
        visit(context, server.url).close()
        changed(folder, "Second")
        page = visit(context, server.url)
        assert page.title() != "Second", "what is kept is shown, and the newer version fetched meanwhile"
        page.locator("#update", has_text="A newer version is ready").wait_for()
        page.get_by_role("button", name="reload").click()
        page.locator("h1", has_text="Second").wait_for()
        page.locator("body[data-ready]").wait_for()
        assert len(page.evaluate("caches.keys()")) == 1, "the old version is gone"
        assert page.locator("#update").is_hidden()
        page.close()
        changed(folder, "Third")
        visit(context, server.url).locator("#update", has_text="A newer version").wait_for()
        context.pages[0].close()
        assert visit(context, server.url).title() == "Third", "on the next visit it has taken over by itself"


def test_heic_is_kept_once_it_was_needed(context, site, tmp_path):
    from PIL import Image

    import classifier.photo  # noqa: F401  teaches Pillow HEIC

    Image.open(EXAMPLES / "teddy-3.jpg").save(tmp_path / "IMG_1.heic", format="HEIF")
    page = visit(context, site.url)
    for asked in (True, False):
        site.asked.clear()
        page.set_input_files("#files", tmp_path / "IMG_1.heic")
        page.locator("#verdict h3", has_text="teddy").wait_for()
        assert any(path.startswith("/heic/") for path in site.asked) is asked
        page.reload()
        page.locator("body[data-ready]").wait_for()


def test_pages_that_share_a_host_keep_their_own_files(context, site_folder, tmp_path):
    for name in ("bears", "cats"):
        shutil.copytree(site_folder, tmp_path / "host" / name)
    with served_folder(tmp_path / "host") as server:
        for name in ("bears", "cats"):
            page = visit(context, f"{server.url}/{name}/")
        assert len(page.evaluate("caches.keys()")) == 2


def test_page_that_may_keep_nothing_works_all_the_same(context, site):
    context.add_init_script(
        "navigator.serviceWorker.register = async () => { throw new DOMException('denied', 'NotSupportedError') }"
    )
    page = context.new_page()
    problems = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.goto(site.url)
    page.locator("body[data-ready]").wait_for()
    assert answered(page, "black-1") == "black"
    assert page.locator("#offline").inner_text() == "" and problems == []
