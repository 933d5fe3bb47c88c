"""Do work in a process of its own, and kill it at any line of the project's code or at any moment."""

import os
import signal
import sys
import time
from collections.abc import Callable


def killed_at(line: int, work: Callable[[], object]) -> bool:
    """Do the work until the n-th line of it in training/, be killed there, and return whether it came to that."""

    def count(frame, event, _):
        nonlocal line
        if "training" not in frame.f_code.co_filename:
            return None
        line -= 1
        if line == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return count

    child = os.fork()
    if not child:
        try:
            sys.settrace(count)
            work()
        finally:
            os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def killed_after(seconds: float, work: Callable[[], object]) -> bool:
    """Do the work, kill it after so many seconds, and return whether it was not through."""
    child = os.fork()
    if not child:
        try:
            work()
        finally:
            os._exit(0)
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def kill_everywhere(
    made: Callable[[], object],
    work: Callable[[], object],
    check: Callable[[int], None],
    lines: tuple[int, int],
    n_moments: int,
) -> int:
    """Kill the work at each n-th line and at some moments, check after each, and return how often.

    made: makes what the work is done on; lines: the first one and the step.
    """
    n, (at, step) = 0, lines
    ended = False
    while not ended:
        made()
        ended = not killed_at(at, work)
        check(at)
        n, at = n + 1, at + step
    made()
    began = time.monotonic()
    work()
    whole = time.monotonic() - began
    for i in range(n_moments):
        made()
        killed_after(whole * i / n_moments, work)
        check(i)
        n += 1
    return n
