"""Scores, features, confidence and heatmaps of a photo, by torch or by the compiled copy."""
