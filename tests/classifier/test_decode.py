"""classifier/photo/decode.py: any photo in, upright RGB out; anything else, one sentence."""

import io
import os

import numpy as np
import pytest
from PIL import Image

from classifier import Classifier
from classifier.photo import PhotoError, open_photo
from helpers.paths import ROOT
from helpers.photos import encoded, noisy_photo, png_of_declared_size

# what EXIF says was done to an upright photo before it was stored
STORED = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
FORMATS = {
    "JPEG": {"quality": 95},
    "PNG": {},
    "WEBP": {"lossless": True},
    "TIFF": {},
    "AVIF": {"quality": 95},
    "HEIF": {"quality": 95},
}


def quarters() -> Image.Image:
    """A 64 x 48 photo whose four quarters differ, so that every turn and flip shows."""
    image = Image.new("RGB", (64, 48))
    for box, colour in (
        ((0, 0, 32, 24), "red"),
        ((32, 0, 64, 24), "lime"),
        ((0, 24, 32, 48), "blue"),
        ((32, 24, 64, 48), "white"),
    ):
        image.paste(colour, box)
    return image


def assert_same(photo: Image.Image, expected: Image.Image, tolerance: float = 30):
    assert photo.mode == "RGB"
    assert photo.size == expected.size
    # quarters' middles: lossy formats blur the borders
    for x, y in ((0.25, 0.25), (0.75, 0.25), (0.25, 0.75), (0.75, 0.75)):
        at = int(x * photo.width), int(y * photo.height)
        assert np.abs(np.subtract(photo.getpixel(at), expected.getpixel(at))).max() <= tolerance, at


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("orientation", STORED)
def test_exif_orientation_is_applied(orientation, format):
    exif = Image.Exif()
    exif[274] = orientation
    stored = quarters() if STORED[orientation] is None else quarters().transpose(STORED[orientation])
    assert_same(open_photo(encoded(stored, format, exif=exif, **FORMATS[format])), quarters())


@pytest.mark.parametrize("orientation", STORED)
def test_heic_that_turns_itself_is_not_turned_twice(orientation):
    exif = Image.Exif()
    exif[274] = orientation
    stored = quarters() if STORED[orientation] is None else quarters().transpose(STORED[orientation])
    data = encoded(stored, "HEIF", exif=exif.tobytes(), quality=95)  # as bytes: then `irot` is written
    assert (b"irot" in data or b"imir" in data) == (orientation != 1)
    assert_same(open_photo(data), quarters())


@pytest.mark.parametrize("format", [*FORMATS, "GIF", "BMP", "PPM"])
def test_each_format_opens(format):
    assert_same(open_photo(encoded(quarters(), format, **FORMATS.get(format, {}))), quarters())


def test_path_bytes_file_and_image_give_the_same_photo(tmp_path):
    path = tmp_path / 'Großer Bär, "sitzend".png'
    quarters().save(path)
    data = path.read_bytes()
    sources = [path, str(path), data, bytearray(data), memoryview(data), io.BytesIO(data), Image.open(path)]
    with path.open("rb") as file:
        assert {open_photo(source).tobytes() for source in [*sources, file]} == {quarters().tobytes()}


def test_file_objects_are_read_from_their_beginning():
    file = io.BytesIO(encoded(quarters(), "PNG"))
    file.seek(0, io.SEEK_END)
    assert open_photo(file).size == (64, 48)


class BrokenFile:
    def read(self):
        raise RuntimeError("gone.")


class ByteArrayFile:
    def read(self):
        return bytearray(encoded(quarters(), "PNG"))


def test_whatever_calls_itself_a_file_is_read_or_reported():
    assert open_photo(ByteArrayFile()).size == (64, 48)
    with pytest.raises(PhotoError, match=r"could not be read: gone\.$"):
        open_photo(BrokenFile())


@pytest.mark.parametrize("size", [(0, 0), (0, 5), (5, 0)])
def test_image_without_pixels_is_reported(size):
    with pytest.raises(PhotoError, match="no pixels"):
        open_photo(Image.new("RGB", size))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_pipe_is_reported_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "photo.jpg")
    with pytest.raises(PhotoError, match="no file"):
        open_photo(tmp_path / "photo.jpg")


@pytest.mark.parametrize("format", ["GIF", "WEBP", "PNG", "AVIF"])
def test_first_frame_of_an_animation_is_taken(format):
    frames = [quarters(), Image.new("RGB", (64, 48), "black")]
    data = encoded(frames[0], format, save_all=True, append_images=frames[1:], **FORMATS.get(format, {}))
    assert_same(open_photo(data), quarters())


def test_broken_exif_does_not_cost_the_photo():
    data = encoded(quarters(), "JPEG", quality=95, exif=b"Exif\0\0II*\0\xff\xff\xff\xff garbage")
    assert_same(open_photo(data), quarters())


@pytest.mark.parametrize("width, height", [(10_001, 10_000), (14_000, 14_000), (60_000, 60_000)])
def test_more_than_100_megapixels_are_refused_from_the_header(width, height):
    with pytest.raises(PhotoError, match="megapixels"):
        open_photo(png_of_declared_size(width, height))


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "GIF", "AVIF", "HEIF", "TIFF", "BMP"])
@pytest.mark.parametrize("keep", [0.02, 0.5, 0.9])
def test_truncated_photo_is_reported(format, keep):
    data = encoded(noisy_photo((120, 90, 60), 0, (200, 150)), format)
    with pytest.raises(PhotoError, match=r"cut off|damaged|not a photo"):
        open_photo(data[: int(len(data) * keep)])


@pytest.mark.parametrize(
    "data, says",
    [
        (b"", "empty"),
        (b"not a photo\n", "not a photo"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
        (b"<?xml version='1.0'?>\n<!-- drawn -->\n<svg/>", "SVG"),
        (b"\xef\xbb\xbf  <!DOCTYPE html><html>", "web page"),
        (b"%PDF-1.7", "PDF"),
        (b"\0\0\0\x18ftypmp42\0\0\0\0", "video"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "LFS"),
        (b"RIFF\0\0\0\0WAVEfmt ", "video or a sound"),
        (b"\0\0\0\x18ftyphevc\0\0\0\0", "damaged"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "PostScript"),
        (bytes(range(256)) * 40, "not a photo"),
        (b"\xff\xd8\xff\xe0", "damaged"),
    ],
    ids=[
        "empty",
        "text",
        "svg",
        "svg-xml",
        "html",
        "pdf",
        "video",
        "lfs",
        "wav",
        "heif-sequence",
        "eps",
        "noise",
        "jpeg-start",
    ],
)
def test_what_is_no_photo_gets_a_sentence(data, says):
    with pytest.raises(PhotoError, match=says) as caught:
        open_photo(data)
    assert str(caught.value).endswith(".")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "source, says",
    [
        ("missing.jpg", "no file"),
        (".", "could not be read"),
        ("nul\0.jpg", "could not be read"),
        (None, "expected"),
        (42, "expected"),
        (io.StringIO("text"), "binary"),
    ],
    ids=["missing", "folder", "nul", "none", "number", "text-file"],
)
def test_other_sources_get_a_sentence(source, says):
    with pytest.raises(PhotoError, match=says):
        open_photo(source)


def test_opened_photo_is_not_turned_again_by_who_opens_it_again():
    exif = Image.Exif()
    exif[274] = 6
    once = open_photo(encoded(quarters(), "JPEG", quality=95, exif=exif))
    assert once.info == {}
    assert open_photo(once).tobytes() == once.tobytes()


def test_opened_photo_does_not_hold_the_file(tmp_path):
    path = tmp_path / "photo.png"
    quarters().save(path)
    photo = open_photo(path)
    path.unlink()
    assert photo.copy().size == (64, 48)
    assert type(photo) is Image.Image


def smooth_photo(size: tuple[int, int]) -> Image.Image:
    """Return a photo without fine detail, so that a reduced one can be compared; size is width, height."""
    small = np.random.default_rng(0).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return Image.fromarray(small).resize(size, Image.Resampling.BICUBIC)


def saved(photo: Image.Image, kind: str, **options) -> bytes:
    buffer = io.BytesIO()
    photo.save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "by, size", [(1, (1208, 808)), (1.9, (1208, 808)), (2, (604, 404)), (5, (302, 202)), (100, (151, 101))]
)
def test_large_jpeg_is_decoded_at_the_scale_that_is_enough(by, size):
    data = saved(smooth_photo((1208, 808)), "JPEG", quality=95)
    photo = open_photo(data, max_reduction=lambda _: by)
    assert photo.size == size and photo.mode == "RGB"
    whole = open_photo(data).resize(size, Image.Resampling.BOX)
    assert np.abs(np.asarray(photo).astype(int) - np.asarray(whole)).mean() < 2


def test_spare_is_asked_about_the_upright_photo():
    exif = Image.Exif()
    exif[0x0112] = 6
    asked = []
    photo = open_photo(
        saved(smooth_photo((800, 400)), "JPEG", exif=exif), max_reduction=lambda size: asked.append(size) or 2
    )
    assert asked == [(400, 800)] and photo.size == (200, 400)


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "BMP", "GIF"])
def test_other_formats_and_opened_images_come_as_they_are(kind):
    photo = smooth_photo((320, 240))
    assert open_photo(saved(photo, kind), max_reduction=lambda _: 8).size == (320, 240)
    assert open_photo(photo, max_reduction=lambda _: 8).size == (320, 240)


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_grey_and_cmyk_jpegs_are_reduced_too(mode):
    data = saved(smooth_photo((640, 480)).convert(mode), "JPEG", quality=95)
    reduced = open_photo(data, max_reduction=lambda _: 4)
    whole = open_photo(data).resize((160, 120), Image.Resampling.BOX)
    assert np.abs(np.asarray(reduced).astype(int) - np.asarray(whole)).mean() < 2


def test_reduced_photos_get_nearly_the_same_answer(shared):
    """Rule 5: within 0.02 of a probability where a large JPEG is decoded at reduced scale.

    A few photos lie where any change moves them: saving one of these again as a JPEG does as much.
    """
    classifier, differences = Classifier.load(ROOT / "export.pkl"), []
    for file in sorted((shared / "data" / "bears").glob("*/*.jpg"))[::40]:
        photo = open_photo(file)
        for megapixels in (1.5, 3, 8):
            factor = (megapixels * 1e6 / (photo.width * photo.height)) ** 0.5
            size = round(photo.width * factor), round(photo.height * factor)
            data = saved(photo.resize(size, Image.Resampling.BICUBIC), "JPEG", quality=90)
            reduced, whole = classifier.predict(data), classifier.predict(open_photo(data))
            opened = open_photo(data, max_reduction=classifier._engine.max_reduction)
            assert megapixels < 8 or opened.width < size[0] * 0.6
            differences.append(
                max(
                    abs(reduced.probabilities[label] - probability)
                    for label, probability in whole.probabilities.items()
                )
            )
    assert np.quantile(differences, 0.9) < 0.02 and max(differences) < 0.1


@pytest.mark.parametrize("size", [(60_000, 1), (1, 60_000), (1, 1), (3, 5000)])
def test_strip_that_may_come_smaller_opens(size):
    data = io.BytesIO()
    Image.new("RGB", size, "teal").save(data, "JPEG")
    assert min(open_photo(data.getvalue(), max_reduction=lambda size: 400).size) >= 1
