"""Launch the app behind its limits; on SIGTERM or Ctrl-C, answer what has been asked and take nothing new.

Usage:

    serve(demo, classifier, predictor, settings, feedback)
"""

import gc
import os
import signal
import sys
import time
from contextlib import nullcontext, redirect_stdout, suppress
from io import StringIO
from pathlib import Path
from queue import Empty, SimpleQueue

import gradio as gr
from starlette.middleware import Middleware
from starlette.routing import BaseRoute

from classifier import Classifier
from server.batch.routes import batch_routes
from server.feedback.store import Feedback
from server.limits.admission import AdmissionControl
from server.limits.middleware import LimitsMiddleware
from server.monitoring.log import writes_json

from .api import routes
from .gradio_hooks import install_hooks, queue_length, stop_server
from .look import CSS
from .operations import Operations
from .predictor import Predictor
from .settings import Settings
from .theme import THEME
from .uploads import Uploads

MAX_SESSIONS = 200  # Gradio keeps what it calls a session, 60 kB, for each call of its API
GRACE_SECONDS = 8  # for what has been asked; a platform kills what has not gone after some more
MAX_STOP_SECONDS = 9  # until the end, unless that is less than one for the last feedback
DELIVERY_SECONDS = 0.5  # for an answer that is ready to leave


def serve(
    demo: gr.Blocks,
    classifier: Classifier,
    predictor: Predictor,
    settings: Settings,
    feedback: Feedback | None = None,
    operations: Operations | None = None,
) -> None:
    """Launch the app and end the process when it is told to stop, by SIGTERM or Ctrl-C."""
    operations = operations or Operations()
    keys, metrics = operations.keys, operations.metrics
    admission = AdmissionControl(settings, operations.shared)
    uploads = Uploads(
        Path(os.environ["GRADIO_TEMP_DIR"]),
        settings.upload_minutes,
        settings.max_stored_mb,
        keep={path for block in demo.blocks.values() for path in block.keep_in_cache},
    )
    signals = _stop_signals()
    install_hooks(demo, settings)
    app_routes = [
        *routes(predictor, classifier, admission, lambda: uploads.problem() or (keys.problem if keys else None)),
        *operations.routes(),
        *batch_routes(
            settings,
            classifier.reports_familiarity,
            feedback is not None,
            classifier.multi_label,
            classifier.operating_point is not None,
        ),
    ]
    if metrics:
        metrics.watch("request", lambda: admission.waiting)
        metrics.watch("page", lambda: queue_length(demo))
    _launch(demo, admission, operations, app_routes)
    uploads.start_sweeping()
    if feedback:
        feedback.counters.start_flushing()
    _wait_for(signals)
    admission.leaving = True
    time.sleep(settings.stop_delay)
    end = time.monotonic() + MAX_STOP_SECONDS
    _stop(demo, admission)
    if feedback:
        feedback.close(max(1, end - time.monotonic()))
    uploads.clear_own()
    sys.stdout.flush()
    os._exit(0)  # threads that still decode something for nobody would hold up the end


def _launch(
    demo: gr.Blocks,
    admission: AdmissionControl,
    operations: Operations,
    app_routes: list[BaseRoute],
) -> None:
    """Start the server, in threads of its own, and set aside what is kept for good."""
    # rendered by Python alone: a Node server in front would not know /classify
    with redirect_stdout(StringIO()) if writes_json() else nullcontext():  # Gradio's lines are not JSON
        demo.launch(
            enable_monitoring=False,
            ssr_mode=False,
            state_session_capacity=MAX_SESSIONS,
            prevent_thread_lock=True,
            run_history=False,  # it would send a visitor's runs to the Hub
            css=CSS,
            theme=THEME,
            max_file_size=admission.settings.upload_bytes,
            app_kwargs={
                "routes": app_routes,
                "middleware": [
                    *operations.middleware(),
                    Middleware(LimitsMiddleware, admission=admission, keys=operations.keys),
                ],
            },
        )
    gc.collect()
    gc.freeze()  # what is kept for good is not looked through after each large request


def _stop_signals() -> SimpleQueue[int]:
    """Return the queue that the signals SIGTERM and SIGINT come into from now on."""
    signals: SimpleQueue[int] = SimpleQueue()  # an Event that a signal handler sets could wait for itself for ever
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, _: signals.put(number))
    return signals


def _wait_for(signals: SimpleQueue[int]) -> None:
    """Wait until a signal has come."""
    while True:  # Windows delivers Ctrl-C only between waits
        with suppress(Empty):
            signals.get(timeout=1)
            return


def _stop(demo: gr.Blocks, admission: AdmissionControl) -> None:
    """Refuse new requests, wait for the answers under way, but not for ever; then stop the server."""
    admission.stopping = True
    deadline = time.monotonic() + GRACE_SECONDS
    while time.monotonic() < deadline and (admission.busy or queue_length(demo)):
        time.sleep(0.05)
    time.sleep(DELIVERY_SECONDS)
    stop_server(demo, 3)
