"""The app: a page and an API that classify photos with the model in export.pkl.

Usage:

    python app.py
"""

import os
import sys
from pathlib import Path
from typing import Any

from classifier import no_stubs, telemetry  # noqa: F401  first: they change how libraries are imported

# isort: split
import gradio as gr
from PIL import Image

from classifier import Classifier, Explanation, Prediction
from classifier.export import ExportError
from classifier.malloc import release_freed_memory
from classifier.photo import PhotoError
from classifier.photo_files import examples_in
from server.answer_label import TOP, AnswerLabel
from server.api_snippets import address, api_snippets, visitor_address_script
from server.decision_texts import sure_text
from server.feedback.question import build_question, question_for
from server.feedback.store import open_feedback
from server.launch import serve
from server.look import verdict_text
from server.mcp_tools import no_tool
from server.operations import open_operations
from server.photo_input import PhotoBlocks, PhotoInput, gradio_error, is_preview, no_photo_preview, preview
from server.predictor import Predictor
from server.startup import compile_in_background, prepare
from server.texts import (
    MANY_PHOTOS,
    NO_HEATMAP,
    footer_text,
    heatmap_text,
    model_text,
    question_text,
    tool_description,
)

HERE = Path(__file__).parent
EXPORT = os.environ.get("EXPORT") or HERE / "export.pkl"
EXAMPLES = [str(file) for file in examples_in(HERE / "examples")]

settings = prepare()
try:
    classifier = Classifier.load(EXPORT)
except ExportError as error:
    sys.exit(f"The app cannot start. {error}")
feedback = open_feedback(classifier, settings)
operations = open_operations(settings, classifier)
predictor = Predictor(
    classifier,
    on_prediction=operations.on_prediction(feedback.counters.count if feedback else None),
    on_end=operations.metrics.photo if operations.metrics else None,
    shared=operations.shared,
)
release_freed_memory()
compile_in_background(classifier)

Photo = str | bytes | None  # the path of an upload, the bytes of a data URL, or no photo


def classify(photo: Photo) -> Prediction:
    """Return the prediction for a photo, or an error that its sender can read."""
    if photo is None:
        raise gradio_error("No photo was sent.")
    try:
        return predictor.predict(photo)
    except PhotoError as error:
        raise gradio_error(error) from None


@no_tool
def predict(photo: Photo) -> dict[str, float]:
    """Say which label a photo shows, with the probability of each label."""
    return classify(photo).probabilities


def classify_photo(photo: Photo) -> dict[str, Any]:
    """Say which label a photo shows, with the probability of each label, and whether to believe it.

    `familiarity` is how near the photo lies to the training photos, 0 to 1; `familiar` is false for a photo
    that is probably none of the labels. Both are null where the model cannot tell. Unless `calibrated`, 90% need not
    be right 9 times in 10. With several labels a photo, `labels` are all of them. Act alone if `decision` is "answer".
    `neighbours` are the training photos that it resembles most.

    Args:
        photo: the address of a picture (http or https), or a data URL (data:image/jpeg;base64,...)
    """
    answer = classify(photo).to_dict()
    familiar = answer.pop("familiar")  # it comes behind `familiarity` here, as it always has
    return {**answer, "familiar": familiar, "calibrated": classifier.calibrated}


def explain(photo: Photo, label: str | None = None) -> Image.Image:
    """Show where the model looked: the photo in grey, orange where it speaks for a label, blue where against.

    Args:
        photo: the address of a picture (http or https), or a data URL (data:image/jpeg;base64,...)
        label: one of the labels; left out, it is the most probable one
    """
    if photo is None:
        raise gradio_error("No photo was sent.")
    try:
        return predictor.explain(photo, label or None).picture
    except (PhotoError, ValueError) as error:
        raise gradio_error(error) from None


def page(
    picture: str | None = None,
    problem: str = "",
    prediction: Prediction | None = None,
    explanation: Explanation | None = None,
) -> Any:
    """Return new values of `outputs`: a problem, or a prediction with its explanation; what is empty is hidden."""
    verdict = verdict_text(prediction, classifier) if prediction else problem
    shown = None if prediction is None or prediction.is_none else prediction
    heatmap, note = None, NO_HEATMAP if shown else ""
    if shown and explanation:
        heatmap, note = explanation.picture, heatmap_text(explanation.heatmap.label, classifier.labels)
    return (
        picture or gr.skip(),
        gr.Markdown(verdict, visible=bool(verdict)),
        gr.update(value=shown, visible=bool(shown) or not verdict),  # before the first answer, too
        gr.Markdown(sure_text(shown, classifier) if shown else "", visible=shown is not None),
        gr.Image(heatmap, visible=heatmap is not None),
        gr.Markdown(note, visible=bool(note)),
        *([question_for(classifier.labels, prediction)] if feedback else []),
    )


def show(photo: Photo) -> Any:
    """Return the page for a photo that was put in, or taken away."""
    if photo is None:
        return page()
    if is_preview(photo):
        return [gr.skip()] * len(outputs)
    explanation = None
    try:
        if classifier.explains:
            explanation = predictor.explain(photo)
            opened, prediction = explanation.photo, explanation.prediction
        else:
            opened, prediction = predictor.open_and_predict(photo)
    except PhotoError as error:
        return page(no_photo_preview(photo), problem=f"### No answer for this photo\n{error}")
    return page(preview(photo, opened), prediction=prediction, explanation=explanation)


def show_label(photo: Photo, clicked: gr.SelectData) -> Any:
    """Return the heatmap of the label whose bar was clicked, and what it shows."""
    if photo is None or not classifier.explains:
        return gr.skip(), gr.skip()
    return explain(photo, clicked.value), heatmap_text(clicked.value, classifier.labels)


model = model_text(classifier.labels, classifier.facts, classifier.reports_familiarity, classifier.multi_label)

with PhotoBlocks(title="Fieldguide") as demo:
    gr.Markdown(f"# Fieldguide\n{question_text(classifier.labels, classifier.multi_label)} {MANY_PHOTOS}")
    with gr.Row():
        with gr.Column(elem_classes="give"):
            photo = PhotoInput(label="Photo", sources=["upload", "webcam", "clipboard"], height=320)
            photo.limits = settings
            gr.Examples(EXAMPLES, photo, label="Or try one of these", examples_per_page=12, api_visibility="private")
            gr.Markdown(footer_text(model, settings.upload_minutes, feedback is not None))
        with gr.Column():
            verdict = gr.Markdown(visible=False, elem_classes="verdict")
            answer = AnswerLabel(label="Answer", num_top_classes=TOP)
            confidence = gr.Markdown(visible=False)
            question = [build_question(feedback, predictor, photo)] if feedback else []
            heatmap = gr.Image(
                label="Where it looked", format="jpeg", height=320, visible=False, buttons=["fullscreen"]
            )
            heatmap_note = gr.Markdown(visible=False)
    outputs = [photo, verdict, answer, confidence, heatmap, heatmap_note, *question]
    photo.change(show, photo, outputs, api_visibility="private", concurrency_limit=4, show_progress_on=answer)
    answer.select(show_label, photo, [heatmap, heatmap_note], api_visibility="private", concurrency_limit=4)
    api = gr.Button(visible=False)  # each part of a page costs each call of Gradio's API: one button carries three
    api.click(predict, photo, answer, api_name="predict", concurrency_limit=4)
    api.click(
        classify_photo,
        photo,
        gr.JSON(visible=False),
        api_name="classify_photo",
        concurrency_limit=4,
        api_description=tool_description(
            classifier.labels,
            classifier.reports_familiarity,
            classifier.multi_label,
            classifier.neighbours is not None,
        ),
    )
    api.click(
        explain,
        [photo, gr.Textbox(label="Label", visible=False)],
        gr.Image(visible=False, format="jpeg"),
        api_name="explain",
        concurrency_limit=4,
    )
    with gr.Accordion("Use it from your own code", open=False):
        snippets = gr.Markdown(api_snippets(address()))
    demo.load(None, snippets, snippets, js=visitor_address_script(address()), api_visibility="private")

demo.queue(api_open=True, max_size=settings.max_waiting)  # open: POST /gradio_api/run/predict works on Spaces too

if __name__ == "__main__":
    serve(demo, classifier, predictor, settings, feedback, operations)
