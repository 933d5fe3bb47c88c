"""The browser's own resizing, padding and scaling beside Pillow's and NumPy's: the same model input, byte for byte."""

import base64

import numpy as np
import pytest
from PIL import Image

from classifier.preprocess import Preprocess
from classifier.resample import Resample
from classifier.resize import CropPad, Resize, ResizeThenCrop
from helpers.browser_modules import CODING, as_base64, served_folder
from helpers.paths import ROOT

FILTERS = [filter.value for filter in Image.Resampling]
APPLY = """async ([data, settings, width, height]) => {
  const { Preprocess } = await import("/preprocess.js"), bytes = bytesOf(data), line = width * 3
  const rows = (y, n) => bytes.subarray(y * line, (y + n) * line)
  const prepared = new Preprocess(settings), size = [width, height]
  const input = prepared.apply({ width, height, channels: 3, stride: 3, rows })
  return [input.width, input.height, await base64Of(input.data), prepared.seen(size)]
}"""


@pytest.fixture(scope="module")
def page(browser):
    with served_folder(ROOT / "browser") as server:
        page = browser.new_page()
        page.goto(f"{server.url}/blank")
        page.evaluate(CODING)
        yield page


def prepare(steps=(), batch_steps=(), mode="RGB", normalised=True) -> Preprocess:
    channels = len(mode)
    mean, std = np.linspace(0.4, 0.5, channels), np.linspace(0.2, 0.3, channels)
    stats = [values.astype(np.float32)[:, None, None] if normalised else None for values in (mean, std)]
    return Preprocess(mode, tuple(steps), np.float32(255), *stats, tuple(batch_steps))


def compare(page, preprocess: Preprocess, size: tuple[int, int], tolerance: float = 0) -> None:
    width, height = size
    samples = np.random.default_rng(width * 1000 + height).integers(0, 256, (height, width, 3), dtype=np.uint8)
    settings = preprocess.to_data()
    w, h, data, seen = page.evaluate(APPLY, [as_base64(samples), settings, width, height])
    ours = np.frombuffer(base64.b64decode(data), np.float32).reshape(-1, h, w)
    theirs = preprocess(Image.fromarray(samples))
    assert ours.shape == theirs.shape
    assert np.abs(ours - theirs).max() <= tolerance
    assert seen == pytest.approx(preprocess.seen(size))


@pytest.mark.parametrize("filter", FILTERS)
@pytest.mark.parametrize("size", [(40, 30), (31, 57), (300, 7), (1, 90), (600, 500)], ids=str)
def test_each_filter_gives_pillows_bytes(page, filter, size):
    compare(page, prepare([Resize((45, 38), "squish", "zeros", filter)]), size)


@pytest.mark.parametrize("method", ["crop", "pad"])
@pytest.mark.parametrize("pad_mode", ["zeros", "border", "reflection"])
@pytest.mark.parametrize("size", [(64, 64), (90, 31), (20, 133), (3, 200), (1, 1)], ids=str)
def test_crop_and_pad_are_as_in_fastai(page, method, pad_mode, size):
    compare(page, prepare([Resize((32, 48), method, pad_mode, 2)]), size)


@pytest.mark.parametrize("pad_mode", ["zeros", "border", "reflection"])
@pytest.mark.parametrize("size", [(80, 70), (33, 90), (16, 9), (301, 299)], ids=str)
def test_crop_pad_alone_and_after_a_resize(page, pad_mode, size):
    compare(page, prepare([CropPad((60, 64), pad_mode)]), size)
    compare(page, prepare([Resize((50, 50), "squish", "zeros", 2), CropPad((64, 40), pad_mode)]), size)


@pytest.mark.parametrize("size", [(300, 200), (40, 90)], ids=str)
def test_resize_then_crop(page, size):
    compare(page, prepare([ResizeThenCrop((56, 56), (64, 64), 2)]), size)
    compare(page, prepare([ResizeThenCrop((56, 56), (56, 56), 2)], normalised=False), size)


@pytest.mark.parametrize("filter", FILTERS)
def test_grey_models(page, filter):
    compare(page, prepare([Resize((40, 40), "pad", "border", filter)], mode="L"), (77, 50))


def test_a_strip_is_shrunk_before_it_is_padded(page):
    compare(page, prepare([Resize((32, 32), "pad", "border", 2)]), (40_000, 3))


@pytest.mark.parametrize("size", [(300, 200), (64, 96), (31, 500)], ids=str)
@pytest.mark.parametrize("crop", [None, (0.75, 1.5, 0.9)])
@pytest.mark.parametrize("align_corners", [True, False])
@pytest.mark.parametrize("pad_mode", ["zeros", "reflection"])
def test_resizing_on_the_batch(page, size, crop, align_corners, pad_mode):
    steps = [Resample((48, 56), pad_mode, align_corners, crop)]
    compare(page, prepare([Resize((240, 200), "crop", "zeros", 2)], steps), size, 2e-6)
    compare(page, prepare(batch_steps=steps), size, 2e-6)
