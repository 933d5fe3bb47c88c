"""Fetch what the page computes with, once: ONNX Runtime for the web, and libheif for HEIC photos.

Reads  the cache, fieldguide/ in XDG_CACHE_HOME or ~/.cache; what is missing there comes from a registry
Gives  `runtime_files`: runtime/ and heic/ of the site, with their licences

Versions, sizes and SHA-512 are pinned; each file is checked after it was downloaded and whenever it is read from the
cache. ONNX Runtime's package on npm has no licence in it; the Python package, which is the same project's, has.
"""

import gzip
import importlib.util
import os
from contextlib import suppress
from pathlib import Path

from fastcore.script import CliError

from classifier.files import replacing

from .registry import Package, PinnedFile, download

# The loader is one module with emscripten's glue in it, and the wasm the only build that runs on the CPU: with threads
# where a page is cross-origin isolated, with one thread elsewhere
ONNX_RUNTIME = Package(
    "onnxruntime-web",
    "1.30.0",
    (
        PinnedFile(
            "dist/ort.wasm.bundle.min.mjs",
            73_054,
            "1KcF8CWAZeqtTcvLgKPtOMXIbkWeh++LDCQpDhQ5ARVxHAL1VNL5rr0OI+MxTbmNIANldE/A/q+O4gSKgSMjWQ==",
        ),
        PinnedFile(
            "dist/ort-wasm-simd-threaded.wasm",
            14_239_897,
            "Gt7e1iIDIZ/PXEhM/OVleqWHVom0kEI/hs8cod0crXcV9jDGM39B23HuQnlOOgDOC3x4k5pxIgtdgzaL9up3MA==",
        ),
    ),
)
# The package has a build in JavaScript (libheif/), bundles with the wasm in base64 (libheif-bundle.*), and this pair.
# libheif.js is a classic script, `var libheif = …`, that exports to CommonJS and AMD only. A module worker can import
# no such script, so the site's copy has one line more. `libheif({wasmBinary})` then fetches nothing.
LIBHEIF = Package(
    "libheif-js",
    "1.23.2",
    (
        PinnedFile(
            "libheif-wasm/libheif.js",
            91_255,
            "EWyHSBAeztT+y38okQTEFSi1vjqSHOUbsMbBQXeP3tVMSgd51IRpxs46TQ2BB/dw3KEudTZn9iOZiyl2ClhsKA==",
        ),
        PinnedFile(
            "libheif-wasm/libheif.wasm",
            1_422_377,
            "mK9aCY0jp3IBd8ugPxLAj6vBJr9MO6efWY3cgaw0FIVUTPGqdbr1t/ldyVYLW0RnQdQvWWSGc/1y4ZkVcM14hA==",
        ),
        PinnedFile(
            "libheif-wasm/LICENSE",
            44_366,
            "8Ozyl5t1KFsVK+J5lPVq1AAGo8N1j3GDBb1yH0nvEGv8zuaUAin0zH9ryRUJCZlmbv+wLGNzP+Ru5RFMJkM4dQ==",
        ),
    ),
)
SCRIPT, WASM = "runtime/ort.wasm.bundle.min.mjs", "runtime/ort-wasm-simd-threaded.wasm.gz"
HEIC_SCRIPT, HEIC_WASM = "heic/libheif.js", "heic/libheif.wasm"
AS_MODULE = b"\nexport default libheif\n"
SOURCE = f"""libheif.js and libheif.wasm are libheif-js {LIBHEIF.version}, under the GNU LGPL (see LICENSE).
One line was added at the end of libheif.js: export default libheif

The source of libheif:              https://github.com/strukturag/libheif
The source of this build of it:     https://github.com/catdad-experiments/libheif-js
The source of its HEVC decoder:     https://github.com/strukturag/libde265

Another build may take the place of the two files: the page loads them by their names.
"""


def cache_folder() -> Path:
    """Return the folder in which downloads are kept."""
    above = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(above) if os.path.isabs(above) else Path.home() / ".cache") / "fieldguide"


def runtime_files() -> dict[str, bytes]:
    """Return the files of runtime/ and heic/ by their paths in the site; the wasm of the runtime is gzipped.

    Raises CliError where something is neither in the cache nor to be downloaded.
    """
    runtime, heic = files_of(ONNX_RUNTIME), files_of(LIBHEIF)
    return {
        SCRIPT: runtime["ort.wasm.bundle.min.mjs"],
        WASM: gzip.compress(runtime["ort-wasm-simd-threaded.wasm"], 9, mtime=0),  # without a time: the same each day
        **{f"runtime/{name}": _licence(name) for name in ("LICENSE", "ThirdPartyNotices.txt")},
        **{f"heic/{name}": content for name, content in heic.items()},
        HEIC_SCRIPT: heic["libheif.js"] + AS_MODULE,
        "heic/SOURCE.txt": SOURCE.encode(),
    }


def files_of(package: Package) -> dict[str, bytes]:
    """Return the pinned files of a package by their names, from the cache or else downloaded and then kept there."""
    folder = cache_folder() / f"{package.name}-{package.version}"
    kept = {file.name: _read(folder / file.name) for file in package.files}
    if all(file.matches(kept[file.name]) for file in package.files):
        return kept
    damaged = " again, since what is kept of it is damaged" if any(kept.values()) else ""
    print(f"fetching {package}{damaged}: once, then it is kept in {folder}", flush=True)
    files = download(package)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            with replacing(folder / name) as temporary:
                temporary.write_bytes(content)
    except OSError as error:
        print(f"{folder} cannot be written to ({error.strerror}): {package} will be fetched again next time.")
    return files


def _read(path: Path) -> bytes:
    """Return a file's bytes; none where it cannot be read."""
    with suppress(OSError):
        return path.read_bytes()
    return b""


def _licence(name: str) -> bytes:
    """Return a licence that comes with the installed package onnxruntime."""
    spec = importlib.util.find_spec("onnxruntime")
    content = _read(Path(spec.origin).parent / name) if spec and spec.origin else b""
    if not content:
        raise CliError(f"The installed package onnxruntime has no {name}, which has to lie beside the page's runtime.")
    return content
