"""The addresses of the map of all photos, for the page's script.

Gives `add_map_routes`

    GET  map?opened=1   {"state": "placing" | "failed", "text"}, or "ready" with the photos: see `table`
    POST choose-all     {"ids", "action", "label", "shown", "new"}: one decision about many photos, all or none; where
                        photos may have several labels, actions "add" and "remove" change one of them, and "shown" is
                        what the person saw of each. "new" lets a label in that no photo has yet
"""

from typing import Any

from fastapi import FastAPI, HTTPException, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, Response
from fastcore.script import CliError
from pydantic import BaseModel, Field, ValidationError

from training.clean.cards import progress
from training.clean.review.decisions import ChangedMeanwhile
from training.clean.review.kept_features import KeptFeatures
from training.clean.session import Cleaner
from training.data.files import folder_name

from .photo_map import PhotoMap

MAX_BODY = 16_000_000  # bytes: 100,000 ids, and the labels that were shown
MAX_IDS = 100_000


class DecisionsRequest(BaseModel):
    """What the map sends: one decision about many photos."""

    ids: list[str] = Field(min_length=1, max_length=MAX_IDS)
    action: str
    label: str = ""
    shown: list[str] | None = None
    new: bool = False


def add_map_routes(app: FastAPI, cleaner: Cleaner, features: KeptFeatures) -> None:
    """Add the routes of the map."""
    photo_map = PhotoMap(cleaner, features)

    @app.get("/map")
    def places(opened: bool = False) -> dict[str, Any]:
        return photo_map.state(opened)

    @app.post("/choose-all")
    async def choose_all(request: Request) -> Response:
        body = await limited_body(request)
        try:
            asked = DecisionsRequest.model_validate_json(body)
        except ValidationError:
            raise HTTPException(422, "This was not understood.") from None
        return await run_in_threadpool(choose_together, cleaner, asked)


async def limited_body(request: Request) -> bytes:
    """Return a request's body of JSON; status 413 for one that is too long, read no further, and 422 for a form's."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise HTTPException(422, "Send JSON.")
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > MAX_BODY:
            raise HTTPException(413, f"That is too much at once: {MAX_BODY} bytes at most.")
    return bytes(body)


def choose_together(cleaner: Cleaner, asked: DecisionsRequest) -> Response:
    """Store one decision about many photos, all or none, and return what is decided now about each."""
    ids = list(dict.fromkeys(asked.ids))
    unknown = [name for name in ids if name not in cleaner.by_id]
    if unknown:
        raise HTTPException(404, f"{len(unknown)} of these photos are not in this cleaner. Nothing was saved.")
    if asked.shown is not None and not len(asked.shown) == len(asked.ids) == len(ids):
        raise HTTPException(422, "What was shown of each photo does not fit the photos. Nothing was saved.")
    label = _new_label(cleaner, asked.label) if asked.new else asked.label
    try:
        made = cleaner.choose_all(ids, asked.action, label, asked.shown)
    except ValueError as error:
        raise HTTPException(422, str(error)) from None
    except ChangedMeanwhile as error:
        raise HTTPException(409, f"{error} None of the {len(ids)} photos was marked: open the map again.") from None
    decisions = [[name, decision.action, decision.label] for name, decision in made.items()]
    return JSONResponse({"decisions": decisions, "labels": cleaner.labels, "counts": progress(cleaner)})


def _new_label(cleaner: Cleaner, text: str) -> str:
    """Return a label that no photo has yet as a folder can be named; the cleaner offers it from now on."""
    try:
        name = folder_name(text)
    except CliError as error:
        raise HTTPException(422, str(error)) from None
    known = next((label for label in cleaner.labels if label.casefold() == name.casefold()), None)
    if known is None:
        cleaner.labels = sorted([*cleaner.labels, name])
    return known or name
