"""List the files that a Space is made of, and adapt them to its hardware.

Gives `serving_files`, the one list of them; tests and `training.deploy` use it.
"""

import json
import posixpath
import re
from collections.abc import Collection, Sequence
from pathlib import Path

from classifier.photo_files import examples_in
from training.hub.description import note_for, words_for
from training.report.model_card import metrics_among, with_results

SERVING = (
    "app.py",
    "README.md",
    "requirements.txt",
    "pre-requirements.txt",
    "classifier/**/*.py",
    "server/**/*.py",
    "server/**/*.html",
    "server/**/*.js",
    "server/**/*.css",
    "export.pkl",
    "export.onnx",
    "examples/*",
    "metrics.json",
)
NOT_SERVING = ("classifier/bulk/", "classifier/merge.py")  # for millions of photos, elsewhere than on a Space
NEEDED = ("app.py", "README.md", "requirements.txt", "classifier/__init__.py", "server/__init__.py", "export.pkl")
SITE_NEEDED = ("index.html", "fieldguide.js", "site.json", "model.onnx", "README.md")  # of the browser edition
PICTURES = (".png", ".jpg", ".jpeg", ".gif", ".webp", ".svg")
SHOWN = re.compile(r'(?:!\[[^\]]*\]\(|<img [^>]*?src=")([^)\s"]+)')  # in Markdown
ZERO_GPU, CPU = "zero-a10g", "cpu-basic"
ZERO_GPU_PYTHON = "3.12.12"  # of those that ZeroGPU has, the one that our pins are for


def serving_files(root: str | Path) -> dict[str, bytes]:
    """Return the content of each file that serving needs, by its path in the Space, and of the README's pictures."""
    root = Path(root)
    examples = examples_in(root / "examples")
    files = {
        file.relative_to(root).as_posix(): file.read_bytes()
        for pattern in SERVING
        for file in sorted(root.glob(pattern))
        if file.is_file() and not file.relative_to(root).as_posix().startswith(NOT_SERVING)
        if pattern != "examples/*" or file in examples
    }
    for picture in pictures(files.get("README.md", b"").decode(errors="replace")):
        if picture not in files and (root / picture).is_file():
            files[picture] = (root / picture).read_bytes()
    return files


def pictures(readme: str) -> list[str]:
    """Return the paths of the pictures in its own folder that a README shows: its page on the Hub needs them too."""
    shown = [posixpath.normpath(path) for path in SHOWN.findall(readme) if ":" not in path]
    return [path for path in dict.fromkeys(shown) if path.lower().endswith(PICTURES) and path[0] not in "./"]


def for_hardware(
    files: dict[str, bytes], hardware: str, models: Sequence[str] = (), datasets: Sequence[str] = ()
) -> dict[str, bytes]:
    """Return the files as one kind of hardware wants them, with the README's metadata filled in.

    ZeroGPU's own package needs the CUDA build of torch, so pre-requirements.txt, which keeps CUDA out, stays here.
    """
    files = dict(files)
    readme = files["README.md"].decode()
    if hardware == ZERO_GPU:
        files.pop("pre-requirements.txt", None)
        readme = with_key(readme, "python_version", f'"{ZERO_GPU_PYTHON}"')
    readme = with_key(readme, "suggested_hardware", hardware)
    for key, names in (("models", models), ("datasets", datasets)):
        if names:
            readme = with_key(readme, key, "".join(f"\n  - {name}" for name in names))
    files["README.md"] = with_results(readme, metrics_among(files)).encode()
    return files


def fitting(readme: str, labels: Collection[str]) -> str:
    """Return a README that describes a model of these labels, if it describes the one that came with the project."""
    found = re.search(r"^short_description: *(.*?)\s*$", front_matter(readme), re.M)
    words = words_for(labels, found[1] if found else None)
    for key, value in words.items():
        readme = with_key(readme, key, json.dumps(value, ensure_ascii=False))
    front = f"{front_matter(readme)}---\n"
    return readme.replace(front, front + note_for(labels), 1) if words else readme


def front_matter(readme: str) -> str:
    """Return the metadata between a README's first two lines of ---; "" where it has none."""
    found = re.match(r"---\r?\n(.*?)^---\s*$", readme, re.S | re.M)
    return found.group(1) if found else ""


def with_key(readme: str, key: str, value: str) -> str:
    """Return a README with one key of its metadata set, all else as it was. value: as YAML."""
    front = front_matter(readme)
    line = f"{key}:{value if value.startswith(chr(10)) else ' ' + value}\n"
    changed, n = re.subn(rf"^{key}:.*\n(?:[ \t-].*\n)*", lambda _: line, front, flags=re.M)
    return readme.replace(front, changed if n else front + line, 1)
