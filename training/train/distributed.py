"""Fine-tune a network in several processes at once, by fastai's way to Accelerate; see `helpers`.

Reads  a `Learner` of the first process; the others get its network, the split and how to load photos
Gives  `shared_fit`, a context for the fit: gradients are means over all processes, and so are the table's figures
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training import torchvision_operators  # noqa: F401  before fastai.vision, torchvision and timm

# isort: split
import torch
import torch.distributed as dist
from fastai.callback.core import Callback
from fastai.data.core import DataLoaders
from fastai.learner import Learner, Metric
from fastai.torch_core import find_bs, set_seed
from fastai.vision.learner import default_split
from fastcore.script import CliError
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from training.data.labels import Labels
from training.data.splits import Photos
from training.options import TrainingOptions

from .processes.helpers import asking
from .processes.ranks import environment, here, rank, size, total

MIN_SHARE = 2  # photos of each process; batch norm needs two


@dataclass(frozen=True)
class Fit:
    """What a process needs to take part in fine-tuning."""

    model: nn.Module
    load: Callable[..., DataLoaders]  # of `Photos`
    train: Sequence[Path]
    valid: Sequence[Path]
    labels: Labels
    metrics: Sequence[Any]
    callbacks: Sequence[Callback]
    options: TrainingOptions
    max_minutes: float


class MeanOfAll(Metric):
    """The mean of a figure over the validation photos of all processes, each photo once.

    fastai's own is of a set that is filled up with copies until each process has as many photos.
    """

    def __init__(self, function: Callable[..., Any] | None):
        """function: of scores and targets; None for the loss."""
        self._function = function

    def reset(self) -> None:
        """Begin an epoch."""
        self._sum, self._n = 0.0, 0

    def accumulate(self, learn: Learner) -> None:
        """Add a batch, without the copies at the end of this process's part."""
        n, dl = find_bs(learn.yb), learn.dl
        begin = rank() * dl.n_padded // size() + dl.i - n
        if (own := min(n, dl.n - begin)) > 0:
            figure = (self._function or learn.loss_func)(learn.pred[:own], *(y[:own] for y in learn.yb))
            self._sum, self._n = self._sum + float(figure.mean()) * own, self._n + own

    @property
    def value(self) -> float:
        """The mean of all processes; each has to ask for it."""
        figure, n = total([self._sum, self._n])
        return figure / n

    @property
    def name(self) -> str:
        """As fastai names it in the table."""
        return self._function.__name__ if self._function else "loss"


@contextmanager
def shared_fit(
    learn: Learner, callbacks: Sequence[Callback], options: TrainingOptions, labels: Labels, max_minutes: float
) -> Iterator[None]:
    """Have all processes fine-tune with this one within the block, if there are several; callbacks: see `Task`."""
    if size() == 1:
        yield
        return
    train, valid = ([Path(file) for file in dataset.items] for dataset in (learn.dls.train_ds, learn.dls.valid_ds))
    if len(train) < MIN_SHARE * size():
        raise CliError(f"{len(train)} photos to fine-tune on are too few for {size()} processes: start fewer.")
    functions = [metric.func for metric in learn.metrics]
    fit = Fit(deepcopy(learn.model).cpu(), learn.load, train, valid, labels, functions, callbacks, options, max_minutes)
    with asking(help_to_fine_tune, fit), together(learn, functions, options.image_size):
        yield


def help_to_fine_tune(fit: Fit) -> None:
    """Take part in fine-tuning; the network is the first process's own."""
    from .fine_tune import fine_tune

    set_seed(fit.options.seed + rank(), reproducible=True)  # each changes its photos in its own way
    dls = fit.load(Photos(list(fit.train), list(fit.valid), labels=fit.labels))
    learn = Learner(dls, fit.model.to(dls.device), splitter=default_split)
    with together(learn, fit.metrics, fit.options.image_size), learn.added_cbs(fit.callbacks):
        fine_tune(learn, fit.options.epochs, fit.options.base_lr, fit.options.pretrained, fit.max_minutes, quiet=True)


@contextmanager
def together(learn: Learner, metrics: Sequence[Callable[..., Any]], image_size: int) -> Iterator[None]:
    """Let fastai know of the other processes within the block, in which each of them trains."""
    from accelerate.state import AcceleratorState
    from fastai.distributed import DistributedDL

    figures = vars(learn.recorder)  # an assignment of `loss` would be warned of
    before = learn.metrics, figures["loss"], learn.dls.train.bs, DistributedDL._broadcast
    learn.metrics, figures["loss"] = [MeanOfAll(metric) for metric in metrics], MeanOfAll(None)
    # the last photos that fill no batch are left out: a part that is smaller than one would be nothing
    learn.dls.train.bs = min(learn.dls.train.bs, len(learn.dls.train_ds) // size())
    DistributedDL._broadcast = _broadcast
    processes = here()
    assert processes
    model = learn.model  # within the block, fastai wraps it; gradients of unused weights would be waited for
    DistributedDataParallel._set_params_and_buffers_to_ignore_for_model(model, _unused(model, image_size))
    cpu = not torch.cuda.is_available()
    try:
        with environment(**processes.environment), learn.distrib_ctx(sync_bn=False, cpu=cpu):
            yield
    finally:
        del model._ddp_params_and_buffers_to_ignore
        learn.metrics, figures["loss"], learn.dls.train.bs, DistributedDL._broadcast = before
        AcceleratorState._reset_state(reset_partial_state=True)


def _broadcast(self: Any, t: Sequence[int], rank: int) -> list[int]:
    """Return the numbers of one process in all of them; fastai's own needs CUDA."""
    numbers = torch.tensor(t)
    dist.broadcast(numbers, rank)
    broadcast: list[int] = numbers.tolist()
    return broadcast


def _unused(model: nn.Module, image_size: int) -> list[str]:
    """Return the names of weights that no score depends on, as those of timm's own heads."""
    photos = torch.zeros(2, 3, image_size, image_size, device=next(model.parameters()).device)
    model.eval()(photos).sum().backward()
    names = [name for name, weights in model.named_parameters() if weights.requires_grad and weights.grad is None]
    model.zero_grad(set_to_none=True)
    return names
