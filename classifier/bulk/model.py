"""Load the model of a job, from its folder or its object store.

Reads  OUT/model/export.pkl, and export.onnx beside it
"""

import tempfile
from functools import lru_cache
from pathlib import Path

from fastcore.script import CliError

from classifier import Classifier
from classifier.export import ExportError
from classifier.inference.compiled_copy import onnx_path

from .places import Place

MODEL = "model/export.pkl"


@lru_cache(1)
def load_model(place: Place, version: str) -> Classifier:
    """Return the classifier of a job; of one on an object store, the export is fetched first.

    version: so that another model at the same place is loaded anew.
    """
    if place.is_local:
        return load(Path(place.path(MODEL)))
    with tempfile.TemporaryDirectory() as folder:
        for name in (MODEL, str(onnx_path(MODEL))):
            if place.has(name):
                (Path(folder) / Path(name).name).write_bytes(place.read(name))
        return load(Path(folder) / Path(MODEL).name)


def load(path: Path) -> Classifier:
    """Return the classifier in an export; CliError where there is none."""
    try:
        return Classifier.load(path)
    except ExportError as error:
        raise CliError(str(error)) from None
