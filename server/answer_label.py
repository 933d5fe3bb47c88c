"""Gradio label that shows the answer of a model with several labels a photo: they are its headline."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

import gradio as gr
from gradio.components.label import LabelConfidence, LabelData

from classifier import Prediction

from .gradio_hooks import write_no_stubs
from .texts import label_text

TOP = 5  # bars; more where a photo has more labels
MAX_NAMED = 3  # labels in the headline, which is large

write_no_stubs()


def shown_names(labels: Iterable[str]) -> dict[str, str]:
    """Return each label as people write it; as it is where two would read the same, or one as nothing."""
    texts = {label: label_text(label) for label in labels}
    n = Counter(texts.values())
    return {label: text if text and n[text] == 1 else label for label, text in texts.items()}


class AnswerLabel(gr.Label):
    """`gr.Label` that takes a `Prediction` too; anything else is shown as `gr.Label` does.

    The bars are those of the photo's labels. Where the headline names them all, the most probable others follow, so
    that a click shows their heatmaps too. Labels of a `Prediction` are shown as people write them; the API's answer, a
    dict, keeps their names.
    """

    is_template = True  # the browser draws it as Label

    def postprocess(self, value: Any) -> LabelData | dict[str, Any] | None:
        """Return what the browser draws."""
        if not isinstance(value, Prediction):
            return super().postprocess(value)
        names = shown_names(value.probabilities)
        if value.labels is None:
            return super().postprocess({names[label]: share for label, share in value.probabilities.items()})
        if len(value.labels) > MAX_NAMED:
            named, more = value.labels[: MAX_NAMED - 1], f" and {len(value.labels) - MAX_NAMED + 1} more"
            shown = value.labels
        else:
            others = (label for label in value.probabilities if label not in value.labels)
            named, more, shown = value.labels, "", (*value.labels, *others)[:TOP]
        bars = [LabelConfidence(label=names[label], confidence=value.probabilities[label]) for label in shown]
        return LabelData(label=", ".join(names[label] for label in named) + more, confidences=bars)
