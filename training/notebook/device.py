"""Say in words what the training runs on, and about how long it takes without a GPU.

Gives  `describe_device`
"""

from math import ceil

import torch

from classifier import cpu_count
from training.host import COLAB, KAGGLE, host_name

# seconds of one core for a photo with resnet18 at 224 pixels, the notebook's default: measured on 416 photos and two
# cores that had other work too
PROBE_SECONDS = 0.4  # its views through the pretrained network
EPOCH_SECONDS = 0.3  # an epoch of fine-tuning
GIB = 2**30
HOW = {
    COLAB: " For a GPU: Runtime > Change runtime type > T4 GPU, then run from the first cell.",
    KAGGLE: " For a GPU: Settings > Accelerator, then run from the first cell.",
}


def describe_device(n_photos: int, epochs: int) -> str:
    """Return the name of the GPU; or that there is none, with the minutes that training with resnet18 takes."""
    if torch.cuda.is_available():
        memory = torch.cuda.get_device_properties(0).total_memory / GIB
        return f"{torch.cuda.get_device_name()}, {memory:.0f} GB: the network runs on it."
    cores = cpu_count.cores()
    minutes = ceil(n_photos * (PROBE_SECONDS + epochs * EPOCH_SECONDS) / cores / 60)
    return (
        f"This host has no GPU: training resnet18 on these {n_photos} photos takes about {minutes} "
        f"minute{'s' * (minutes > 1)} on {cores} core{'s' * (cores > 1)}.{HOW.get(host_name(), '')}"
    )
