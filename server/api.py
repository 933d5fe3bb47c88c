"""POST /classify: photos in, JSON out, in one call; GET /health. Their description lies at /openapi.json and /docs.

    curl -F file=@bear.jpg https://USER-NAME.hf.space/classify
    curl --data-binary @bear.jpg https://USER-NAME.hf.space/classify
"""
import asyncio
from collections.abc import Callable
from datetime import datetime, timezone
from typing import BinaryIO

from fastapi import FastAPI, Request
from pydantic import BaseModel, Field
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute

from classifier import Classifier, Prediction
from classifier.photo import PhotoError
from server.limits.admission import Gate
from server.limits.body_checks import HOW_TO_SEND, UNREADABLE_FORM

from .predictor import Answers, Busy
from .settings import MB


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
        "description": "the photo, or several: JPEG, PNG, WebP, GIF, AVIF, HEIC, TIFF, BMP or PPM"}}}},
    **{kind: {"schema": {"type": "string", "format": "binary"}} for kind in ("image/*", "application/octet-stream")},
}


class Health(BaseModel):
    """Whether the app answers photos now."""

    ready: bool = Field(description="whether it does; else the status is 503")
    why: str = Field(description="the reason, in a sentence")
    model_version: str = Field(description="the first 12 digits of the SHA-256 of the export that answers")
    since: str = Field(description="when it was loaded, UTC")
    compiled: bool = Field(description="whether a compiled copy answers, which is faster")
    waiting: int = Field(description="requests being answered or waiting for it")
    restart_to_update: bool = Field(description="whether the export on disk is another one by now: a running app "
                                                "keeps to the one that it read")


def routes(answers: Answers, classifier: Classifier, gate: Gate, problem: Callable[[], str | None]) -> list[BaseRoute]:
    """Return the routes of the API: /classify, /health and their description.

    problem: returns why uploads cannot be kept now, or None.
    """
    version = (classifier.version or "")[:12]
    since = datetime.now(timezone.utc).isoformat(timespec="seconds")
    settings = gate.settings
    api = FastAPI(title="Fieldguide", version=version, redoc_url=None,
                  description="Which label does a photo show, how probable is each, and is it any of them at all?")

    def as_json(prediction: Prediction) -> dict:
        return {"label": prediction.label, "probabilities": prediction.probabilities, "familiar": prediction.familiar,
                "familiarity": prediction.familiarity, "calibrated": classifier.calibrated, "model_version": version}

    async def answer(photo: bytes | BinaryIO, n_bytes: int) -> tuple[int, dict]:
        """Return the status and the answer, or the sentence, for one photo."""
        if n_bytes > settings.upload_bytes:
            return 413, {"error": f"This photo has {n_bytes / MB:.0f} MB, more than the {settings.max_upload_mb:g} MB "
                                  "that are taken. Send a smaller one."}
        try:
            return 200, as_json(await asyncio.wrap_future(answers.submit(photo)))
        except PhotoError as error:
            return 503 if isinstance(error, Busy) else 422, {"error": str(error)}

    @api.post("/classify", openapi_extra={"requestBody": {"required": True, "content": BODY}},
              summary="Classify a photo, or several",
              responses={200: {"model": Answer | list[FileAnswer | FileRefusal],
                               "description": "One photo's answer; for several a list in their order, in which a photo "
                                              "without an answer has an `error` instead"},
                         400: {"model": Refusal, "description": "No photo was sent, or not in a way that can be read"},
                         408: {"model": Refusal, "description": "The request arrived too slowly"},
                         413: {"model": Refusal, "description": "A photo, or all of them together, has too many bytes, "
                                                                "or there are too many in one call"},
                         422: {"model": Refusal, "description": "The one photo sent cannot be opened"},
                         429: {"model": Refusal, "description": "You have asked too often; Retry-After says when to "
                                                                "ask again"},
                         503: {"model": Refusal, "description": "Too many are waiting, or the app is being restarted; "
                                                                "Retry-After says when to ask again"}})
    async def classify(request: Request) -> JSONResponse:
        """Send one photo and get its answer; send several as fields of the same name and get a list."""
        if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
            data = await request.body()
            status, said = await answer(data, len(data)) if data else (400, {"error": HOW_TO_SEND})
            return one(status, said)
        try:
            async with request.form(max_files=settings.max_files) as form:  # `Guard` has counted them
                files = [file for file in form.getlist("file") if isinstance(file, UploadFile)]
                given = await asyncio.gather(*(answer(file.file, file.size or 0) for file in files))
        except HTTPException:  # a broken body
            return JSONResponse({"error": UNREADABLE_FORM.sentence}, 400)
        if not files:
            return JSONResponse({"error": HOW_TO_SEND}, 400)
        if len(files) == 1:
            return one(*given[0])
        return JSONResponse([{"file": file.filename or "", **said} for file, (_, said) in zip(files, given)])

    def one(status: int, said: dict) -> JSONResponse:
        return JSONResponse(said, status, {"Retry-After": "30"} if status == 503 else None)

    @api.get("/health", summary="Whether the app answers photos", response_model=Health,
             responses={503: {"model": Health, "description": "It does not, for the reason told"}})
    async def health() -> JSONResponse:
        """Ask often: it costs next to nothing."""
        why = ("The app is about to stop." if gate.stopping else
               "Too many photos are waiting." if gate.waiting >= settings.max_waiting else problem())
        return JSONResponse({"ready": why is None, "why": why or "Photos are answered.", "model_version": version,
                             "since": since, "compiled": classifier.inference.onnx_export, "waiting": gate.waiting,
                             "restart_to_update": classifier.changed_on_disk()}, 200 if why is None else 503)

    return api.routes
