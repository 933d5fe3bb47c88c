"""The Space: a page and an API that answer photos with the model in export.pkl.

    python app.py
"""
import os
import sys
from pathlib import Path

import gradio as gr

from classifier import Classifier
from classifier.export import ExportError
from classifier.photo import PhotoError
from web.photo_input import PhotoBlocks, PhotoInput, gradio_error, is_preview, preview
from web.words import address, api_snippets, question, what_it_knows

HERE = Path(__file__).parent
EXPORT = os.environ.get("EXPORT") or HERE / "export.pkl"
EXAMPLES = sorted(str(file) for file in (HERE / "examples").glob("*.jpg"))
AN_HOUR = 3600  # uploads are deleted when they are older
PRIVACY = "Photos are used for the answer alone and deleted within two hours."

try:
    classifier = Classifier.load(EXPORT)
except ExportError as error:
    sys.exit(f"The app cannot start. {error}")


def predict(photo) -> dict[str, float]:
    """Say which label a photo shows, with the probability of each label."""
    if photo is None:
        raise gradio_error("No photo was sent.")
    try:
        return classifier.predict(photo).probabilities
    except PhotoError as error:
        raise gradio_error(error) from None


def show(photo):
    """Return what the page shows for a photo: a picture of it where the browser has none, the answer."""
    if photo is None:
        return gr.skip(), None
    if is_preview(photo):
        return gr.skip(), gr.skip()
    answer = predict(photo)
    return preview(photo), answer


with PhotoBlocks(title="Fieldguide", delete_cache=(AN_HOUR, AN_HOUR)) as demo:
    gr.Markdown(f"# Fieldguide\n{question(classifier.labels)}")
    with gr.Row():
        photo = PhotoInput(label="Photo", sources=["upload", "webcam", "clipboard"], height=320)
        answer = gr.Label(label="Answer", num_top_classes=5)
    photo.change(show, photo, [photo, answer], api_visibility="private", concurrency_limit=4, show_progress_on=answer)
    gr.Button(visible=False).click(predict, photo, answer, api_name="predict", concurrency_limit=4)
    gr.Examples(EXAMPLES, photo, label="Or try one of these", examples_per_page=12, api_visibility="private")
    gr.Markdown(f"{what_it_knows(classifier.labels, classifier.facts)}\n\n{PRIVACY}")
    with gr.Accordion("Use it from your own code", open=False):
        gr.Markdown(api_snippets(address()))

demo.queue(api_open=True)  # so that POST /gradio_api/run/predict answers in one call on Spaces too

if __name__ == "__main__":
    demo.launch(enable_monitoring=False)
