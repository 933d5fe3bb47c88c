"""Gradio label that shows the answer of a model with several labels a photo: they are its headline."""

from typing import Any

import gradio as gr
from gradio.components.label import LabelConfidence, LabelData

from classifier import Prediction

from .gradio_hooks import write_no_stubs

TOP = 5  # bars; more where a photo has more labels
MAX_NAMED = 3  # labels in the headline, which is large

write_no_stubs()


class AnswerLabel(gr.Label):
    """`gr.Label` that takes a `Prediction` too; anything else is shown as `gr.Label` does.

    The bars are those of the photo's labels. Where the headline names them all, the most probable others follow, so
    that a click shows their heatmaps too.
    """

    is_template = True  # the browser draws it as Label

    def postprocess(self, value: Any) -> LabelData | dict[str, Any] | None:
        """Return what the browser draws."""
        if not isinstance(value, Prediction):
            return super().postprocess(value)
        if value.labels is None:
            return super().postprocess(dict[str | float, float](value.probabilities.items()))
        if len(value.labels) > MAX_NAMED:
            named = value.labels[: MAX_NAMED - 1]
            headline, shown = f"{', '.join(named)} and {len(value.labels) - len(named)} more", value.labels
        else:
            others = (label for label in value.probabilities if label not in value.labels)
            headline, shown = ", ".join(value.labels), (*value.labels, *others)[:TOP]
        bars = [LabelConfidence(label=label, confidence=value.probabilities[label]) for label in shown]
        return LabelData(label=headline, confidences=bars)
