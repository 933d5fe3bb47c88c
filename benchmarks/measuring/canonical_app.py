"""The lesson's app, as its tutorial writes it: what the others are measured against.

Usage:

    EXPORT=export.pkl python -m benchmarks.measuring.canonical_app
"""

import os

from classifier.torchvision_compat import declare_operators

declare_operators()  # the one line more: without it torchvision cannot be imported beside every torch

import gradio as gr  # noqa: E402
from fastai.vision.all import PILImage, load_learner  # noqa: E402

learn = load_learner(os.environ.get("EXPORT", "export.pkl"))
labels = learn.dls.vocab


def predict(img):
    """Return the probability of each label, as the tutorial's function of this name does."""
    img = PILImage.create(img)
    _, _, probs = learn.predict(img)
    return {labels[i]: float(probs[i]) for i in range(len(labels))}


if __name__ == "__main__":
    gr.Interface(fn=predict, inputs=gr.Image(), outputs=gr.Label(num_top_classes=3)).launch()
