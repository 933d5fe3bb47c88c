"""What a GPU needs so that it does not wait: photos that are kept ready, and half precision.

Gives  `photo_writer`, which keeps photos at working size, and `half_precision`, callbacks for fine-tuning
"""

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import torch
from fastai.callback.core import Callback
from fastai.callback.fp16 import MixedPrecision
from fastai.torch_core import default_device, to_float

from training.data.photo_store import working_side
from training.data.store_writer import StoreWriter
from training.options import TrainingOptions

MANY, MANY_FOR_GPU = 5000, 1000  # photos: more are loaded by threads when fine-tuning, fewer as in the lesson


def photo_writer(options: TrainingOptions, folder: Path) -> AbstractContextManager[StoreWriter | None]:
    """Return what keeps photos at working size in a folder, where fine-tuning is to be expected; else nothing."""
    gpu, asked = default_device().type != "cpu", options.fine_tune or not options.pretrained
    if options.quick or not (gpu or asked):  # without a GPU, fine-tuning on many photos takes longer than it may
        return nullcontext()
    return StoreWriter(folder, working_side(options.image_size), MANY_FOR_GPU if gpu else MANY)


def half_precision(device: torch.device) -> list[Callback]:
    """Return the callbacks with which a device computes in half precision: none for a CPU, which is not faster."""
    if device.type == "cpu":
        return []
    if device.type == "cuda" and not torch.cuda.is_bf16_supported(including_emulation=False):
        return [MixedPrecision()]
    return [Bfloat16()]


class Bfloat16(Callback):
    """Compute scores and losses in bfloat16 where that is safe; weights stay as they are.

    fastai's `MixedPrecision` is for CUDA alone, and its float16 needs a scaler. bfloat16 has the range of float32.
    """

    order = MixedPrecision.order

    def before_batch(self) -> None:
        """Begin, before the network is asked."""
        self._autocast = torch.autocast(self.dls.device.type, torch.bfloat16)
        self._autocast.__enter__()

    def after_pred(self) -> None:
        """Give the loss, and what others look at, whole numbers again."""
        self.learn.pred = to_float(self.pred)

    def after_loss(self) -> None:
        """End, before the gradients."""
        self._autocast.__exit__(None, None, None)
