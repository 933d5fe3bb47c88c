"""What the internet does in `story`: a search engine, the sites that it names, and the Hub that runs a Space."""

import json
import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from PIL import Image, ImageDraw, ImageFilter

from helpers.apps import running_app
from helpers.hub_stub import Hub, running_hub

FRUIT = ("tomato", "banana", "grapes")
SPACE = "me/fruit"
# the real search with the real ddgs; only its engine's address is another
SEARCH = """
from ddgs.ddgs import ENGINES
from ddgs.engines.duckduckgo_images import DuckduckgoImages as Engine
Engine.search_url, Engine._get_vqd = "{url}/search", lambda self, query: "4-1"
ENGINES["images"] = {{"duckduckgo": Engine}}
"""


def picture(fruit: str, seed: int, kind: str = "") -> bytes:
    """Return a JPEG of a fruit somewhere on a table; kind: "new" for one that nobody has seen before."""
    rng = random.Random(f"{kind} {fruit} {seed}".strip())
    table = rng.randint(110, 220)
    image = Image.new("RGB", (240, 180), (table, table - rng.randint(0, 25), table - rng.randint(10, 40)))
    draw = ImageDraw.Draw(image)
    for _ in range(6):  # what else lies about
        x, y, grey = rng.randint(0, 240), rng.randint(0, 180), rng.randint(90, 240)
        draw.rectangle((x, y, x + rng.randint(10, 50), y + rng.randint(4, 20)), fill=(grey, grey, grey))
    x, y, size = rng.randint(80, 160), rng.randint(70, 110), rng.randint(40, 60)
    (NEW if kind else DRAWN)[fruit](draw, rng, x, y, size)
    data = BytesIO()
    image.filter(ImageFilter.GaussianBlur(1)).save(data, "JPEG", quality=90)
    return data.getvalue()


def smaller(photo: bytes) -> bytes:
    """Return a smaller copy of a photo, as other sites have it."""
    data = BytesIO()
    Image.open(BytesIO(photo)).resize((200, 150)).save(data, "JPEG", quality=80)
    return data.getvalue()


def _near(rng: random.Random, *colour: int) -> tuple[int, ...]:
    return tuple(min(255, max(0, part + rng.randint(-25, 25))) for part in colour)


def _disc(draw: ImageDraw.ImageDraw, x: float, y: float, radius: float, colour: tuple[int, ...]) -> None:
    draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)
    draw.ellipse((x - radius / 2, y - radius / 2, x - radius / 4, y - radius / 4), fill=(250, 250, 250))


def _tomato(draw: ImageDraw.ImageDraw, rng: random.Random, x: int, y: int, size: int) -> None:
    _disc(draw, x, y, size, _near(rng, 200, 40, 30))
    for _ in range(5):  # its leaves
        draw.line((x, y - size, x + rng.randint(-25, 25), y - size + rng.randint(-8, 20)), _near(rng, 40, 120, 40), 6)


def _banana(draw: ImageDraw.ImageDraw, rng: random.Random, x: int, y: int, size: int) -> None:
    for turn in (0, 12):
        draw.arc((x - size, y - size - turn, x + size, y + size - turn), 20 + turn, 160, _near(rng, 230, 200, 60), 16)


def _grapes(draw: ImageDraw.ImageDraw, rng: random.Random, x: int, y: int, size: int) -> None:
    _bunch(draw, x, y, size, _near(rng, 100, 40, 120))


def _bunch(draw: ImageDraw.ImageDraw, x: int, y: int, size: int, colour: tuple[int, ...]) -> None:
    for row in range(5):
        for i in range(5 - row):
            _disc(draw, x + (i - (4 - row) / 2) * size / 2.4, y - size / 2 + row * size / 3, size / 4, colour)


def _yellow_cherry_tomatoes(draw: ImageDraw.ImageDraw, rng: random.Random, x: int, y: int, size: int) -> None:
    _row(draw, rng, x, y, size, 3, _near(rng, 230, 200, 60))


def _two_green_grapes(draw: ImageDraw.ImageDraw, rng: random.Random, x: int, y: int, size: int) -> None:
    _row(draw, rng, x, y, size, 2, _near(rng, 125, 165, 60))


def _row(
    draw: ImageDraw.ImageDraw, rng: random.Random, x: int, y: int, size: int, n: int, colour: tuple[int, ...]
) -> None:
    for i in range(n):
        _disc(draw, x + (2 * i + 1 - n) * size / n, y + rng.randint(-8, 8), size / n, colour)


DRAWN = {"tomato": _tomato, "banana": _banana, "grapes": _grapes}
NEW = {"tomato": _yellow_cherry_tomatoes, "grapes": _two_green_grapes}


class Web(BaseHTTPRequestHandler):
    """A search engine, which answers as DuckDuckGo's images do, and all sites."""

    found: dict[str, dict[str, bytes]]

    def do_GET(self):
        url = urlsplit(self.path)
        query = parse_qs(url.query)
        if url.path == "/search":
            photos = {} if "s" in query else self.found.get(query["q"][0], {})  # one page
            self.answer(
                json.dumps(
                    {
                        "results": [
                            {
                                "title": name,
                                "image": f"http://{self.headers['Host']}/{query['q'][0]}/{name}",
                                "url": "",
                                "thumbnail": "",
                                "height": "180",
                                "width": "240",
                                "source": "",
                            }
                            for name in photos
                        ]
                    }
                ).encode()
            )
        else:
            word, _, name = url.path[1:].partition("/")
            self.answer(self.found.get(word, {}).get(name))

    def answer(self, content: bytes | None) -> None:
        self.send_response(404 if content is None else 200)
        self.send_header("Content-Length", str(len(content or b"")))
        self.end_headers()
        self.wfile.write(content or b"")

    def log_message(self, *_):
        pass


@contextmanager
def running_web(found: dict[str, dict[str, bytes]]) -> Iterator[str]:
    """Yield the address of a web; found: of each word searched for, the files by their names."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("ItsWeb", (Web,), {"found": found}))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()


@contextmanager
def hub_that_runs(folder: Path, **environment: str) -> Iterator[Hub]:
    """Yield a Hub that puts what SPACE is sent first into a folder, and runs it, with these variables set."""
    ended = threading.Event()
    with running_hub() as hub:
        hub.stages = ["BUILDING"]

        def build() -> None:
            while ("space", SPACE) not in hub.repos or "app.py" not in hub.space(SPACE).files:
                if ended.wait(0.1):
                    return
            for path, content in hub.space(SPACE).files.items():
                (folder / path).parent.mkdir(parents=True, exist_ok=True)
                (folder / path).write_bytes(content)
            with running_app(folder, log=folder / "log", **environment) as hub.host:
                hub.stages = ["RUNNING"]
                ended.wait()

        builder = threading.Thread(target=build)
        builder.start()
        try:
            yield hub
        finally:
            ended.set()
            builder.join()
