"""The engines that map `answer_part` over the names of parts: this machine's threads, Dask or Ray.

An engine need not resume, count or retry for long: a part that is there is done, and the same command goes on.
"""

import os
from collections.abc import Callable, Generator
from importlib import import_module

from fastcore.script import CliError

from .worker import RETRIES, Result, answer_part

Results = Generator[Result, None, None]
Engine = Callable[[str, list[str], int, str], Results]
"""(out, parts, workers, address) to the result of each part as it is there"""

RAY_SETTINGS = {
    "RAY_USAGE_STATS_ENABLED": "0",  # it reports nothing to anybody
    "RAY_DEDUP_LOGS_SKIP_REGEX": ".",  # nor prints which worker has ended: our own line says what came of it
    "RAY_task_oom_retries": str(RETRIES - 1),  # without end where nothing is said
}
"""environment of Ray, which reads it as it is imported"""


def here(out: str, parts: list[str], workers: int, address: str) -> Results:
    """Yield the results of this process, whose threads answer the photos of one part at a time."""
    for part in parts:
        yield answer_part(out, part)


def dask(out: str, parts: list[str], workers: int, address: str) -> Results:
    """Yield the results of a Dask cluster: the one at `address`, or one of `workers` processes that is started here."""
    yield from _results("dask", out, parts, workers, address)


def ray(out: str, parts: list[str], workers: int, address: str) -> Results:
    """Yield the results of a Ray cluster: the one at `address`, or one of `workers` processes that is started here."""
    for name, value in RAY_SETTINGS.items():
        os.environ.setdefault(name, value)
    yield from _results("ray", out, parts, workers, address)


def _results(engine: str, out: str, parts: list[str], workers: int, address: str) -> Results:
    """Yield the results of an engine; CliError where it is not installed."""
    try:
        module = import_module(f".{engine}_engine", __package__)
    except ImportError as error:
        raise CliError(
            f"--engine {engine} needs a package that is not installed ({error.name}): "
            f"pip install -r classifier/bulk/requirements-{engine}.txt"
        ) from None
    yield from module.results(out, parts, workers, address)


ENGINES: dict[str, Engine] = {"": here, "dask": dask, "ray": ray}
