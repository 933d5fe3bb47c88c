"""Leave torch, fastai and timm out of a Space that answers from export.onnx.

Gives  `without_torch`, and `is_lean`, which says whether files are of that kind

Only export.pkl itself needs them: three quarters of what a Space would install. Where export.onnx is missing, or was
made from another export, the app answers from export.pkl, and its requirements stay as they are.
"""

import hashlib
import re

from packaging.requirements import InvalidRequirement, Requirement

from classifier.inference.compiled_copy import CompileError, engine_from_bytes

LEFT_OUT = ("torch", "torchvision", "fastai", "fastprogress", "fasttransform", "plum-dispatch", "timm")
MODULES = (  # what these are imported as, and the largest of what only they bring in
    *("torch", "torchvision", "fastai", "fastprogress", "fasttransform", "plum", "timm"),
    *("scipy", "sklearn", "spacy", "sympy", "matplotlib", "networkx"),
)
HEAD = """# What the app needs to answer from export.onnx, exactly. torch, fastai and timm, without which export.pkl
# itself cannot be opened, are left out: without export.onnx, take requirements.txt of the project.
"""


def package_of(line: str) -> str:
    """Return the package that a line of a requirements file names, as package indexes write it; "" for none."""
    try:
        return re.sub(r"[-_.]+", "-", Requirement(line.partition(" #")[0].strip()).name).lower()
    except InvalidRequirement:
        return ""


def is_lean(files: dict[str, bytes]) -> bool:
    """Return whether the requirements of a Space's files leave torch out."""
    lines = files.get("requirements.txt", b"").decode(errors="replace").splitlines()
    return bool(lines) and "torch" not in map(package_of, lines)


def serves_compiled(files: dict[str, bytes]) -> bool:
    """Return whether the app would answer from export.onnx: it is valid, and was made from this export.pkl."""
    if not {"export.pkl", "export.onnx"} <= files.keys():
        return False
    try:
        engine_from_bytes(files["export.onnx"], "export.onnx", hashlib.sha256(files["export.pkl"]).hexdigest())
    except CompileError:
        return False
    return True


def without_torch(files: dict[str, bytes]) -> dict[str, bytes]:
    """Return the files with requirements that leave LEFT_OUT out, where export.onnx answers; else as they are."""
    if "requirements.txt" not in files or not serves_compiled(files):
        return files
    try:
        requirements = lean_requirements(files["requirements.txt"].decode())
    except ValueError:  # no UTF-8: the check of the README's metadata names it
        return files
    kept = {path: content for path, content in files.items() if path != "pre-requirements.txt"}
    return {**kept, "requirements.txt": requirements.encode()}


def lean_requirements(text: str) -> str:
    """Return the text of a requirements file without the packages in LEFT_OUT, and without the comments on them."""
    lines, comments = [HEAD], []
    for line in text.splitlines(keepends=True)[1:] if text.startswith("#") else text.splitlines(keepends=True):
        if line.startswith("#"):
            comments.append(line)
            continue
        if package_of(line) not in LEFT_OUT:
            lines += [*comments, line]
        comments = []
    return "".join(lines)
