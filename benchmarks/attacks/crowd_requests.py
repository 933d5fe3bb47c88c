"""The requests that a crowd sends, and the comparison of their answers."""

import base64
import json

from benchmarks.measuring.apps import request

FIELDS = ("label", "probabilities", "familiar")


def reply_of(head: bytes, body: bytes) -> tuple[int, dict | list | str]:
    """Return the status and the body of an answer, out of its JSON where it is JSON."""
    try:
        said = json.loads(body)
    except ValueError:
        said = body.decode(errors="replace")
    return int(head.split(b" ", 2)[1]), said


def classify_message(photo: bytes) -> bytes:
    """Return a request for one photo's answer."""
    return request("POST", "/classify", photo, "image/jpeg")


def form_message(photo: bytes, path: str = "/classify", field: bytes = b"file") -> bytes:
    """Return the same as a form."""
    mark = b"----crowd"
    body = (
        b"--"
        + mark
        + b'\r\nContent-Disposition: form-data; name="'
        + field
        + b'"; filename="photo.jpg"\r\n\r\n'
        + photo
        + b"\r\n--"
        + mark
        + b"--\r\n"
    )
    return request("POST", path, body, "multipart/form-data; boundary=" + mark.decode())


def gradio_message(photo: bytes) -> bytes:
    """Return a request of Gradio's API in one call."""
    url = "data:image/jpeg;base64," + base64.b64encode(photo).decode()
    return request("POST", "/gradio_api/run/classify_photo", json.dumps({"data": [{"url": url}]}).encode())


def upload_message(photo: bytes) -> bytes:
    """Return an upload by Gradio's API."""
    return form_message(photo, "/gradio_api/upload", b"files")


def answer_in(said: object) -> dict | None:
    """Return the fields that are compared, from either API's answer; None for no answer."""
    if isinstance(said, dict) and isinstance(said.get("data"), list):
        said = said["data"][0]
    return {name: said[name] for name in FIELDS} if isinstance(said, dict) and "label" in said else None


def same(one: dict, other: dict) -> bool:
    """Return whether two answers are the same but for the last digits."""
    return (
        one["label"] == other["label"]
        and one["familiar"] == other["familiar"]
        and all(abs(value - other["probabilities"][label]) < 1e-4 for label, value in one["probabilities"].items())
    )
