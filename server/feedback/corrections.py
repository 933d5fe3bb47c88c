"""What a user may say of an answer: that it is right, which labels the photo shows instead, or none of them.

    yes, none = words(labels)
    correction_of(said, prediction, labels)

A correction is one label, several joined by SEPARATOR in the order of the model's, or None for none of them.
"""

from collections.abc import Collection, Sequence

from classifier import Prediction

from .records import SEPARATOR

MAX_LISTED = 12  # labels in a message


class NotStored(Exception):
    """Raised where feedback is not stored, with a message for its sender."""


def words(labels: Collection[str]) -> tuple[str, str]:
    """Return the words of the API for "this is right" and "it is none of the labels".

    They are `yes` and `none of these`; where a label has that name, with an exclamation mark, so that none is meant
    for the other.
    """
    yes, none = "yes", "none of these"
    while yes in labels:
        yes += "!"
    while none in labels:
        none += "!"
    return yes, none


def correction_of(said: str, prediction: Prediction, labels: Sequence[str]) -> str | None:
    """Return the correction for what a program says: one of the `words`, a label, or several joined by SEPARATOR.

    Raises NotStored, with a message for its sender, for anything else.
    """
    yes, none = words(labels)
    if said == yes:
        return answered_label(prediction, labels)
    return None if said == none else checked(said, prediction, labels)


def answered_label(prediction: Prediction, labels: Sequence[str]) -> str | None:
    """Return what the app says that a photo shows, as a correction. labels: all of the model's, in its order."""
    if prediction.is_none:
        return None
    return prediction.label if prediction.labels is None else join_labels(prediction.labels, labels)


def with_label_changed(prediction: Prediction, label: str, labels: Sequence[str]) -> str | None:
    """Return the correction that adds a label to an answer, or takes it away where the answer has it."""
    return join_labels(set(prediction.labels or ()) ^ {label}, labels)


def checked(correction: str | None, prediction: Prediction, labels: Sequence[str]) -> str | None:
    """Return a correction of a prediction, its labels in the order of `labels`; NotStored for a label that is none."""
    if correction is None:
        return None
    one = [correction] if correction in labels else None
    given = one if prediction.labels is None else split_labels(correction, labels)
    if given is None:
        more = f" and {len(labels) - MAX_LISTED} more" if len(labels) > MAX_LISTED else ""
        there = f"There is no such label; there are {', '.join(labels[:MAX_LISTED])}{more}"
        if prediction.labels is None:
            raise NotStored(f"{there}.")
        yes, none = words(labels)
        raise NotStored(f"{there}. Say `{yes}`, `{none}`, or all labels that the photo shows, joined by {SEPARATOR}.")
    return join_labels(given, labels)


def join_labels(given: Collection[str], labels: Sequence[str]) -> str | None:
    """Return those of `labels` that are given as one text, in the order of `labels`; None for none of them."""
    return SEPARATOR.join(label for label in labels if label in given) if given else None


def split_labels(text: str, labels: Collection[str]) -> list[str] | None:
    """Return the labels in a text that SEPARATOR joins; None where a part of it is none of `labels`.

    A label may have the separator in its name: of two readings, the one with the longer label counts.
    """
    known, parts, found = set(labels), text.split(SEPARATOR), list[str]()
    longest = 1 + max((label.count(SEPARATOR) for label in known), default=0)
    at = 0
    while at < len(parts):
        ends = range(min(at + longest, len(parts)), at, -1)
        end = next((end for end in ends if SEPARATOR.join(parts[at:end]) in known), None)
        if end is None:
            return None
        found.append(SEPARATOR.join(parts[at:end]))
        at = end
    return found
