"""Build the network that is trained: a backbone, and a head of pooling, batch norm and one linear layer."""

from training import torchvision_operators  # noqa: F401  before fastai.vision, torchvision and timm

# isort: split
from fastai.callback import progress, schedule  # noqa: F401  they give Learner its bar and fine_tune
from fastai.data.core import DataLoaders
from fastai.learner import Learner
from fastai.metrics import accuracy_multi, error_rate
from fastai.vision.learner import default_split
from torch import nn

from training.train.probes.linear import Probe

from .backbone import Backbone


def get_learner(dls: DataLoaders, backbone: Backbone, multi_label: bool = False) -> Learner:
    """Return a Learner: the backbone, then average pooling, batch norm and one linear layer.

    multi_label: whether a photo may have several labels, or none. With a linear layer on averages, the heatmap's shares
    of a label's score are exact.
    """
    pool = [nn.AdaptiveAvgPool2d(1), nn.Flatten()] if backbone.spatial else []
    metric = accuracy_multi if multi_label else error_rate
    head = nn.Sequential(*pool, nn.BatchNorm1d(backbone.n_features), nn.Linear(backbone.n_features, len(dls.vocab)))
    return Learner(dls, nn.Sequential(backbone.body, head), splitter=default_split, metrics=metric)


def set_probe(learn: Learner, probe: Probe) -> None:
    """Replace the head's last two layers by a probe."""
    body, head = learn.model
    device = next(body.parameters()).device
    learn.model = nn.Sequential(body, nn.Sequential(*list(head)[:-2], *probe.to_layers())).to(device).eval()
