"""HTTP API: POST /classify answers photos with JSON, GET /health says whether it does; /docs describes both.

Usage:

    curl -F file=@bear.jpg https://USER-NAME.hf.space/classify
    curl --data-binary @bear.jpg https://USER-NAME.hf.space/classify
"""

import asyncio
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any, BinaryIO

from fastapi import FastAPI, Request
from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.routing import BaseRoute

from classifier import Classifier
from classifier.photo import PhotoError
from server.limits.admission import AdmissionControl
from server.limits.body_checks import HOW_TO_SEND, UNREADABLE_FORM

from .predictor import Busy, Predictor
from .schemas import CLASSIFY_BODY, CLASSIFY_RESPONSES, HEALTH_RESPONSES, Health
from .settings import MB

RETRY_AFTER = {"Retry-After": "30"}

Result = tuple[int, dict[str, Any]]  # HTTP status and JSON content for one photo


def routes(
    predictor: Predictor, classifier: Classifier, admission: AdmissionControl, problem: Callable[[], str | None]
) -> list[BaseRoute]:
    """Return the routes of the API: /classify, /health and their description.

    problem: returns why uploads cannot be kept now, or None.
    """
    api = FastAPI(
        title="Fieldguide",
        version=classifier.short_version,
        redoc_url=None,
        description="Which label does a photo show, how probable is each, and is it any of them at all?",
    )
    endpoints = _Endpoints(predictor, classifier, admission, problem)
    api.post(
        "/classify",
        openapi_extra={"requestBody": {"required": True, "content": CLASSIFY_BODY}},
        summary="Classify a photo, or several",
        responses=CLASSIFY_RESPONSES,
    )(endpoints.classify)
    api.get("/health", summary="Whether the app answers photos", response_model=Health, responses=HEALTH_RESPONSES)(
        endpoints.health
    )
    return api.routes


class _Endpoints:
    """The functions behind the routes."""

    def __init__(
        self,
        predictor: Predictor,
        classifier: Classifier,
        admission: AdmissionControl,
        problem: Callable[[], str | None],
    ) -> None:
        self._predictor, self._classifier, self._admission, self._problem = predictor, classifier, admission, problem
        self._version = classifier.short_version
        self._since = datetime.now(timezone.utc).isoformat(timespec="seconds")

    async def classify(self, request: Request) -> JSONResponse:
        """Send one photo and get its answer; send several as fields of the same name and get a list."""
        if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
            data = await request.body()
            result = await self._result(data, len(data)) if data else (400, {"error": HOW_TO_SEND})
            return _response(*result)
        max_files = self._admission.settings.max_files
        try:
            async with request.form(max_files=max_files) as form:  # `LimitsMiddleware` has counted them
                files = [file for file in form.getlist("file") if isinstance(file, UploadFile)]
                results = await asyncio.gather(*(self._result(file.file, file.size or 0) for file in files))
        except HTTPException:  # a broken body
            return JSONResponse({"error": UNREADABLE_FORM.message}, 400)
        if not files:
            return JSONResponse({"error": HOW_TO_SEND}, 400)
        if len(files) == 1:
            return _response(*results[0])
        return JSONResponse([{"file": file.filename or "", **content} for file, (_, content) in zip(files, results)])

    async def health(self) -> JSONResponse:
        """Ask often: it costs next to nothing."""
        admission = self._admission
        why = (
            "The app is about to stop."
            if admission.leaving or admission.stopping
            else "Too many photos are waiting."
            if admission.waiting >= admission.settings.max_waiting
            else self._problem()
        )
        health = Health(
            ready=why is None,
            why=why or "Photos are answered.",
            model_version=self._version,
            data_sha256=self._classifier.data_sha256,
            since=self._since,
            compiled=self._classifier.compiled,
            waiting=admission.waiting,
            shared=admission.shared.connected if admission.shared else None,
            restart_to_update=self._classifier.changed_on_disk(),
        )
        return JSONResponse(health.model_dump(), 200 if why is None else 503)

    async def _result(self, photo: bytes | BinaryIO, n_bytes: int) -> Result:
        """Return the answer for one photo, or the status and message of its error."""
        settings = self._admission.settings
        if n_bytes > settings.upload_bytes:
            return 413, {
                "error": f"This photo has {n_bytes / MB:.0f} MB, more than the {settings.max_upload_mb:g} MB "
                "that are taken. Send a smaller one."
            }
        try:
            prediction = await asyncio.wrap_future(self._predictor.submit(photo))
        except PhotoError as error:
            return 503 if isinstance(error, Busy) else 422, {"error": str(error)}
        return 200, {
            **prediction.to_dict(),
            "calibrated": self._classifier.calibrated,
            "model_version": self._version,
        }


def _response(status: int, content: dict[str, Any]) -> JSONResponse:
    """Return the response for one photo."""
    return JSONResponse(content, status, RETRY_AFTER if status == 503 else None)
