"""Make torchvision importable where its compiled operators cannot be loaded.

A CPU build of torch beside the default build of torchvision ends in `operator torchvision::nms
does not exist` (pytorch#122494, vision#9085), although classifying needs none of those operators:
they serve detection. Declaring their signatures before the import is enough:

    declare_operators()
    import torchvision      # or fastai, or timm
"""

import importlib.util
from functools import cache
from pathlib import Path

import torch

SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)


def extension_loads() -> bool:
    """Return whether torchvision's compiled operators can be loaded beside this torch."""
    spec = importlib.util.find_spec("torchvision")
    if spec is None or spec.origin is None:
        return True  # not installed: importing it raises the error
    for library in Path(spec.origin).parent.glob("_C*"):
        try:
            torch.ops.load_library(library)
        except OSError:
            return False
    return hasattr(torch.ops.torchvision, "nms")


@cache  # the declarations go when the object returned goes
def declare_operators() -> torch.library.Library | None:
    """Declare the operators that `import torchvision` looks up, unless the real ones load."""
    if extension_loads():
        return None
    library = torch.library.Library("torchvision", "DEF")
    for schema in SCHEMAS:
        library.define(schema)
    return library
