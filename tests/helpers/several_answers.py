"""Answers of a model that gives a photo several labels, or none, made by hand."""

from classifier import Prediction

LABELS = ["dress", "hat", "shoes"]
BOTH = Prediction("hat", {"dress": 0.6, "hat": 0.55, "shoes": 0.1}, 0.8, True, ("hat", "shoes"))
NONE = Prediction("dress", {"dress": 0.314, "hat": 0.2, "shoes": 0.1}, 0.8, True, ())
STRANGE = Prediction("dress", {"dress": 0.9, "hat": 0.2, "shoes": 0.1}, 0.1, False, ())
