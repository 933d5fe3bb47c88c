"""Make what an image holds small and quick to start: run by the Dockerfile, once all is installed.

Reads and writes the folders of the environment and of the app

    /venv/bin/python slim.py /venv /app

1. What no photo needs is deleted: tests and C sources of the packages, the Node server and video tools of the page.
2. The app is started, asked for a photo and stopped: an image that does not answer is not built.
3. What Python imported for that stays compiled, valid whatever times a copy gives the files: a third of all bytecode.
"""

import json
import os
import py_compile
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import suppress
from pathlib import Path

PORT = 7999
PHOTOS = (".jpg", ".jpeg", ".png", ".webp")  # EXAMPLES of classifier/photo/formats.py; the app itself is not imported
START_SECONDS = 180
NEVER_SERVED = (  # in the folder of packages
    "gradio/templates/node",  # renders the page where ssr_mode is on
    "gradio/templates/frontend/static/ffmpeg",  # cuts videos
    "gradio/templates/frontend/static/bokeh",  # draws plots, as the next one does
    "gradio/templates/frontend/assets/PlotlyPlot-*",
    "gradio/media_assets",
    "onnx/backend/test",
    "onnxruntime/quantization",
    "onnxruntime/tools",
    "onnxruntime/transformers",
    "cryptography",  # a login for assistants, which the app has not
    "cryptography-*.dist-info",
    "hf_xet",  # a quicker way to the Hub; without it, feedback goes there by plain HTTP
    "hf_xet-*.dist-info",
)
NEVER_READ = {".a", ".c", ".cc", ".h", ".md", ".pxd", ".pyx"}  # C sources, and logs of changes
TESTS = {"test", "tests"}
NEEDED_TESTS = re.compile(r"numpy/testing/|/_vendor/")


def trim(packages: Path) -> None:
    """Delete from a folder of packages what the app never reads."""
    for path in [path for pattern in NEVER_SERVED for path in packages.glob(pattern)]:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    for folder in [path for path in packages.rglob("*") if path.name in TESTS and path.is_dir()]:
        if not NEEDED_TESTS.search(folder.as_posix()):
            shutil.rmtree(folder, ignore_errors=True)  # one within another is gone already
    for file in [path for path in packages.rglob("*") if path.suffix in NEVER_READ and path.is_file()]:
        if ".dist-info" not in file.as_posix():  # licences
            file.unlink()
    for stub in packages.rglob("*.pyi"):
        if stub.with_suffix(".py").is_file() or not (stub.parent / "__init__.py").is_file():
            stub.unlink()


def ask(app: Path) -> None:
    """Start the app, classify one photo, ask for its page, and stop it; raises SystemExit where it does not answer."""
    photo = next(file for file in (app / "examples").iterdir() if file.suffix.lower() in PHOTOS).read_bytes()
    with tempfile.TemporaryDirectory() as home:
        environment = {**os.environ, "GRADIO_SERVER_PORT": str(PORT), "HOME": home, "METRICS": "1"}
        process = subprocess.Popen([sys.executable, "app.py"], cwd=app, env=environment)
        try:
            wait_for(process, f"http://127.0.0.1:{PORT}/health")
            with urllib.request.urlopen(f"http://127.0.0.1:{PORT}/classify", photo, timeout=60) as answer:
                print(f"the app answers: {json.load(answer)['label']}")
            for path in ("/", "/metrics", "/gradio_api/info"):
                urllib.request.urlopen(f"http://127.0.0.1:{PORT}{path}", timeout=60).close()
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)


def wait_for(process: subprocess.Popen[bytes], url: str) -> None:
    """Wait until an address answers; raises SystemExit where the process has ended, or after some minutes."""
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        with suppress(OSError), urllib.request.urlopen(url, timeout=5):
            return
        time.sleep(0.2)
    raise SystemExit("The app did not start: its own message stands above.")


def fix_bytecode(folders: list[Path]) -> int:
    """Compile again what is compiled, so that it is valid whatever times a copy gives the files; return how much."""
    n = 0
    for compiled in [file for folder in folders for file in folder.rglob("__pycache__/*.pyc")]:
        source = compiled.parent.parent / f"{compiled.name.split('.')[0]}.py"
        if source.is_file():
            py_compile.compile(str(source), invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
            n += 1
        else:
            compiled.unlink()
    return n


def main() -> None:
    """Run all three steps."""
    environment, app = map(Path, sys.argv[1:])
    [packages] = environment.glob("lib/python3.*/site-packages")
    trim(packages)
    ask(app)
    print(f"compiled: {fix_bytecode([packages, app])} modules")


if __name__ == "__main__":
    main()
