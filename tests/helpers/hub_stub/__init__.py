"""The Hub's HTTP endpoints that a deployment and feedback use, on this machine, with failures to switch on.

Usage:

    with running_hub() as hub:
        hub.down = True                                 # every request gets a 503
        hub.failures["commit"] = iter([429, "cut"])     # the first two requests; then it works
        hub.failures["upload"] = repeat("cut")          # never: the connection ends amid the body
"""

import threading
from contextlib import contextmanager
from http.server import ThreadingHTTPServer

from huggingface_hub import constants

from helpers.hub_stub.accounts import Accounts
from helpers.hub_stub.live_space import LiveSpace
from helpers.hub_stub.repositories import Repositories
from helpers.hub_stub.state import Hub, StubPullRequest, StubRepo
from helpers.hub_stub.uploads import Uploads
from training.deploy import space

__all__ = ["Hub", "StubPullRequest", "StubRepo", "deployed_to_hub", "running_hub"]


class Handler(Accounts, Repositories, Uploads, LiveSpace):
    """A request to any of the routes."""


@contextmanager
def running_hub():
    """Yield a Hub that answers at its `url`."""
    hub = Hub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("ItsHandler", (Handler,), {"hub": hub}))
    server.daemon_threads = True
    hub.url = hub.host = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def deployed_to_hub(monkeypatch):
    """Yield a Hub that `training.deploy` in this process talks to with a token, without waiting."""
    with running_hub() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        monkeypatch.setenv("HF_TOKEN", hub.token)
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        monkeypatch.setattr("huggingface_hub.utils._http.time.sleep", lambda _: None)
        monkeypatch.setattr(space, "POLL", 0.01)
        yield hub
