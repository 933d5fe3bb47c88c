"""Put the app on the web behind its gate; told to stop, answer what has been asked, and take nothing new.

    serve(demo, classifier, answers, settings, feedback)
"""
import os
import signal
import sys
import time
from contextlib import suppress
from queue import Empty, SimpleQueue

import gradio as gr
from starlette.middleware import Middleware

from classifier import Classifier
from server.batch.routes import batch_routes
from server.feedback.question import CSS
from server.feedback.store import Feedback
from server.limits.admission import Gate
from server.limits.http_protocol import close_idle_connections, start_patiently
from server.limits.middleware import Guard

from .api import routes
from .gradio_hooks import fetch_nothing, limit_progress, limit_queue, limit_sessions
from .mcp_tools import keep_photos_with_uploads
from .predictor import Answers
from .settings import Settings
from .uploads import Uploads

MOST_SESSIONS = 200  # Gradio keeps what it calls a session, 60 kB, for each call of its API
GRACE = 8  # seconds for what has been asked; a platform kills what has not gone after some more
LONGEST = 9  # seconds until the end, unless that is less than one for the last feedback
DELIVERY = 0.5  # seconds for an answer that is ready to leave


def serve(demo: gr.Blocks, classifier: Classifier, answers: Answers, settings: Settings,
          feedback: Feedback | None = None) -> None:
    """Launch the app and end the process when it is told to stop, by SIGTERM or Ctrl-C."""
    gate = Gate(settings)
    uploads = Uploads(os.environ["GRADIO_TEMP_DIR"], settings.upload_minutes, settings.max_stored_mb,
                      keep={path for block in demo.blocks.values() for path in block.keep_in_cache})
    told = SimpleQueue()  # no Event: set by a handler that cuts into its wait, it would wait for itself for ever
    for sign in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sign, lambda number, _: told.put(number))
    close_idle_connections()
    start_patiently()
    keep_photos_with_uploads()
    limit_queue(demo, settings)
    limit_sessions()
    limit_progress()
    fetch_nothing()
    # rendered by Python alone: a Node server in front would not know /classify
    demo.launch(enable_monitoring=False, ssr_mode=False, state_session_capacity=MOST_SESSIONS, prevent_thread_lock=True,
                run_history=False,  # it would send a visitor's runs to the Hub
                css=CSS if feedback else None, max_file_size=settings.upload_bytes,
                app_kwargs={"routes": [*routes(answers, classifier, gate, uploads.problem),
                                       *batch_routes(settings, classifier.knows_strangers, feedback is not None)],
                            "middleware": [Middleware(Guard, gate=gate)]})
    uploads.keep_swept()
    if feedback:
        feedback.counters.keep_flushed()
    while True:  # Windows delivers Ctrl-C only between waits
        with suppress(Empty):
            told.get(timeout=1)
            break
    end = time.monotonic() + LONGEST
    _finish(demo, gate)
    if feedback:
        feedback.close(max(1, end - time.monotonic()))
    uploads.clear_own()
    sys.stdout.flush()
    os._exit(0)  # threads that still decode something for nobody would hold up the end


def _finish(demo: gr.Blocks, gate: Gate) -> None:
    """Wait for the answers under way, but not for ever; refuse what is new; then close."""
    gate.stopping = True
    deadline = time.monotonic() + GRACE
    while time.monotonic() < deadline and (gate.busy or _queued(demo)):
        time.sleep(0.05)
    time.sleep(DELIVERY)
    demo.server.config.timeout_graceful_shutdown = 1  # pages keep a connection open for as long as they are shown
    demo.server.should_exit = True
    demo.server.thread.join(3)


def _queued(demo: gr.Blocks) -> bool:
    """Return whether Gradio's queue has work."""
    return len(demo._queue) > 0 or any(demo._queue.active_jobs)
