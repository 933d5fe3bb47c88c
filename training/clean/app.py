"""The web application of `training.clean`: the page, and what its script requests.

Gives `build_app`, a FastAPI application: the page at /, and for its script

    GET  thumb/{id}, photo/{id}   JPEG
    GET  about/{id}               details of a photo
    GET  similar/{id}             the photos that it resembles
    GET  map, POST choose-all     see `map.api`
    POST choose                   {"id", "action": "keep" | "delete" | "label" | "", "label"}; where photos may have
                                  several labels, "label" is all of them, joined by "|", action "toggle" switches one,
                                  and "shown" is what the person saw: status 409, with a new card, if that has changed
"""

import contextlib
import io
import socket
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any

import gradio as gr
import uvicorn
from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import JSONResponse, Response
from fastcore.script import CliError
from pydantic import BaseModel

from classifier.photo import PhotoError, open_photo
from server.theme import THEME

from .cards import card, details, progress
from .local_only import SameOriginMiddleware
from .map.api import add_map_routes
from .page import build_page
from .review.decisions import ChangedMeanwhile
from .review.kept_features import KeptFeatures
from .review.reviewed_photo import ReviewedPhoto
from .session import Cleaner
from .similar import SimilarPhotos

HERE = Path(__file__).parent
MAP_SCRIPTS = ("map/marks.js", "map/canvas.js", "map/colours.js", "map/frame.js", "map/map.js")
SCRIPTS = ("chips.js", "closer.js", "similar.js", "page.js", *MAP_SCRIPTS)
STYLES = ("page.css", "map/map.css")
THUMBNAIL_SIDE, LARGE_SIDE = 360, 1600  # pixels of the longer side
THUMBNAILS_KEPT = 1000  # in memory, about 20 MB


class DecisionRequest(BaseModel):
    """What the page's script sends."""

    id: str
    action: str
    label: str = ""
    shown: str | None = None


def jpeg(file: Path, side: int) -> bytes:
    """Return a photo as JPEG, which every browser shows; its longer side has at most `side` pixels."""
    photo, buffer = open_photo(file), io.BytesIO()
    photo.thumbnail((side, side))
    photo.save(buffer, "JPEG", quality=85)
    return buffer.getvalue()


@lru_cache(THUMBNAILS_KEPT)
def thumbnail(file: Path, modified: float) -> bytes:
    """Return a photo's thumbnail as JPEG; modified: the file's time, so that a new file gets a new thumbnail."""
    return jpeg(file, THUMBNAIL_SIDE)


def together(names: Iterable[str]) -> str:
    """Return the text of files beside this one, one after the other."""
    return "".join((HERE / name).read_text(encoding="utf-8") for name in names)


def build_app(
    cleaner: Cleaner,
    export: str,
    n_unreadable: int = 0,
    host: str = "127.0.0.1",
    frame_key: str = "",
    proxied: bool = False,
) -> FastAPI:
    """Return the application; host: the address that it is to listen on.

    frame_key: a page that adds ?key=… may show this one in a frame. proxied: browsers come only through a proxy that
    checks who they are, under its own name, as on Colab; then nothing is refused here.
    """
    app = FastAPI(openapi_url=None)
    if not proxied:
        app.add_middleware(SameOriginMiddleware, host=host, frame_key=frame_key)
    features = KeptFeatures(cleaner.data, export)
    add_routes(app, cleaner, SimilarPhotos(cleaner, features))
    add_map_routes(app, cleaner, features)
    script, style = (together(names) for names in (SCRIPTS, STYLES))
    return gr.mount_gradio_app(
        app,
        build_page(cleaner, export, n_unreadable),
        path="/",
        footer_links=[],
        theme=THEME,
        head=f"<style>{style}</style><script>{script}</script>",
        ssr_mode=False,
    )


def add_routes(app: FastAPI, cleaner: Cleaner, similar: SimilarPhotos) -> None:
    """Add the routes that the page's script requests."""

    def photo_of(name: str) -> ReviewedPhoto:
        if name not in cleaner.by_id:
            raise HTTPException(404, "There is no such photo.")
        return cleaner.by_id[name]

    @app.exception_handler(CliError)
    def report_error(_: Request, error: CliError) -> JSONResponse:
        return JSONResponse({"detail": str(error)}, 507)

    @app.get("/thumb/{name}")
    @app.get("/photo/{name}")
    def picture(name: str, request: Request) -> Response:
        file = photo_of(name).file
        try:
            large = request.url.path.startswith("/photo/")
            data = jpeg(file, LARGE_SIDE) if large else thumbnail(file, file.stat().st_mtime)
        except (PhotoError, OSError):
            raise HTTPException(404, "The photo cannot be opened any more.") from None
        return Response(data, media_type="image/jpeg", headers={"Cache-Control": "private, max-age=600"})

    @app.get("/about/{name}")
    def about(name: str) -> dict[str, Any]:
        photo_of(name)
        return details(cleaner, name)

    @app.get("/similar/{name}")
    def similar_photos(name: str) -> list[dict[str, Any]]:
        photo_of(name)
        return similar.of(name)

    @app.post("/choose")
    def choose(request: DecisionRequest) -> Response:
        photo = photo_of(request.id)
        try:
            decision = cleaner.choose(request.id, request.action, request.label, request.shown)
        except ValueError as error:
            raise HTTPException(422, str(error)) from None
        except ChangedMeanwhile as error:
            new = card(cleaner, request.id, photo, cleaner.decision(photo))
            return JSONResponse({"detail": str(error), "card": new}, 409)
        return JSONResponse({"action": decision.action, "label": decision.label, "counts": progress(cleaner)})


def server_of(app: FastAPI) -> uvicorn.Server:
    """Return a server of the page; run it with the socket that it listens on."""
    return uvicorn.Server(
        uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1)  # an open page would keep it alive
    )


def serve(cleaner: Cleaner, export: str, host: str, listener: socket.socket, n_unreadable: int = 0) -> None:
    """Serve the page until it is stopped."""
    with contextlib.suppress(KeyboardInterrupt):
        server_of(build_app(cleaner, export, n_unreadable, host)).run(sockets=[listener])
