"""Build the browser edition for a static Space, and ask it about a photo here, before it is sent.

Reads  export.pkl, export.onnx, examples/, README.md and browser/ of the project
Gives  `built_site`, `site_check`
"""

import json
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote
from urllib.request import urlopen

from fastcore.script import CliError

from training.static.__main__ import halved
from training.static.examples import find_examples
from training.static.folder import write_site
from training.static.model import CompiledModel, compiled
from training.static.readme import title_of
from training.static.runtime import runtime_files
from training.static.site import MODEL, first_visit, site_files

from .browser import ask_page
from .checks import Check
from .manifest import with_key
from .smoke_test import NoAnswer, answer_line
from .space import difference

NAME = "the page, alone"
BUILT = "browser edition"


def built_site(root: Path, models: list[str], datasets: list[str]) -> tuple[Check, dict[str, bytes]]:
    """Build the browser edition of the export in a folder; return a check, and the content of its files by path.

    models, datasets: names on the Hub, for the README's metadata.
    """
    try:
        files = _site(root)
        for key, names in (("models", models), ("datasets", datasets)):
            if names:
                readme = with_key(files["README.md"].decode(), key, "".join(f"\n  - {name}" for name in names))
                files["README.md"] = readme.encode()
        with tempfile.TemporaryDirectory() as folder:  # it adds a list of hashes
            write_site(Path(folder) / "site", files)
            files = read_folder(Path(folder) / "site")
    except CliError as error:
        return Check(BUILT, problem=str(error)), {}
    total, visit = (n / 1e6 for n in (sum(map(len, files.values())), first_visit(files)))
    return Check(BUILT, f"{len(files)} files, {total:.1f} MB; a first visit loads {visit:.1f} MB"), files


def _site(root: Path) -> dict[str, bytes]:
    """Return the files of the site as `python -m training.static` makes them; whole weights where half ones differ."""
    examples = find_examples(root / "examples")
    if not examples:
        raise CliError("examples/ holds no photo to ask about. Put one there that you may publish.")
    model, weights = compiled(str(root / "export.pkl")), "half"
    runtime = runtime_files()
    try:
        model = halved(model, list(examples.values()))
    except CliError:
        print("with weights in 16 bits it would answer otherwise: it keeps 32", flush=True)
        weights = "full"
    shown = {path: photo.read_bytes() for path, photo in examples.items()}
    return site_files(model, weights, runtime, shown, title_of(root / "README.md"))


def read_folder(folder: Path) -> dict[str, bytes]:
    """Return the content of each file in a folder by its path there."""
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in files}


def site_check(files: dict[str, bytes], export_sha256: str) -> tuple[Check, dict[str, Any] | None]:
    """Serve nothing but `files` and ask the page about its first example; return the check and Python's answer to it.

    Where there is no browser, each file is asked for, and Python alone answers by the model among them.
    """
    example, answer = python_answer(files, export_sha256)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        write_site(Path(folder) / "site", {path: files[path] for path in files if path != "SHA256SUMS"})
        with serving(Path(folder) / "site") as url:
            try:
                live = ask_page(url, example)
            except NoAnswer as why:
                return Check(NAME, problem=f"it does not answer: {why}", fix="Try it here: make static"), None
            missing = [path for path, content in files.items() if urlopen(f"{url}/{quote(path)}").read() != content]
    if missing:
        return Check(NAME, problem=f"a web server gives {missing[0]} otherwise than it is"), None
    if live and (differing := difference(answer, live)):
        return Check(NAME, problem=f"the browser answers otherwise than Python: of {example}, {differing}"), None
    by = "in the browser as in Python" if live else "in Python; there is no browser here to ask the page itself"
    return Check(NAME, f"{example} is {answer_line(answer)}, {by}"), answer


def python_answer(files: dict[str, bytes], export_sha256: str) -> tuple[str, dict[str, Any]]:
    """Return the path of the first example of a site, and what its model says of it in Python."""
    example = json.loads(files["site.json"])["examples"][0]
    classifier = CompiledModel.from_bytes(files[MODEL], export_sha256, MODEL).classifier
    prediction, version = classifier.predict(files[example]), classifier.short_version
    return example, {"label": prediction.label, "probabilities": prediction.probabilities, "model_version": version}


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """Yield the address of a web server on this machine that serves a folder."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(QuietHandler, directory=str(folder)))
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


class QuietHandler(SimpleHTTPRequestHandler):
    """Serves files with the types that browsers want of scripts, whatever this machine takes them for."""

    extensions_map = {  # noqa: RUF012  as the base class has it
        **SimpleHTTPRequestHandler.extensions_map,
        ".js": "text/javascript",
        ".mjs": "text/javascript",
        ".wasm": "application/wasm",
    }

    def log_message(self, format: str, *args: object) -> None:
        """Print nothing."""
