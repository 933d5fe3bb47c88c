"""A server of photos for the tests of gathering."""

import pytest

from helpers.photos import noisy_photo
from helpers.web import as_png, served


@pytest.fixture
def web():
    """A server whose every /photo/N is another photo."""
    with served() as server:

        def do_photo(handler):
            seed = int(handler.path.rstrip("/").split("/")[-1].split(".")[0])
            handler.reply(200, as_png(noisy_photo((200, 40, 40), seed, (90, 60))))

        server.RequestHandlerClass.do_photo = do_photo
        yield server
