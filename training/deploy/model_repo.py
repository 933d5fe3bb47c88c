"""Make the files of a model repository on the Hub, as huggingface_hub's `from_pretrained_fastai` opens it.

Gives `model_files`: model.pkl, model.onnx, metrics.json, pyproject.toml, and a README.md that is the model card; where
model.onnx answers, what an inference endpoint needs too: handler.py, requirements.txt and the package `classifier`

`push_to_hub_fastai` would write the export again, by cloudpickle, and tie it to one version of Python. Here the file
that was measured is sent as it is.
"""

import json
import re
from pathlib import Path

from huggingface_hub import ModelCardData, RepoCard

from training.report.model_card import eval_results, metrics_among, with_parts

from .lean import package_of, serves_compiled

HANDLER = Path(__file__).with_name("handler.py")
ENDPOINT_NEEDS = ("numpy", "onnx", "onnxruntime", "pillow", "pillow-heif")  # what `classifier` imports to answer

USE = """```python
from huggingface_hub import from_pretrained_fastai

learn = from_pretrained_fastai("{name}")  # pip install fastai toml
print(learn.predict("photo.jpg"))
```

A pickle can run any code while it is opened: open only files of people whom you trust."""


def model_files(files: dict[str, bytes], name: str, space: str = "", body: str = "") -> dict[str, bytes]:
    """Return the files of the model repository `name`, out of the serving files.

    space: the Space that serves it, USER/NAME. body: the text of docs/MODEL_CARD.md.
    """
    versions = json.loads(files.get("metrics.json", b"{}")).get("versions", {})
    made = {
        "model.pkl": files["export.pkl"],
        "README.md": card(files, name, space, body).encode(),
        "pyproject.toml": pyproject(versions).encode(),
    }
    for ours, theirs in (("export.onnx", "model.onnx"), ("metrics.json", "metrics.json")):
        if ours in files:
            made[theirs] = files[ours]
    return {**made, **endpoint_files(files)} if serves_compiled(files) else made


def endpoint_files(files: dict[str, bytes]) -> dict[str, bytes]:
    """Return what Hugging Face's inference endpoints need to answer from model.onnx, out of the serving files."""
    lines = files["requirements.txt"].decode().splitlines()
    pins = [line for line in lines if package_of(line) in ENDPOINT_NEEDS]
    return {
        "handler.py": HANDLER.read_bytes(),
        "requirements.txt": "\n".join(["# what handler.py needs, exactly", *pins, ""]).encode(),
        **{path: content for path, content in files.items() if path.startswith("classifier/")},
    }


def pyproject(versions: dict[str, str]) -> str:
    """Return what `from_pretrained_fastai` reads the versions from."""
    python = ".".join(versions["python"].split(".")[:2]) if "python" in versions else ""
    wanted = {"python": python, **{library: versions.get(library, "") for library in ("fastai", "fastcore")}}
    requires = ", ".join(f'"{library}={version}"' for library, version in wanted.items() if version)
    return (
        "[build-system]\n"
        f'requires = ["setuptools>=40.8.0", "wheel"{", " if requires else ""}{requires}]\n'
        'build-backend = "setuptools.build_meta:__legacy__"\n'
    )


def card(files: dict[str, bytes], name: str, space: str = "", body: str = "") -> str:
    """Return the model card: `body` with the figures of metrics.json, under metadata that the Hub reads."""
    metrics, ours, title = metrics_among(files), RepoCard(files["README.md"].decode()).data, name.split("/")[-1]
    data = ModelCardData(
        library_name="fastai",
        pipeline_tag="image-classification",
        license=ours.get("license"),
        tags=["fastai", "image-classification"],
        datasets=ours.get("datasets"),
        metrics=["accuracy"],
    )
    if metrics:
        data.model_name, data.eval_results = title, eval_results(metrics)
    served = f"Try it on [its page](https://huggingface.co/spaces/{space}).\n\n" if space else ""
    body = re.sub(r"\A# .*\n+", "", with_parts(body, metrics))  # the title is the repository's name
    return f"---\n{data.to_yaml()}\n---\n\n# {title}\n\n{served}{USE.format(name=name)}\n\n{body}"
