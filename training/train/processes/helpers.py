"""Train in the processes that torchrun started: the first one as if it were alone, while the others help it.

The first process alone reads options and photos, measures, prints and writes. The others wait in torchrun's store, for
hours if need be, until it asks:

    with asking(help_to_count, files):   # the others call help_to_count(files)
        ...                              # meanwhile, here; both sides may call what `ranks` gives
"""

import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from importlib.util import find_spec
from itertools import count
from typing import Any, NoReturn

import torch
import torch.distributed as dist
from fastcore.script import CliError

from .ranks import Processes, be_alone, enter, environment, here

IDLE = timedelta(days=365)  # of a helper that nobody asks
ORDER = "fieldguide: order {}"  # what the first process asks
FAILED, KNOWN = "fieldguide: failed", "fieldguide: known"  # why a helper ends; the first process knows it
TOLD = timedelta(minutes=1)  # a helper that failed stays as long: torchrun ends the first process as soon as one ends
WORK, LEAVE = "work", "leave"
_orders = count()


def run_with_helpers(command: Callable[[], None]) -> None:
    """Run a command in the first process; the other ones do what it asks until it ends, and end here.

    SIGTERM, which torchrun sends where another process has ended, is a KeyboardInterrupt of the command, as Ctrl-C is.
    """
    processes = enter()
    if not processes:
        command()
        return
    if processes["RANK"]:
        _help(processes)
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    try:
        _check_machine(processes)
        processes.connect()
        command()
    except CliError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        sys.exit("Stopped.")
    finally:
        dismiss()


def dismiss() -> None:
    """Let the helpers go: this process is alone from here on."""
    if (processes := here()) and processes.store:
        with suppress(RuntimeError):  # torchrun itself may have ended
            processes.store.set(ORDER.format(next(_orders)), LEAVE)
    be_alone()


@contextmanager
def asking(function: Callable[..., None], *args: Any) -> Iterator[None]:
    """Have the helpers call function(*args), while this process runs the block; without helpers, run the block alone.

    function: of a module, so that it can be pickled. Raises CliError where one of them fails or ends meanwhile.
    """
    if not (processes := here()):
        yield
        return
    try:
        processes.store.set(ORDER.format(next(_orders)), WORK)
        processes.join()
        dist.broadcast_object_list([function, args], src=0)
        with environment(CPU_CORES=str(processes.n_cores)):  # for threads that are begun in the block
            yield
    except RuntimeError as error:
        if not _is_lost(error):
            raise
        for one in (signal.SIGTERM, signal.SIGINT):  # torchrun sends one now; the reason is known already
            signal.signal(one, signal.SIG_IGN)
        why = _failure(processes) or "one of them ended or cannot be reached"
        with suppress(RuntimeError):
            processes.store.set(KNOWN, why)
        raise CliError(f"The processes could not go on together: {why}. No export was written.") from error


def _help(processes: Processes) -> NoReturn:
    """Do what the first process asks, until it lets this one go or is gone; nothing here has to be kept."""
    for one in (signal.SIGTERM, signal.SIGINT):
        signal.signal(one, signal.SIG_DFL)
    os.environ["CPU_CORES"] = str(processes.n_cores)
    try:
        processes.connect()
        while _next_order(processes.store) == WORK:
            processes.join()
            work: list[Any] = [None, None]
            dist.broadcast_object_list(work, src=0)
            function, args = work
            function(*args)
        be_alone()
        status = 0
    except Exception as error:
        status = 1
        if not (isinstance(error, RuntimeError) and _is_lost(error)):  # then the first process says why
            if not isinstance(error, CliError):
                traceback.print_exc()
            with suppress(RuntimeError):
                processes.store.set(FAILED, f"process {processes['RANK']} failed ({type(error).__name__}: {error})")
        with suppress(RuntimeError):
            dist.destroy_process_group()  # which the first process notices
            processes.store.wait([KNOWN], TOLD)
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)  # a group that is broken would abort at an ordinary exit


def _next_order(store: Any) -> str:
    """Wait for what the first process asks next, and return it."""
    key = ORDER.format(next(_orders))
    store.wait([key], IDLE)
    order: str = store.get(key).decode()
    return order


def _is_lost(error: RuntimeError) -> bool:
    """Return whether another process, or the way to it, is the reason of an error."""
    return isinstance(error, dist.DistError) or any(word in str(error) for word in ("gloo", "NCCL", "Connection"))


def _failure(processes: Processes) -> str:
    """Return why a helper failed, "" if none has told."""
    try:
        return processes.store.get(FAILED).decode() if processes.store.check([FAILED]) else ""
    except RuntimeError:  # torchrun itself has ended
        return ""


def _check_machine(processes: Processes) -> None:
    """Raise CliError where several processes cannot train here."""
    if find_spec("accelerate") is None:
        raise CliError("Several processes need one more package: pip install -r training/requirements.txt")
    if torch.backends.mps.is_available():
        raise CliError("Several processes train on CPUs or on CUDA's GPUs, not on Apple's: start without torchrun.")
    n = int(processes.environment.get("LOCAL_WORLD_SIZE", 1))
    if 0 < (n_gpus := torch.cuda.device_count()) < n:
        raise CliError(f"There are {n} processes for {n_gpus} GPU: start one for each GPU.")
