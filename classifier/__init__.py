"""Classify photos with a fastai export: everything between a photo and a `Prediction`.

Usage:

    classifier = Classifier.load("export.pkl")
    classifier.predict("bear.jpg").label
    classifier.explain("bear.jpg").picture.show()
"""

from . import telemetry  # noqa: F401  first: libraries read its variables as they are imported

# isort: split
from .classifier import Classifier
from .prediction import Explanation, Prediction

__all__ = ["Classifier", "Explanation", "Prediction"]
