"""Ctrl-C ends a training, whatever library it meets on the way.

Gives `heeding_interrupts`, around what may be interrupted, and `HeedInterrupt`, a fastai callback
"""
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from fastai.callback.core import Callback

interrupted = threading.Event()


class HeedInterrupt(Callback):
    """Ends the training at Ctrl-C even where the interrupt itself was lost (see `heeding_interrupts`)."""

    def after_batch(self) -> None:
        if interrupted.is_set():
            raise KeyboardInterrupt


@contextmanager
def heeding_interrupts() -> Iterator[None]:
    """Remember Ctrl-C within the block: fastprogress drops one that comes while it begins a bar."""
    def remember(*_):
        interrupted.set()
        raise KeyboardInterrupt

    before = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, remember)
    try:
        yield
    finally:
        if signal.getsignal(signal.SIGINT) is remember:
            signal.signal(signal.SIGINT, before)
        interrupted.clear()
