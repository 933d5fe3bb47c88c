"""Write the README of a site, whose first lines tell a static Space what it is.

Reads  README.md of the project, for its metadata
Gives  `space_readme`, `title_of`
"""

from pathlib import Path
from typing import Any

import yaml
from huggingface_hub import RepoCard

from training.hub.description import words_for

from .runtime import LIBHEIF, ONNX_RUNTIME

TITLE = "Fieldguide"
KEPT = ("emoji", "colorFrom", "colorTo", "short_description", "tags", "license", "models", "datasets")
BODY = """
# {title}

A photo classifier that runs in your browser: photos stay on your device, and after one visit it works offline.
It knows {labels}. Model {version}.

To look at it on your machine, serve this folder: `python -m http.server -d FOLDER`, then open http://localhost:8000.
`sha256sum -c SHA256SUMS` checks its files.

`runtime/` is {runtime} (MIT: see `LICENSE` and `ThirdPartyNotices.txt` in it). `heic/` is {heic} (LGPL: see `LICENSE`
and `SOURCE.txt` in it).
"""


def metadata_of(readme: Path) -> dict[str, Any]:
    """Return the metadata of a README; {} where it has none."""
    try:
        found: dict[str, Any] = RepoCard(readme.read_text(encoding="utf-8"), ignore_metadata_errors=True).data.to_dict()  # type: ignore[no-untyped-call]
    except (OSError, ValueError, yaml.YAMLError):
        return {}
    return {key: value for key, value in found.items() if value is not None}


def title_of(readme: Path) -> str:
    """Return the title that a README's metadata has."""
    return str(metadata_of(readme).get("title") or TITLE)


def space_readme(readme: Path, title: str, labels: list[str], version: str) -> bytes:
    """Return the README of a site: the project's metadata as a static Space reads it, and what the folder holds."""
    found = metadata_of(readme)
    front = {"title": title, "sdk": "static", "app_file": "index.html", "pinned": False}
    front |= {key: found[key] for key in KEPT if key in found}
    front |= words_for(labels, found.get("short_description"))
    known = ", ".join(labels[:12]) + (f" and {len(labels) - 12} more" if len(labels) > 12 else "")
    text = yaml.safe_dump(front, sort_keys=False, allow_unicode=True)
    body = BODY.format(title=title, labels=known, version=version, runtime=ONNX_RUNTIME, heic=LIBHEIF)
    return f"---\n{text}---\n{body}".encode()
