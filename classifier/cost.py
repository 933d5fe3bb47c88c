"""What a network costs to ask, found out before it is asked: a file of some kilobytes can say "a million pixels more".

    check_cost(model, (1, 3, 224, 224))

The network runs on torch's `meta` device, which computes the shapes of everything and the numbers of nothing.
"""
from typing import Any

from .nodes import Refused

MOST_STEPS = 50_000  # operations; a large network has some thousand
MOST_AT_ONCE = 300_000_000  # numbers of one result, 1.2 GB
MOST_NUMBERS = 3_000_000_000  # of all results together
MOST_WORK = 1_000_000_000_000  # multiplications; the largest networks for photos take a third of that


class _TooMuch(Refused):
    """The network takes more than any for photos does."""


def check_cost(model: Any, shape: tuple[int, ...]) -> None:
    """Raise Refused for a network that would take far more memory or time than those for photos do.

    model: a torch module in evaluation mode; shape: of its input. A network whose way depends on the numbers
    themselves cannot be followed so: it raises whatever torch does.
    """
    import torch
    from torch.utils._python_dispatch import TorchDispatchMode

    class Counted(TorchDispatchMode):
        """Adds up what each operation gives and takes."""

        steps, numbers, work = 0, 0, 0

        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            result = function(*args, **(kwargs or {}))
            given = [one for one in (result if isinstance(result, (list, tuple)) else (result,))
                     if isinstance(one, torch.Tensor)]
            size = sum(one.numel() for one in given)
            self.steps, self.numbers = self.steps + 1, self.numbers + size
            self.work += _work(str(function), args, size)
            if (self.steps > MOST_STEPS or size > MOST_AT_ONCE or self.numbers > MOST_NUMBERS
                    or self.work > MOST_WORK):
                raise _TooMuch("has a network that takes more memory or time than any for photos does")
            return result

    meta = {name: value.to("meta") for name, value in (*model.named_parameters(), *model.named_buffers())}
    with torch.no_grad(), Counted():
        torch.func.functional_call(model, meta, (torch.empty(shape, device="meta"),))


def _work(name: str, args: tuple, size: int) -> int:
    """Return about how many multiplications an operation takes. size: numbers in its result."""
    if "convolution" in name and len(args) > 1:
        weight = args[1].shape  # (out, in, ...), or (in, out, ...) where it is transposed
        return size * max(weight[1:].numel(), weight[0] if len(args) > 6 and args[6] else 0)
    if any(part in name for part in ("mm", "matmul", "addmm", "bmm", "linear", "dot", "attention")):
        return size * max((arg.shape[-1] for arg in args if hasattr(arg, "shape") and arg.ndim), default=1)
    return size
