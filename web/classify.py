"""POST /classify: photos in, JSON out, in one call. Its description lies at /openapi.json, as a page at /docs.

    curl -F file=@bear.jpg https://USER-NAME.hf.space/classify
    curl --data-binary @bear.jpg https://USER-NAME.hf.space/classify
"""
import asyncio

from fastapi import FastAPI, Request
from pydantic import BaseModel, Field
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute

from classifier import Prediction
from classifier.photo import PhotoError

from .answers import Answers

HOW_TO_SEND = "Send a photo as the multipart field `file`, or as the body itself: curl -F file=@photo.jpg URL."


class Answer(BaseModel):
    """What the model makes of one photo."""

    label: str = Field(description="the most probable label")
    probabilities: dict[str, float] = Field(description="by label, most probable first; together 1")
    familiar: bool | None = Field(description="false for a photo that is probably none of the labels; null where the "
                                              "model cannot tell")
    familiarity: float | None = Field(description="how near the photo lies to the training photos, 0 to 1; null where "
                                                  "the model cannot tell")
    calibrated: bool = Field(description="whether 90% is right 9 times in 10; else plain softmax")
    model_version: str = Field(description="the first 12 digits of the SHA-256 of the export that answered")


class FileAnswer(Answer):
    """The same for one of several photos."""

    file: str = Field(description="the file's name as it was sent")


class Refusal(BaseModel):
    """Why there is no answer."""

    error: str = Field(description="one sentence for a person")


class FileRefusal(Refusal):
    """The same for one of several photos."""

    file: str = Field(description="the file's name as it was sent")


BODY = {
    "multipart/form-data": {"schema": {"type": "object", "required": ["file"], "properties": {"file": {
        "type": "array", "minItems": 1, "items": {"type": "string", "format": "binary"},
        "description": "the photo, or several: JPEG, PNG, WebP, GIF, AVIF, HEIC, TIFF or BMP"}}}},
    **{kind: {"schema": {"type": "string", "format": "binary"}} for kind in ("image/*", "application/octet-stream")},
}


def routes(answers: Answers, calibrated: bool, version: str) -> list[BaseRoute]:
    """Return the routes of the API: /classify and its description."""
    api = FastAPI(title="Fieldguide", version=version[:12], redoc_url=None,
                  description="Which label does a photo show, how probable is each, and is it any of them at all?")

    def as_json(prediction: Prediction) -> dict:
        return {"label": prediction.label, "probabilities": prediction.probabilities, "familiar": prediction.familiar,
                "familiarity": prediction.familiarity, "calibrated": calibrated, "model_version": version[:12]}

    async def answer(data: bytes) -> dict:
        try:
            return as_json(await asyncio.wrap_future(answers.submit(data)))
        except PhotoError as error:
            return {"error": str(error)}

    @api.post("/classify", openapi_extra={"requestBody": {"required": True, "content": BODY}},
              summary="Classify a photo, or several",
              responses={200: {"model": Answer | list[FileAnswer | FileRefusal],
                               "description": "One photo's answer; for several a list in their order, in which a photo "
                                              "without an answer has an `error` instead"},
                         400: {"model": Refusal, "description": "No photo was sent, or not in a way that can be read"},
                         422: {"model": Refusal, "description": "The one photo sent cannot be opened"}})
    async def classify(request: Request) -> JSONResponse:
        """Send one photo and get its answer; send several as fields of the same name and get a list."""
        if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
            data = await request.body()
            return _one(await answer(data)) if data else _refused(HOW_TO_SEND)
        try:
            async with request.form() as form:
                files = [file for file in form.getlist("file") if isinstance(file, UploadFile)]
                photos = [(file.filename or "", await file.read()) for file in files]
        except HTTPException:  # a broken body
            return _refused(f"This request cannot be read. {HOW_TO_SEND}")
        if not photos:
            return _refused(HOW_TO_SEND)
        given = await asyncio.gather(*(answer(data) for _, data in photos))
        if len(photos) == 1:
            return _one(given[0])
        return JSONResponse([{"file": name, **said} for (name, _), said in zip(photos, given)])

    return api.routes


def _one(said: dict) -> JSONResponse:
    return JSONResponse(said, 422 if "error" in said else 200)


def _refused(sentence: str) -> JSONResponse:
    return JSONResponse({"error": sentence}, 400)
