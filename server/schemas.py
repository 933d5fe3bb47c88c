"""Schemas of the API: the JSON that POST /classify and GET /health answer with, and what /docs says of each status."""

from typing import Any

from pydantic import BaseModel, Field


class Neighbour(BaseModel):
    """A training photo that the photo resembles."""

    file: str = Field(description="its path inside the folder that the model was trained on")
    label: str | None = Field(
        None, description="its label. Only there for a model that gives a photo one label: others have `labels`"
    )
    labels: list[str] = Field([], description="its labels; empty for a photo that shows none of them")
    similarity: float = Field(description="how alike the two are to the model, 0 to 1, higher is nearer")


class Answer(BaseModel):
    """What the model makes of one photo."""

    label: str = Field(description="the most probable label; of several a photo the first of `labels`, if there is one")
    labels: list[str] = Field(
        [],
        description="every label that the photo shows, most probable first; empty for none of them. Only there for a "
        "model that gives a photo several labels",
    )
    probabilities: dict[str, float] = Field(
        description="by label, most probable first; together 1, but for a model that gives a photo several labels each "
        "on its own"
    )
    familiar: bool | None = Field(
        description="false for a photo that is probably none of the labels; null where the model cannot tell"
    )
    familiarity: float | None = Field(
        description="how near the photo lies to the training photos, 0 to 1; null where the model cannot tell"
    )
    decision: str | None = Field(
        None,
        description='"answer" where it may be acted on alone, or "ask a person". Only there for a model with an '
        "operating point (`training.operate`)",
    )
    candidates: list[str] = Field(
        [],
        description="labels of which one is right as often as was promised, most probable first; empty for a photo "
        "that is not familiar. Only there for a model that promises it",
    )
    neighbours: list[Neighbour] = Field(
        [],
        description="the training photos that it resembles most, the nearest first. Only there for a model that names "
        "them",
    )
    calibrated: bool = Field(description="whether 90% is right 9 times in 10; else plain softmax, or plain sigmoids")
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


class Health(BaseModel):
    """Whether the app answers photos now."""

    ready: bool = Field(description="whether it does; else the status is 503")
    why: str = Field(description="the reason, in a sentence")
    model_version: str = Field(description="the first 12 digits of the SHA-256 of the export that answers")
    data_sha256: str | None = Field(
        description="the SHA-256 of the list of photos that it was made from; null where the export does not say"
    )
    since: str = Field(description="when it was loaded, UTC")
    compiled: bool = Field(description="whether a compiled copy answers, which is faster")
    waiting: int = Field(description="requests being answered or waiting for it")
    shared: bool | None = Field(
        description="whether limits and answers are shared with other replicas; false while REDIS_URL does not answer, "
        "null without one: then each replica counts for itself"
    )
    restart_to_update: bool = Field(
        description="whether the export on disk is another one by now: a running app keeps to the one that it read"
    )


CLASSIFY_BODY = {
    "multipart/form-data": {
        "schema": {
            "type": "object",
            "required": ["file"],
            "properties": {
                "file": {
                    "type": "array",
                    "minItems": 1,
                    "items": {"type": "string", "format": "binary"},
                    "description": "the photo, or several: JPEG, PNG, WebP, GIF, AVIF, HEIC, TIFF, BMP or PPM",
                }
            },
        }
    },
    **{kind: {"schema": {"type": "string", "format": "binary"}} for kind in ("image/*", "application/octet-stream")},
}
CLASSIFY_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "model": Answer | list[FileAnswer | FileRefusal],
        "description": "One photo's answer; for several a list in their order, in which a photo without an answer "
        "has an `error` instead",
    },
    400: {"model": Refusal, "description": "No photo was sent, or not in a way that can be read"},
    401: {"model": Refusal, "description": "The app wants a key, and none that it knows was sent"},
    408: {"model": Refusal, "description": "The request arrived too slowly"},
    413: {
        "model": Refusal,
        "description": "A photo, or all of them together, has too many bytes, or there are too many in one call",
    },
    422: {"model": Refusal, "description": "The one photo sent cannot be opened"},
    429: {"model": Refusal, "description": "You have asked too often; Retry-After says when to ask again"},
    503: {
        "model": Refusal,
        "description": "Too many are waiting, or the app is being restarted; Retry-After says when to ask again",
    },
}
HEALTH_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"description": "It does"},
    503: {"model": Health, "description": "It does not, for the reason told"},
}
