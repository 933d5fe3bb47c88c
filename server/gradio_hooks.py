"""Private hooks into Gradio and uvicorn, all of them: limits for which neither has a setting.

    install_hooks(demo, settings)     # before the app is launched

Each function here replaces or reads something that Gradio and uvicorn do not document. After an update of either,
check this module first.
"""

import os
import threading
import time
from typing import Any

import gradio.component_meta
import gradio.http_server
import gradio.mcp
import uvicorn.config
from annotated_types import MaxLen
from fastapi import Request
from gradio import Blocks, data_classes, processing_utils, routes
from gradio.exceptions import ServerFailedToStartError
from gradio.queueing import Queue
from gradio.route_utils import FileUploadProgress
from gradio.state_holder import SessionState

from server.limits.endpoints import BODY_BYTES, CLIENT
from server.limits.http_protocol import BoundedProtocol

from .settings import Settings

MAX_SESSION_NAME = 100  # characters of what a client calls its session: Gradio keeps it with the session
MAX_SESSIONS = 4000  # of which Gradio remembers events that nobody fetched
START_SECONDS = 60
QUEUE_OVERHEAD = 100_000  # bytes of a request around its photo
TOO_MANY_OF_CLIENT = "You have {n} photos waiting already. Send the next when one is answered."
TOO_MANY_BYTES = "Too many large photos are waiting for their answer. Try again in a few seconds."


def install_hooks(demo: Blocks, settings: Settings) -> None:
    """Install all hooks that the running app needs."""
    use_bounded_protocol()
    wait_for_start()
    keep_mcp_photos_with_uploads()
    limit_queue(demo, settings)
    limit_session_names()
    limit_upload_progress()
    forbid_fetching()


# uvicorn, and how Gradio starts and stops it


def use_bounded_protocol() -> None:
    """Have servers that are started from now on use `BoundedProtocol`."""
    uvicorn.config.HTTP_PROTOCOLS["auto"] = f"{BoundedProtocol.__module__}:{BoundedProtocol.__name__}"


def wait_for_start() -> None:
    """Have a server that starts slowly, on a busy machine, waited for."""
    gradio.http_server.Server.run_in_thread = _run_in_thread  # type: ignore[method-assign]  # this is the hook


def _run_in_thread(server: gradio.http_server.Server) -> None:
    """Start a server in a thread. Gradio gives it five seconds, then starts it again beside the first."""
    server.thread = threading.Thread(target=server.run, daemon=True)
    if server.reloader:
        server.watch_thread = threading.Thread(target=server.watch, daemon=True)
        server.watch_thread.start()
    server.thread.start()
    deadline = time.monotonic() + START_SECONDS
    while not server.started:
        time.sleep(0.005)
        if time.monotonic() > deadline or not server.thread.is_alive():
            raise ServerFailedToStartError("Server failed to start. Please check that the port is available.")


def stop_server(demo: Blocks, seconds: float) -> None:
    """Stop a launched app's server, and wait for its end for so many seconds at most."""
    server = demo.server
    server.config.timeout_graceful_shutdown = 1  # pages keep a connection open for as long as they are shown
    server.should_exit = True
    server.thread.join(seconds)


# Gradio's queue


def limit_queue(demo: Blocks, settings: Settings) -> None:
    """Have the queue refuse what is too much from one client, or too much to keep in memory.

    A photo inside of JSON stays in memory until its turn, so what waits is bounded for each client and in bytes.
    """
    queue, push = demo._queue, demo._queue.push
    max_bytes, max_per_client = int(1.5 * settings.upload_bytes), max(1, settings.max_waiting // 2)

    async def limited_push(body: data_classes.PredictBodyInternal, request: Request, username: str | None) -> Any:
        client = request.scope.get(CLIENT)
        waiting = [event.request.scope for event in queue.event_ids_to_events.values()]
        n = sum(scope.get(CLIENT) == client for scope in waiting)
        if n >= max_per_client:
            return False, TOO_MANY_OF_CLIENT.format(n=n), "queue_full"
        n_bytes = sum(scope.get(BODY_BYTES, 0) for scope in [*waiting, request.scope])
        if n_bytes > max_bytes + len(waiting) * QUEUE_OVERHEAD:
            return False, TOO_MANY_BYTES, "queue_full"
        for name in ("_body", "_json"):  # the photo a second and a third time, for as long as the request is known
            vars(request).pop(name, None)
        _drop_unfetched_events(queue)
        return await push(body, request, username)

    queue.push = limited_push  # type: ignore[method-assign]  # this is the hook


def _drop_unfetched_events(queue: Queue) -> None:
    """Drop the events of sessions whose messages the queue has dropped already."""
    if len(queue.pending_event_ids_session) > MAX_SESSIONS:
        for session in list(queue.pending_event_ids_session):
            if session not in queue.pending_messages_per_session:
                del queue.pending_event_ids_session[session]


def queue_length(demo: Blocks) -> int:
    """Return how many events wait in the queue or are being worked on."""
    return len(demo._queue) + sum(len(job) for job in demo._queue.active_jobs if job)


# Gradio's sessions and the progress of uploads


def limit_session_names() -> None:
    """Have Gradio refuse names of sessions and events that are too long to keep."""
    for model in (data_classes.PredictBody, data_classes.SimplePredictBody, data_classes.PredictBodyInternal):
        for name in {"session_hash", "event_id"} & model.model_fields.keys():
            model.model_fields[name].metadata.append(MaxLen(MAX_SESSION_NAME))
        model.model_rebuild(force=True)


def clear_inputs(block_fn: Any, state: SessionState | None) -> None:
    """Take the inputs of a call out of its session, or each of 200 sessions could hold a photo of 20 MB as text."""
    if state:
        for block in block_fn.inputs:
            if block._id in state.config_values:
                state._update_value_in_config(block._id, None)


class RecentProgress(FileUploadProgress):
    """The progress of the last uploads. Gradio's own keeps for ever what nobody asks for."""

    def track(self, upload_id: str) -> None:
        """Begin with an upload; forget the one that began first, where there are many."""
        super().track(upload_id)
        self._forget_first()

    async def is_tracked(self, upload_id: str) -> bool:
        """Wait for an upload to begin."""
        self._forget_first()
        return await super().is_tracked(upload_id)

    def _forget_first(self) -> None:
        known: dict[str, Any]
        for known in (self._statuses, self._signals):
            while len(known) > MAX_SESSIONS:
                del known[next(iter(known))]


def limit_upload_progress() -> None:
    """Have Gradio remember the progress of the last uploads alone."""
    routes.file_upload_statuses = RecentProgress()


# what Gradio fetches and writes


def forbid_fetching() -> None:
    """Have Gradio fetch no address: it would take any number of bytes, unpacked. `PhotoInput` fetches photos itself."""

    async def refuse(url: str) -> Any:
        raise ValueError("Addresses are fetched for photos alone.")

    processing_utils.async_ssrf_protected_get = refuse


def keep_mcp_photos_with_uploads() -> None:
    """Have photos that assistants send as data URLs written where uploads are, to be deleted as those are.

    Gradio reads the folder's name when it is imported, before the app can set it.
    """
    gradio.mcp.DEFAULT_TEMP_DIR = os.environ["GRADIO_TEMP_DIR"]


def write_no_stubs() -> None:
    """Have Gradio write no .pyi file beside the module of a component that is defined from now on."""
    gradio.component_meta.create_or_modify_pyi = lambda *_: None
