"""The Space: a page and an API that answer photos with the model in export.pkl.

    python app.py
"""
import os
import sys
from dataclasses import asdict
from pathlib import Path

import gradio as gr

from classifier import Classifier, Prediction
from classifier.export import ExportError
from classifier.photo import PhotoError
from web.photo_input import PhotoBlocks, PhotoInput, gradio_error, is_preview, preview
from web.words import address, api_snippets, not_familiar, question, what_it_knows

HERE = Path(__file__).parent
EXPORT = os.environ.get("EXPORT") or HERE / "export.pkl"
EXAMPLES = sorted(str(file) for file in (HERE / "examples").glob("*.jpg"))
AN_HOUR = 3600  # uploads are deleted when they are older
NO_ANSWER = gr.update(value=None, visible=False)
PRIVACY = "Photos are used for the answer alone and deleted within two hours."

try:
    classifier = Classifier.load(EXPORT)
except ExportError as error:
    sys.exit(f"The app cannot start. {error}")


def classify(photo) -> Prediction:
    """Return the prediction for a photo, or an error that its sender can read."""
    if photo is None:
        raise gradio_error("No photo was sent.")
    try:
        return classifier.predict(photo)
    except PhotoError as error:
        raise gradio_error(error) from None


def predict(photo) -> dict[str, float]:
    """Say which label a photo shows, with the probability of each label."""
    return classify(photo).probabilities


def classify_photo(photo) -> dict:
    """Say which label a photo shows, with the probability of each label, and whether to believe it.

    `familiarity` is how near the photo lies to the training photos, 0 to 1; `familiar` is false for a photo
    that is probably none of the labels. Both are null where the model cannot tell.
    """
    return asdict(classify(photo))


def show(photo):
    """Return what the page shows for a photo: a picture of it where the browser has none, verdict, answer."""
    if photo is None:
        return gr.skip(), gr.Markdown(visible=False), gr.Label(None, visible=True)
    if is_preview(photo):
        return gr.skip(), gr.skip(), gr.skip()
    try:
        prediction = classifier.predict(photo)
    except PhotoError as error:
        return gr.skip(), gr.Markdown(f"### No answer for this photo\n{error}", visible=True), NO_ANSWER
    if prediction.familiar is False:
        verdict = gr.Markdown(not_familiar(classifier.labels, prediction), visible=True)
        return preview(photo), verdict, NO_ANSWER
    return preview(photo), gr.Markdown(visible=False), gr.Label(prediction.probabilities, visible=True)


with PhotoBlocks(title="Fieldguide", delete_cache=(AN_HOUR, AN_HOUR)) as demo:
    gr.Markdown(f"# Fieldguide\n{question(classifier.labels)}")
    with gr.Row():
        photo = PhotoInput(label="Photo", sources=["upload", "webcam", "clipboard"], height=320)
        with gr.Column():
            verdict = gr.Markdown(visible=False)
            answer = gr.Label(label="Answer", num_top_classes=5)
    photo.change(show, photo, [photo, verdict, answer], api_visibility="private", concurrency_limit=4,
                 show_progress_on=answer)
    gr.Button(visible=False).click(predict, photo, answer, api_name="predict", concurrency_limit=4)
    gr.Button(visible=False).click(classify_photo, photo, gr.JSON(visible=False), api_name="classify_photo",
                                   concurrency_limit=4)
    gr.Examples(EXAMPLES, photo, label="Or try one of these", examples_per_page=12, api_visibility="private")
    gr.Markdown(f"{what_it_knows(classifier.labels, classifier.facts, classifier.knows_strangers)}\n\n{PRIVACY}")
    with gr.Accordion("Use it from your own code", open=False):
        gr.Markdown(api_snippets(address()))

demo.queue(api_open=True)  # so that POST /gradio_api/run/predict answers in one call on Spaces too

if __name__ == "__main__":
    demo.launch(enable_monitoring=False)
