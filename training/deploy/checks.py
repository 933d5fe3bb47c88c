"""Check what can go wrong with a Space before anything is sent; each check of plain values comes with its fix."""

import hashlib
import json
import re
from dataclasses import dataclass
from typing import Any

import yaml
from packaging.requirements import InvalidRequirement, Requirement

from classifier.export.reader import LFS_POINTER

from .manifest import CPU, NEEDED, PICTURES, ZERO_GPU, front_matter

HUB_LIMIT = 10_000_000  # bytes of a file that a plain git push may have
STORAGE = 1_000_000_000  # bytes of a Space's repository
MOST_EXAMPLES = 30  # more of them look like somebody's dataset
COLOURS = {"red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray"}
MADE_WITH = ("fastai", "fastcore", "torch", "torchvision", "timm", "numpy", "pillow")
SECRETS = {
    "a Hugging Face token": rb"\bhf_[A-Za-z0-9]{30,}",
    "a GitHub token": rb"\b(gh[pousr]_[A-Za-z0-9]{36,}|github_pat_\w{50,})",
    "an AWS key": rb"\bAKIA[0-9A-Z]{16}\b",
    "an API key": rb"\bsk-[A-Za-z0-9_-]{32,}",
    "a private key": rb"-----BEGIN [A-Z ]*PRIVATE KEY-----",
}
BINARIES = (".pkl", ".onnx", *(ending for ending in PICTURES if ending != ".svg"))  # no text to look into
TOKENS = "https://huggingface.co/settings/tokens"


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


def account(who: dict[str, Any], owner: str) -> Check:
    """Say whether a token, as the Hub's whoami describes it, may write to an owner's Spaces."""
    name, orgs = who["name"], {org.get("name"): org.get("roleInOrg") for org in who.get("orgs") or []}
    if owner != name and owner not in orgs:
        return Check(
            "account",
            problem=f"the token is {name}'s, who is neither {owner} nor in an organisation {owner}",
            fix=f"Deploy to {name}/…, or log in as {owner}: hf auth login --force",
        )
    if not _writes((who.get("auth") or {}).get("accessToken") or {}, owner):
        return Check(
            "account",
            problem=f"{name}'s token may read but not write for {owner}",
            fix=f'Make one of the kind "write" on {TOKENS}, then: hf auth login --force',
        )
    if orgs.get(owner) == "read":
        return Check(
            "account",
            problem=f"{name} may read but not write in the organisation {owner}",
            fix="Ask who runs it for the role of a contributor.",
        )
    return Check("account", f"{name}, with a token that may write")


def _writes(token: dict[str, Any], owner: str) -> bool:
    """Return whether a token may write to an owner's repositories, as far as its description tells."""
    if token.get("role") != "fineGrained":
        return token.get("role") != "read"
    return any(
        "repo.write" in scope.get("permissions", [])
        and ((scope.get("entity") or {}).get("name") or owner).split("/")[0] == owner
        for scope in (token.get("fineGrained") or {}).get("scoped") or []
    )


def hardware_for(who: dict[str, Any], owner: str) -> str:
    """Return the hardware that an account can create a Space on without paying for it."""
    return CPU if who.get("isPro") or owner != who["name"] else ZERO_GPU


def may_create(who: dict[str, Any], owner: str, hardware: str, exists: bool) -> Check:
    """Say whether an account may create a Space on some hardware, as far as the Hub tells beforehand."""
    name = "kind of Space"
    if exists:
        return Check(name, f"it is there already, on {hardware}")
    if owner == who["name"] and not who.get("isPro"):
        if hardware == CPU:
            return Check(
                name,
                problem=f"a new Space on {CPU} needs PRO, which {owner} has not",
                fix=f"Leave --hardware out (free accounts have ZeroGPU), or say --hardware {ZERO_GPU}.",
            )
        if hardware == ZERO_GPU and who.get("emailVerified") is False:
            return Check(
                name,
                problem="free Spaces need an account with a verified e-mail address",
                fix="Verify it on https://huggingface.co/settings/account.",
            )
        if hardware == ZERO_GPU:
            return Check(
                name, "ZeroGPU, which is free (2 Spaces, accounts of 30 days or more); photos are answered on its CPU"
            )
    return Check(name, f"a new one on {hardware}")


def metadata(files: dict[str, bytes]) -> Check:
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
    gradio, version = pinned(files, "gradio", "3.12"), found.get("python_version")
    wrong = [
        what
        for what, right in {
            "sdk has to be gradio": found.get("sdk") == "gradio",
            "requirements.txt has to pin gradio": gradio is not None,
            f"sdk_version has to be {gradio}, as in requirements.txt": gradio in (None, str(found.get("sdk_version"))),
            "app_file has to name a file that is sent": str(found.get("app_file")) in files,
            'python_version has to be "3.10" to "3.13", in quotes, or 3.10 becomes 3.1': isinstance(version, str)
            and re.fullmatch(r"3\.1[0-3](\.\d+)?", version),
            "title has to be there": bool(found.get("title")),
            "short_description may have 60 characters": len(str(found.get("short_description", ""))) <= 60,
            f"colorFrom and colorTo are of {', '.join(sorted(COLOURS))}": {
                str(found.get(key, "red")) for key in ("colorFrom", "colorTo")
            }
            <= COLOURS,
        }.items()
        if not right
    ]
    if wrong:
        return Check(name, problem="; ".join(wrong), fix="Mend the first lines of README.md.")
    return Check(name, f"gradio {gradio}, Python {version}")


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
    made_with = {package: versions[package].split("+")[0] for package in MADE_WITH if package in versions}
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


def contents(files: dict[str, bytes], token: str | None = None) -> Check:
    """Say whether what would be sent is complete, and holds no secret, no dataset and nothing too large."""
    name = "what is sent"
    for file in NEEDED:
        if file not in files:
            return Check(name, problem=f"{file} is missing", fix="Bring it back: git checkout -- " + file)
    patterns = {**SECRETS, **({"your token": re.escape(token).encode()} if token else {})}
    for file, content in files.items():
        if len(content) > HUB_LIMIT and file not in ("export.pkl", "export.onnx"):
            return Check(name, problem=f"{file} has {len(content) / 1e6:.0f} MB", fix="Make it smaller than 10 MB.")
        if not file.lower().endswith(BINARIES):
            if b"\0" in content[:1000]:
                return Check(name, problem=f"{file} is not UTF-8 text", fix="Save it as UTF-8.")
            for kind, pattern in patterns.items():
                if re.search(pattern, content):
                    return Check(
                        name,
                        problem=f"{file} holds {kind}, and a Space is public",
                        fix=f"Take it out, revoke it, and set it in the Space's secrets ({file}).",
                    )
    examples = [content for file, content in files.items() if file.startswith("examples/")]
    if len(examples) > MOST_EXAMPLES:
        return Check(
            name,
            problem=f"examples/ holds {len(examples)} photos, which looks like a dataset",
            fix=f"Leave at most {MOST_EXAMPLES} there: all of them are public.",
        )
    known = files.get("metrics.json", b"")
    copies = [
        file
        for file, content in files.items()
        if file.lower().endswith(PICTURES) and hashlib.sha256(content).hexdigest().encode() in known
    ]
    if copies:
        return Check(
            name,
            problem=f"photos of the dataset are among it: {', '.join(copies[:3])}",
            fix="Put photos there that you may publish.",
        )
    total = sum(map(len, files.values()))
    if total > STORAGE:
        return Check(
            name, problem=f"{total / 1e9:.1f} GB are more than the 1 GB of a Space", fix="Export a smaller model."
        )
    return Check(name, f"{len(files)} files, {total / 1e6:.1f} MB; no secret, no dataset")
