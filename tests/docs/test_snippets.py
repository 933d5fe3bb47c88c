"""The page's snippets and those of README.md and docs/ run as they are written, and print what is shown below them.

Which blocks: every one of python, js, javascript and html; bash where it asks the app by curl. Each runs on its own, in
a folder with the project's files and a photo.jpg. The running app's address replaces that of `make app` and of a Space.
"""

import functools
import http.server
import json
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests
import yaml

from helpers.apps import TIMEOUT, running_app
from helpers.documents import Block, blocks
from helpers.paths import EXAMPLE, ROOT
from helpers.shell import commands, without_variables
from server.api_snippets import address, api_snippets, visitor_address_script

SPACE = "me-bears.hf.space"
PAGE = "https://garden.example"
READERS = {"curl", "tr", "echo", "cat", "grep", "head"}  # a block of these alone asks the app and changes nothing
ADDRESS = re.compile(r"http://127\.0\.0\.1:7860|https://[\w-]+\.hf\.space|USER/NAME")
BROWSER = "docs/guides/browser.md"  # its blocks ask a folder, not the app: tests/browser/test_guide.py runs them
HERE = ("app.py", "classifier", "server", "training", "examples", "export.pkl", "export.onnx", "metrics.json")


def of_page(url: str, kind: str) -> list[str]:
    """Return the code blocks of a language that the app's page shows."""
    return re.findall(rf"```{kind}\n(.*?)```", api_snippets(url), re.S)


def asks_the_app(block: Block) -> bool:
    programs = {without_variables(words)[1][0] for words in commands(block.text) if without_variables(words)[1]}
    return "curl" in programs and programs <= READERS


def runnable(*languages: str) -> pytest.MarkDecorator:
    found = [
        block
        for block in blocks(*languages)
        if not block.name.startswith(BROWSER) and (block.language != "bash" or asks_the_app(block))
    ]
    return pytest.mark.parametrize("block", found, ids=lambda block: block.name)


def run(command: list, cwd: Path) -> str:
    """Run a program and return what it printed."""
    done = subprocess.run([*map(str, command)], cwd=cwd, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def numbers_apart(text: str) -> tuple[list[str], list[float]]:
    """Return a text without its decimal numbers, in parts, and the numbers."""
    parts = re.split(r"(\d+\.\d+(?:e-?\d+)?)", text)
    return parts[::2], [float(number) for number in parts[1::2]]


def check_output(block: Block, printed: str) -> None:
    """Compare what a block printed, without what libraries say before it, with what its page shows."""
    if not block.output:
        return
    shown = block.output.strip().splitlines()
    printed = "\n".join(printed.strip().splitlines()[-len(shown) :])
    durations = re.compile(r'("(?:average_)?duration":)[\d.]+')
    (words, numbers), (shown_words, shown_numbers) = (
        numbers_apart(durations.sub(r"\1", text)) for text in (printed, "\n".join(shown))
    )
    assert words == shown_words
    assert numbers == pytest.approx(shown_numbers, abs=1e-4)


@contextmanager
def app_for(block: Block, app_url: str, folder: Path) -> Iterator[str]:
    """Yield the address of the running app; for a block that sends feedback, of one that keeps it in a new folder."""
    if "/feedback" in block.text:
        with running_app(FEEDBACK=str(folder / "feedback")) as url:
            yield url
    else:
        yield app_url


@pytest.fixture
def desk(tmp_path) -> Path:
    """A folder with a photo.jpg, and the project's files."""
    shutil.copy(EXAMPLE, tmp_path / "photo.jpg")
    for name in HERE:
        (tmp_path / name).symlink_to(ROOT / name)
    return tmp_path


@pytest.fixture(scope="session")
def node_modules(tmp_path_factory) -> Path:
    """A folder in which node finds @gradio/client."""
    if not (shutil.which("node") and shutil.which("npm")):
        pytest.skip("node and npm are not here")
    folder = tmp_path_factory.mktemp("node")
    installed = subprocess.run(
        ["npm", "install", "--no-audit", "--no-fund", "--fetch-retries=0", "@gradio/client@2"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
    )
    if installed.returncode:
        pytest.skip("npm could not install @gradio/client")
    return folder


def test_snippets_have_the_spaces_own_address(monkeypatch):
    monkeypatch.setenv("SPACE_HOST", SPACE)
    text = api_snippets(address())
    assert text.count(f"https://{SPACE}/") > 5 and "127.0.0.1" not in text


@pytest.mark.parametrize(
    "href, expected",
    [
        ("http://127.0.0.1:7861/", "http://127.0.0.1:7861"),
        ("https://lessons.example/sub/", "https://lessons.example/sub"),
        ("http://[::1]:8080/?x=y#z", "http://[::1]:8080"),
    ],
)
def test_the_page_puts_the_visitors_address_into_the_snippets(href, expected):
    if not shutil.which("node"):
        pytest.skip("node is not here")
    script = f"""const location = new URL({json.dumps(href)});
        console.log(({visitor_address_script("http://127.0.0.1:7860")})({json.dumps(api_snippets("http://127.0.0.1:7860"))}));
    """
    assert run(["node", "-e", script], ROOT).rstrip() == api_snippets(expected)


def test_the_pages_snippets_answer(app_url, desk):
    (curl,), python = of_page(app_url, "bash"), of_page(app_url, "python")
    assert json.loads(run(["bash", "-ec", curl], desk))["label"] == "teddy"
    assert len(python) == 2
    for block in python:
        assert "teddy" in run([sys.executable, "-W", "ignore", "-c", block], desk), block


def test_the_pages_javascript_answers_in_node(app_url, desk, node_modules):
    (desk / "node_modules").symlink_to(node_modules / "node_modules")
    (script,) = of_page(app_url, "js")
    (desk / "ask.mjs").write_text(script)
    assert run(["node", "ask.mjs"], desk) == "teddy\n"


ANSWERS = [
    ({"label": "teddy", "familiar": True}, "teddy"),
    ({"label": "teddy", "familiar": None}, "teddy"),
    ({"label": "teddy", "familiar": False}, "none of these"),
    ({"label": "hat", "labels": ["hat", "scarf"], "familiar": True}, "hat, scarf"),
    ({"label": "hat", "labels": [], "familiar": True}, "none of these"),
    ({"label": "hat", "labels": ["hat"], "familiar": False}, "none of these"),
    ({"error": "This file is empty."}, "This file is empty."),
]


@pytest.mark.parametrize("answer, shown", ANSWERS)
def test_the_pages_snippets_do_not_name_a_label_of_a_photo_that_shows_none(answer, shown):
    """The lines of each snippet behind the question run here with a given answer."""
    url, given = "http://127.0.0.1:7860", json.dumps(answer)
    python = of_page(url, "python")[0].partition(".json()\n")[2]
    assert run([sys.executable, "-c", f"import json\nanswer = json.loads({given!r})\n{python}"], ROOT) == f"{shown}\n"
    if not shutil.which("node"):
        pytest.skip("node is not here")
    asked = f"globalThis.fetch = async () => ({{ json: async () => ({given}) }}); const line = {{}};"
    page = of_page(url, "html")[0].partition("<script>")[2].partition("</script>")[0]
    page = f"{asked} globalThis.document = {{ querySelector: () => line }}; {page} ask();"
    assert run(["node", "-e", f"{page} setTimeout(() => console.log(line.textContent), 50);"], ROOT) == f"{shown}\n"
    if "error" not in answer:  # Gradio's client raises it
        script = of_page(url, "js")[0].partition(".data[0];\n")[2]
        assert run(["node", "-e", f"const answer = {given};\n{script}"], ROOT) == f"{shown}\n"


def test_a_page_for_an_app_on_ones_own_machine_is_to_be_served():
    for url in ("http://127.0.0.1:7860", "http://localhost:7861"):
        assert "served from this machine (`python -m http.server`):\n```html" in api_snippets(url)
    assert "wherever it lies:\n```html" in api_snippets(f"https://{SPACE}")


@runnable("bash")
def test_shell_block_prints_what_its_page_shows(block, app_url, desk):
    printed = run(["bash", "-ec", ADDRESS.sub(app_url, block.text)], desk)
    assert printed and ('"error"' not in printed or '"error"' in block.output), printed
    check_output(block, printed)


@runnable("python")
def test_python_block_prints_what_its_page_shows(block, app_url, desk):
    with app_for(block, app_url, desk) as url:
        check_output(block, run([sys.executable, "-W", "ignore", "-c", ADDRESS.sub(url, block.text)], desk))


@runnable("js")
def test_js_block_prints_what_its_page_shows(block, app_url, desk, node_modules):
    (desk / "node_modules").symlink_to(node_modules / "node_modules")
    (desk / "ask.mjs").write_text(ADDRESS.sub(app_url, block.text))
    printed = run(["node", "ask.mjs"], desk)
    assert "teddy" in printed
    check_output(block, printed)


@runnable("javascript")
def test_javascript_block_answers_as_in_a_page(block, app_url, desk):
    """A block of javascript is the inside of a web page: it finds a photo in `file` and leaves an `answer`."""
    if not shutil.which("node"):
        pytest.skip("node is not here")
    (desk / "ask.mjs").write_text(
        'import { readFileSync } from "node:fs";\n'
        'const file = new Blob([readFileSync("photo.jpg")]);\n'
        f"{ADDRESS.sub(app_url, block.text)}console.log(answer.label);\n"
    )
    assert run(["node", "ask.mjs"], desk) == "teddy\n"


@pytest.mark.parametrize("block", blocks("json", "yaml"), ids=lambda block: block.name)
def test_data_block_can_be_read(block):
    assert (json.loads if block.language == "json" else yaml.safe_load)(block.text)


def assistants() -> list[str]:
    """Return what the app's page and the documentation give an assistant."""
    shown = [*of_page("http://127.0.0.1:7860", "json"), *(block.text for block in blocks("json"))]
    return [text for text in shown if "mcpServers" in text]


@pytest.mark.parametrize("text", assistants())
def test_assistants_address_is_where_assistants_are_answered(text, app_url):
    (server,) = json.loads(ADDRESS.sub(app_url, text))["mcpServers"].values()
    answer = requests.post(
        server["url"],
        timeout=30,
        headers={"Accept": "application/json, text/event-stream"},
        json={"jsonrpc": "2.0", "id": 1, "method": "tools/list"},
    )
    assert answer.ok and "classify_photo" in answer.text


def test_other_origins_may_read_answers_and_refusals_of_a_space(app_url):
    headers = {"Host": SPACE, "Origin": PAGE}
    asked = requests.options(
        f"{app_url}/classify",
        timeout=30,
        headers={**headers, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"},
    )
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


def web_pages() -> list:
    """Return the web pages that the app's page and the documentation show, each with its name."""
    return [
        pytest.param(of_page("http://127.0.0.1:7860", "html")[0], id="page"),
        *(pytest.param(block.text, id=block.name) for block in blocks("html") if not block.name.startswith(BROWSER)),
    ]


@pytest.mark.parametrize("html", web_pages())
def test_page_on_another_origin_shows_the_answer(html, app_url, browser, desk):
    port = urlsplit(app_url).port
    (desk / "index.html").write_text(ADDRESS.sub(f"http://bears.example:{port}", html))
    quiet = type("Quiet", (http.server.SimpleHTTPRequestHandler,), {"log_message": lambda *_: None})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(quiet, directory=desk)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
        elsewhere = browser.browser_type.launch(
            executable_path=chromium,
            args=["--no-sandbox", "--disable-gpu", "--host-resolver-rules=MAP *.example 127.0.0.1"],
        )
        try:
            page = elsewhere.new_page()
            page.set_default_timeout(TIMEOUT)
            page.goto(f"http://garden.example:{server.server_port}/")
            page.set_input_files("input", desk / "photo.jpg")
            page.get_by_text("teddy").wait_for()
            page.set_input_files("input", EXAMPLE.with_name("other-mug.jpg"))
            page.get_by_text("none of the").wait_for()
            if ".catch" in html:
                page.route("**/classify", lambda route: route.abort())
                page.set_input_files("input", desk / "photo.jpg")
                page.get_by_text("No answer: ").wait_for()
        finally:
            elsewhere.close()
            server.shutdown()
