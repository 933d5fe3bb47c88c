"""/many: a page on which a folder, files or a zip become a table of answers, and a csv to download.

The browser opens the zip, draws the thumbnails and sends photo by photo to /classify, past the same gate and in the
same turn as everybody else. So a batch costs the server what its photos cost, nothing of it is stored, no zip is ever
opened here, and Gradio's page, each part of which costs each call of its API, has no part more.
"""
import html
import json
from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse
from starlette.routing import Route

from classifier.results_csv import COLUMNS, EXTENSIONS
from server.settings import Settings
from server.texts import batch_columns, batch_intro, batch_words

HERE = Path(__file__).parent
FILES = {"batch.js": "text/javascript", "zip.js": "text/javascript", "batch.css": "text/css"}

PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Many photos – Fieldguide</title>
<link rel="stylesheet" href="batch.css">
<link rel="icon" href="data:,">
<script type="module" src="batch.js"></script>
</head>
<body>
<main data-settings="{settings}">
<a href="./">← One photo</a>
<h1>Many photos</h1>
<p>{intro}</p>
<div id="drop">
<p>Drop a folder, photos or a zip here, or</p>
<label class="button">Choose photos or a zip<input type="file" multiple accept="image/*,.heic,.heif,.zip"></label>
<label class="button">Choose a folder<input type="file" webkitdirectory></label>
</div>
<ul id="problems"></ul>
<div id="bar">
<progress id="progress" aria-label="Photos answered" hidden></progress>
<p id="said" role="status"></p>
<button class="button" id="stop" hidden>Stop</button>
<button class="button" id="csv" hidden>Download as CSV</button>
</div>
<div id="answers" hidden>
<table>
<thead><tr><th class="picture"></th>{heads}</tr></thead>
<tbody id="rows"></tbody>
</table>
</div>
<noscript>This page needs JavaScript; curl and python -m classifier do without.</noscript>
</main>
</body>
</html>
"""


def page(settings: Settings, knows_strangers: bool, feedback: bool) -> str:
    """Return the page, with the limits and words that its script goes by.

    knows_strangers: whether the model can tell a photo of none of its labels; feedback: whether answers are counted.
    """
    columns = batch_columns(knows_strangers)
    given = {"most": settings.max_batch, "bytes": settings.upload_bytes, "columns": COLUMNS, "heads": [*columns],
             "extensions": [extension[1:] for extension in EXTENSIONS],
             "words": batch_words(settings.max_batch, settings.max_upload_mb, knows_strangers)}
    heads = "".join(f'<th class="{column}">'
                    f'<button data-column="{column}">{name}</button></th>' for column, name in columns.items())
    intro = batch_intro(settings.max_batch, settings.max_upload_mb, knows_strangers, feedback)
    return PAGE.format(settings=html.escape(json.dumps(given)), heads=heads, intro=html.escape(intro))


def batch_routes(settings: Settings, knows_strangers: bool, feedback: bool) -> list[Route]:
    """Return the routes of the page: /many and its three files. What it is told, `page` explains."""
    content = page(settings, knows_strangers, feedback)

    async def many(_: Request) -> HTMLResponse:
        return HTMLResponse(content)

    async def file(request: Request) -> FileResponse:
        name = request.url.path.rpartition("/")[2]
        return FileResponse(HERE / name, media_type=FILES[name], headers={"Cache-Control": "no-cache"})

    return [Route("/many", many), *(Route(f"/{name}", file) for name in FILES)]
