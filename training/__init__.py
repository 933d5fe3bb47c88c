"""The offline pipeline: one stage a module, run as `python -m training.STAGE`."""
from classifier.torchvision_ops import declare_operators

declare_operators()  # here, before any stage imports torchvision, fastai or timm
