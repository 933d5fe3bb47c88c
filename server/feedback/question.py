"""The question under each answer, "Was this right?", on the page; `/feedback` in the API.

Usage:

    question = build_question(feedback, predictor, photo)
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import gradio as gr

from classifier import Prediction
from classifier.photo import PhotoError, PhotoSource
from server.limits.endpoints import CLIENT
from server.limits.rate_limit import UNKNOWN
from server.mcp_tools import no_tool
from server.photo_input import gradio_error
from server.predictor import Predictor

from .corrections import NotStored, answered_label, correction_of, with_label_changed
from .store import Feedback

QUESTION = "Was this right?"
ELEMENT_ID = "was-this-right"  # page.css has it
YES, NONE = "yes", "none of these"
MAX_BUTTONS = 8  # labels; more go into a list to search
PRIVACY = (
    "Your click sends this photo, made smaller and without the place, time and camera noted in it, the answer "
    "and your word to the owner of this app, to keep and to learn from. Without a click no photo is kept."
)
SEARCH = "Choose from the list, or type to find a label: your choice is your click."
AGAIN = "A slip? Choose again: the last word counts."
THANKS = f"Thank you. This photo, the answer and your word are kept; nothing else is. {AGAIN}"
KNOWN = f"Thank you. This was kept before. {AGAIN}"


def choices(labels: Sequence[str], prediction: Prediction | None) -> list[tuple[str, str]]:
    """Return (text, value) of everything that a user may say of a prediction; of any prediction where it is None.

    Values are numbers, since a label may read "yes". Where a photo may have several labels, each choice changes one.
    """
    answered = prediction.labels if prediction and prediction.labels is not None else None
    right = {prediction.label} if prediction and answered is None and not prediction.is_none else set()
    others = [
        (_choice_text(label.replace("_", " "), None if answered is None else label in answered), str(i))
        for i, label in enumerate(labels)
        if label not in right
    ]
    none = [] if prediction and prediction.is_none else [("No, it is none of these", NONE)]
    return [("Yes", YES), *others, *none]


def _choice_text(name: str, answered: bool | None) -> str:
    """Return the text that corrects an answer by a label. answered: None for an answer of one label a photo."""
    if answered is None:
        return f"No, it is {name}"
    return f"No, {name} is wrong" if answered else f"No, {name} is missing"


def chosen(value: str, prediction: Prediction, labels: Sequence[str]) -> str | None:
    """Return the correction (see `server.feedback.corrections`) for the value of a choice."""
    if value == YES:
        return answered_label(prediction, labels)
    if value == NONE:
        return None
    label = labels[int(value)]
    return label if prediction.labels is None else with_label_changed(prediction, label, labels)


def question_for(labels: Sequence[str], prediction: Prediction | None) -> gr.Radio | gr.Dropdown:
    """Return the question about a prediction, hidden where there is none; a list to search where labels are many."""
    component, info = (gr.Radio, PRIVACY) if len(labels) <= MAX_BUTTONS else (gr.Dropdown, f"{SEARCH} {PRIVACY}")
    return component(
        choices(labels, prediction),
        value=None,
        label=QUESTION,
        info=info,
        visible=prediction is not None,
        interactive=True,
        elem_id=ELEMENT_ID,
    )


def build_question(feedback: Feedback, predictor: Predictor, photo: gr.Image) -> gr.Radio | gr.Dropdown:
    """Build the question into the page and the API, and return it; `question_for` shows and hides it."""

    def choose(given: PhotoSource | None, said: str | None, request: gr.Request) -> Any:
        """Store the user's choice, and thank for it."""
        if given is None or said is None:
            return gr.skip()
        try:
            new = _store(feedback, predictor, given, partial(chosen, said), request)
            return component(info=THANKS if new else KNOWN)
        except (NotStored, PhotoError) as error:
            return component(value=None, info=str(error))

    @no_tool  # a person's word is asked for, not an assistant's
    def send_feedback(given: PhotoSource | None, said: str, request: gr.Request) -> dict[str, bool]:
        """Say whether an answer was right: the photo, and `yes`, the right label, or `none of these`.

        Several labels are joined by |. Where a label has the name of a word, the word is `yes!` or `none of these!`.
        The photo, made smaller and without its metadata, its answer and the word are kept by the owner of the app.
        """
        if given is None:
            raise gradio_error("No photo was sent.")
        try:
            correct = partial(correction_of, str(said or ""))
            return {"kept": True, "new": _store(feedback, predictor, given, correct, request)}
        except (NotStored, PhotoError) as error:
            raise gradio_error(error) from None

    question = question_for(feedback.labels, None)
    component = type(question)
    question.input(choose, [photo, question], question, api_visibility="private", concurrency_limit=2)
    api = gr.Button(visible=False)
    api.click(
        send_feedback,
        [photo, gr.Textbox(label="Said", visible=False)],
        gr.JSON(visible=False),
        api_name="feedback",
        concurrency_limit=2,
    )
    return question


def _store(
    feedback: Feedback,
    predictor: Predictor,
    photo: PhotoSource,
    correct: Callable[[Prediction, Sequence[str]], str | None],
    request: gr.Request,
) -> bool:
    """Store what a user says of a photo; return whether it is new.

    correct: returns the correction for a prediction and the model's labels. The prediction is computed again, so that
    nobody can send one that was never given.
    """
    opened, prediction = predictor.open_and_predict(photo, again=True)
    correction = correct(prediction, feedback.labels)
    client = request.request.scope.get(CLIENT) if request.request else None
    return feedback.add(opened, prediction, correction, client or UNKNOWN)
