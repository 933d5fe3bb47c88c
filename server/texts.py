"""Texts of the page and of the tool for assistants, made from the labels and facts of any export."""

import re
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from classifier import Prediction

MAX_LISTED = 12
MAX_FREQUENCIES = 5  # labels of a photo
NO_HEATMAP = "Where this model looked is not available: it is built in another way."
MANY_PHOTOS = "Or [many photos at once](many): a folder or a zip."
MAX_PHOTOS = 10**9  # that facts may name
MARKUP = re.compile(r"([\\`*_{}\[\]<>#$|~!&])")  # characters that mean something in Markdown or HTML


def label_markdown(label: str) -> str:
    """Return a label as people write it, as Markdown that shows every character."""
    return MARKUP.sub(r"\\\1", label_text(label))


def label_text(label: str) -> str:
    """Return a label as people write it: a folder's name has _ for each space."""
    return " ".join(label.replace("_", " ").split())


def join_labels(labels: Sequence[str], conjunction: str, max_listed: int = MAX_LISTED) -> str:
    """Return "a, b or c"; of more than `max_listed` labels the first few, and how many there are."""
    names = [label_markdown(label) for label in labels]
    if len(names) > max_listed:
        return f"{', '.join(names[: max_listed - 4])} … ({len(names)} in all)"
    return f" {conjunction} ".join(part for part in (", ".join(names[:-1]), names[-1]) if part)


def question_text(labels: Sequence[str], multi_label: bool = False) -> str:
    """Return the line under the title: what a photo may be of. multi_label: whether it may have several labels."""
    if multi_label:
        return f"Show me a photo, and I'll say which of these it shows, if any: **{join_labels(labels, 'and')}**."
    return f"Show me a photo, and I'll say which it is: **{join_labels(labels, 'or')}**."


def none_text(labels: Sequence[str], prediction: Prediction) -> str:
    """Return the answer for a photo that is none of the labels, with the most probable label as a guess."""
    if prediction.familiar is not False:  # it may have several labels, and none of them is probable enough
        percent = int(prediction.probabilities[prediction.label] * 100 + 1e-9) or "less than 1"
        return (
            f"### I see none of these: {join_labels(labels, 'or')}.\n"
            f"The most probable one is *{label_markdown(prediction.label)}*, at {percent}%, which is not enough."
        )
    if prediction.labels is not None:
        return (
            f"### I don't think this shows {join_labels(labels, 'or')}.\n"
            "It looks like none of the photos I learned from. If it had to show one of them, my guess would be "
            f"*{label_markdown(prediction.label)}*."
        )
    return (
        f"### I don't think this is {join_labels(labels, 'or')}.\n"
        "It looks like none of the photos I learned from. If it had to be one of them, my guess would be "
        f"*{label_markdown(prediction.label)}*."
    )


def frequency_text(probability: float) -> str:
    """Return a calibrated probability as people say it, never more than its whole percentage: "about 9 times in 10"."""
    percent = int(probability * 100 + 1e-9)
    if percent < 5:
        return "less than 1 time in 20"
    if percent < 10:
        return "about 1 time in 20"
    if percent < 95:
        return f"about {percent // 10} {'time' if percent < 20 else 'times'} in 10"
    return f"about {percent} times in 100" if probability < 1 else "about 99 times in 100"


def confidence_text(prediction: Prediction, calibrated: bool) -> str:
    """Return how often an answer at its percentage is right, for each of its first labels."""
    if not calibrated:
        return (
            "How often this is right at such a percentage is not known: this model came without calibrated percentages."
        )
    labels = prediction.labels or (prediction.label,)
    told = [f"**{frequency_text(prediction.probabilities[label])}**" for label in labels[:MAX_FREQUENCIES]]
    if len(labels) == 1:
        return f"At this level it is right {told[0]}."
    each = [f"{frequency} with *{label_markdown(label)}*" for frequency, label in zip(told, labels)]
    return f"At these levels it is right {', '.join(each[:-1])} and {each[-1]}."


def heatmap_text(label: str, labels: Sequence[str]) -> str:
    """Return what the colours of a heatmap mean."""
    others = " Tap another label above to see where that one would be." if len(labels) > 1 else ""
    return (
        f"**Orange** spoke for *{label_markdown(label)}*, **blue** against it; the outlined fifth counted most. "
        f"Places without colour counted little.{others}"
    )


def model_text(
    labels: Sequence[str], facts: Mapping[str, Any], reports_familiarity: bool, multi_label: bool = False
) -> str:
    """Return the labels, the measured error and the date, as far as the export tells them."""
    several = " A photo may show several of them, or none." if multi_label else ""
    otherwise = (
        "When a photo looks like none of these, it says so."
        if reports_familiarity
        else "This model cannot tell when a photo looks like none of those that it learned from."
        if multi_label
        else "This model cannot tell when a photo is none of these: it always answers with one of them."
    )
    known = f"**What it knows:** {join_labels(labels, 'and', max_listed=200)}.{several} {otherwise}"
    try:
        return f"{known} {error_text(facts, multi_label)}{unfamiliar_rate_text(facts) if reports_familiarity else ''}"
    except (KeyError, TypeError, ValueError, ArithmeticError):
        return f"{known} This model came without a record of how often it is wrong."


def error_text(facts: Mapping[str, Any], multi_label: bool = False) -> str:
    """Return when an export learned from how many photos, and its error on photos that were held out.

    multi_label: then a photo is wrong where one of its labels is. Raises KeyError, TypeError, ValueError or
    ArithmeticError for facts that are missing or make no sense.
    """
    n_valid, n_train, error, trained = (
        int(facts["n_valid"]),
        int(facts["n_train"]),
        float(facts["error_rate"]),
        date.fromisoformat(facts["date"]),
    )
    if not (0 <= error <= 1 and 0 < n_valid < MAX_PHOTOS and 0 < n_train < MAX_PHOTOS):
        raise ValueError(f"{error} of {n_valid} and {n_train} photos")
    wrong = "had a label too many or too few" if multi_label else "were wrong"
    n_wrong, on = round(error * n_valid), f"{trained.day} {trained:%B %Y}"
    if facts.get("measured") == "out of fold":
        return (
            f"It learned from {n_train} photos on {on}; {error:.1%} of them {wrong} when they were held out "
            f"({n_wrong} of {n_valid})."
        )
    if facts.get("measured") == "validation":
        return (
            f"It learned from {n_train} photos on {on}; of others, held out for validation, {error:.1%} {wrong} "
            f"({n_wrong} of {n_valid})."
        )
    return (
        f"Of {n_valid} photos held out of training it got {n_wrong} wrong ({error:.1%}); it learned from {n_train} "
        f"others on {on}."
    )


def unfamiliar_rate_text(facts: Mapping[str, Any]) -> str:
    """Return how often photos of a label that was left out counted as unfamiliar; "" where that is not known."""
    share = facts.get("unfamiliar")
    if isinstance(share, bool) or not isinstance(share, (int, float)) or not 0 <= share <= 1:
        return ""
    return f" Trained without one of its labels, it said “none of these” to {share:.0%} of that label's photos."


def privacy_text(minutes: float, feedback: bool = False) -> str:
    """Return what happens to a photo, and when it is gone; feedback: whether users are asked for it."""
    when = f"{minutes:g} minutes" if minutes < 120 else f"{minutes / 60:g} hours"
    kept = (
        ' Those that you send under "Was this right?" are kept by the owner of this app; and how many answers '
        "there were of each kind is counted."
        if feedback
        else ""
    )
    return f"Photos are used for the answer alone, and deleted {when} after they came.{kept}"


def footer_text(model: str, minutes: float, feedback: bool) -> str:
    """Return the page's footer. model: from `model_text`; the rest as in `privacy_text`."""
    return f"{model}\n\n{privacy_text(minutes, feedback)}"


def tool_description(
    labels: Sequence[str], reports_familiarity: bool, multi_label: bool = False, names_neighbours: bool = False
) -> str:
    """Return what an assistant needs to know to choose and to believe `classify_photo`, as plain text."""
    names = list(map(label_text, labels))
    shown = ", ".join(names[:50]) + (f" … ({len(names)} in all)" if len(names) > 50 else "")
    familiarity = (
        "`familiar` is false when the photo is probably none of these: then say so rather than naming the label. "
        "`familiarity`, 0 to 1, is how near it lies to the training photos."
        if reports_familiarity
        else "`familiar` is null: it cannot tell photos of something else."
        if multi_label
        else "It always answers with one of these, even for a photo of something else: `familiar` is null."
    )
    returned = (
        "`labels`, every one that it shows, most probable first (empty for none), and the `probabilities` of all, each "
        "0 to 1 on its own; `label` is the first one, or the most probable if there is none"
        if multi_label
        else "the most probable `label` and the `probabilities` of all, 0 to 1"
    )
    neighbours = "`neighbours` are the training photos that it resembles most. " if names_neighbours else ""
    return (
        f"Look at a photo and say which of these it shows: {shown}. Returns {returned}. {familiarity} `calibrated` is "
        f"true where 0.9 is right 9 times in 10. {neighbours}It knows nothing else about a photo: not what it does, "
        "where it is, or what else is in it."
    )
