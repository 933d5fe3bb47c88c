"""Compute scores, features, confidence and heatmaps of a photo, with torch or with the compiled copy."""
