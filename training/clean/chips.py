"""Write the HTML of labels that are switched on and off one by one: a chip for each, lit where the photo has it."""

from collections import Counter
from collections.abc import Sequence
from html import escape

from training.journal.label_edits import labels_of

from .review.decisions import Decision
from .review.multi_label_photo import MultiLabelPhoto

N_KEYS = 9  # labels with a key: 1 to 9
ALL_SHOWN = 12  # so many labels are all shown on a card; of more, those that matter for the photo
N_SHOWN = 6  # of more labels, at least so many


def labels_with_keys(labels: Sequence[str], photos: Sequence[MultiLabelPhoto]) -> list[str]:
    """Return the labels that get the keys 1 to 9, sorted: all, or of more the most frequent ones."""
    counts = Counter(label for photo in photos for label in photo.labels)
    return sorted(sorted(labels, key=lambda label: -counts[label])[:N_KEYS])


def chips(photo: MultiLabelPhoto, decision: Decision, labels: Sequence[str], keys: Sequence[str]) -> str:
    """Return the chips of a photo; those that matter less for it are folded away where there are many labels."""
    lit = set(labels_of(decision.label) if decision.action == "label" else photo.labels)
    shown = shown_labels(photo, lit, labels)
    doubtful = set(photo.labels) ^ set(labels_of(photo.likely))
    first, rest = (
        "".join(_chip(label, label in lit, label in doubtful, keys) for label in labels if (label in shown) is wanted)
        for wanted in (True, False)
    )
    n_rest = sum(label not in shown for label in labels)
    more = f"<details><summary>{n_rest} more labels</summary>{rest}</details>" if n_rest else ""
    return f'<div class="chips" role="group" aria-label="Labels">{first}{more}</div>'


def shown_labels(photo: MultiLabelPhoto, lit: set[str], labels: Sequence[str]) -> set[str]:
    """Return the labels to show at once: those of the photo, those that speak for it, and the most probable ones."""
    if len(labels) <= ALL_SHOWN:
        return set(labels)
    matter = lit | set(photo.labels) | set(labels_of(photo.likely)) | set(photo.answer)
    by_probability = sorted(set(labels) - matter, key=lambda label: (-photo.probabilities.get(label, 0), label))
    return matter | set(by_probability[: max(0, N_SHOWN - len(matter))])


def _chip(label: str, lit: bool, doubtful: bool, keys: Sequence[str]) -> str:
    key = f"<kbd>{keys.index(label) + 1}</kbd>" if label in keys else ""
    return (
        f'<button class="chip" data-label="{escape(label)}" aria-pressed="{str(lit).lower()}"'
        f"{' data-hint' * doubtful}>"
        f"{key}<span>{escape(label)}</span></button>"
    )
