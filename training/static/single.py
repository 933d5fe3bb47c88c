"""Put a site into one HTML file, which a double click opens: from a USB stick, without a server and a network.

Gives  `single_page`, and `check_single` before the work

Browsers load no modules, no workers and no other files from file://. So the scripts are bundled into classic ones, the
worker's is a Blob, and the model and what it runs on lie in the page, gzipped and in base64. The page's rules (CSP)
allow the page's own script by its hash, and no request at all.
"""

import base64
import gzip
import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path

from fastcore.script import CliError

from .bundle import bundle
from .runtime import HEIC_SCRIPT, HEIC_WASM, SCRIPT, WASM
from .site import MODEL

MARK = "<!-- Fieldguide in one file: written by training.static -->"
RULES = (
    "default-src 'none'; script-src '{script}' 'wasm-unsafe-eval'; style-src '{style}'; worker-src blob:; "
    "img-src blob: data:; media-src blob:; base-uri 'none'; form-action 'none'"
)
LICENCES = ("runtime/LICENSE", "runtime/ThirdPartyNotices.txt", "heic/SOURCE.txt", "heic/LICENSE")
HERE = Path(__file__).parent


def check_single(out: str) -> Path:
    """Return the file that a page may be written to; CliError where another file has its name."""
    path = Path(out).resolve()
    path = path if path.suffix == ".html" else path.with_name(f"{path.name}.html")
    try:
        if path.is_dir() or (path.exists() and MARK.encode() not in path.read_bytes()[:1000]):
            raise CliError(f"--out {path} is there already, and no earlier page of this command. Name another file.")
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CliError(f"--out {out}: {error.strerror or error}.") from error
    return path


def single_page(files: dict[str, bytes]) -> bytes:
    """Return a site as one HTML file. files: the content of each file of the site by its path."""
    scripts = {name: content.decode() for name, content in files.items() if re.fullmatch(r"[^/]+\.js", name)}
    scripts |= {path.rpartition("/")[2]: files[path].decode() for path in (SCRIPT, HEIC_SCRIPT)}
    later = [path.rpartition("/")[2] for path in (SCRIPT, HEIC_SCRIPT)]
    worker = _script("start_worker.js") + bundle(scripts, "worker.js", later)
    page = _safe(_script("start_page.js") + bundle(scripts, "page.js"))
    style = files["page.css"].decode()
    site = json.loads(files["site.json"])
    blocks = [
        _block("licences", "text/plain", _safe("\n\n".join(files[path].decode(errors="replace") for path in LICENCES))),
        _block("site.json", "application/json", json.dumps(site).replace("<", "\\u003c")),
        _block("worker.js", "text/plain", _safe(worker)),
        *(_data(path, files[path]) for path in (*site["examples"], HEIC_WASM, WASM, MODEL)),
        f"<script>{page}</script>",
    ]
    rules = RULES.format(script=_hash(page), style=_hash(style))
    html = with_parts(files["index.html"].decode(), style, files, rules)
    return html.replace("</body>", "\n".join(["", *blocks, "</body>"])).encode()


def with_parts(html: str, style: str, files: dict[str, bytes], rules: str) -> str:
    """Return index.html with the style and the icons in it, without what else it links to, and with other rules.

    Raises ValueError where one of these is not there.
    """

    def icon(link: re.Match[str]) -> str:
        kind = "image/svg+xml" if link[2].endswith(".svg") else "image/png"
        return f"{link[1]}data:{kind};base64,{base64.b64encode(files[link[2]]).decode()}{link[3]}"

    def there(text: str) -> Callable[[object], str]:
        return lambda _: text  # re.sub would read backslashes in the text itself

    rule = f'<meta http-equiv="Content-Security-Policy" content="{rules}">'
    parts: tuple[tuple[str, Callable[[re.Match[str]], str]], ...] = (
        (r"<!doctype html>", there(f"<!DOCTYPE html>\n{MARK}")),
        (r'<meta http-equiv="Content-Security-Policy"[^>]*>', there(rule)),
        (r'<link [^>]*href="page\.css"[^>]*>', there(f"<style>{style}</style>")),
        (r'(<link [^>]*icon"[^>]*href=")([\w.-]+)("[^>]*>)', icon),
        (r'<link [^>]*href="manifest\.webmanifest"[^>]*>\n?', there("")),
        (r'<script [^>]*src="missing\.js"[^>]*></script>\n?', there("")),  # it has all its scripts
        (r'<script [^>]*src="page\.js"[^>]*></script>\n?', there("")),
    )
    for pattern, part in parts:
        html, n = re.subn(pattern, part, html, flags=re.I)
        if not n:
            raise ValueError(f"index.html has no {pattern}")
    return html


def _data(path: str, content: bytes) -> str:
    """Return a file as a block of the page: gzipped where that saves a tenth."""
    packed = gzip.compress(content, 9, mtime=0)
    small = len(packed) < 0.9 * len(content)
    kind = "application/gzip" if small else "application/octet-stream"
    return _block(path.rpartition("/")[2], kind, base64.b64encode(packed if small else content).decode())


def _block(name: str, kind: str, text: str) -> str:
    """Return a block that the browser keeps and does not run."""
    return f'<script type="{kind}" id="{name}">{text}</script>'


def _script(name: str) -> str:
    return (HERE / name).read_text(encoding="utf-8")


def _safe(text: str) -> str:
    """Return text that ends no <script> and begins no comment in one: in JavaScript's strings it means the same."""
    return re.sub(r"<(?=/script|!--)", r"\\x3c", text, flags=re.I)


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
