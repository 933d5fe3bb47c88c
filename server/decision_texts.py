"""What the page says of a decision: whether an answer may be acted on alone, and which labels are in question."""

from classifier import Classifier, Prediction
from classifier.inference.decision import ANSWER, OperatingPoint

from .neighbour_texts import neighbours_text
from .texts import confidence_text, frequency_text, join_labels, none_text

SURE, ASK = "**Sure enough to act on", "**Ask a person"


def sure_text(prediction: Prediction, classifier: Classifier) -> str:
    """Return whether to act on an answer alone, how often such an answer is right, and what it resembles; Markdown."""
    decision = decision_text(prediction, classifier.operating_point)
    often = confidence_text(prediction, classifier.calibrated)
    return "\n\n".join(filter(None, (decision, often, neighbours_text(prediction, classifier.neighbours))))


def unsure_text(prediction: Prediction, classifier: Classifier) -> str:
    """Return the answer for a photo that is none of the labels, and the photos nearest to it, as Markdown."""
    decision, none = decision_text(prediction, classifier.operating_point), none_text(classifier.labels, prediction)
    return "\n\n".join(filter(None, (none, decision, neighbours_text(prediction, classifier.neighbours))))


def decision_text(prediction: Prediction, point: OperatingPoint | None) -> str:
    """Return the decision and its reason, as Markdown; "" for an export without an operating point."""
    if point is None or prediction.decision is None:
        return ""
    sure = prediction.decision == ANSWER
    if prediction.is_none:
        return f"{ASK}.**"
    if point.precision is None:
        reason = "an error would cost less than asking" if sure else "an error would cost more than asking"
    else:
        line = "above" if sure else "below"
        reason = f"of 100 answers {point.precision * 100:.3g} are to be right, and this one is {line} the line for that"
    return f"{SURE if sure else ASK}:** {reason}.{candidates_text(prediction, point)}"


def candidates_text(prediction: Prediction, point: OperatingPoint) -> str:
    """Return which labels are in question and how often the right one is among them; "" for a single one."""
    labels = prediction.candidates or ()
    if len(labels) < 2 or point.coverage is None:
        return ""
    often = frequency_text(point.coverage)
    return f" In question: {join_labels(labels, 'or')}; the right one is among such {often}."
