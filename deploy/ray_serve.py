"""Answer photos on Ray Serve: replicas over the machines of a Ray cluster, with one core each.

    serve run deploy.ray_serve:app           # pip install "ray[serve]"; in the folder of app.py
    curl --data-binary @bear.jpg http://127.0.0.1:8000/classify

It answers a photo as POST /classify does, and nothing else: no page, no keys, no limits. Put those in front.
"""

import os

os.environ.setdefault("CPU_CORES", "1")  # each replica has one, and would take all

from ray import serve
from starlette.requests import Request
from starlette.responses import JSONResponse

from classifier import Classifier
from classifier.photo import PhotoError

MAX_BYTES = 20_000_000


@serve.deployment(num_replicas=2, max_ongoing_requests=4, ray_actor_options={"num_cpus": 1})
class Photos:
    """One replica: a classifier of its own."""

    def __init__(self) -> None:
        self._classifier = Classifier.load(os.environ.get("EXPORT") or "export.pkl")

    async def __call__(self, request: Request) -> JSONResponse:
        """Answer the photo in a request's body."""
        photo = await read_body(request)
        if photo is None:
            return JSONResponse({"error": f"A photo may have {MAX_BYTES // 1_000_000} MB. Send a smaller one."}, 413)
        try:
            prediction = self._classifier.predict(photo)
        except PhotoError as error:
            return JSONResponse({"error": str(error)}, 422)
        version = self._classifier.short_version
        return JSONResponse({**prediction.to_dict(), "model_version": version})


async def read_body(request: Request) -> bytes | None:
    """Return a request's body, which may come without its length; None for one of more than MAX_BYTES."""
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > MAX_BYTES:
            return None
    return bytes(body)


app = Photos.bind()
