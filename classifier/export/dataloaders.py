"""Read an export's `DataLoaders`: its labels, and the transforms of each of its pipelines.

    labels, multi_label = read_labels(dls)

It reads the nodes of a pickle (`classifier.export.nodes`); nothing of fastai is imported or run.
"""

from collections.abc import Sequence

import numpy as np

from .nodes import InvalidExport, Node, attributes, items_of, name_of
from .tensors import DataReader, NotData

TRANSFORMS = "fastai.data.transforms."
# what makes a target of a photo's label or labels, the last ones of their pipeline; and whether there may be several
TARGETS = (
    (("Categorize",), False),
    (("MultiCategorize", "OneHotEncode"), True),
    (("EncodedMultiCategorize",), True),
)
MAX_LABEL_LENGTH, MAX_LABELS = 500, 100_000  # characters; labels
MAX_TRANSFORMS = 50  # of a pipeline


class UnsupportedTask(Exception):
    """Raised for an export that is no classifier of photos; the message follows the file's name."""

    def __init__(
        self,
        reason: str = "is not an image classifier with one label a photo or several (ImageBlock in, CategoryBlock or "
        "MultiCategoryBlock out): no other kind is served.",
    ) -> None:
        super().__init__(reason)


def valid_loader(dls: Node) -> Node:
    """Return the node of the validation `DataLoader`; UnsupportedTask where there is none."""
    loaders = items_of(attributes(dls).get("loaders"))
    if not loaders:
        raise UnsupportedTask
    return loaders[min(1, len(loaders) - 1)]


def transform_lists(dls: Node) -> Sequence[Node]:
    """Return the nodes of the data set's `TfmdLists`: the photos', then the labels'."""
    return items_of(attributes(attributes(valid_loader(dls)).get("dataset")).get("tls")) or ()


def pipelines(dls: Node) -> list[Sequence[Node]]:
    """Return the transforms of each of the data set's pipelines: what opens the photo, what makes the label."""
    return [transforms_of(attributes(one).get("tfms")) for one in transform_lists(dls)]


def transforms_of(pipeline: Node) -> Sequence[Node]:
    """Return the transforms of a `Pipeline`, in order."""
    return items_of(attributes(pipeline).get("fs"), MAX_TRANSFORMS) or ()


def read_labels(dls: Node) -> tuple[list[str], bool]:
    """Return the labels as text, in the order of the network's scores, and whether a photo may have several, or none.

    Raises UnsupportedTask unless the export gives labels out of some for one photo.
    """
    category, multi_label = _category(dls)
    try:
        labels = DataReader()(attributes(attributes(category).get("vocab")).get("items"))
        if isinstance(labels, np.ndarray) and labels.ndim == 1 and len(labels) <= MAX_LABELS:
            labels = labels.tolist()
    except NotData as error:
        raise UnsupportedTask from error
    if (
        not isinstance(labels, list)
        or not labels
        or not all(isinstance(one, (str, bool, int, float, np.generic)) for one in labels)
    ):
        raise UnsupportedTask
    labels = [label_text(label) for label in labels[: MAX_LABELS + 1]]
    if len(labels) > MAX_LABELS or max(map(len, labels)) > MAX_LABEL_LENGTH:
        raise InvalidExport(f"has more than {MAX_LABELS} labels, or one of more than {MAX_LABEL_LENGTH} characters")
    return labels, multi_label


def label_text(label: object) -> str:
    """Return a label as text that can be written: bytes of a folder's name that are no UTF-8 become \\udcXX."""
    return str(label).encode(errors="backslashreplace").decode()


def _category(dls: Node) -> tuple[Node, bool]:
    """Return the transform that has the labels, and whether a photo may have several; UnsupportedTask for others."""
    loader = attributes(valid_loader(dls))
    n_inputs = loader.get("_n_inp", attributes(loader.get("dataset")).get("n_inp"))
    both = pipelines(dls)
    if len(both) == 2 and n_inputs in (None, 1):
        for names, multi_label in TARGETS:
            last = both[1][-len(names) :]
            if [name_of(tfm) for tfm in last] == [TRANSFORMS + name for name in names]:
                return last[0], multi_label
    raise UnsupportedTask
