"""classifier/photo/color_profiles.py: colours of any profile become sRGB; a profile that is invalid is ignored."""

import io
import struct
import threading
import time
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms

from benchmarks.attacks.crafted.basics import encoded
from benchmarks.attacks.crafted.png import chunk, png
from benchmarks.attacks.crafted.profiles import PROFILES, curve, printer, profile
from classifier.photo import color_profiles as profiles
from classifier.photo import open_photo
from classifier.photo.color_profiles import MAX_PROFILE, PRIMARIES, SRGB_CURVE, changes_colors, matrix_profile

SRGB = ((0.43607, 0.22249, 0.01392), (0.38515, 0.71687, 0.09708), (0.14307, 0.06061, 0.71410))
ADOBE = ((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457))
PROPHOTO = ((0.79767, 0.28804, 0), (0.13519, 0.71188, 0), (0.03134, 0.00009, 0.82491))


def gamma(exponent: float) -> bytes:
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(exponent * 256))


P3, ADOBE_RGB, PROPHOTO_RGB = (
    matrix_profile(PRIMARIES[12]),
    matrix_profile(ADOBE, gamma(2.2)),
    matrix_profile(PROPHOTO, gamma(1.8)),
)
GREY = profile(b"GRAY", {b"kTRC": gamma(1.0)}, b"XYZ ", b"mntr")
ORANGE = (200, 100, 50)
LOSSLESS = {
    "PNG": {},
    "WEBP": {"lossless": True},
    "TIFF": {},
    "JPEG": {"quality": 100, "subsampling": 0},
    "AVIF": {"quality": 100, "subsampling": "4:4:4"},
    "HEIF": {"quality": 100, "chroma": 444},
}


def in_colours(photo: Image.Image, icc: bytes) -> Image.Image:
    """Return an sRGB photo as a camera with this profile would have stored it."""
    return ImageCms.profileToProfile(photo, ImageCms.createProfile("sRGB"), ImageCms.ImageCmsProfile(io.BytesIO(icc)))


def muted(size: tuple[int, int] = (320, 240)) -> Image.Image:
    """Return a smooth photo whose colours every space has; size is width, height."""
    small = np.random.default_rng(0).integers(60, 190, (6, 8, 3), dtype=np.uint8)
    return Image.fromarray(small).resize(size, Image.Resampling.BICUBIC)


def difference(photo: Image.Image, expected: Image.Image) -> float:
    return np.abs(np.asarray(photo).astype(int) - np.asarray(expected)).max()


def exact(colour: tuple[int, int, int], primaries: tuple, exponent: float) -> np.ndarray:
    """Return a colour in sRGB by the definitions, in floating point."""
    linear = (np.array(colour) / 255) ** exponent
    rgb = np.linalg.solve(np.array(SRGB).T, np.array(primaries).T @ linear).clip(0, 1)
    return 255 * np.where(rgb <= 0.0031308, 12.92 * rgb, 1.055 * rgb ** (1 / 2.4) - 0.055)


@pytest.mark.parametrize("primaries, exponent", [(ADOBE, 2.2), (PROPHOTO, 1.8)], ids=["adobe-rgb", "prophoto"])
def test_colours_are_those_of_the_definition(primaries, exponent):
    icc = matrix_profile(primaries, gamma(exponent))
    photo = open_photo(encoded(Image.new("RGB", (4, 4), (120, 110, 100)), "PNG", icc_profile=icc))
    assert np.abs(photo.getpixel((0, 0)) - exact((120, 110, 100), primaries, exponent)).max() <= 1.5


@pytest.mark.parametrize("icc", [P3, ADOBE_RGB, PROPHOTO_RGB], ids=["display-p3", "adobe-rgb", "prophoto"])
@pytest.mark.parametrize("format", LOSSLESS)
def test_photo_of_any_colour_space_comes_as_srgb(format, icc):
    stored = in_colours(muted(), icc)
    assert difference(stored, muted()) > 8
    photo = open_photo(encoded(stored, format, icc_profile=icc, **LOSSLESS[format]))
    assert np.abs(np.asarray(photo).astype(int) - np.asarray(muted())).mean() < 1.5  # 8 bits of a wide space are coarse


def test_colours_are_converted_once_however_often_a_photo_is_opened():
    exif = Image.Exif()
    exif[274] = 6
    once = open_photo(encoded(Image.new("RGB", (64, 48), ORANGE), "JPEG", icc_profile=P3, exif=exif))
    again = open_photo(once)
    assert once.size == again.size == (48, 64)
    assert once.getpixel((0, 0)) == again.getpixel((0, 0)) != ORANGE
    assert open_photo(encoded(once, "PNG")).tobytes() == once.tobytes()


def test_image_of_the_caller_is_converted_in_a_copy():
    image = Image.open(io.BytesIO(encoded(Image.new("RGB", (4, 4), ORANGE), "PNG", icc_profile=P3)))
    assert open_photo(image).getpixel((0, 0)) != ORANGE
    assert image.getpixel((0, 0)) == ORANGE


def hp_curve() -> bytes:
    x = np.linspace(0, 1, 1024)
    y = np.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4)
    return b"curv\0\0\0\0" + struct.pack(">I", 1024) + (65535 * y).round().astype(">u2").tobytes()


@pytest.mark.parametrize(
    "icc",
    [
        ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(),
        matrix_profile(SRGB),
        matrix_profile(SRGB, hp_curve()),
    ],
    ids=["littlecms", "parameters", "table"],
)
def test_srgb_passes_untouched(icc):
    photo = muted()
    assert not changes_colors(icc)
    assert open_photo(encoded(photo, "PNG", icc_profile=icc)).tobytes() == photo.tobytes()


@pytest.mark.parametrize("mode", ["RGBA", "P", "L", "LA", "1"])
def test_every_mode_is_converted_before_it_is_laid_on_white(mode):
    image = muted().convert("L").convert(mode) if mode in ("L", "LA", "1") else muted().convert(mode)
    if mode in ("RGBA", "LA"):
        image.putalpha(Image.linear_gradient("L").resize(image.size))
    icc = GREY if mode in ("L", "LA") else P3
    photo = open_photo(encoded(image, "PNG", icc_profile=icc))
    plain = open_photo(encoded(image, "PNG"))
    assert (photo.mode, photo.size) == ("RGB", image.size)
    if mode == "RGBA":
        converted = open_photo(encoded(image.convert("RGB"), "PNG", icc_profile=P3))
        converted.putalpha(image.getchannel("A"))
        assert difference(photo, open_photo(converted)) <= 1
    elif mode != "1":
        assert difference(photo, plain) > 8


@pytest.mark.parametrize(
    "image",
    [Image.new("L", (4, 4), 55), Image.fromarray(np.full((4, 4), 55 * 257, np.uint16))],
    ids=["8-bit", "16-bit"],
)
def test_linear_grey_becomes_lighter(image):
    photo = open_photo(encoded(image, "PNG", icc_profile=GREY))
    assert photo.getpixel((0, 0)) == pytest.approx((128, 128, 128), abs=2)


@pytest.mark.parametrize("format", ["JPEG", "TIFF"])
def test_ink_is_converted_as_its_profile_says(format):
    for ink, shade in (((0, 0, 0, 0), 255), ((255, 255, 255, 255), 0), ((0, 0, 0, 255), 195)):
        data = encoded(Image.new("CMYK", (16, 16), ink), format, icc_profile=printer())
        assert open_photo(data).getpixel((8, 8)) == pytest.approx((shade,) * 3, abs=12), ink


@pytest.mark.parametrize("mode, icc", [("RGB", printer()), ("RGB", GREY), ("CMYK", P3)], ids=["ink", "grey", "light"])
def test_profile_of_another_kind_of_photo_is_ignored(mode, icc):
    image = muted().convert(mode)
    plain, odd = (open_photo(encoded(image, "TIFF", **options)) for options in ({}, {"icc_profile": icc}))
    assert odd.tobytes() == plain.tobytes()


def named(format: str, primaries: int, transfer: int = 13) -> bytes:
    """Return a file that names its colours by two numbers."""
    image = Image.new("RGB", (64, 48), ORANGE)
    if format == "PNG":
        return png_of(image, chunk(b"cICP", bytes((primaries, transfer, 0, 1))))
    data = encoded(image, format, **LOSSLESS[format])
    at = data.find(b"colrnclx") + 8
    assert at > 8
    return data[:at] + struct.pack(">HH", primaries, transfer) + data[at + 4 :]


def png_of(image: Image.Image, more: bytes) -> bytes:
    pixels = zlib.compress(b"".join(b"\0" + row.tobytes() for row in np.asarray(image)))
    return png(*image.size, before=more, data=pixels)


@pytest.mark.parametrize("format", ["PNG", "HEIF", "AVIF"])
def test_colours_named_by_a_number_are_converted_too(format):
    expected = open_photo(encoded(Image.new("RGB", (4, 4), ORANGE), "PNG", icc_profile=P3)).getpixel((0, 0))
    for primaries, transfer, colour in ((1, 13, ORANGE), (12, 13, expected), (12, 16, ORANGE), (5, 13, ORANGE)):
        assert open_photo(named(format, primaries, transfer)).getpixel((30, 20)) == pytest.approx(colour, abs=3)


@pytest.mark.parametrize(
    "icc",
    [
        b"x",
        bytes(200),
        bytes(2_000_000),
        P3[:150],
        P3[:-20],
        P3[:36] + b"none" + P3[40:],
        P3[:128] + b"\0\0\0\x60" + P3[132:],
        P3.ljust(MAX_PROFILE + 1, b"\0"),
        matrix_profile(((0, 0, 0),) * 3),
        matrix_profile(PRIMARIES[12], curve(4, b"\xff\xff")),
        *(make() for idea, make in PROFILES.items() if idea != "table-of-3-megabytes"),
    ],
    ids=[
        "a-byte",
        "zeros",
        "2-megabytes",
        "header-and-a-bit",
        "cut-off",
        "no-profile",
        "96-tags",
        "large",
        "black",
        "white",
        *(idea for idea in PROFILES if idea != "table-of-3-megabytes"),
    ],
)
def test_broken_and_hostile_profiles_cost_neither_time_nor_pixels(icc):
    began = time.monotonic()
    image = Image.new("RGB", (64, 48), ORANGE)
    assert open_photo(encoded(image, "TIFF", icc_profile=icc)).tobytes() == image.tobytes()
    assert time.monotonic() - began < 2


def test_mutated_profiles_are_read_or_ignored():
    rng = np.random.default_rng(0)
    for base in (P3, GREY, printer(), matrix_profile(SRGB, hp_curve())):
        for _ in range(60):
            data = bytearray(base)
            for at in rng.integers(0, min(len(data), 400), rng.integers(1, 6)):
                data[at] = rng.integers(256)
            profiles.to_srgb(muted((8, 8)).convert(profiles.MODES[base[16:20]]), bytes(data))


def test_few_transforms_are_remembered_and_threads_share_them(monkeypatch):
    built = []
    monkeypatch.setattr(profiles, "_transforms", profiles._TransformCache())
    monkeypatch.setattr(profiles, "_build", lambda icc, mode: built.append(icc))
    many = [matrix_profile(SRGB, gamma(1 + i / 100)) for i in range(2 * profiles.CACHE_SIZE)]
    threads = [threading.Thread(target=lambda: [changes_colors(icc) for icc in many * 3]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(profiles._transforms._known) == profiles.CACHE_SIZE
    built.clear()
    assert not changes_colors(many[-1]) and built == []


def test_large_photo_is_made_smaller_before_its_colours_are_converted():
    for format in ("JPEG", "HEIF", "PNG"):
        data = encoded(in_colours(muted((1600, 1200)), P3), format, icc_profile=P3)
        reduced, whole = open_photo(data, max_reduction=lambda _: 5.2), open_photo(data)
        assert (reduced.size, whole.size) == ((200, 150), (1600, 1200))
        assert difference(reduced, whole.resize((200, 150), Image.Resampling.BOX)) <= 12
        assert open_photo(data, max_reduction=lambda _: 1.9).size == (1600, 1200)


def test_curve_of_srgb_is_that_of_its_definition():
    assert not changes_colors(matrix_profile(SRGB, SRGB_CURVE))
