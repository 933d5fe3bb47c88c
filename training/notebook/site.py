"""Show the browser edition that `training.static` built, and pack it for download.

Gives  `show_site`, which serves the folder from a thread of this process and shows it below the cell; `put_online`
Writes SITE.zip beside the folder
"""

import functools
import shutil
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from training.host import KAGGLE, NO_PORT, host_name, show_port

_open: list[ThreadingHTTPServer] = []  # at most one: a cell that runs again replaces its page


class QuietHandler(SimpleHTTPRequestHandler):
    """Serves a folder and prints nothing."""

    def log_message(self, *_: object) -> None:
        """Print nothing."""


def stop_site() -> None:
    """Stop serving the page, if one is."""
    while _open:
        server = _open.pop()
        server.shutdown()
        server.server_close()


def serve_site(folder: Path) -> int:
    """Serve a folder to this machine alone, until `stop_site` or the end of the kernel; return the port."""
    stop_site()
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(QuietHandler, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    _open.append(server)
    return server.server_port


def show_site(folder: str | Path, height: int = 800) -> None:
    """Pack the folder into a zip file and show its page below the cell."""
    folder = Path(folder)
    packed = Path(shutil.make_archive(str(folder), "zip", folder))
    print(
        f"{packed.name}: {packed.stat().st_size / 1e6:.1f} MB, to download from this host's list of files. Unpacked, "
        "any web server or GitHub Pages serves it."
    )
    if host_name() == KAGGLE:
        print(f"{NO_PORT} Download it, or put it online as a Space below.")
        return
    show_port(serve_site(folder), "/", height)


def put_online(space: str) -> None:
    """Send the page that answers in the visitor's browser to the Hub, as the static Space USER/NAME.

    Without a login it shows the Hub's own form for one.
    """
    from huggingface_hub import get_token, notebook_login

    from training.deploy.__main__ import main as deploy  # imported here: this way alone needs it

    if get_token() is None:
        notebook_login()
        print("Log in above, with a token that may write, then run this cell again.")
        return
    deploy(space, static=True)
