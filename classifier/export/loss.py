"""Read from an export's loss what its network's outputs are, and from which probability on a photo gets a label.

    loss = read_loss(attributes(learner).get("loss_func"), multi_label=True)
    loss.has_activation, loss.threshold

It reads the nodes of a pickle (`classifier.export.nodes`); nothing of fastai is imported or run.
"""

from dataclasses import dataclass

import numpy as np

from .dataloaders import UnsupportedTask
from .nodes import Node, attributes, name_of
from .tensors import DataReader, NotData

BASE_LOSS = "fastai.losses.BaseLoss"  # fastai's wrapper around a loss of torch, without an activation of its own
ONE_LABEL_LOSSES = ("CrossEntropyLoss", "CrossEntropyLossFlat", "LabelSmoothingCrossEntropy", "NLLLoss")
THRESHOLD = 0.5  # fastai's own default


@dataclass(frozen=True)
class Loss:
    """What serving needs to know of a loss."""

    has_activation: bool
    """whether it has an activation of its own, so that the network gives scores and not probabilities"""
    threshold: float = THRESHOLD
    """0 to 1, exclusive: a photo gets each label whose probability is above it; of no meaning with one label a photo"""


def read_loss(node: Node, multi_label: bool) -> Loss:
    """Return the `Loss` of a node; UnsupportedTask for one that does not go with the number of labels a photo."""
    found = attributes(node)
    try:
        threshold = DataReader(10)(found.get("thresh"))
    except NotData:
        threshold = None
    return loss_of(name_of(node), name_of(found.get("func")), threshold, multi_label)


def loss_of(name: str, inner: str, threshold: object, multi_label: bool) -> Loss:
    """Return the `Loss` of a class.

    name: of the class, with its module; inner: of the loss of torch that one of fastai's wraps; "" for none.
    threshold: what the file gives for one. Raises UnsupportedTask as `read_loss` does.
    """
    last = inner.rpartition(".")[2] if name == BASE_LOSS else name.rpartition(".")[2]
    if not multi_label:
        if last.startswith("BCE"):
            raise UnsupportedTask(
                f"was trained with {last[:40]}, a loss for several labels a photo, on photos with one (CategoryBlock): "
                "not served. Train it with MultiCategoryBlock, or with CrossEntropyLossFlat."
            )
        return Loss(name.startswith("fastai.losses."))
    if last.startswith(ONE_LABEL_LOSSES):
        raise UnsupportedTask(
            f"was trained with {last[:40]}, a loss for one label a photo, on photos with several "
            "(MultiCategoryBlock): not served. Train it with BCEWithLogitsLossFlat, or with CategoryBlock."
        )
    return Loss(name.startswith("fastai.") and name != BASE_LOSS, _valid(threshold))


def _valid(threshold: object) -> float:
    """Return a threshold between 0 and 1, exclusive; THRESHOLD in place of anything else."""
    if isinstance(threshold, (int, float, np.number)) and not isinstance(threshold, bool) and 0 < threshold < 1:
        return float(threshold)
    return THRESHOLD
