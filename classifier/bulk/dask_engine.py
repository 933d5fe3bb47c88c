"""Answer parts on Dask: the cluster at an address, or worker processes of this machine."""

import os
from collections.abc import Iterator

from distributed import Client, LocalCluster, as_completed

from classifier.cpu_count import cores

from .worker import RETRIES, Result, answer_part

ONE_CORE = {"CPU_CORES": "1", "OMP_NUM_THREADS": "1"}


def results(out: str, parts: list[str], workers: int, address: str) -> Iterator[Result]:
    """Yield the result of each part as it is there; a part that ends RETRIES workers is given up for this run."""
    import dask

    dask.config.set({"distributed.scheduler.allowed-failures": RETRIES - 1, "logging.distributed": "error"})
    if address:
        with Client(address) as client:
            yield from _mapped(client, out, parts)
        return
    os.environ.update(ONE_CORE)  # of the processes that are started now
    n = workers or cores()
    with (
        LocalCluster(n_workers=n, threads_per_worker=1, dashboard_address=None, silence_logs=50) as cluster,
        Client(cluster) as client,
    ):
        yield from _mapped(client, out, parts)


def _mapped(client: Client, out: str, parts: list[str]) -> Iterator[Result]:
    futures = client.map(answer_part, [out] * len(parts), parts, pure=False, retries=RETRIES)
    for future in as_completed(futures):
        error = future.exception()
        yield future.result() if error is None else f"{type(error).__name__}: {error}"
        future.release()
