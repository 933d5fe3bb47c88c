"""How the page looks: its style, and the sign that tells sure, unsure and "none of these" apart.

Reads  page.css beside this file
Gives  `CSS` for `Blocks.launch`, and `verdict_text` of an answer

Colours and signs are those of the edition that runs in the browser (browser/page.css, browser/answer.js). A sign is
never colour alone: a word and a form go with it.
"""

from pathlib import Path

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
