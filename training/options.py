"""The options of a training."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

RESIZES = ("random_crop", "crop", "pad", "squish")  # ways in which photos come to the size that the model sees


@dataclass(frozen=True)
class TrainingOptions:
    """What decides how a model comes out; the comments are the help of `python -m training.train`."""

    arch: str = "resnet18"  # any torchvision or timm architecture
    weights: str = ""  # local state dict of that architecture, instead of a download
    epochs: int = 4  # passes over the photos when fine-tuning
    image_size: int = 224  # side of the square that the model sees, in pixels
    resize: str = "random_crop"  # how photos come to that size: random_crop, crop, pad or squish
    valid_pct: float = 0.2  # share of the photos held out when fine-tuning
    seed: int = 42  # of the split and the training: the same seed gives the same model
    batch_size: int = 16  # photos a step when fine-tuning
    base_lr: float = 1e-3  # learning rate of the head when fine-tuning; the backbone's first layers have a tenth
    grey: float = 0.0  # share of the photos that fine-tuning shows in grey, so that shape counts beside colour
    pretrained: bool = True  # start from random weights, to try things out; fine-tunes whatever the error, unless quick
    folds: int = 5  # parts that are held out in turn, to measure the probe and calibrate its probabilities
    precision: float = 0.0  # of each label's threshold, where photos may have several labels; 0: the best F1
    quick: bool = False  # no fine-tuning, whatever the error
    fine_tune: bool = False  # fine-tune, whatever the error and however long it takes; kept only if it proves better

    def recorded(self) -> dict[str, Any]:
        """Return the options as metrics.json keeps them: of a local file of weights the name, not its folder."""
        return {**asdict(self), "weights": Path(self.weights).name if self.weights else None}
