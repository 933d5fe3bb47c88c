"""Show the cleaner's page inside a notebook.

Gives  `show_cleaner`, which serves the page from a thread of this process and shows it below the cell
"""

import secrets
import threading
import time
from pathlib import Path

from fastcore.script import CliError

from training.host import COLAB, KAGGLE, NO_PORT, host_name, show_port

from .__main__ import listen
from .app import build_app, server_of
from .session import Cleaner

HOST = "127.0.0.1"
START_SECONDS = 60


class InlineCleaner:
    """The page of a cleaner, served until `stop`."""

    def __init__(self, cleaner: Cleaner, export: str | Path, n_unreadable: int = 0):
        listener, key = listen(HOST, 0), secrets.token_urlsafe(16)
        self.port = listener.getsockname()[1]
        self.path = f"/?key={key}"  # only the page that knows the key may show this one in a frame
        app = build_app(cleaner, str(export), n_unreadable, HOST, frame_key=key, proxied=host_name() == COLAB)
        self._server = server_of(app)
        self._thread = threading.Thread(
            target=self._server.run, args=([listener],), daemon=True
        )  # ends with the kernel
        self._thread.start()
        give_up = time.monotonic() + START_SECONDS
        while not self._server.started:
            if not self._thread.is_alive() or time.monotonic() > give_up:
                raise CliError(f"The cleaner's page could not be served on port {self.port}. Run the cell again.")
            time.sleep(0.05)

    def stop(self) -> None:
        """Stop serving the page; what was decided on it is kept."""
        self._server.should_exit = True
        self._thread.join(20)


_open: list[InlineCleaner] = []  # at most one: a cell that runs again replaces its page


def show_cleaner(
    cleaner: Cleaner, export: str | Path, n_unreadable: int = 0, height: int = 900
) -> InlineCleaner | None:
    """Show the cleaner's page below the cell and return it; None on Kaggle, which can show none."""
    while _open:
        _open.pop().stop()
    if host_name() == KAGGLE:
        print(f"{NO_PORT} These photos are the most suspicious; `python -m training.clean --list 20` lists more.")
        return None
    page = InlineCleaner(cleaner, export, n_unreadable)
    _open.append(page)
    print(f"{len(cleaner.photos)} photos, the most suspicious first: mark what is wrong, then Apply. stop() closes it.")
    show_port(page.port, page.path, height)
    return page
