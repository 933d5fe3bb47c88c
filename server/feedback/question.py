"""The question under each answer, "Was this right?", and the API's way of answering it.

    question = ask(feedback, answers, photo)
"""
from collections.abc import Sequence

import gradio as gr

from classifier import Prediction
from classifier.photo import PhotoError
from server.limits.middleware import CLIENT
from server.limits.rate_limit import UNKNOWN
from server.mcp_tools import no_tool
from server.photo_input import gradio_error
from server.predictor import Answers

from .store import Feedback, NotKept, meant

ASKS = "Was this right?"
ELEMENT = "was-this-right"
CSS = f"#{ELEMENT} {{--block-info-text-color: var(--body-text-color)}}"  # what happens to a photo is no small print
YES, NONE = "yes", "none of these"
MOST_BUTTONS = 8  # labels; more go into a list to search
WORDS = ("Your click sends this photo, made smaller and without the place, time and camera noted in it, the answer and "
         "your word to the owner of this app, to keep and to learn from. Without a click no photo is kept.")
SEARCH = "Choose from the list, or type to find a label: your choice is your click."
AGAIN = "A slip? Choose again: the last word counts."
THANKS = f"Thank you. This photo, the answer and your word are kept; nothing else is. {AGAIN}"
KNOWN = f"Thank you. This was kept before. {AGAIN}"


def choices(labels: Sequence[str], prediction: Prediction | None) -> list[tuple[str, str]]:
    """Return (what is shown, value) of all that may be said of an answer; of any answer where it is None.

    Values are numbers, since a label may read "yes".
    """
    others = [(f"No, it is {label.replace('_', ' ')}", str(i)) for i, label in enumerate(labels)
              if prediction is None or label != meant(prediction)]
    none = [] if prediction and meant(prediction) is None else [("No, it is none of these", NONE)]
    return [("Yes", YES), *others, *none]


def shown(labels: Sequence[str], prediction: Prediction | None) -> gr.Radio | gr.Dropdown:
    """Return the question about an answer, hidden where there is none; a list to search where labels are many."""
    kind, words = (gr.Radio, WORDS) if len(labels) <= MOST_BUTTONS else (gr.Dropdown, f"{SEARCH} {WORDS}")
    return kind(choices(labels, prediction), value=None, label=ASKS, info=words, visible=prediction is not None,
                interactive=True, elem_id=ELEMENT)


def ask(feedback: Feedback, answers: Answers, photo: gr.Image) -> gr.Radio | gr.Dropdown:
    """Build the question into the page and the API, and return it; `shown` shows and hides it."""
    def keep(given, said: str, request: gr.Request) -> bool:
        """Keep what a user says of a photo, the answer computed again: nobody can send one that was never given."""
        opened, prediction = answers.open_and_predict(given, again=True)
        correction = meant(prediction) if said == YES else None if said == NONE else said
        return feedback.give(opened, prediction, correction, request.request.scope.get(CLIENT) or UNKNOWN)

    def clicked(given, said, request: gr.Request):
        if given is None or said is None:
            return gr.skip()
        try:
            label = feedback.labels[int(said)] if said.isdecimal() else said
            new = keep(given, label, request)
        except (NotKept, PhotoError) as why:
            return kind(value=None, info=str(why))
        return kind(info=THANKS if new else KNOWN)

    @no_tool  # a person's word is asked for, not an assistant's
    def send_feedback(given, said: str, request: gr.Request) -> dict:
        """Say whether an answer was right: the photo, and `yes`, the right label, or `none of these`.

        The photo, made smaller and without its metadata, its answer and the word are kept by the owner of the app.
        """
        if given is None:
            raise gradio_error("No photo was sent.")
        try:
            return {"kept": True, "new": keep(given, str(said or ""), request)}
        except (NotKept, PhotoError) as why:
            raise gradio_error(why) from None

    question = shown(feedback.labels, None)
    kind = type(question)
    question.input(clicked, [photo, question], question, api_visibility="private", concurrency_limit=2)
    api = gr.Button(visible=False)
    api.click(send_feedback, [photo, gr.Textbox(label="Said", visible=False)], gr.JSON(visible=False),
              api_name="feedback", concurrency_limit=2)
    return question
