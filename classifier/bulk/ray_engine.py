"""Answer parts on Ray: the cluster at an address, or processes of this machine.

Plain tasks, not Ray Data: its blocks are its own unit, and its retries of a block that ends its process are endless;
ours is the part, which is written whole or not at all.
"""

import os
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("RAY_DEDUP_LOGS", "1")
import ray

from classifier.cpu_count import cores

from .worker import RETRIES, Result, answer_part

ONE_CORE = {"CPU_CORES": "1", "OMP_NUM_THREADS": "1"}
ROOT = Path(__file__).parents[2]
AHEAD = 4  # parts in the queue for each worker


def results(out: str, parts: list[str], workers: int, address: str) -> Iterator[Result]:
    """Yield the result of each part as it is there; a part that ends RETRIES workers is given up for this run."""
    paths = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH", "")])])
    environment = {"env_vars": {**ONE_CORE, "PYTHONPATH": paths}}
    n = workers or cores()
    started = not ray.is_initialized()
    if started:
        options = {"address": address} if address else {"num_cpus": n, "include_dashboard": False}
        ray.init(runtime_env=environment, log_to_driver=False, logging_level="ERROR", **options)
    try:
        yield from _mapped(out, parts, environment)
    finally:
        if started:
            ray.shutdown()


def _mapped(out: str, parts: list[str], environment: dict[str, dict[str, str]]) -> Iterator[Result]:
    task = ray.remote(num_cpus=1, max_retries=RETRIES - 1, retry_exceptions=False, runtime_env=environment)(answer_part)
    most = AHEAD * max(1, int(ray.cluster_resources().get("CPU", 1)))
    waiting, running = list(reversed(parts)), list[object]()
    while waiting or running:
        while waiting and len(running) < most:
            running.append(task.remote(out, waiting.pop()))
        (ready, *_), running = ray.wait(running, num_returns=1)
        try:
            yield ray.get(ready)
        except Exception as error:  # what a task raised, or that its worker ended too often
            yield f"{type(error).__name__}: {str(error).strip().splitlines()[-1]}"
