"""classifier/inference/heatmap.py: what is shown adds up to the score, lies where the model looked, and can be seen."""

import io

import numpy as np
import pytest
import torch
from fastai.layers import AdaptiveConcatPool2d, SigmoidRange
from fastai.vision.augment import RandomResizedCrop, Resize
from fastai.vision.learner import create_head
from PIL import Image
from torch import nn

from classifier import Classifier
from classifier.export import read_export
from classifier.inference.heatmap import AGAINST, FOR, Heatmap
from classifier.inference.linear_head import LinearHead
from classifier.photo import open_photo
from classifier.preprocess import Preprocess
from helpers.learners import NORMALIZE, export, make_learner
from helpers.paths import ROOT
from helpers.photos import noisy_photo
from training.data.photos import get_photos


def trained_like(head: nn.Module, seed: int = 0) -> nn.Module:
    """Return the head with batch norms and biases as a training leaves them: not at their defaults."""
    torch.manual_seed(seed)
    for module in head.modules():
        if isinstance(module, nn.BatchNorm1d):
            nn.init.normal_(module.weight, 1, 0.3)
            nn.init.normal_(module.bias)
            nn.init.normal_(module.running_mean)
            nn.init.uniform_(module.running_var, 0.2, 3)
    return head.eval()


HEADS = {
    "ours": lambda: create_head(24, 5, lin_ftrs=[]),
    "lesson": lambda: create_head(24, 5),
    "two-hidden-layers": lambda: create_head(24, 5, lin_ftrs=[64, 32]),
    "average-alone": lambda: create_head(24, 5, lin_ftrs=[], concat_pool=False),
    "torchvision": lambda: nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(24, 5)),
    "maximum-alone": lambda: nn.Sequential(nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Dropout(), nn.Linear(24, 5)),
    "one-label": lambda: create_head(24, 1, lin_ftrs=[]),
}


@pytest.mark.parametrize("name", HEADS)
@pytest.mark.parametrize("size", [(7, 7), (1, 1), (3, 9)], ids=str)
def test_cells_and_bias_add_up_to_the_logits(name, size):
    head = trained_like(HEADS[name]())
    cells = torch.randn(24, *size, generator=torch.Generator().manual_seed(1)).clamp(min=0, max=1)  # ties at both ends
    shares, biases = LinearHead.of(head).contributions(cells.numpy())
    with torch.inference_mode():
        logits = head(cells[None])[0].numpy()
    assert shares.shape == (len(logits), *size)
    assert np.abs(shares.sum((1, 2)) + biases - logits).max() < 1e-4


@pytest.mark.parametrize("name", ["ours", "average-alone", "maximum-alone"])
def test_bias_of_a_linear_head_is_what_it_says_of_nothing(name):
    head = trained_like(HEADS[name]())
    with torch.inference_mode():
        of_nothing = head(torch.zeros(1, 24, 7, 7))[0].numpy()
    for seed in range(2):
        _, biases = LinearHead.of(head).contributions(np.random.default_rng(seed).random((24, 7, 7)))
        assert biases == pytest.approx(of_nothing, abs=1e-5)


def test_maximum_belongs_to_the_cell_that_won_it_and_the_average_to_all():
    head = nn.Sequential(AdaptiveConcatPool2d(), nn.Flatten(), nn.Linear(2, 1, bias=False)).eval()
    head[2].weight.data = torch.tensor([[10.0, 1.0]])  # maximum first, as fastai concatenates
    shares, biases = LinearHead.of(head).contributions(np.array([[[1.0, 3.0], [0.0, 0.0]]]))
    assert shares[0].tolist() == [[0.25, 30.75], [0, 0]] and biases == [0]


def test_several_winners_share_a_maximum():
    head = nn.Sequential(nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(1, 1, bias=False)).eval()
    head[2].weight.data = torch.ones(1, 1)
    assert LinearHead.of(head).contributions(np.array([[[6.0, 6.0], [6.0, 1.0]]]))[0].tolist() == [[[2, 2], [2, 0]]]


@pytest.mark.parametrize(
    "head, says",
    [
        (nn.Sequential(nn.Flatten(), nn.Linear(4, 2)), "begins with Flatten"),
        (nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2), nn.GELU(), nn.Linear(2, 2)), "GELU"),
        (nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2), SigmoidRange(0, 1)), "SigmoidRange"),
        (nn.Softmax(1), "begins with Softmax"),
    ],
    ids=["no-pooling", "gelu", "sigmoid", "softmax"],
)
def test_other_heads_are_named_not_guessed(head, says):
    with pytest.raises(TypeError, match=says):
        LinearHead.of(head)


def test_lessons_own_head_is_explained_too(photos, tmp_path):
    learn = make_learner(photos, Resize(64), [NORMALIZE])
    learn.model[1] = trained_like(create_head(16, 3))
    classifier = Classifier.load(export(learn, tmp_path))
    photo = noisy_photo((200, 120, 40), 0)
    heatmap = classifier.explain(photo, "green").heatmap
    score = classifier._engine.answer(photo)[0][classifier.labels.index("green")]
    assert heatmap.contributions.sum() + heatmap.bias == pytest.approx(score, abs=1e-4)


def test_export_with_another_head_answers_and_says_that_there_is_no_heatmap(photos, tmp_path):
    learn = make_learner(photos, Resize(64), [NORMALIZE])
    learn.model = nn.Sequential(learn.model, nn.Softmax(1))
    learn.loss_func = nn.NLLLoss()
    classifier = Classifier.load(export(learn, tmp_path))
    assert classifier.predict(noisy_photo((9, 9, 9), 0)).label in classifier.labels
    assert not classifier.explains
    with pytest.raises(ValueError, match="not available"):
        classifier.explain(noisy_photo((9, 9, 9), 0))


def test_unknown_label_is_named_with_the_known_ones(trained):
    classifier = Classifier.load(trained / "export.pkl")
    with pytest.raises(ValueError, match=r"no label 'purple'\. The labels are blue, green, red\."):
        classifier.explain(trained / "photos" / "red" / "00.png", "purple")


def test_explanation_has_the_same_answer_as_the_prediction(trained):
    classifier = Classifier.load(trained / "export.pkl")
    photo = trained / "photos" / "red" / "00.png"
    explanation = classifier.explain(photo)
    assert explanation.prediction == classifier.predict(photo)
    assert explanation.heatmap.label == explanation.prediction.label
    assert classifier.explain(photo, "blue").heatmap.label == "blue"


def test_committed_export_adds_up_on_real_photos(shared):
    classifier = Classifier.load(ROOT / "export.pkl")
    for file in get_photos(shared / "data" / "bears")[::21]:
        photo = open_photo(file)
        scores, _, cells = classifier._engine.explain(photo)
        assert np.abs(cells.contributions.sum((1, 2)) + cells.biases - scores).max() < 1e-4, file.name


SEEN = {
    "squish": (Resize(64, "squish"), (0, 0, 200, 100)),
    "crop": (Resize(64, "crop"), (50, 0, 150, 100)),
    "pad": (Resize(64, "pad", pad_mode="zeros"), (0, -50, 200, 150)),
    "random-crop": (RandomResizedCrop(64), (200 / 10, 100 / 10, 180, 90)),
}


@pytest.mark.parametrize("name", SEEN)
def test_seen_part_is_where_each_resize_method_takes_it_from(photos, tmp_path, name):
    item_tfms, expected = SEEN[name]
    preprocess = read_export(export(make_learner(photos, item_tfms, [NORMALIZE]), tmp_path)).preprocess
    assert isinstance(preprocess, Preprocess)
    left, top, right, bottom = preprocess.seen((200, 100))
    assert (left, top, right, bottom) == pytest.approx(expected)
    # the truth: a bright dot in a photo is where the mapping says it is in the input
    photo = Image.new("L", (200, 100))
    photo.paste(255, (110, 38, 116, 44))
    samples = preprocess(photo.convert("RGB"))[0]
    y, x = np.argwhere(samples > samples.max() * 0.6 + samples.min() * 0.4).mean(0) + 0.5
    assert left + x / samples.shape[1] * (right - left) == pytest.approx(113, abs=2)
    assert top + y / samples.shape[0] * (bottom - top) == pytest.approx(41, abs=2)


def heatmap_of(contributions, seen, **fields) -> Heatmap:
    contributions = np.array(contributions, dtype=float)
    return Heatmap("label", contributions, 0.0, seen, **{"largest": float(np.abs(contributions).max()), **fields})


def test_colours_lie_where_the_cells_do():
    picture = np.asarray(heatmap_of([[1, 0], [0, -1]], (0, 0, 200, 100)).draw_on(Image.new("RGB", (200, 100), "grey")))
    assert picture.shape == (100, 200, 3)
    for (x, y), colour in (((20, 40), FOR), ((180, 75), AGAINST)):
        assert np.abs(picture[y, x].astype(int) - colour).max() < 80
    assert np.ptp(picture[10, 190]) < 10  # no share, no colour


@pytest.mark.parametrize("ground", ["black", "white"])
def test_colours_and_outline_show_on_dark_and_on_light(ground):
    picture = np.asarray(
        heatmap_of(np.diag([1.0, 0, 0, 0, 0]), (0, 0, 400, 400)).draw_on(Image.new("RGB", (400, 400), ground))
    ).astype(int)
    strong, plain = picture[30, 30], picture[200, 350]
    assert np.ptp(strong) > 150 and np.ptp(plain) < 5
    assert (picture == 255).all(2).any() and (picture == 30).all(2).any()  # a light line in a dark one


def test_part_that_was_not_looked_at_is_pale_and_uncoloured():
    picture = np.asarray(heatmap_of(np.ones((3, 3)), (50, 0, 150, 100)).draw_on(Image.new("RGB", (200, 100), "white")))
    assert 150 < picture[50, 20].max() < 200 and np.ptp(picture[50, 20]) == 0
    assert np.ptp(picture[50, 100]) > 100


@pytest.mark.parametrize(
    "size, expected",
    [
        ((4000, 3000), (640, 480)),
        ((300, 900), (213, 640)),
        ((90, 60), (90, 60)),
        ((1, 1), (1, 1)),
        ((5000, 1), (640, 1)),
    ],
    ids=str,
)
def test_picture_keeps_the_photos_proportions(size, expected):
    heatmap = heatmap_of(np.random.default_rng(0).normal(size=(7, 7)), (0, 0, *size))
    assert heatmap.draw_on(Image.new("RGB", size)).size == expected


@pytest.mark.parametrize(
    "contributions",
    [np.zeros((7, 7)), -np.ones((7, 7)), np.full((1, 1), 2.0)],
    ids=["nothing", "all-against", "one-cell"],
)
def test_odd_maps_are_drawn_without_complaint(contributions, recwarn):
    heatmap_of(contributions, (0, 0, 50, 50)).draw_on(Image.new("RGB", (50, 50)))
    assert not recwarn.list


def test_a_large_jpeg_is_explained_at_the_scale_of_the_picture():
    buffer = io.BytesIO()
    photo = open_photo(ROOT / "examples" / "teddy-1.jpg").resize((2048, 2048))
    photo.save(buffer, "JPEG", quality=95)
    classifier = Classifier.load(ROOT / "export.pkl")
    explanation, whole = classifier.explain(buffer.getvalue()), classifier.explain(photo)
    assert explanation.photo.size == (1024, 1024) and explanation.picture.size == whole.picture.size
    shares = explanation.heatmap.contributions.ravel(), whole.heatmap.contributions.ravel()
    assert np.corrcoef(*shares)[0, 1] > 0.95
