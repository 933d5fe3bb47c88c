"""training/static: the modules of the page become one classic script, and the whole site one HTML file."""

import base64
import gzip
import json
import re
import shutil
import subprocess

import pytest
from fastcore.script import CliError

from helpers.paths import EXPORTS, ROOT
from training.static import __main__ as command
from training.static.bundle import bundle
from training.static.model import compiled
from training.static.runtime import AS_MODULE, HEIC_SCRIPT, HEIC_WASM, SCRIPT, WASM
from training.static.single import LICENCES, MARK, check_single, single_page
from training.static.site import site_files

MODULES = {
    "main.js": """
import { double, Shape as Figure, LIMIT } from "./parts.js"
import * as parts from "./parts.js"
import { passed, other } from "./passes.js"
async function begin() {
  const { default: library, three } = await import("https://host.example/path/library.mjs")
  return [double(2), new Figure().side, LIMIT, parts.double(5), passed(1), other, library(), three, await parts.later()]
}
const script = "<script>"
globalThis.result = begin()
globalThis.sloppy = (function () { return this !== undefined })()
""",
    "parts.js": """// import { nothing } from "./a comment"
const two = 2
export function double(x) { return two * x }
export class Shape { side = 7 }
export const LIMIT = 10
export async function later() { return "later" }
""",
    "passes.js": """export { double as passed } from "./parts.js"
const inner = "other"
export { inner as other }
""",
    "library.mjs": "var a=()=>typeof import.meta.url,b=3;export{a as default,b as three};\n//# a comment\n",
}


def run_in_node(script: str) -> object:
    node = shutil.which("node")
    if node is None:
        pytest.skip("node, which runs the script, is not installed")
    printed = "(async () => console.log(JSON.stringify([await result, sloppy])))()"
    code = f"globalThis.location = {{ href: 'file:///page' }}\n{script}\n;{printed}"
    run = subprocess.run([node, "-"], input=code, capture_output=True, text=True, timeout=60, encoding="utf-8")
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


def test_a_script_does_what_its_modules_do():
    results = [4, 7, 10, 10, 2, "other", "string", 3, "later"]
    assert run_in_node(bundle(MODULES, "main.js", ["library.mjs"])) == [results, False]


@pytest.mark.parametrize(
    "text, problem",
    [
        ('import a from "./parts.js"', "a form of import or export that the bundler does not know: import a from"),
        ('import "./parts.js"', "does not know"),
        ('import { a } from "lodash"', "does not know"),
        ("export let a = 1", "does not know: export let a"),
        ("export const { a } = {}", "does not know"),
        ("export default class {}", "does not know"),
        ('export * from "./parts.js"', "does not know"),
        ('import { triple } from "./parts.js"', "main.js imports what parts.js does not export: double, triple|triple"),
        ('import { a } from "./nowhere.js"', "main.js imports what nowhere.js does not export: a"),
        ('import { a } from "./main.js"\nexport const a = 1', "modules import each other: main.js → main.js"),
    ],
)
def test_a_form_that_is_not_known_is_refused(text, problem):
    with pytest.raises(ValueError, match=problem):
        bundle({**MODULES, "main.js": text}, "main.js")


@pytest.fixture(scope="module")
def files():
    """The files of a site, with a runtime of a few bytes."""
    runtime = {
        SCRIPT: b"var a=1;export{a as env};",
        WASM: gzip.compress(b"\0asm"),
        HEIC_SCRIPT: b"var libheif = 2" + AS_MODULE,
        HEIC_WASM: b"\0asm" * 100,
        **{path: f"{path} </script> <!-- a licence".encode() for path in LICENCES},
    }
    examples = {"examples/a.jpg": (ROOT / "examples" / "teddy-1.jpg").read_bytes()}
    return site_files(compiled(str(EXPORTS / "trained" / "export.pkl")), "full", runtime, examples, "</script> & more")


@pytest.fixture(scope="module")
def page(files):
    return single_page(files).decode()


def block(page: str, name: str) -> tuple[str, str]:
    return re.search(rf'<script type="([^"]*)" id="{re.escape(name)}">(.*?)</script>', page, re.S).groups()


def test_page_holds_the_files_that_it_needs(page, files):
    for path in ("examples/a.jpg", "model.onnx", WASM, HEIC_WASM):
        kind, text = block(page, path.rpartition("/")[2])
        content = base64.b64decode(text)
        assert (gzip.decompress(content) if kind == "application/gzip" else content) == files[path]
    assert block(page, "libheif.wasm")[0] == "application/gzip"
    assert block(page, WASM.rpartition("/")[2])[0] == "application/octet-stream"  # the worker unpacks it
    assert json.loads(block(page, "site.json")[1]) == json.loads(files["site.json"])
    assert all(path in block(page, "licences")[1] for path in LICENCES)


def test_page_names_no_other_file_and_allows_no_request(page):
    html = re.sub(r"<script.*?</script>|<style.*?</style>", "", page, flags=re.S)
    linked = re.findall(r'(?:src|href)="([^"#]+)"', html)
    assert linked and all(address.startswith("data:image/") for address in linked)
    rules = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)[1]
    assert "'self'" not in rules and "connect-src" not in rules and "default-src 'none'" in rules
    assert html.startswith(f"<!DOCTYPE html>\n{MARK}\n") and "&lt;/script&gt; &amp; more</title>" in html


def test_a_page_that_links_otherwise_is_a_mistake(files):
    with pytest.raises(ValueError, match="page"):
        single_page({**files, "index.html": files["index.html"].replace(b'src="page.js"', b'src="other.js"')})


def test_an_earlier_page_is_replaced_and_another_file_is_not(tmp_path, page):
    (tmp_path / "site.html").write_text(page, encoding="utf-8")
    assert check_single(str(tmp_path / "site")) == check_single(str(tmp_path / "site.html")) == tmp_path / "site.html"
    (tmp_path / "thesis.html").write_text("<!DOCTYPE html>mine")
    (tmp_path / "folder.html").mkdir()
    for name in ("thesis", "folder"):
        with pytest.raises(CliError, match="Name another file"):
            check_single(str(tmp_path / name))


def test_command_writes_one_file(tmp_path, files, monkeypatch, capsys):
    runtime = {path: content for path, content in files.items() if path.startswith(("runtime/", "heic/"))}
    monkeypatch.setattr(command, "runtime_files", lambda: runtime)
    command.main(str(EXPORTS / "trained" / "export.pkl"), str(tmp_path / "bears"), single=True, title="Bears")
    assert [file.name for file in tmp_path.iterdir()] == ["bears.html"]
    assert re.search(
        r"bears\.html: one file, \d\.\d MB\. Look at it: open it in a browser$", capsys.readouterr().out, re.M
    )
