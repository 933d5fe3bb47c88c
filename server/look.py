"""How the page looks: its theme, light and dark, and the sign that tells sure, unsure and "none of these" apart.

Reads  page.css beside this file
Gives  `THEME` and `CSS` for `Blocks.launch`, and `verdict_text` of an answer

Colours and signs are those of the edition that runs in the browser (browser/page.css, browser/answer.js). A sign is
never colour alone: a word and a form go with it. The fonts are the visitor's own: nothing is fetched for them.
"""

from pathlib import Path

import gradio as gr

from classifier import Classifier, Prediction
from classifier.inference.decision import ASK

from .decision_texts import unsure_text

CSS = Path(__file__).with_name("page.css").read_text(encoding="utf-8")
SURE, FAIR = 0.9, 0.7  # least probability of each
WORDS = {
    "none": "None of these",
    "sure": "Sure",
    "fair": "Probably",
    "unsure": "Not sure",
    "best": "Best match",  # of a model whose percentages are not calibrated
}
DECIDED = {"sure": "Sure enough", "unsure": "Ask a person"}  # by a model with an operating point


def _theme() -> gr.themes.Base:
    """Return the theme: paper and forest green; each pair of colours is that of light and of dark."""
    green = gr.themes.Color(
        "#f0f6f0", "#e6eee4", "#cfe0d2", "#9ed0ac", "#6fae85", "#2a5c43", "#2a5c43", "#234d38", "#1c3e2d", "#10211a",
        "#0b1712",
    )  # fmt: skip
    stone = gr.themes.Color(
        "#fffdf8", "#f6f2e8", "#e9e4d7", "#d8d1c0", "#a9b3a8", "#76827a", "#5a6459", "#37423a", "#26352c", "#1d2520",
        "#141a16",
    )  # fmt: skip
    theme = gr.themes.Base(
        primary_hue=green,
        secondary_hue=green,
        neutral_hue=stone,
        font=["system-ui", "sans-serif"],
        font_mono=["ui-monospace", "monospace"],
        radius_size=gr.themes.sizes.radius_lg,
    )
    pairs = {
        "body_background_fill": ("#f6f2e8", "#141a16"),
        "body_text_color": ("#1f2a22", "#eceee6"),
        "body_text_color_subdued": ("#5a6459", "#a9b3a8"),
        "block_background_fill": ("#fffdf8", "#1d2520"),
        "block_border_color": ("#d8d1c0", "#37423a"),
        "block_label_background_fill": ("#fffdf8", "#1d2520"),
        "block_label_text_color": ("#5a6459", "#a9b3a8"),
        "block_title_text_color": ("#1f2a22", "#eceee6"),
        "link_text_color": ("#2a5c43", "#9ed0ac"),
        "link_text_color_hover": ("#1c3e2d", "#cfe0d2"),
        "link_text_color_visited": ("#2a5c43", "#9ed0ac"),
        "link_text_color_active": ("#2a5c43", "#9ed0ac"),
        "stat_background_fill": ("#2a5c43", "#9ed0ac"),
        "color_accent": ("#2a5c43", None),
        "color_accent_soft": ("#e6eee4", "#26352c"),
        "border_color_accent": ("#2a5c43", "#9ed0ac"),
        "button_primary_background_fill": ("#2a5c43", "#9ed0ac"),
        "button_primary_text_color": ("#ffffff", "#10211a"),
    }
    values = {name: light for name, (light, _) in pairs.items()}
    values |= {f"{name}_dark": dark for name, (_, dark) in pairs.items() if dark}
    return theme.set(**values)


THEME = _theme()


def kind_of(prediction: Prediction, calibrated: bool) -> str:
    """Return which sign an answer gets, a key of `WORDS`: by its decision, else by the least probable of its labels."""
    if prediction.is_none:
        return "none"
    if prediction.decision:
        return "unsure" if prediction.decision == ASK else "sure"
    labels = prediction.labels or (prediction.label,)
    least = min(prediction.probabilities[label] for label in labels)
    if least < FAIR and (calibrated or least < 0.5):
        return "unsure"
    return "best" if not calibrated else "fair" if least < SURE else "sure"


def verdict_text(prediction: Prediction, classifier: Classifier) -> str:
    """Return the sign of an answer as Markdown, and all there is to say where that is "none of these"."""
    kind = kind_of(prediction, classifier.calibrated)
    word = (DECIDED.get(kind) if prediction.decision else None) or WORDS[kind]
    sign = f'<p class="sign {kind}">{word}</p>'
    return f"{sign}\n\n{unsure_text(prediction, classifier)}" if prediction.is_none else sign
