"""The page of `training.clean`: Gradio's controls around a grid of photos.

Gives `build_page`; `training.clean.app` serves it, with the photos, which the browser requests one by one
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from math import ceil
from typing import Any

import gradio as gr
from fastcore.script import CliError

from training.data.files import INBOX

from .actions import apply, undo, with_error
from .cards import grid, n_labelled, progress, shell_command
from .review.multi_label_photo import IN_WORDS, NO_LABEL
from .session import ORDERS, SPLITS, Cleaner

PHOTOS_PER_PAGE = 24
ALL = "all"
TO_DO = "Mark what is no photo of its label, then Apply: files are moved, and Undo brings them back."
MULTI_LABEL_TO_DO = (
    "A chip is lit where the photo has that label; with all chips off it shows none of the labels. Switch what is "
    "wrong, then Apply: labels.csv is changed, deleted photos are moved, and Undo brings all back."
)
INBOX_HELP = (
    " Of a photo without a label, <b>A</b> accepts the suggestion, <b>K</b> skips it; the next photo follows.</details>"
)
MULTI_LABEL_HELP = (
    "<details><summary>Keys</summary>Arrows go from photo to photo; <b>1</b> to <b>9</b> switch labels on and off, "
    "<b>0</b> switches all off; <b>A</b> accepts the labels that the other photos make probable; <b>K</b> keeps, "
    "<b>D</b> deletes, <b>Backspace</b> forgets it; <b>Enter</b> looks closer, <b>Esc</b> closes." + INBOX_HELP
)
HELP = (
    "<details><summary>Keys</summary>Arrows go from photo to photo; <b>K</b> keeps, <b>D</b> deletes, <b>1</b> to "
    "<b>9</b> give another label, <b>Backspace</b> forgets it; <b>Enter</b> looks closer, <b>Esc</b> closes."
    + INBOX_HELP
)
EVENT_OPTIONS: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}


@dataclass(frozen=True)
class Controls:
    """The page's components that react to each other."""

    filters: list[gr.Dropdown | gr.Radio]  # label, split, order and show, in the order of `Renderer.render`
    counts: gr.HTML
    undo: gr.Button
    apply: gr.Button
    message: gr.Markdown
    photos: gr.HTML
    previous: gr.Button
    number: gr.Number
    next: gr.Button


class Renderer:
    """Draws the selected photos, and whatever else changes with the selection."""

    def __init__(self, cleaner: Cleaner):
        self._cleaner, self._drawn = cleaner, count()

    def render(self, label: str | None, split: str, order: str, show: str, page: float | None) -> tuple[Any, ...]:
        """Return new values of: photos, counts, number of the page, its two buttons, and the filter of labels."""
        try:
            found = self._cleaner.select(label or "", "" if split == ALL else split, order, show)
        except CliError as error:
            raise gr.Error(str(error)) from error
        n_pages = max(1, ceil(len(found) / PHOTOS_PER_PAGE))
        number = int(min(max(1, page or 1), n_pages))
        shown = found[(number - 1) * PHOTOS_PER_PAGE : number * PHOTOS_PER_PAGE]
        # page.js changes this text too, and Gradio updates only what differs from its own last value: hence the number
        counts = f'<span id="counts" data-drawn="{next(self._drawn)}">{progress(self._cleaner)}</span>'
        return (
            grid(self._cleaner, shown),
            counts,
            gr.Number(number, maximum=n_pages, label=f"Page of {n_pages}"),
            gr.Button(interactive=number > 1),
            gr.Button(interactive=number < n_pages),
            self._label_filter(label),
        )

    def _label_filter(self, chosen: str | None) -> gr.Dropdown:
        """Return the filter of labels, each with its number of photos."""
        every = self._cleaner.photos
        photos = [photo for photo in every if not photo.unlabelled]
        counts = {label: 0 for label in self._cleaner.labels}
        for label in (label for photo in photos for label in photo.labels):
            counts[label] = counts.get(label, 0) + 1
        options = [(f"all labels ({len(photos)})", ""), *((f"{label} ({n})", label) for label, n in counts.items())]
        if len(every) > len(photos) or chosen == INBOX:
            options.insert(1, (f"without a label ({len(every) - len(photos)})", INBOX))
        if self._cleaner.multi_label:
            options.append((f"{IN_WORDS} ({sum(not photo.labels for photo in photos)})", NO_LABEL))
        return gr.Dropdown(options, value=chosen or "")


def introduction(cleaner: Cleaner, n_unreadable: int) -> str:
    """Return the page's heading and what to do on it, as Markdown."""
    n = n_labelled(cleaner)
    text = f"# Clean {cleaner.data.name}\n{n} photos, the most likely wrong first. " + (
        MULTI_LABEL_TO_DO if cleaner.multi_label else TO_DO
    )
    if n_inbox := len(cleaner.photos) - n:
        text += f" **{n_inbox} photos have no label yet:** choose *without a label*; those that teach most come first."
    n_suggested = sum(photo.suggested for photo in cleaner.photos)
    if n_suggested:
        text += (
            f" **{n_suggested} suggested by users** lead{'s' * (n_suggested == 1)}: nobody trains on one "
            "until you keep it or give it " + ("labels." if cleaner.multi_label else "a label.")
        )
    if n_unreadable:
        verify = shell_command("verify", cleaner.data)
        text += f" {n_unreadable} files could not be opened: `{verify}` moves them away."
    return text


def build_controls(has_splits: bool, multi_label: bool = False, label: str = "") -> Controls:
    """Lay the components out, from top to bottom; to be called within `gr.Blocks`."""
    with gr.Row(elem_id="filters"):
        filters: list[gr.Dropdown | gr.Radio] = [
            gr.Dropdown([("all labels", ""), ("without a label", INBOX)], value=label, label="Label", min_width=200),
            gr.Radio([ALL, *SPLITS], value=ALL, label="Split", visible=has_splits, min_width=150),
            gr.Radio([*ORDERS], value="suspicion", label="Sorted by", min_width=150),
            gr.Radio([ALL, "marked", "undecided"], value=ALL, label="Show", min_width=150),
        ]
        gr.Button("Map", elem_id="open-map", size="sm", min_width=80, scale=0)  # map.js opens it
    with gr.Row(elem_id="bar"):
        counts = gr.HTML(elem_id="counts-box")
        undo_button = gr.Button("Undo", elem_id="undo", size="sm", min_width=80, scale=0)
        apply_button = gr.Button("Apply", variant="primary", elem_id="apply", size="sm", min_width=80, scale=0)
    message = gr.Markdown(elem_id="message")
    photos = gr.HTML(elem_id="photos", min_height=300)
    with gr.Row(elem_id="pager"):
        previous_button = gr.Button("‹ Previous", elem_id="previous", min_width=90)
        number = gr.Number(1, minimum=1, precision=0, label="Page", elem_id="page", min_width=90)
        next_button = gr.Button("Next ›", elem_id="next", min_width=90)
    gr.HTML(MULTI_LABEL_HELP if multi_label else HELP, elem_id="help")
    return Controls(filters, counts, undo_button, apply_button, message, photos, previous_button, number, next_button)


def connect(page: gr.Blocks, controls: Controls, cleaner: Cleaner, export: str) -> None:
    """Connect the components' events with what they do; to be called within `gr.Blocks`."""
    render, filters, number = Renderer(cleaner).render, controls.filters, controls.number
    selection = [*filters, number]
    outputs = [controls.photos, controls.counts, number, controls.previous, controls.next, filters[0]]
    page.load(render, selection, outputs, **EVENT_OPTIONS)

    def first_page(label: str, split: str, order: str, show: str) -> tuple[Any, ...]:
        return render(label, split, order, show, 1)

    for component in filters:
        component.input(first_page, filters, outputs, **EVENT_OPTIONS)
    number.submit(render, selection, outputs, **EVENT_OPTIONS)
    number.blur(render, selection, outputs, **EVENT_OPTIONS)
    for button, step in ((controls.previous, -1), (controls.next, 1)):
        button.click(
            lambda label, split, order, show, page, step=step: render(label, split, order, show, page + step),
            selection,
            outputs,
            **EVENT_OPTIONS,
            js="(...chosen) => { window.fieldguide?.toTop(); return chosen }",
        )
    actions: dict[str, tuple[gr.Button, Callable[[], str]]] = {
        "apply": (controls.apply, lambda: apply(cleaner, export)),
        "undo": (controls.undo, lambda: undo(cleaner)),
    }
    for name, (button, action) in actions.items():
        button.click(
            lambda action=action: with_error(action),
            None,
            controls.message,
            api_name=name,
            concurrency_limit=1,
            concurrency_id="moving",
        ).then(render, selection, outputs, **EVENT_OPTIONS)


def build_page(cleaner: Cleaner, export: str, n_unreadable: int = 0) -> gr.Blocks:
    """Return the controls around the grid."""
    has_splits = any(photo.split for photo in cleaner.photos)
    with gr.Blocks(title=f"Clean {cleaner.data}", analytics_enabled=False) as page:
        gr.Markdown(introduction(cleaner, n_unreadable), elem_id="title")
        first = "" if n_labelled(cleaner) else INBOX
        connect(page, build_controls(has_splits, cleaner.multi_label, first), cleaner, export)
    return page
