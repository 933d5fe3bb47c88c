"""Exports that name photos which they learned from: the committed one, with the examples in their place."""

from pathlib import Path

import numpy as np
from fastai.learner import load_learner

from classifier import Classifier
from classifier.inference.neighbour_facts import neighbours_to_facts
from classifier.inference.neighbours import Neighbours
from classifier.inference.onnx_export import write_compiled
from training.export.portable_pickle import to_bytes
from training.train.neighbours import principal_axes, thumbnails

from .paths import ROOT

NAMED = sorted(file for file in (ROOT / "examples").glob("*.jpg") if not file.name.startswith("other"))


def name_of(file: Path) -> str:
    """Return the name that an example has in these exports."""
    return f"{file.stem.partition('-')[0]}/{file.name}"


def known_examples(pictures: bool = True) -> Neighbours:
    """Return the examples as training photos of the committed export."""
    classifier = Classifier.load(ROOT / "export.pkl")
    rows = np.stack([classifier.predict_with_features(file)[1] for file in NAMED])
    labels = [(name_of(file).partition("/")[0],) for file in NAMED]
    kept = thumbnails(NAMED, labels) if pictures else None
    return Neighbours.of(rows, principal_axes(rows), list(map(name_of, NAMED)), labels, kept)


def write_export(folder: Path, facts: object, compiled: bool = True) -> Path:
    """Write the committed export with a fact of neighbours, and its compiled copy; return its path."""
    learn, export = load_learner(ROOT / "export.pkl"), folder / "export.pkl"
    learn.fieldguide = {**learn.fieldguide, "neighbours": facts}
    export.write_bytes(to_bytes(learn))
    if compiled:
        write_compiled(export)
    return export


def export_with_examples(folder: Path, pictures: bool = True) -> Path:
    """Write an export that names the examples as its training photos; return its path."""
    labels = Classifier.load(ROOT / "export.pkl").labels
    return write_export(folder, neighbours_to_facts(known_examples(pictures), labels))
