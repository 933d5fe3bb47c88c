"""Put the files of a site together: the page of browser/, a model, what it runs on, and what ties them together.

Reads  browser/, server/batch/zip.js and README.md of the project
Gives  `site_files`, `first_visit`

The same input gives the same bytes, so that a site which did not change is not loaded again by anybody.
"""

import hashlib
import html
import json
import re
from pathlib import Path

from .model import CompiledModel
from .readme import space_readme
from .runtime import HEIC_SCRIPT, HEIC_WASM, SCRIPT, WASM

ROOT = Path(__file__).parents[2]
PAGE = (".html", ".js", ".css", ".svg", ".png", ".webmanifest")
MODEL, INDEX, WORKER, MANIFEST = "model.onnx", "index.html", "service-worker.js", "manifest.webmanifest"
ZIP = "server/batch/zip.js"  # the page for many photos opens zips as that of the server does
# what only some visitors load, or nobody
LATER = ("heic/", "runtime/LICENSE", "runtime/ThirdPartyNotices.txt", "README.md", ".nojekyll")


def page_files(root: Path = ROOT) -> dict[str, bytes]:
    """Return the files of the page by name, as they are in the project."""
    browser = root / "browser"
    files = sorted(file for file in browser.iterdir() if file.is_file() and file.suffix in PAGE)
    return {**{file.name: file.read_bytes() for file in files}, "zip.js": (root / ZIP).read_bytes()}


def site_files(
    model: CompiledModel, weights: str, runtime: dict[str, bytes], examples: dict[str, bytes], title: str
) -> dict[str, bytes]:
    """Return the content of each file of a site by its path. weights: "half" or "full"."""
    labels, version = model.classifier.labels, model.classifier.short_version
    files = {
        **page_files(),
        MODEL: model.data,
        "site.json": _json(
            {
                "title": title,
                "labels": labels,
                "multi_label": model.classifier.multi_label,
                "version": version,
                "model": {"file": MODEL, "bytes": len(model.data), "weights": weights},
                "runtime": {"script": SCRIPT, "wasm": WASM, "bytes": len(runtime[WASM])},
                "heic": {"script": HEIC_SCRIPT, "wasm": HEIC_WASM},
                "examples": list(examples),
            }
        ),
        **runtime,
        **examples,
        "README.md": space_readme(ROOT / "README.md", title, labels, version),
        ".nojekyll": b"",  # GitHub Pages then serves the files as they are
    }
    if INDEX in files:
        files[INDEX] = with_title(files[INDEX].decode(), title).encode()
    if MANIFEST in files:
        files[MANIFEST] = _json({**json.loads(files[MANIFEST]), "name": title, "short_name": title[:12].strip()})
    if WORKER in files:
        files[WORKER] = with_files(files[WORKER].decode(), files).encode()
    return files


def with_title(page: str, title: str) -> str:
    """Return the page with a title, which is there before any script runs."""
    return re.sub(r"(<title>|<h1 [^>]*>)[^<]*", lambda found: found[1] + html.escape(title, quote=False), page)


def with_files(worker: str, files: dict[str, bytes]) -> str:
    """Return the service worker with what it keeps: the list of files, and a version that changes with any of them."""
    digest = hashlib.sha256()
    for path, content in sorted(files.items()):
        digest.update(f"{path}\0{hashlib.sha256(content).hexdigest()}\n".encode())
    kept = sorted(path for path in files if path != WORKER and not path.startswith(LATER))
    for name, value in (("VERSION", digest.hexdigest()[:12]), ("FILES", kept)):
        line = f"const {name} = {json.dumps(value)}"
        worker, n = re.subn(rf"^const {name} = .*$", lambda _, line=line: line, worker, flags=re.M)  # type: ignore[misc]
        if n != 1:
            raise ValueError(f"{WORKER} has not one line that begins with `const {name} = `")
    return worker


def first_visit(files: dict[str, bytes]) -> int:
    """Return the bytes that a visitor loads before the first answer, as if the host compressed none of them."""
    return sum(len(content) for path, content in files.items() if not path.startswith(LATER))


def _json(value: object) -> bytes:
    return (json.dumps(value, ensure_ascii=False, indent=1) + "\n").encode()
