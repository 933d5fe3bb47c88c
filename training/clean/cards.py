"""Write the HTML of the cleaner's grid of photos, and the texts around it."""

import shlex
import sys
from collections.abc import Iterable
from html import escape
from math import isinf
from pathlib import Path
from typing import Any

from training.data.files import INBOX

from .chips import chips
from .multi_label_session import MultiLabelCleaner
from .review.decisions import Decision
from .review.multi_label_photo import IN_WORDS, MultiLabelPhoto, in_words
from .review.reviewed_photo import ReviewedPhoto
from .session import Cleaner

N_PROBABILITIES = 5  # in the large view of a photo, the highest ones


def progress(cleaner: Cleaner) -> str:
    """Return what is marked, "12 to delete, 5 to move", and how many photos are decided."""
    n_deleted, n_moved, n_decided = cleaner.counts()
    change = "relabel" if cleaner.multi_label else "move"
    marked = [f"{n} to {what}" for n, what in ((n_deleted, "delete"), (n_moved, change)) if n]
    parts = [", ".join(marked) or "Nothing marked", f"{n_decided} of {n_labelled(cleaner)} decided"]
    if entries := cleaner.select(INBOX):
        n = sum(decision.action != "" for *_, decision in entries)
        parts.append(f"{n} of {len(entries)} without a label")
    return " · ".join(parts)


def n_labelled(cleaner: Cleaner) -> int:
    """Return how many photos have a label."""
    return sum(not photo.unlabelled for photo in cleaner.photos)


def shell_command(name: str, *args: object) -> str:
    """Return a command of the pipeline as it can be pasted into the shell that the cleaner was started in."""
    python, here = Path(sys.executable), Path.cwd()
    interpreter = python.relative_to(here).as_posix() if here in python.parents else "python"
    return shlex.join([interpreter, "-m", f"training.{name}", *map(str, args)])


def percent(probability: float) -> str:
    """Return a probability in percent; near 100%, with a decimal."""
    return f"{probability:.1%}" if 0.995 < probability < 0.9995 else f"{probability:.0%}"


def loss_text(photo: ReviewedPhoto) -> str:
    """Return the loss as the page shows it."""
    return "no loss" if isinf(photo.loss) else f"loss {photo.loss:.2f}"


def title(photo: ReviewedPhoto) -> str:
    """Return the heading of a photo: its label; for a suggestion, that a user says so."""
    return f"A user says: {photo.words}" if photo.suggested else photo.words


def answer_text(photo: ReviewedPhoto) -> str:
    """Return the export's answer as the page shows it."""
    answer = (f"{label} {percent(probability)}" for label, probability in photo.answer.items())
    said = f"predicted {', '.join(answer) or IN_WORDS}" if photo.probabilities else ""
    return said if photo.unlabelled else " · ".join(filter(None, [said, loss_text(photo)]))


def card(cleaner: Cleaner, name: str, photo: ReviewedPhoto, decision: Decision) -> str:
    """Return one photo of the grid as HTML; name: its id."""
    heading, chosen, select, to = escape(title(photo)), "", "", decision.label
    likely, keep = _likely(photo), "Skip" if photo.unlabelled else "Keep"
    accept = _accept(likely) if likely is not None and (photo.unlabelled or likely != photo.label) else ""
    if isinstance(cleaner, MultiLabelCleaner) and isinstance(photo, MultiLabelPhoto):
        chosen, to = chips(photo, decision, cleaner.labels, cleaner.keys), in_words(decision.label)
    else:
        select = _select(photo, decision, cleaner.labels)
    kind = " suggested" * photo.suggested + " unlabelled" * photo.unlabelled
    data_likely = "" if likely is None else f'data-likely="{escape(likely)}"'
    return (
        f'<article class="card{kind}" tabindex="-1" data-id="{name}" '
        f'data-action="{decision.action}" data-own="{escape(photo.label)}" data-to="{escape(decision.label)}" '
        f'{data_likely} aria-label="{heading}: {escape(photo.file.name)}">'
        f'<button class="look" title="Look closer"><img loading="lazy" src="thumb/{name}" alt=""></button>'
        f'<p class="names"><b>{heading}</b> <span class="to">→ {escape(to)}</span></p>'
        f'<p class="reason">{escape(cleaner.reason(photo))}</p><p class="said">{escape(answer_text(photo))}</p>{chosen}'
        '<button class="like" data-similar title="The photos of the set that this one resembles">Show similar</button>'
        f'<p class="acts"><button data-do="keep">{keep}</button><button data-do="delete">Delete</button>{accept}'
        f"{select}</p>"
        "</article>"
    )


def _likely(photo: ReviewedPhoto) -> str | None:
    """Return what Accept gives a photo, joined; None where nothing can be suggested."""
    if photo.unlabelled:
        return photo.suggestion if photo.probabilities else None
    return photo.likely if isinstance(photo, MultiLabelPhoto) else None


def _accept(labels: str) -> str:
    """Return the button that gives a photo the labels that are probable."""
    return f'<button data-do="likely" title="Give it: {escape(in_words(labels))}">Accept</button>'


def _select(photo: ReviewedPhoto, decision: Decision, labels: list[str]) -> str:
    """Return the list of labels of which a photo has one."""
    first = '<option value="" hidden>Label …</option>' * photo.unlabelled  # until one is chosen
    options = first + "".join(
        f'<option value="{escape(label)}"{" selected" * (label == (decision.label or photo.label))}>'
        f"{escape(label)}</option>"
        for label in labels
    )
    return f'<select aria-label="Label">{options}</select>'


def grid(cleaner: Cleaner, entries: Iterable[tuple[str, ReviewedPhoto, Decision]]) -> str:
    """Return a page of photos as HTML; entries: as `Cleaner.select` returns them."""
    cards = [card(cleaner, *entry) for entry in entries]
    keys = cleaner.keys if isinstance(cleaner, MultiLabelCleaner) else cleaner.labels[:9]
    names = "".join(
        f'<span data-label="{escape(label)}"><kbd>{i}</kbd> {escape(label)}</span>'
        for i, label in enumerate(keys, start=1)
    )
    if not cards:
        return '<div id="grid"><p class="none">No photo is left in this selection.</p></div>'
    return f'<div class="legend">{names}</div><div id="grid">{"".join(cards)}</div>'


def details(cleaner: Cleaner, name: str) -> dict[str, Any]:
    """Return what the large view shows of the photo with an id; page.js reads it."""
    photo = cleaner.by_id[name]
    decision = cleaner.decision(photo)
    n = max(N_PROBABILITIES, len(photo.answer))
    highest = sorted(photo.probabilities.items(), key=lambda item: -item[1])[:n]
    return {
        "id": name,
        "name": photo.file.name,
        "title": title(photo),
        "split": photo.split,
        "loss": "" if photo.unlabelled else loss_text(photo),
        "suspicion": int(100 * photo.suspicion),
        "reason": cleaner.reason(photo),
        "action": decision.action,
        "to": decision.label,
        "suggested": photo.suggested,
        "unlabelled": photo.unlabelled,
        "probabilities": [{"label": label, "share": share, "said": percent(share)} for label, share in highest],
    }
