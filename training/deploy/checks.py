"""Check the files of a Space before anything is sent; each check comes with its fix."""

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from packaging.requirements import InvalidRequirement, Requirement

from classifier.export.reader import LFS_POINTER

from .lean import is_lean
from .manifest import NEEDED, PICTURES

HUB_LIMIT = 10_000_000  # bytes of a file that a plain git push may have
STORAGE = 1_000_000_000  # bytes of a Space's repository
MOST_EXAMPLES = 30  # more of them look like somebody's dataset
MADE_WITH = ("fastai", "fastcore", "torch", "torchvision", "timm", "numpy", "pillow")
DECODERS = ("pillow",)  # of these, what changes answers from export.onnx
SECRETS = {
    "a Hugging Face token": rb"\bhf_[A-Za-z0-9]{30,}",
    "a GitHub token": rb"\b(gh[pousr]_[A-Za-z0-9]{36,}|github_pat_\w{50,})",
    "an AWS key": rb"\bAKIA[0-9A-Z]{16}\b",
    "an API key": rb"\bsk-[A-Za-z0-9_-]{32,}",
    "a private key": rb"-----BEGIN [A-Z ]*PRIVATE KEY-----",
}
BINARIES = (
    ".pkl",
    ".onnx",
    ".wasm",
    ".gz",
    *(ending for ending in PICTURES if ending != ".svg"),
)  # no text to look into


@dataclass(frozen=True)
class Check:
    """The result of one check: `detail` where all is well, else `problem` and `fix`."""

    name: str
    detail: str = ""
    problem: str = ""
    fix: str = ""

    def __str__(self) -> str:
        if not self.problem:
            return f"  ok  {self.name}: {self.detail}"
        return f"  NO  {self.name}: {self.problem}" + (f"\n        {self.fix}" if self.fix else "")


def pinned(files: dict[str, bytes], package: str, python: str, file: str = "requirements.txt") -> str | None:
    """Return the version that a requirements file pins a package to, under one Python; None where it pins none."""
    for line in files.get(file, b"").decode(errors="replace").splitlines():
        try:
            wanted = Requirement(line.split("#")[0].strip())
        except InvalidRequirement:
            continue
        if wanted.name == package and (not wanted.marker or wanted.marker.evaluate({"python_version": python})):
            return str(wanted.specifier).removeprefix("==")
    return None


def pins(files: dict[str, bytes], python: str = "3.12") -> Check:
    """Say whether the Space gets the libraries that the export was made with. python: the Space's."""
    name = "pins"
    try:
        metrics = json.loads(files.get("metrics.json", b"{}"))
        ours = metrics["export"]["sha256"] == hashlib.sha256(files["export.pkl"]).hexdigest()
        versions = metrics["versions"] if ours else {}
    except (KeyError, TypeError):
        versions = {}
    except ValueError:
        return Check(name, problem="metrics.json is not JSON", fix="git checkout -- metrics.json, or train again.")
    packages = DECODERS if is_lean(files) else MADE_WITH
    made_with = {package: versions[package].split("+")[0] for package in packages if package in versions}
    differing = [
        f"{package} {version} made it, {there} is pinned"
        for package, version in made_with.items()
        if (there := pinned(files, package, python)) != version
    ]
    for package in ("torch", "torchvision"):
        before, there = pinned(files, package, python, "pre-requirements.txt"), pinned(files, package, python)
        if before and before != there:
            differing.append(f"pre-requirements.txt pins {package} {before}, requirements.txt {there}")
    if differing:
        return Check(name, problem="; ".join(differing), fix="Train with requirements.txt installed, or pin those.")
    if is_lean(files):
        return Check(name, "export.onnx answers, so torch, fastai and timm are left out")
    if not versions:
        return Check(name, "no metrics.json tells what export.pkl was made with, so they were not compared")
    return Check(name, f"as export.pkl was made with: fastai {versions.get('fastai')}, torch {versions.get('torch')}")


def export(files: dict[str, bytes]) -> Check:
    """Say whether the model files are real, not pointers."""
    name = "export.pkl"
    for file in ("export.pkl", "export.onnx"):
        if files.get(file, b"").startswith(LFS_POINTER):
            return Check(name, problem=f"{file} is a Git LFS pointer, not the file itself", fix="git lfs pull")
    if not files.get("export.pkl"):
        return Check(name, problem="it is not there, or empty", fix="Train one: make train DATA=data/bears")
    n_bytes = len(files["export.pkl"])
    return Check(name, f"{n_bytes / 1e6:.1f} MB" + (", through Xet" if n_bytes > HUB_LIMIT else ""))


def contents(
    files: dict[str, bytes], token: str | None = None, needed: Sequence[str] = NEEDED, metrics: bytes | None = None
) -> Check:
    """Say whether what would be sent is complete, and holds no secret, no dataset and nothing too large.

    metrics: what tells the photos of the dataset, by their hashes; None: metrics.json among the files.
    """
    name = "what is sent"
    for file in needed:
        if file not in files:
            return Check(name, problem=f"{file} is missing", fix="Bring it back: git checkout -- " + file)
    secrets = {**SECRETS, **({"your token": re.escape(token).encode()} if token else {})}
    for file, content in files.items():
        if problem := _problem_of_file(file, content, secrets):
            return Check(name, problem=problem[0], fix=problem[1])
    if problem := _problem_of_photos(files, files.get("metrics.json", b"") if metrics is None else metrics):
        return Check(name, problem=problem[0], fix=problem[1])
    total = sum(map(len, files.values()))
    if total > STORAGE:
        return Check(
            name, problem=f"{total / 1e9:.1f} GB are more than the 1 GB of a Space", fix="Export a smaller model."
        )
    return Check(name, f"{len(files)} files, {total / 1e6:.1f} MB; no secret, no dataset")


def _problem_of_file(file: str, content: bytes, secrets: dict[str, bytes]) -> tuple[str, str] | None:
    """Return why a file may not be sent, and the fix; None where it may. secrets: patterns by what they find."""
    if len(content) > HUB_LIMIT and file not in ("export.pkl", "export.onnx", "model.onnx"):
        return f"{file} has {len(content) / 1e6:.0f} MB", "Make it smaller than 10 MB."
    if file.lower().endswith(BINARIES):
        return None
    if b"\0" in content[:1000]:
        return f"{file} is not UTF-8 text", "Save it as UTF-8."
    for kind, pattern in secrets.items():
        if re.search(pattern, content):
            fix = f"Take it out, revoke it, and set it in the Space's secrets ({file})."
            return f"{file} holds {kind}, and a Space is public", fix
    return None


def _problem_of_photos(files: dict[str, bytes], known: bytes) -> tuple[str, str] | None:
    """Return whether the photos among the files look like a dataset, and the fix; None where they do not.

    known: text with the hashes of the dataset's photos.
    """
    n_examples = sum(file.startswith("examples/") for file in files)
    if n_examples > MOST_EXAMPLES:
        problem = f"examples/ holds {n_examples} photos, which looks like a dataset"
        return problem, f"Leave at most {MOST_EXAMPLES} there: all of them are public."
    copies = [
        file
        for file, content in files.items()
        if file.lower().endswith(PICTURES) and hashlib.sha256(content).hexdigest().encode() in known
    ]
    if copies:
        problem = f"photos of the dataset are among it: {', '.join(copies[:3])}"
        return problem, "Put photos there that you may publish."
    return None
