"""Damage and weight beside a photo's pixels do not cost the photo; what lacks pixels is still refused."""

import io
import struct
from functools import cache

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from benchmarks.attacks.crafted.basics import encoded
from benchmarks.attacks.crafted.exif import EXIF, exif
from benchmarks.attacks.crafted.jpeg import jpeg, many_pictures, progressive
from benchmarks.attacks.crafted.jpeg import segment as part
from benchmarks.attacks.crafted.png import chunk
from benchmarks.attacks.crafted.webp import canvas, riff
from classifier.photo import PhotoError, n_pixels, open_photo, photo_format, set_max_pixels

SIZE = 320, 240


def photo(mode: str = "RGB") -> Image.Image:
    """Return a photo with detail down to its last row, without mid-grey; width 320, height 240."""
    samples = np.random.default_rng(0).integers(0, 100, (60, 80, 3), dtype=np.uint8)
    return Image.fromarray(samples).resize(SIZE, Image.Resampling.BICUBIC).convert(mode)


@cache
def plain(format: str, **options) -> bytes:
    """Return that photo in a format, with nothing beside its pixels."""
    return encoded(photo(), format, **options)


def with_chunk(kind: bytes, body: bytes, wrong: bool = False, behind: bool = False) -> bytes:
    """Return a PNG with one more chunk. wrong: its check sum; behind: after the pixels."""
    data, more = plain("PNG"), bytearray(chunk(kind, body))
    more[-1] ^= wrong
    at = len(data) - 12 if behind else 33
    return data[:at] + more + data[at:]


def with_text(zip: bool, key: str = "XML:com.adobe.xmp") -> bytes:
    text = PngImagePlugin.PngInfo()
    text.add_itxt(key, "y" * 2_000_000, zip=zip)
    return encoded(photo(), "PNG", pnginfo=text)


@pytest.mark.parametrize(
    "data",
    [
        with_text(True),
        with_text(False),
        with_text(True, "workflow"),
        encoded(photo(), "PNG", icc_profile=bytes(2_000_000)),
        *(
            with_chunk(kind, bytes(9), wrong=True)
            for kind in (b"pHYs", b"gAMA", b"tEXt", b"iCCP", b"eXIf", b"cHRM", b"sRGB", b"tIME", b"acTL", b"tRNS")
        ),
        *(
            with_chunk(kind, b"")
            for kind in (
                b"pHYs",
                b"gAMA",
                b"tEXt",
                b"zTXt",
                b"iTXt",
                b"iCCP",
                b"eXIf",
                b"cHRM",
                b"sRGB",
                b"tRNS",
                b"acTL",
                b"fcTL",
            )
        ),
        with_chunk(b"iCCP", b"name\0\0no deflate"),
        with_chunk(b"zTXt", b"Raw profile type exif\0\0no deflate"),
        with_chunk(b"tEXt", bytes(9), wrong=True, behind=True),
        plain("PNG")[:-12],
        plain("PNG")[:-16],
    ],
)
def test_png_with_odd_side_data_is_opened(data):
    assert open_photo(data).tobytes() == photo().tobytes()


def test_what_tells_how_a_png_lies_is_kept():
    turned = with_chunk(b"eXIf", exif())
    assert open_photo(turned).size == open_photo(with_chunk(b"eXIf", exif(), behind=True)).size == (240, 320)
    xmp = PngImagePlugin.PngInfo()
    xmp.add_itxt("XML:com.adobe.xmp", '<x tiff:Orientation="6"/>', zip=True)
    assert open_photo(encoded(photo(), "PNG", pnginfo=xmp)).size == (240, 320)


def webp(*more: tuple[bytes, bytes]) -> bytes:
    stream = plain("WEBP", lossless=True)[12:]
    return riff(canvas(*SIZE, 12), (stream[:4], stream[8:]), *more)


@pytest.mark.parametrize(
    "data",
    [
        webp((b"EXIF", b"II*\0\xff\xff\xff\xff")),
        webp((b"XMP ", b"\xff" * 99)),
        webp((b"EXIF", exif(value=1)))[:-9],
        webp((b"EXIF", bytes(50)))[:-50],
        webp((b"EXIF", bytes(50)))[:-58],
        webp() + b"junk",
        webp((b"EXIF", bytes(50))).replace(b"EXIF\x32", b"EXIF\xff"),
    ],
    ids=["exif", "xmp", "exif-cut", "exif-missing", "all-cut", "junk-behind", "length"],
)
def test_webp_with_odd_side_data_is_opened(data):
    assert open_photo(data).tobytes() == photo().tobytes()


@pytest.mark.parametrize(
    "data",
    [
        encoded(photo().convert("P"), "GIF") + b"junk",
        encoded(photo().convert("P"), "GIF")[:-1],
        plain("BMP") + b"junk",
        plain("BMP")[:2] + bytes(8) + plain("BMP")[10:],
        plain("TIFF") + b"junk",
        encoded(photo(), "TIFF", tiffinfo={65_000: "odd", 305: "\0" * 99}),
        plain("JPEG") + b"junk",
        plain("HEIF") + b"junk",
        plain("AVIF") + b"junk",
    ],
    ids=["gif", "gif-without-end", "bmp", "bmp-sizes", "tiff", "tiff-tags", "jpeg", "heic", "avif"],
)
def test_other_formats_with_odd_side_data_are_opened(data):
    assert open_photo(data).size == SIZE


@pytest.mark.parametrize(
    "before",
    [
        part(0xE1, EXIF + b"II*\0\xff\xff\xff\xff"),
        part(0xE1, EXIF + exif(value=1)[:20]),
        part(0xE1, b""),
        part(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + b"<x" * 99),
        part(0xED, b"Photoshop 3.0\0" + b"8BIM\4\4" * 9),
        part(0xE2, b"ICC_PROFILE\0\2\1" + bytes(99)),
        part(0xE2, b"MPF\0II*\0"),
        many_pictures(3, 2**31),
        part(0xE1, b'http://ns.adobe.com/xap/1.0/\0 hdrgm:Version="1.0"') + many_pictures(2, 9000),
    ],
    ids=["exif", "exif-short", "empty", "xmp", "photoshop", "profile-in-parts", "mpf", "mpo", "ultra-hdr"],
)
def test_jpeg_with_odd_side_data_is_opened(before):
    data = plain("JPEG")
    assert open_photo(data[:2] + before + data[2:]).tobytes() == open_photo(data).tobytes()


WAYS = {
    "baseline": {},
    "progressive": {"progressive": True},
    "restarts": {"restart_marker_blocks": 4},
    "no-subsampling": {"subsampling": 0},
}


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("options", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("missing", [1, 2, 3])
def test_jpeg_with_every_pixel_needs_no_end(options, mode, missing):
    data = encoded(photo(mode), "JPEG", quality=90, **options)
    whole, cut = np.asarray(open_photo(data)).astype(int), np.asarray(open_photo(data[:-missing]))
    assert (np.abs(whole - cut).max(-1) > 0).mean() < 0.01
    assert open_photo(data[:-missing], max_reduction=lambda _: 2).size == (160, 120)


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("options", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("share", [0.1, 0.5])
def test_jpeg_cut_off_in_its_middle_is_refused(options, mode, share):
    data = encoded(photo(mode), "JPEG", quality=90, **options)
    with pytest.raises(PhotoError, match="cut off"):
        open_photo(data[: int(share * len(data))])


@pytest.mark.parametrize("options", [WAYS["baseline"], WAYS["restarts"], WAYS["no-subsampling"]])
def test_jpeg_that_lacks_its_last_rows_is_refused(options):
    data = encoded(photo(), "JPEG", quality=90, **options)
    for share in (0.7, 0.9, 0.95):
        with pytest.raises(PhotoError, match="cut off"):
            open_photo(data[: int(share * len(data))])


@pytest.mark.parametrize("mode", ["1", "L", "RGB", "I;16"])
def test_ppm_is_a_photo(mode):
    image = Image.fromarray(np.arange(3072, dtype=np.uint16).reshape(48, 64) * 21) if mode == "I;16" else photo(mode)
    assert open_photo(encoded(image, "PPM")).tobytes() == open_photo(image).tobytes()


@pytest.mark.parametrize(
    "data, expected",
    [
        (b"P1\n#two\n3 1\n0 1 # one\n0", [255, 0, 255]),
        (b"P1 3 1 010", [255, 0, 255]),
        (b"P2 3 1 15 0 15 #x\n 5", [0, 255, 85]),
        (b"P5 3 1 15 \0\x0f\x05", [0, 255, 85]),
        (b"P5 3 1 4095 \0\0\x0f\xff\x05\x55", [0, 255, 85]),
        (b"P5 3 1 65535 \0\0\0\xff\xff\xff", [0, 1, 255]),
        (b"P5 3 1 255 \0\x07\xff", [0, 7, 255]),
    ],
    ids=["bits", "glued-bits", "digits", "15", "12-bit", "16-bit", "8-bit"],
)
def test_ppm_keeps_its_shades(data, expected):
    opened = open_photo(data)
    assert [opened.getpixel((x, 0)) for x in range(3)] == [(shade,) * 3 for shade in expected]


def test_format_of_a_photo_is_told_without_decoding_it():
    assert [photo_format(plain(name)) for name in ("JPEG", "HEIF", "PPM")] == ["JPEG", "HEIF", "PPM"]
    assert photo_format(with_text(True)) == "PNG"
    with pytest.raises(PhotoError):
        photo_format(b"no photo")


# JPEGs larger than other photos may be


def test_jpeg_of_a_phone_is_opened_at_half_its_size():
    data = jpeg(12_000, 9_000, 3)
    assert n_pixels(data) == 108_000_000
    assert open_photo(data).size == (6_000, 4_500)
    assert open_photo(data, max_reduction=lambda _: 8).size == (1_500, 1_125)


def test_size_of_a_jpeg_has_a_limit_too():
    for how in (open_photo, n_pixels):
        with pytest.raises(PhotoError, match="20000 x 12550 pixels, more than the 250 megapixels"):
            how(jpeg(20_000, 12_550, data=b""))


@pytest.mark.parametrize("scans", [1, 9])
def test_progressive_jpeg_that_takes_more_memory_than_others_is_refused(scans):
    with pytest.raises(PhotoError, match="progressive and has 200 megapixels"):
        open_photo(progressive(20_000, 10_000, scans, 3))


def test_lower_limit_holds_for_jpegs_too():
    data = encoded(photo().resize((400, 300)), "JPEG")
    with pytest.raises(PhotoError, match=r"more than the 0\.1 megapixels"):
        open_photo(data, max_pixels=100_000)
    set_max_pixels(100_000)
    try:
        with pytest.raises(PhotoError, match=r"more than the 0\.1 megapixels"):
            n_pixels(data)
    finally:
        set_max_pixels(100_000_000)


def test_mpo_and_animations_give_their_first_picture():
    for format in ("MPO", "PNG", "WEBP", "HEIF", "TIFF"):
        data = encoded(photo(), format, save_all=True, append_images=[photo().rotate(180)])
        assert np.abs(np.asarray(open_photo(data)).astype(int) - np.asarray(photo())).mean() < 8, format


def test_side_data_is_read_in_one_pass():
    body = struct.pack(">I4s", 0, b"teSt") + bytes(4)
    data = plain("PNG")
    assert open_photo(data[:33] + body * 100_000 + data[33:]).size == SIZE
    assert open_photo(io.BytesIO(data)).size == SIZE
