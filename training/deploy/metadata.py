"""Check the metadata in a Space's README, by which the Hub knows what to run.

Gives  `metadata_check`
"""

import re
from typing import Any

import yaml

from .checks import Check, pinned
from .manifest import front_matter

COLOURS = {"red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray"}


def metadata_check(files: dict[str, bytes], sdk: str = "gradio") -> Check:
    """Say whether the README's metadata is what a Space reads, and names the Gradio that is pinned."""
    name = "README metadata"
    try:
        found = yaml.safe_load(front_matter(files.get("README.md", b"").decode()))
    except (yaml.YAMLError, ValueError) as error:  # the last: a date that is none, or no UTF-8
        return Check(name, problem=f"it is not YAML ({str(error).splitlines()[0]})", fix="Mend it in README.md.")
    if not isinstance(found, dict):
        return Check(
            name,
            problem="README.md does not begin with --- and metadata",
            fix="See https://huggingface.co/docs/hub/spaces-config-reference.",
        )
    gradio = pinned(files, "gradio", "3.12")
    rules = {f"sdk has to be {sdk}": found.get("sdk") == sdk, **_rules(found, files)}
    if sdk == "gradio":
        rules |= _gradio_rules(found, gradio)
    if wrong := [rule for rule, kept in rules.items() if not kept]:
        return Check(name, problem="; ".join(wrong), fix="Mend the first lines of README.md.")
    return Check(name, f"gradio {gradio}, Python {found['python_version']}" if sdk == "gradio" else sdk)


def _rules(found: dict[str, Any], files: dict[str, bytes]) -> dict[str, bool]:
    """Return the rules that hold for the metadata of any Space, each with whether it is kept."""
    colours = {str(found.get(key, "red")) for key in ("colorFrom", "colorTo")}
    return {
        "app_file has to name a file that is sent": str(found.get("app_file")) in files,
        "title has to be there": bool(found.get("title")),
        "short_description may have 60 characters": len(str(found.get("short_description", ""))) <= 60,
        f"colorFrom and colorTo are of {', '.join(sorted(COLOURS))}": colours <= COLOURS,
    }


def _gradio_rules(found: dict[str, Any], gradio: str | None) -> dict[str, bool]:
    """Return the rules for the metadata of a Gradio Space. gradio: the version in requirements.txt."""
    version = found.get("python_version")
    return {
        "requirements.txt has to pin gradio": gradio is not None,
        f"sdk_version has to be {gradio}, as in requirements.txt": gradio in (None, str(found.get("sdk_version"))),
        'python_version has to be "3.10" to "3.13", in quotes, or 3.10 becomes 3.1': isinstance(version, str)
        and bool(re.fullmatch(r"3\.1[0-3](\.\d+)?", version)),
    }
