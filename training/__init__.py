"""The offline pipeline: one stage a module, run as `python -m training.STAGE`."""
from classifier import torchvision_ops  # noqa: F401  before any stage imports torchvision, fastai or timm
