"""Answer photos on Hugging Face Inference Endpoints: sent to a model repository as its handler.py.

Reads  model.pkl, model.onnx and the package `classifier`, which lie beside it in the repository

    EndpointHandler("path/of/the/repository")({"inputs": photo, "parameters": {"top_k": 3}})

photo: a PIL image, the bytes of a file, or these as base64 or a data URL; an address or a path is never opened. The
answer is that of every image classifier there, [{"label": "teddy", "score": 0.99}, …]. With the parameter `details` it
is what POST /classify answers: the familiarity, and each label of several.
"""

import base64
import binascii
from pathlib import Path
from typing import Any

from PIL import Image

from classifier import Classifier, Prediction

HOW_TO_SEND = (
    "Send a photo as the body with its Content-Type, or as {'inputs': the file as base64}. Addresses are not opened."
)


class EndpointHandler:
    """What the endpoint makes once, and then calls with each request."""

    def __init__(self, path: str = "") -> None:
        """path: of the repository's files. Raises FileNotFoundError where model.onnx is not among them."""
        folder = Path(path)
        if not (folder / "model.onnx").is_file():
            raise FileNotFoundError(
                "model.onnx is not here: the endpoint left it out. Set HF_FRAMEWORK=onnx among its variables."
            )
        self._classifier = Classifier.load(folder / "model.pkl")

    def __call__(self, data: dict[str, Any]) -> list[dict[str, Any]] | dict[str, Any]:
        """Return the answer for data["inputs"]; raises ValueError, which its sender reads, for what is no photo."""
        parameters = data.get("parameters") or {}
        top_k = parameters.get("top_k")
        if top_k is not None and (not isinstance(top_k, int) or top_k < 1):
            raise ValueError(f"top_k is {top_k!r}, and should be a whole number from 1 on.")
        prediction = self._classifier.predict(_photo(data.get("inputs")))
        if parameters.get("details"):
            return self._details(prediction)
        return [{"label": label, "score": score} for label, score in prediction.probabilities.items()][:top_k]

    def _details(self, prediction: Prediction) -> dict[str, Any]:
        return {
            **prediction.to_dict(),
            "calibrated": self._classifier.calibrated,
            "model_version": self._classifier.short_version,
        }


def _photo(inputs: object) -> Image.Image | bytes:
    """Return the photo in a request, opened or as a file's bytes; raises ValueError for anything else."""
    if isinstance(inputs, Image.Image):  # opened already, by the endpoint
        return inputs.convert("RGB")
    if isinstance(inputs, str):
        try:
            inputs = base64.b64decode(inputs.partition(",")[2] if inputs.startswith("data:") else inputs, validate=True)
        except (binascii.Error, ValueError):
            raise ValueError(HOW_TO_SEND) from None
    if not isinstance(inputs, bytes) or not inputs:
        raise ValueError(HOW_TO_SEND)
    return inputs
