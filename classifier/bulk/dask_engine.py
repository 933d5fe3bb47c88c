"""Answer parts on Dask: the cluster at an address, or worker processes of this machine."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker

import dask
from distributed import Client, LocalCluster, as_completed
from fastcore.script import CliError

from classifier.cpu_count import cores

from .engines import Results
from .places import why
from .worker import RETRIES, answer_part

ONE_CORE = {"CPU_CORES": "1", "OMP_NUM_THREADS": "1"}
QUIET = 60  # above each level of logging: what is lost is said by our own line
WAIT = 30  # seconds for a cluster at an address


def results(out: str, parts: list[str], workers: int, address: str) -> Results:
    """Yield the result of each part as it is there; a part that ends RETRIES workers is given up for this run."""
    settings = {
        "distributed.scheduler.allowed-failures": RETRIES - 1,
        "distributed.nanny.pre-spawn-environ": ONE_CORE,
        "distributed.worker.profile.enabled": False,  # it looks at each thread a hundred times a second
        "distributed.admin.tick.interval": "500ms",  # and its loops at themselves fifty times
        "logging": {"distributed": QUIET},
    }
    with dask.config.set(settings):
        if address:
            try:
                client = Client(address, timeout=WAIT)
            except (OSError, ValueError) as error:
                raise CliError(f"There is no Dask scheduler at {address}: {why(error)}.") from None
            with client:
                yield from _mapped(client, out, parts)
            return
        n = workers or cores()
        with no_interrupts():
            cluster = LocalCluster(n_workers=n, threads_per_worker=1, dashboard_address=None, silence_logs=QUIET)
        with cluster, Client(cluster) as client:
            yield from _mapped(client, out, parts)


@contextmanager
def no_interrupts() -> Iterator[None]:
    """Keep Ctrl-C from the threads that are started meanwhile, and from the processes that they start at any time."""
    if not hasattr(signal, "pthread_sigmask"):  # on Windows
        yield
        return
    resource_tracker.ensure_running()  # the first process would start it, and let Ctrl-C through again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _mapped(client: Client, out: str, parts: list[str]) -> Results:
    futures = client.map(answer_part, [out] * len(parts), parts, pure=False)
    for future in as_completed(futures):
        error = future.exception()
        yield future.result() if error is None else f"{type(error).__name__}: {why(error)}"
        future.release()
