"""Stop a training at Ctrl-C, also where a library catches the interrupt.

Gives `remember_interrupts`, a context for what may be interrupted, and `StopOnInterrupt`, a fastai callback
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

from fastai.callback.core import Callback

interrupted = threading.Event()


class StopOnInterrupt(Callback):
    """Stop the training at Ctrl-C, even where the exception itself was lost (see `remember_interrupts`)."""

    def after_batch(self) -> None:
        """Raise the interrupt that was remembered."""
        if interrupted.is_set():
            raise KeyboardInterrupt


@contextmanager
def remember_interrupts() -> Iterator[None]:
    """Remember Ctrl-C within the block: fastprogress ignores one that comes while it draws its first bar."""

    def remember(*_: object) -> NoReturn:
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
