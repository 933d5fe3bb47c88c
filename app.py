"""The Space: a page and an API that answer photos with the model in export.pkl.

    python app.py
"""
import logging
import os
import sys
import threading
from dataclasses import asdict
from pathlib import Path

from classifier import telemetry as quiet  # noqa: F401

# isort: split
import gradio as gr

from classifier import Classifier, Prediction
from classifier.export import ExportError
from classifier.inference.onnx_export import CompileError
from classifier.photo import PhotoError
from server.feedback.question import ask, shown
from server.feedback.store import feedback_from
from server.launch import serve
from server.malloc import give_memory_back
from server.mcp_tools import no_tool
from server.photo_input import PhotoBlocks, PhotoInput, gradio_error, is_preview, no_preview, preview
from server.predictor import Answers
from server.settings import prepared
from server.texts import (
    MANY,
    NO_HEATMAP,
    address,
    api_snippets,
    how_sure,
    not_familiar,
    privacy,
    question,
    tool_description,
    what_it_knows,
    where_it_looked,
    with_visitors_address,
)

HERE = Path(__file__).parent
EXPORT = os.environ.get("EXPORT") or HERE / "export.pkl"
EXAMPLES = sorted(str(file) for file in (HERE / "examples").glob("*.jpg"))
log = logging.getLogger("fieldguide")

try:
    settings = prepared()
    classifier = Classifier.load(EXPORT)
except ExportError as error:
    sys.exit(f"The app cannot start. {error}")
except OSError as error:
    sys.exit(f"The app cannot start. Uploads cannot be kept in {error.filename}: {error.strerror}. "
             "GRADIO_TEMP_DIR names another folder.")
feedback = feedback_from(classifier, settings)
answers = Answers(classifier, count=feedback and feedback.counters.count)
give_memory_back()


def compile_meanwhile() -> None:
    """Go over to a compiled copy of the export as soon as it is made; until then the export itself answers."""
    try:
        classifier.compile()
    except CompileError as why:
        log.warning("%s The export itself goes on answering.", why)
    else:
        log.warning("Compiled in memory: answers are fast now. `make onnx` writes the file, so that the next start is.")


if not classifier.inference.onnx_export:
    threading.Thread(target=compile_meanwhile, daemon=True).start()


def classify(photo) -> Prediction:
    """Return the prediction for a photo, or an error that its sender can read."""
    if photo is None:
        raise gradio_error("No photo was sent.")
    try:
        return answers.predict(photo)
    except PhotoError as error:
        raise gradio_error(error) from None


@no_tool
def predict(photo) -> dict[str, float]:
    """Say which label a photo shows, with the probability of each label."""
    return classify(photo).probabilities


def classify_photo(photo) -> dict:
    """Say which label a photo shows, with the probability of each label, and whether to believe it.

    `familiarity` is how near the photo lies to the training photos, 0 to 1; `familiar` is false for a photo
    that is probably none of the labels. Both are null where the model cannot tell. `calibrated` is false where
    the probabilities are the model's plain softmax, so that 90% need not be right 9 times in 10.

    Args:
        photo: the address of a picture (http or https), or a data URL (data:image/jpeg;base64,...)
    """
    return {**asdict(classify(photo)), "calibrated": classifier.calibrated}


def explain(photo, label: str | None = None):
    """Show where the model looked: the photo in grey, orange where it speaks for a label, blue where against.

    Args:
        photo: the address of a picture (http or https), or a data URL (data:image/jpeg;base64,...)
        label: one of the labels; left out, it is the most probable one
    """
    if photo is None:
        raise gradio_error("No photo was sent.")
    try:
        return answers.explain(photo, label or None).picture
    except (PhotoError, ValueError) as error:
        raise gradio_error(error) from None


def page(picture=None, verdict="", probabilities=None, sure="", heatmap=None, looked="", prediction=None):
    """Return what the page shows, in the order of its outputs; what is empty is hidden, but for the answer's place."""
    asked = [shown(classifier.labels, prediction)] if feedback else []
    return (picture or gr.skip(), gr.Markdown(verdict, visible=bool(verdict)),
            gr.Label(probabilities, visible=not verdict), gr.Markdown(sure, visible=bool(sure)),
            gr.Image(heatmap, visible=heatmap is not None), gr.Markdown(looked, visible=bool(looked)), *asked)


def show(photo):
    """Return the page for a photo that was put in, or taken away."""
    if photo is None:
        return page()
    if is_preview(photo):
        return [gr.skip()] * len(outputs)
    try:
        explanation = answers.explain(photo) if classifier.explains else None
        opened, prediction = (explanation.photo, explanation.prediction) if explanation else (
            answers.open_and_predict(photo))
    except PhotoError as error:
        return page(no_preview(photo), verdict=f"### No answer for this photo\n{error}")
    picture = preview(photo, opened)
    if prediction.familiar is False:
        return page(picture, not_familiar(classifier.labels, prediction), prediction=prediction)
    return page(picture, "", prediction.probabilities, how_sure(prediction, classifier.calibrated),
                explanation and explanation.picture,
                where_it_looked(prediction.label, classifier.labels) if explanation else NO_HEATMAP, prediction)


def show_label(photo, clicked: gr.SelectData):
    """Return the heatmap of the label whose bar was clicked, and its words."""
    if photo is None or not classifier.explains:
        return gr.skip(), gr.skip()
    return explain(photo, clicked.value), where_it_looked(clicked.value, classifier.labels)


with PhotoBlocks(title="Fieldguide") as demo:
    gr.Markdown(f"# Fieldguide\n{question(classifier.labels)} {MANY}")
    with gr.Row():
        photo = PhotoInput(label="Photo", sources=["upload", "webcam", "clipboard"], height=320)
        photo.limits = settings
        with gr.Column():
            verdict = gr.Markdown(visible=False)
            answer = gr.Label(label="Answer", num_top_classes=5)
            sure = gr.Markdown(visible=False)
            asked = [ask(feedback, answers, photo)] if feedback else []
            heatmap = gr.Image(label="Where it looked", format="jpeg", height=320, visible=False,
                               buttons=["fullscreen"])
            looked = gr.Markdown(visible=False)
    outputs = [photo, verdict, answer, sure, heatmap, looked, *asked]
    photo.change(show, photo, outputs, api_visibility="private", concurrency_limit=4, show_progress_on=answer)
    answer.select(show_label, photo, [heatmap, looked], api_visibility="private", concurrency_limit=4)
    api = gr.Button(visible=False)  # each part of a page costs each call of Gradio's API: one button carries three
    api.click(predict, photo, answer, api_name="predict", concurrency_limit=4)
    api.click(classify_photo, photo, gr.JSON(visible=False), api_name="classify_photo", concurrency_limit=4,
              api_description=tool_description(classifier.labels, classifier.knows_strangers))
    api.click(explain, [photo, gr.Textbox(label="Label", visible=False)], gr.Image(visible=False, format="jpeg"),
              api_name="explain", concurrency_limit=4)
    gr.Examples(EXAMPLES, photo, label="Or try one of these", examples_per_page=12, api_visibility="private")
    gr.Markdown(f"{what_it_knows(classifier.labels, classifier.facts, classifier.knows_strangers)}\n\n"
                f"{privacy(settings.upload_minutes, feedback is not None)}")
    with gr.Accordion("Use it from your own code", open=False):
        snippets = gr.Markdown(api_snippets(address()))
    demo.load(None, snippets, snippets, js=with_visitors_address(address()), api_visibility="private")

demo.queue(api_open=True, max_size=settings.max_waiting)  # open: POST /gradio_api/run/predict works on Spaces too

if __name__ == "__main__":
    serve(demo, classifier, answers, settings, feedback)
