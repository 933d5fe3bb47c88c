"""Page /many: a folder, files or a zip become a table of answers, and a CSV file to download.

The browser opens the zip, draws the thumbnails and sends photo by photo to /classify, within the same limits and in the
same turn as every other client. So a batch costs the server what its photos cost, nothing of it is stored, no zip is
ever opened here, and Gradio's page, each part of which costs each call of its API, has no part more.
"""

import json
from pathlib import Path

from jinja2 import Environment, FileSystemLoader
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse
from starlette.routing import Route

from classifier.inference.decision import ASK
from classifier.photo.formats import EXTENSIONS
from classifier.results_csv import SEPARATOR, columns_of
from server.settings import Settings

from .texts import column_titles, intro, script_texts

HERE = Path(__file__).parent
SCRIPTS = ("batch.js", "settings.js", "table.js", "zip.js")
FILES = {**dict.fromkeys(SCRIPTS, "text/javascript"), "batch.css": "text/css"}


def page(
    settings: Settings, reports_familiarity: bool, feedback: bool, multi_label: bool = False, decides: bool = False
) -> str:
    """Return the page, with the limits and texts for its script.

    reports_familiarity: whether the model can tell a photo of none of its labels; feedback: whether answers are
    counted; multi_label: whether a photo may have several labels; decides: whether answers carry a decision.
    """
    columns = column_titles(reports_familiarity, multi_label, decides)
    script_settings = {
        "most": settings.max_batch,
        "bytes": settings.upload_bytes,
        "columns": columns_of(decides),
        "separator": SEPARATOR,
        "heads": [*columns],
        "ask": ASK,
        "extensions": [extension[1:] for extension in EXTENSIONS],
        "words": script_texts(settings.max_batch, settings.max_upload_mb, reports_familiarity, decides),
    }
    environment = Environment(loader=FileSystemLoader(HERE), autoescape=True, keep_trailing_newline=True)
    return environment.get_template("batch.html").render(
        settings=json.dumps(script_settings),
        columns=columns,
        intro=intro(settings.max_batch, settings.max_upload_mb, reports_familiarity, feedback, multi_label),
    )


def batch_routes(
    settings: Settings, reports_familiarity: bool, feedback: bool, multi_label: bool = False, decides: bool = False
) -> list[Route]:
    """Return the routes of the page: /many and its files. `page` explains the arguments."""
    content = page(settings, reports_familiarity, feedback, multi_label, decides)

    async def many(_: Request) -> HTMLResponse:
        return HTMLResponse(content)

    async def file(request: Request) -> FileResponse:
        name = request.url.path.rpartition("/")[2]
        return FileResponse(HERE / name, media_type=FILES[name], headers={"Cache-Control": "no-cache"})

    return [Route("/many", many), *(Route(f"/{name}", file) for name in FILES)]
