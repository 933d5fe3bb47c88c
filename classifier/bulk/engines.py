"""The engines that map `answer_part` over the names of parts: this machine's threads, Dask or Ray.

An engine need not resume, count or retry for long: a part that is there is done, and the same command goes on.
"""

from collections.abc import Callable, Iterable, Iterator

from fastcore.script import CliError

from .worker import Result, answer_part

Engine = Callable[[str, list[str], int, str], Iterable[Result]]
"""(out, parts, workers, address) to the result of each part as it is there"""


def here(out: str, parts: list[str], workers: int, address: str) -> Iterator[Result]:
    """Yield the results of this process, whose threads answer the photos of one part at a time."""
    for part in parts:
        yield answer_part(out, part)


def dask(out: str, parts: list[str], workers: int, address: str) -> Iterator[Result]:
    """Yield the results of a Dask cluster: the one at `address`, or one of `workers` processes that is started here."""
    try:
        from .dask_engine import results
    except ImportError as error:
        raise missing("dask", error) from None
    yield from results(out, parts, workers, address)


def ray(out: str, parts: list[str], workers: int, address: str) -> Iterator[Result]:
    """Yield the results of a Ray cluster: the one at `address`, or one of `workers` processes that is started here."""
    try:
        from .ray_engine import results
    except ImportError as error:
        raise missing("ray", error) from None
    yield from results(out, parts, workers, address)


def missing(engine: str, error: ImportError) -> CliError:
    """Return the error for an engine that is not installed."""
    return CliError(
        f"--engine {engine} needs a package that is not installed ({error.name}): "
        f"pip install -r classifier/bulk/requirements-{engine}.txt"
    )


ENGINES: dict[str, Engine] = {"": here, "dask": dask, "ray": ray}
