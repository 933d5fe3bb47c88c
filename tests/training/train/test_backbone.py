"""training/train/network/backbone.py: networks of both libraries, their local weights, and the sizes that they take."""

import pytest
import torch
import torchvision
from fastcore.script import CliError

from training.data.photos import get_photos
from training.data.splits import Photos
from training.options import TrainingOptions
from training.train.learner import prepare
from training.train.network.backbone import load_backbone


@pytest.mark.parametrize(
    "name, n_features, cells",
    [
        ("resnet18", 512, True),
        ("mobilenet_v2", 1280, True),
        ("convnext_tiny", 768, True),
        ("densenet121", 1024, True),
        ("swin_t", 768, True),
        ("vit_b_16", 768, False),
        ("googlenet", 1024, True),
        ("inception_v3", 2048, True),
        ("resnet18d", 512, True),
        ("vit_tiny_patch16_224", 192, False),
        ("swin_tiny_patch4_window7_224", 768, False),
        ("convnext_atto", 320, True),
        ("tf_efficientnet_lite0", 1280, True),
    ],
)
def test_networks_of_both_libraries_are_cut_before_their_classifier(name, n_features, cells):
    backbone = load_backbone(name, pretrained=False)
    with torch.no_grad():
        features = backbone.body(torch.zeros(2, 3, 224, 224))
        backbone.body.train()(torch.zeros(2, 3, 224, 224))
    assert (backbone.n_features, backbone.spatial) == (n_features, cells)
    assert features.shape[:2] == (2, n_features)
    assert (features.ndim == 4) == cells


@pytest.mark.parametrize(
    "wrap",
    [
        lambda state: state,
        lambda state: {"state_dict": state},
        lambda state: {f"module.{key}": value for key, value in state.items()},
    ],
    ids=["plain", "checkpoint", "data-parallel"],
)
def test_local_weights_are_loaded(tmp_path, wrap):
    torch.manual_seed(1)
    model = torchvision.models.squeezenet1_1()
    torch.save(wrap(model.state_dict()), tmp_path / "weights.pth")
    body = load_backbone("squeezenet1_1", weights=tmp_path / "weights.pth").body
    assert torch.equal(next(body.parameters()), next(model.parameters()))


def test_weights_with_another_number_of_classes_fit(tmp_path):
    model = torchvision.models.resnet18(num_classes=7)
    torch.save(model.state_dict(), tmp_path / "weights.pth")
    assert load_backbone("resnet18", weights=tmp_path / "weights.pth").n_features == 512


def test_weights_of_another_network_are_one_sentence(tmp_path):
    torch.save(torchvision.models.squeezenet1_1().state_dict(), tmp_path / "weights.pth")
    with pytest.raises(CliError, match=r"does not fit resnet18: .* conv1\.weight first"):
        load_backbone("resnet18", weights=tmp_path / "weights.pth")


@pytest.mark.parametrize("content", [b"", b"not weights", b"PK\3\4 cut off"], ids=["empty", "text", "cut-off"])
@pytest.mark.parametrize("suffix", ["pth", "safetensors"])
def test_a_file_that_is_no_weights_is_one_sentence(tmp_path, content, suffix):
    path = tmp_path / f"weights.{suffix}"
    path.write_bytes(content)
    with pytest.raises(CliError, match="could not be opened as weights"):
        load_backbone("resnet18", weights=path)


def test_a_whole_pickled_model_is_not_run(tmp_path):
    torch.save(torchvision.models.squeezenet1_1(), tmp_path / "model.pth")
    with pytest.raises(CliError, match="state dict"):
        load_backbone("squeezenet1_1", weights=tmp_path / "model.pth")


def test_size_that_a_network_does_not_take_names_one_that_it_takes():
    with pytest.raises(CliError, match="--image-size 256"):
        load_backbone("maxvit_rmlp_pico_rw_256", pretrained=False, image_size=224)


def test_download_that_fails_names_the_ways_round(monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(
        "torchvision.models.resnet.ResNet18_Weights.DEFAULT.value.url", "http://127.0.0.1:9/resnet18.pth", raising=False
    )
    from torchvision.models import ResNet18_Weights

    object.__setattr__(ResNet18_Weights.DEFAULT.value, "url", "http://127.0.0.1:9/resnet18-00000000.pth")
    with pytest.raises(CliError, match="--weights FILE, or train without: --no-pretrained"):
        load_backbone("resnet18")


@pytest.mark.parametrize("arch, size, validated_at", [("vit_tiny_patch16_224", 224, 224), ("squeezenet1_1", 64, 73)])
def test_network_that_knows_one_size_is_trained_and_validated_at_it(photos, arch, size, validated_at):
    options = TrainingOptions(arch=arch, image_size=size, pretrained=False, batch_size=4)
    learn, features = prepare(Photos(get_photos(photos)), options)
    assert [next(iter(loader))[0].shape[-1] for loader in (learn.dls.train, learn.dls.valid)] == [size, validated_at]
    assert features.of(get_photos(photos)[:2]).shape[0] == 2


@pytest.mark.parametrize("arch, size, takes", [("squeezenet1_1", 256, True), ("vit_tiny_patch16_224", 256, False)])
def test_backbone_tells_which_sizes_it_takes(arch, size, takes):
    assert load_backbone(arch, pretrained=False).accepts_size(size) is takes
