"""training/clean/inline.py: the cleaner's page below a cell, served from this process until it is stopped."""

import http.server
import shutil
import threading

import IPython.display
import nbclient
import nbformat
import pytest
import requests

from helpers.apps import TIMEOUT
from helpers.paths import ROOT
from training.clean.__main__ import open_cleaner
from training.clean.inline import show_cleaner
from training.clean.review.labelled import review

FRAMED = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"}


@pytest.fixture(autouse=True)
def frames(monkeypatch):
    """Addresses of the frames that were shown; no Colab and no Kaggle."""
    for name in ("COLAB_RELEASE_TAG", "KAGGLE_KERNEL_RUN_TYPE"):
        monkeypatch.delenv(name, raising=False)
    shown: list[str] = []
    monkeypatch.setattr(IPython.display, "display", lambda frame: shown.append(frame.src))
    return shown


@pytest.fixture
def reviewed(trained, tmp_path):
    """The arguments of `show_cleaner` for a copy of the photos."""
    shutil.copytree(trained / "photos", tmp_path / "photos")
    photos, labels, unreadable = review(trained / "export.pkl", tmp_path / "photos")
    return open_cleaner(tmp_path / "photos", photos, labels), trained / "export.pkl", len(unreadable)


def test_the_page_answers_until_it_is_stopped(reviewed, frames, capsys):
    page = show_cleaner(*reviewed)
    assert "30 photos, the most suspicious first" in capsys.readouterr().out
    assert "Clean photos" in requests.get(frames[0], timeout=10, headers=FRAMED).text
    page.stop()
    with pytest.raises(requests.ConnectionError):
        requests.get(frames[0], timeout=10)


def test_only_a_page_that_knows_the_key_may_show_it_in_a_frame(reviewed, frames):
    page = show_cleaner(*reviewed)
    try:
        address = f"http://127.0.0.1:{page.port}"
        for guess in ("/", "/?key=", "/?key=other"):
            assert requests.get(address + guess, timeout=10, headers=FRAMED).status_code == 403
        other = {**FRAMED, "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}
        assert requests.get(frames[0], timeout=10, headers=other).status_code == 403
        sent = requests.post(f"{address}/choose{page.path[1:]}", json={}, timeout=10, headers=FRAMED)
        assert sent.status_code == 403
    finally:
        page.stop()


def test_the_next_page_takes_the_place_of_the_last(reviewed, frames):
    show_cleaner(*reviewed)
    second = show_cleaner(*reviewed)
    try:
        assert requests.get(frames[1], timeout=10, headers=FRAMED).ok
        assert gone(frames[0])
    finally:
        second.stop()


def test_on_colab_the_page_answers_colabs_proxy(reviewed, monkeypatch):
    monkeypatch.setenv("COLAB_RELEASE_TAG", "release")
    monkeypatch.setattr("training.clean.inline.show_port", lambda *_: None)
    page = show_cleaner(*reviewed)
    try:
        proxied = {"Host": "x-7861-colab.example", "Origin": "https://x-7861-colab.example", **FRAMED}
        assert requests.get(f"http://127.0.0.1:{page.port}", timeout=10, headers=proxied).ok
    finally:
        page.stop()


def test_kaggle_is_told_that_it_has_no_page(reviewed, frames, monkeypatch, capsys):
    monkeypatch.setenv("KAGGLE_KERNEL_RUN_TYPE", "Interactive")
    assert show_cleaner(*reviewed) is None
    assert "Kaggle shows no page that a notebook serves" in capsys.readouterr().out and not frames


@pytest.mark.slow
def test_a_running_kernel_serves_the_page(trained, tmp_path):
    shutil.copytree(trained / "photos", tmp_path / "photos")
    source = f"""
import requests, sys
sys.path.insert(0, {str(ROOT)!r})
from training.clean.__main__ import open_cleaner
from training.clean.inline import show_cleaner
from training.clean.review.labelled import review
export, data = {str(trained / "export.pkl")!r}, {str(tmp_path / "photos")!r}
photos, labels, unreadable = review(export, data)
page = show_cleaner(open_cleaner(data, photos, labels), export)
print(requests.get(f"http://127.0.0.1:{{page.port}}/", timeout=10).status_code)
"""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
    nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    outputs = notebook.cells[0].outputs
    assert any("200" in str(output.get("text", "")) for output in outputs)
    assert any("<iframe" in str(output.get("data", {}).get("text/html", "")) for output in outputs)


@pytest.mark.slow
def test_a_notebooks_page_shows_the_photos_in_its_frame(reviewed, frames, browser):
    page, around = show_cleaner(*reviewed), notebook_page(frames[0])
    tab = browser.new_page()
    tab.set_default_timeout(TIMEOUT)
    try:
        tab.goto(f"http://localhost:{around.server_port}/")  # another site than 127.0.0.1
        frame = tab.frame_locator("iframe")
        card = frame.locator("#grid .card").first
        card.locator("[data-do=delete]").click()
        frame.locator("#counts", has_text="1 to delete").wait_for()
    finally:
        tab.close()
        around.shutdown()
        page.stop()


def gone(address: str) -> bool:
    """Return whether a frame shows no page any more; its port may be that of the next one, with another key."""
    try:
        return requests.get(address, timeout=10, headers=FRAMED).status_code == 403
    except requests.ConnectionError:
        return True


def notebook_page(frame: str) -> http.server.ThreadingHTTPServer:
    """Serve a page around a frame from this process, and return the server."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(f'<iframe src="{frame}" width="900" height="800"></iframe>'.encode())

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server
