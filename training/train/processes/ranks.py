"""What each of several processes of one training calls: who it is, and what all of them exchange.

Reads  WORLD_SIZE, RANK and LOCAL_RANK, as torchrun sets them
Gives  `size`, `rank`, and `gathered`, `largest` and `total`, which all processes have to call at the same time

In a training of one process, each of them answers as such.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch.distributed.rendezvous import rendezvous

from classifier.cpu_count import cores

VARIABLES = ("WORLD_SIZE", "RANK", "LOCAL_RANK", "LOCAL_WORLD_SIZE")
WAIT = timedelta(minutes=10)  # for another process, where all are at the same work


@dataclass
class Processes:
    """The processes of a training, as one of them sees them."""

    environment: dict[str, str]  # the variables that fastai and Accelerate look for
    n_cores: int  # for each, if all on this machine work at the same time
    store: Any = None  # torchrun's, in which they find one another

    def __getitem__(self, name: str) -> int:
        return int(self.environment[name])

    def connect(self) -> None:
        """Connect to torchrun's store."""
        self.store = next(rendezvous("env://", self["RANK"], self["WORLD_SIZE"], timeout=WAIT))[0]

    def join(self) -> None:
        """Form the group of all processes, once: by gloo on CPUs, by nccl on GPUs."""
        if dist.is_initialized():
            return
        backend = "gloo"
        if torch.cuda.is_available():
            torch.cuda.set_device(self["LOCAL_RANK"])
            backend = "cpu:gloo,cuda:nccl"
        dist.init_process_group(
            backend, store=self.store, rank=self["RANK"], world_size=self["WORLD_SIZE"], timeout=WAIT
        )

    def leave(self) -> None:
        """Leave that group."""
        if dist.is_initialized():
            dist.destroy_process_group()


_here: Processes | None = None


def enter() -> Processes | None:
    """Return the processes that torchrun started, None if this one is alone.

    The variables are taken out of the environment: fastai would otherwise gather what it computes over all processes,
    and wait for ever for those that do something else.
    """
    global _here
    if int(os.environ.get("WORLD_SIZE", 1)) > 1:
        taken = {name: os.environ.pop(name) for name in VARIABLES if name in os.environ}
        _here = Processes(taken, max(1, cores() // int(taken.get("LOCAL_WORLD_SIZE", 1))))
    return _here


def be_alone() -> None:
    """From here on, this process is the only one."""
    global _here
    if _here:
        _here.leave()
    _here = None


def here() -> Processes | None:
    """Return the processes of this training, None if this one is alone."""
    return _here


def size() -> int:
    """Return the number of processes."""
    return _here["WORLD_SIZE"] if _here else 1


def rank() -> int:
    """Return the number of this process, 0 for the first one."""
    return _here["RANK"] if _here else 0


def n_cores() -> int:
    """Return how many cores this process has for work that all do at the same time."""
    return _here.n_cores if _here else cores()


@contextmanager
def environment(**variables: str) -> Iterator[None]:
    """Set environment variables within the block."""
    before = {name: os.environ.pop(name, None) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


def gathered(own: Any) -> list[Any]:
    """Return what each process gave, by rank, in the first process; in the others, an empty list."""
    if not _here:
        return [own]
    everything = [None] * size() if rank() == 0 else None
    dist.gather_object(own, everything, dst=0)
    return everything or []


def largest(own: float) -> float:
    """Return the largest number of all processes, in each of them."""
    return _reduced([own], dist.ReduceOp.MAX)[0] if _here else own


def total(own: Sequence[float]) -> list[float]:
    """Return the sums of the numbers of all processes, in each of them."""
    return _reduced(own, dist.ReduceOp.SUM) if _here else list(own)


def _reduced(own: Sequence[float], how: Any) -> list[float]:
    numbers = torch.tensor(own, dtype=torch.float64)
    dist.all_reduce(numbers, how)
    reduced: list[float] = numbers.tolist()
    return reduced
