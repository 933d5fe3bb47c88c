"""Gradio's queue, its sessions and its fetching, kept within limits that Gradio has no settings for.

    limit_queue(demo, settings)     # before the app is launched
    limit_sessions()
    limit_progress()
    fetch_nothing()

A photo inside of JSON stays in memory until its turn, so what waits is bounded for each client and in bytes.
"""
from annotated_types import MaxLen
from gradio import Blocks, data_classes, processing_utils, routes
from gradio.route_utils import FileUploadProgress

from server.limits.endpoints import BODY_BYTES, CLIENT

from .settings import Settings

MOST_NAME = 100  # characters of what a client calls its session: Gradio keeps it with the session
MOST_SESSIONS = 4000  # of which it remembers events that nobody fetched
YOURS = "You have {n} photos waiting already. Send the next when one is answered."
FULL = "Too many large photos are waiting for their answer. Try again in a few seconds."


def limit_queue(demo: Blocks, settings: Settings) -> None:
    """Have the queue refuse what is too much from one client, or too much to keep in memory."""
    queue, push = demo._queue, demo._queue.push
    most_bytes, each = int(1.5 * settings.upload_bytes), max(1, settings.max_waiting // 2)

    async def limited(body, request, username):
        client = request.scope.get(CLIENT)
        waiting = [event.request.scope for event in queue.event_ids_to_events.values()]
        n = sum(scope.get(CLIENT) == client for scope in waiting)
        if n >= each:
            return False, YOURS.format(n=n), "queue_full"
        if sum(scope.get(BODY_BYTES, 0) for scope in [*waiting, request.scope]) > most_bytes + len(waiting) * 100_000:
            return False, FULL, "queue_full"
        for name in ("_body", "_json"):  # the photo a second and a third time, for as long as the request is known
            vars(request).pop(name, None)
        _forget_what_nobody_fetched(queue)
        return await push(body, request, username)
    queue.push = limited


def _forget_what_nobody_fetched(queue) -> None:
    """Drop the events of sessions whose messages the queue has dropped already."""
    if len(queue.pending_event_ids_session) > MOST_SESSIONS:
        for session in list(queue.pending_event_ids_session):
            if session not in queue.pending_messages_per_session:
                del queue.pending_event_ids_session[session]


def limit_sessions() -> None:
    """Have Gradio refuse names of sessions and events that are too long to keep."""
    for model in (data_classes.PredictBody, data_classes.SimplePredictBody, data_classes.PredictBodyInternal):
        for name in {"session_hash", "event_id"} & model.model_fields.keys():
            model.model_fields[name].metadata.append(MaxLen(MOST_NAME))
        model.model_rebuild(force=True)


def fetch_nothing() -> None:
    """Have Gradio fetch no address: it would take any number of bytes, unpacked. `PhotoInput` fetches photos itself."""
    async def refused(url: str) -> None:
        raise ValueError("Addresses are fetched for photos alone.")
    processing_utils.async_ssrf_protected_get = refused


class Progress(FileUploadProgress):
    """How far uploads have got: the last ones. Gradio's own keeps for ever what nobody asks for."""

    def track(self, upload_id: str) -> None:
        """Begin with an upload; forget the one that began first, where there are many."""
        super().track(upload_id)
        self._forget_first()

    async def is_tracked(self, upload_id: str) -> bool:
        """Wait for an upload to begin."""
        self._forget_first()
        return await super().is_tracked(upload_id)

    def _forget_first(self) -> None:
        for known in (self._statuses, self._signals):
            while len(known) > MOST_SESSIONS:
                del known[next(iter(known))]


def limit_progress() -> None:
    """Have Gradio remember the progress of the last uploads alone."""
    routes.file_upload_statuses = Progress()
