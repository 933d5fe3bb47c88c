"""The page's snippets and the README's, run as they are written; a page on another origin calls the API."""
import functools
import http.server
import json
import os
import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from helpers.apps import TIMEOUT
from helpers.paths import EXAMPLE, ROOT
from helpers.readme import section
from server.texts import address, api_snippets, with_visitors_address

SPACE = "me-bears.hf.space"
PAGE = "https://garden.example"


def blocks(text: str, kind: str) -> list[str]:
    """Return the code blocks of a language in Markdown."""
    return re.findall(rf"```{kind}\n(.*?)```", text, re.S)


def run(command: list, cwd: Path, **environment) -> str:
    """Run a program and return what it printed."""
    done = subprocess.run([*map(str, command)], cwd=cwd, capture_output=True, text=True, timeout=120,
                          env={**os.environ, **environment})
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def desk(tmp_path) -> Path:
    """A folder with a photo.jpg, and the README's examples."""
    shutil.copy(EXAMPLE, tmp_path / "photo.jpg")
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    return tmp_path


@pytest.fixture(scope="session")
def node_modules(tmp_path_factory) -> Path:
    """A folder in which node finds @gradio/client."""
    if not (shutil.which("node") and shutil.which("npm")):
        pytest.skip("node and npm are not here")
    folder = tmp_path_factory.mktemp("node")
    installed = subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--fetch-retries=0", "@gradio/client@2"],
                               cwd=folder, capture_output=True, text=True, timeout=120)
    if installed.returncode:
        pytest.skip("npm could not install @gradio/client")
    return folder


def readme(app_url: str) -> str:
    """The README's part on the API, with the running app's address in place of `make app`'s."""
    return section("The API").replace("http://127.0.0.1:7860", app_url)


def test_snippets_have_the_spaces_own_address(monkeypatch):
    monkeypatch.setenv("SPACE_HOST", SPACE)
    text = api_snippets(address())
    assert text.count(f"https://{SPACE}/") > 5 and "127.0.0.1" not in text


@pytest.mark.parametrize("href, expected", [
    ("http://127.0.0.1:7861/", "http://127.0.0.1:7861"), ("https://lessons.example/sub/", "https://lessons.example/sub"),
    ("http://[::1]:8080/?x=y#z", "http://[::1]:8080")])
def test_the_page_puts_the_visitors_address_into_the_snippets(href, expected):
    if not shutil.which("node"):
        pytest.skip("node is not here")
    script = f"""const location = new URL({json.dumps(href)});
        console.log(({with_visitors_address("http://127.0.0.1:7860")})({json.dumps(api_snippets("http://127.0.0.1:7860"))}));
    """
    assert run(["node", "-e", script], ROOT).rstrip() == api_snippets(expected)


def test_shell_snippets_answer(app_url, desk):
    (curl,) = blocks(api_snippets(app_url), "bash")
    assert json.loads(run(["bash", "-ec", curl], desk))["label"] == "teddy"
    for block in blocks(readme(app_url), "bash"):
        if "curl" in block:
            assert '"label":"teddy"' in run(["bash", "-ec", block], desk), block


def test_python_snippets_answer(app_url, desk):
    in_page = blocks(api_snippets(app_url), "python")
    assert len(in_page) == 2
    for block in [*in_page, *blocks(readme(app_url), "python")]:
        where = ROOT if "from classifier" in block else desk
        assert "teddy" in run([sys.executable, "-W", "ignore", "-c", block], where), block


def test_javascript_snippets_answer_in_node(app_url, desk, node_modules):
    (desk / "node_modules").symlink_to(node_modules / "node_modules")
    in_page, in_readme = blocks(api_snippets(app_url), "js"), blocks(readme(app_url), "js")
    assert len(in_page) == len(in_readme) == 1
    for block in in_page + in_readme:
        (desk / "ask.mjs").write_text(block)
        assert "teddy" in run(["node", "ask.mjs"], desk)


def test_the_readmes_fetch_answers(app_url, desk):
    if not shutil.which("node"):
        pytest.skip("node is not here")
    (fetch,) = blocks(readme(app_url).replace("https://USER-NAME.hf.space", app_url), "javascript")
    (desk / "fetch.mjs").write_text('import { readFileSync } from "node:fs";\n'
                                    'const file = new Blob([readFileSync("photo.jpg")]);\n'
                                    f"{fetch}console.log(answer.label);\n")
    assert run(["node", "fetch.mjs"], desk) == "teddy\n"


def test_assistants_address_is_where_assistants_are_answered(app_url):
    for text in (api_snippets(app_url), readme(app_url)):
        (config,) = (block for block in blocks(text, "json") if "mcpServers" in block)
        (server,) = json.loads(config)["mcpServers"].values()
        answer = requests.post(server["url"], timeout=30, headers={"Accept": "application/json, text/event-stream"},
                               json={"jsonrpc": "2.0", "id": 1, "method": "tools/list"})
        assert answer.ok and "classify_photo" in answer.text


def test_other_origins_may_read_answers_and_refusals_of_a_space(app_url):
    headers = {"Host": SPACE, "Origin": PAGE}
    asked = requests.options(f"{app_url}/classify", timeout=30, headers={
        **headers, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"})
    assert asked.ok and asked.headers["access-control-allow-origin"] == PAGE
    assert "POST" in asked.headers["access-control-allow-methods"]
    assert "content-type" in asked.headers["access-control-allow-headers"]
    for body, status in ((EXAMPLE.read_bytes(), 200), (b"no photo", 422), (b"", 400), (b"x" * 21_000_000, 413)):
        answer = requests.post(f"{app_url}/classify", data=body, headers=headers, timeout=60)
        assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (status, PAGE)
    health = requests.get(f"{app_url}/health", headers=headers, timeout=30)
    assert health.headers["access-control-allow-origin"] == PAGE


def test_pages_elsewhere_may_not_call_an_app_on_ones_own_machine(app_url):
    answer = requests.post(f"{app_url}/classify", data=EXAMPLE.read_bytes(), headers={"Origin": PAGE}, timeout=60)
    assert "access-control-allow-origin" not in answer.headers


def test_page_on_another_origin_shows_the_answer(app_url, browser, desk):
    port = urlsplit(app_url).port
    (html,) = blocks(api_snippets(f"http://bears.example:{port}"), "html")
    (desk / "index.html").write_text(html)
    quiet = type("Quiet", (http.server.SimpleHTTPRequestHandler,), {"log_message": lambda *_: None})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(quiet, directory=desk)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
        elsewhere = browser.browser_type.launch(executable_path=chromium, args=[
            "--no-sandbox", "--disable-gpu", "--host-resolver-rules=MAP *.example 127.0.0.1"])
        try:
            page = elsewhere.new_page()
            page.set_default_timeout(TIMEOUT)
            page.goto(f"http://garden.example:{server.server_port}/")
            page.set_input_files("input", desk / "photo.jpg")
            page.get_by_text("teddy", exact=True).wait_for()
        finally:
            elsewhere.close()
            server.shutdown()
