"""export.pkl as a model on the Hub, in the layout that huggingface_hub's `from_pretrained_fastai` opens.

Gives `model_files`: model.pkl, model.onnx, metrics.json, pyproject.toml, and a README.md that is the model card

`push_to_hub_fastai` would write the export again, by cloudpickle, and tie it to one version of Python; the file that
was measured goes up as it is.
"""
import json
import re

import yaml

from .manifest import front_matter

USE = """```python
from huggingface_hub import from_pretrained_fastai

learn = from_pretrained_fastai("{name}")  # pip install fastai toml
print(learn.predict("photo.jpg"))
```

A pickle can call anything while it opens: open those of people whom you trust."""


def model_files(files: dict[str, bytes], name: str, space: str = "") -> dict[str, bytes]:
    """Return the files of the model repository `name`, out of the serving files.

    space: the Space that serves it, USER/NAME.
    """
    metrics = json.loads(files.get("metrics.json", b"{}"))
    there = {"model.pkl": files["export.pkl"], "README.md": card(files, metrics, name, space).encode(),
             "pyproject.toml": pyproject(metrics.get("versions", {})).encode()}
    for ours, theirs in (("export.onnx", "model.onnx"), ("metrics.json", "metrics.json")):
        if ours in files:
            there[theirs] = files[ours]
    return there


def pyproject(versions: dict[str, str]) -> str:
    """Return what `from_pretrained_fastai` reads the versions from."""
    python = ".".join(versions["python"].split(".")[:2]) if "python" in versions else ""
    wanted = {"python": python, **{library: versions.get(library, "") for library in ("fastai", "fastcore")}}
    requires = ", ".join(f'"{library}={version}"' for library, version in wanted.items() if version)
    return ('[build-system]\n'
            f'requires = ["setuptools>=40.8.0", "wheel"{", " if requires else ""}{requires}]\n'
            'build-backend = "setuptools.build_meta:__legacy__"\n')


def card(files: dict[str, bytes], metrics: dict, name: str, space: str = "") -> str:
    """Return the model card: the README's own, under metadata that the Hub reads."""
    readme = files["README.md"].decode()
    ours = yaml.safe_load(front_matter(readme))
    told = re.search(r"^## Model card\n(.*?)(?=^## |\Z)", readme, re.M | re.S)
    title = name.split("/")[-1]
    head = {"library_name": "fastai", "pipeline_tag": "image-classification", "license": ours.get("license"),
            "tags": ["fastai", "image-classification"], "datasets": ours.get("datasets"), "metrics": ["accuracy"],
            "model-index": results(metrics, title)}
    shown = yaml.safe_dump({key: value for key, value in head.items() if value}, sort_keys=False, allow_unicode=True)
    served = f"Try it on [its page](https://huggingface.co/spaces/{space}).\n\n" if space else ""
    body = told.group(1).strip() if told else ""
    return f"---\n{shown}---\n\n# {title}\n\n{served}{USE.format(name=name)}\n\n{body}\n"


def results(metrics: dict, title: str) -> list[dict]:
    """Return the measured figures as the Hub's model-index; [] where nothing was measured."""
    if "error_rate" not in metrics:
        return []
    dataset = {"name": f"{metrics.get('n_valid')} photos held out of training", "type": "imagefolder"}
    return [{"name": title, "results": [{
        "task": {"type": "image-classification"}, "dataset": dataset,
        "metrics": [{"type": "accuracy", "value": round(1 - metrics["error_rate"], 4)}]}]}]
