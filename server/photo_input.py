"""Gradio image input that passes the uploaded file on as it is, for the classifier's own decoder to open."""

import base64
import binascii
import secrets
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

import gradio as gr
from gradio.data_classes import ImageData
from gradio.state_holder import SessionState
from gradio.utils import is_in_or_equal
from gradio_client.utils import is_http_url_like
from PIL import Image, ImageDraw
from pydantic import ConfigDict, model_validator

from classifier.photo.download import Downloader, DownloadError
from classifier.photo.formats import NOT_SHOWN_BY_BROWSERS

from .gradio_hooks import clear_inputs, write_no_stubs
from .settings import Settings

PREVIEW_SIDE = 1280  # pixels
PREVIEW_NAME = f"preview-{secrets.token_hex(8)}.webp"  # a name that no upload has
HOW_TO_SEND = (
    'Send a photo as {"path": an uploaded file} with "meta": {"_type": "gradio.FileData"}, '
    'or as {"url": "data:image/jpeg;base64,..."}.'
)

FETCH_SECONDS = 20
ALLOW_PRIVATE = False  # tests on a machine without internet set it

NOT_FETCHED = (
    "The photo at this address could not be fetched. It must be a public http or https address "
    "that answers with the photo itself."
)


def gradio_error(message: object) -> gr.Error:
    """Return the error that shows a message on the page and in the API, and no trace in the log."""
    return gr.Error(str(message), title="No answer for this photo", print_exception=False)


class PhotoBlocks(gr.Blocks):
    """`gr.Blocks` that answers an input it cannot read with a sentence, where Gradio says `null`."""

    async def preprocess_data(
        self, block_fn: Any, inputs: list[Any], state: SessionState | None, explicit_call: bool = False
    ) -> Any:
        """Return the inputs as the function takes them; raises `gr.Error` for its sender to read.

        Inputs after the photo may be left out. state: what Gradio keeps of a session; the inputs are taken out of it.
        """
        if inputs:
            inputs = [*inputs, *[None] * (len(block_fn.inputs) - len(inputs))]
        if not all(map(_is_one_value, inputs)):
            raise gradio_error(HOW_TO_SEND)
        try:
            return await super().preprocess_data(block_fn, inputs, state, explicit_call)
        except gr.Error:
            raise
        except Exception:  # a refused path or address, a download that failed, too few inputs
            path = next((photo.get("path") for photo in inputs if isinstance(photo, dict)), None)
            raise gradio_error(NOT_FETCHED if is_http_url_like(path) else HOW_TO_SEND) from None
        finally:
            clear_inputs(block_fn, state)


def _is_one_value(value: object) -> bool:
    """Return whether an input is one value: of files within files, Gradio would fetch each."""
    within = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return not any(isinstance(inner, (dict, list)) for key, inner in within if key != "meta")


class PhotoData(ImageData):
    """What a client sends for a photo: `ImageData`, or a data URL as plain text."""

    model_config = ConfigDict(title="ImageData")  # clients know the kind of a field by this title

    @model_validator(mode="before")
    @classmethod
    def from_any(cls, value: object) -> dict[str, str]:
        """Return the fields; none for what is no photo, which `PhotoInput.preprocess` then refuses."""
        if isinstance(value, str):
            value = {"url": value}
        if not isinstance(value, dict):
            return {}
        return {key: text for key, text in value.items() if key in ("path", "url") and isinstance(text, str)}


write_no_stubs()


class PhotoInput(gr.Image):
    """`gr.Image` whose function receives the file as it came: a path, or the bytes of a data URL.

    `gr.Image` opens the file itself before the function runs, with its own Pillow calls: what those cannot open (HEIC,
    text named .jpg) ends in an error without a message, and what they can open is decoded twice.
    """

    is_template = True  # the browser draws it as Image
    data_model = PhotoData

    limits = Settings()
    """for photos that are sent by their address; no parameter, since Gradio tells the page all of those"""

    async def async_move_resource_to_block_cache(self, url_or_file_path: str | Path | None) -> str | None:
        """Return the path of an uploaded file, or of what lies at a public address.

        Gradio would fetch an address too, but any number of bytes from it, and into memory.
        Raises `gr.Error` for its sender to read.
        """
        if not isinstance(url_or_file_path, str) or not is_http_url_like(url_or_file_path):
            return await super().async_move_resource_to_block_cache(url_or_file_path)
        downloader = Downloader(
            ALLOW_PRIVATE,
            max_bytes=self.limits.upload_bytes,
            max_seconds=min(FETCH_SECONDS, self.limits.max_seconds),
            tries=1,
        )
        try:
            data = await downloader.fetch(url_or_file_path)
        except DownloadError as error:
            raise gradio_error(f"{NOT_FETCHED} This one: {error}.") from None
        file = Path(self.GRADIO_CACHE) / sha256(data).hexdigest() / "photo"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
        return str(file)

    def preprocess(  # type: ignore[override]  # `gr.Image` gives the function a picture, this the file
        self, payload: PhotoData | None
    ) -> str | bytes | None:
        """Return the path of the uploaded file, the bytes of a data URL, or None for no photo.

        Raises `gr.Error` for a path outside the folder that Gradio uploads to: without it, a client
        could ask about any file of the server's.
        """
        if payload is None:
            return None
        if payload.url and payload.url[:5].lower() == "data:":
            return _data_url_bytes(payload.url)
        if not payload.path or not is_in_or_equal(payload.path, self.GRADIO_CACHE):
            raise gradio_error(HOW_TO_SEND)
        if not Path(payload.path).is_file():
            raise gradio_error("This upload is no longer here: uploads are deleted after a while. Send it again.")
        return payload.path


def _data_url_bytes(url: str) -> bytes:
    """Return the bytes in a data URL; raises `gr.Error` for one that is none."""
    header, _, payload = url.partition(",")
    encoded = b"".join(unquote_to_bytes(payload).split())
    try:
        if not header.lower().endswith(";base64"):
            raise ValueError(header)
        return base64.b64decode(encoded + b"=" * (-len(encoded) % 4), validate=True)
    except (ValueError, binascii.Error):
        raise gradio_error("This data URL holds no base64 image: data:image/jpeg;base64,... is expected.") from None


def preview(file: str | bytes, photo: Image.Image) -> str | None:
    """Return the path of a picture of an opened photo whose file browsers cannot draw; None for any other."""
    if not isinstance(file, str) or Path(file).suffix.lower() not in NOT_SHOWN_BY_BROWSERS:
        return None
    picture = photo.copy()
    picture.thumbnail((PREVIEW_SIDE, PREVIEW_SIDE))
    return _save_beside(file, picture)


def no_photo_preview(file: str | bytes) -> str | None:
    """Return the path of a picture to show for a file that holds no photo: an empty, crossed-out frame."""
    if not isinstance(file, str):
        return None
    picture = Image.new("RGBA", (480, 360))  # of no colour: the page shows through, light or dark
    draw = ImageDraw.Draw(picture)
    draw.rectangle((120, 90, 360, 270), outline="grey", width=6)
    draw.line((120, 270, 360, 90), fill="grey", width=6)
    return _save_beside(file, picture)


def _save_beside(file: str, picture: Image.Image) -> str:
    path = Path(file).with_name(PREVIEW_NAME)  # beside the upload: deleted when that is
    picture.save(path)
    return str(path)


def is_preview(photo: str | bytes) -> bool:
    """Return whether a photo is a preview that the page sends back: it is no new photo to answer."""
    return isinstance(photo, str) and Path(photo).name == PREVIEW_NAME
