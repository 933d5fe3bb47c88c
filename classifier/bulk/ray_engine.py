"""Answer parts on Ray: the cluster at an address, or processes of this machine.

Plain tasks, not Ray Data: its blocks are its own unit, and its retries of a block that ends its process are endless;
ours is the part, which is written whole or not at all.
"""

import logging
import os
import signal
import socket
import threading
from pathlib import Path
from typing import Any

import ray
from fastcore.script import CliError

from classifier.cpu_count import cores

from .engines import Results
from .places import why
from .worker import RETRIES, answer_part

ONE_CORE = {"CPU_CORES": "1", "OMP_NUM_THREADS": "1"}
ROOT = Path(__file__).parents[2]
WAIT = 30  # seconds for a cluster at an address
AHEAD = 4  # parts in the queue for each core
STORE_BYTES = 80_000_000  # of Ray's object store, which holds a few numbers of each part; the least that Ray takes


def results(out: str, parts: list[str], workers: int, address: str) -> Results:
    """Yield the result of each part as it is there; a part that ends RETRIES workers is given up for this run."""
    paths = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH", "")])])
    environment = {"env_vars": {**ONE_CORE, "PYTHONPATH": paths}}
    started = not ray.is_initialized()
    if started:
        _start(environment, workers or cores(), address)
    try:
        yield from _mapped(out, parts, environment)
    finally:
        if started:
            ray.shutdown()


def _start(environment: dict[str, Any], n: int, address: str) -> None:
    """Join the cluster at an address, or start one of n processes; CliError where that fails."""
    if ":" in address and "://" not in address:
        _knock(address)
    heeded = signal.getsignal(signal.SIGTERM)
    own = {"num_cpus": n, "include_dashboard": False, "object_store_memory": STORE_BYTES}
    try:
        ray.init(
            runtime_env=environment,
            log_to_driver=False,
            logging_level=logging.ERROR,
            **({"address": address} if address else {**own, "address": "local"}),
        )
    except Exception as error:  # Ray has many classes, and plain Exception
        where = f"at {address} cannot be joined" if address else "cannot be started here"
        raise CliError(f"A Ray cluster {where}: {why(error)}.") from None
    if heeded is not None and threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, heeded)  # Ray's own prints a trace of its stack, and ends us with 15


def _knock(address: str) -> None:
    """Raise CliError where nobody listens at HOST:PORT, which Ray tries for minutes, with a line for each try."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), WAIT).close()
    except (OSError, ValueError, OverflowError) as error:
        raise CliError(f"There is no Ray cluster at {address}: {why(error)}.") from None


def _mapped(out: str, parts: list[str], environment: dict[str, Any]) -> Results:
    task = ray.remote(num_cpus=1, max_retries=RETRIES - 1, runtime_env=environment)(answer_part)
    waiting, running = list(reversed(parts)), list[Any]()
    while waiting or running:
        most = AHEAD * max(1, int(ray.cluster_resources().get("CPU", 1)))  # a cluster may grow
        while waiting and len(running) < most:
            running.append(task.remote(out, waiting.pop()))
        (ready, *_), running = ray.wait(running, num_returns=1)
        try:
            yield ray.get(ready)
        except Exception as error:  # that its worker ended too often, or a fault of ours
            yield f"{type(error).__name__}: {why(error)}"
