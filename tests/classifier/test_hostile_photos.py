"""What was made to hurt gets an answer or a sentence, and costs nobody else anything.

The files are those of benchmarks/attacks/crafted/ and the mutations of benchmarks/hostile_photos.py.
"""

import struct
import subprocess
import sys
import threading
import warnings

import numpy as np
import pytest
from PIL import Image

from benchmarks import hostile_photos
from benchmarks.attacks.crafted import make, names
from benchmarks.attacks.crafted.basics import picture
from benchmarks.attacks.crafted.exif import EXIF, exif
from benchmarks.attacks.crafted.jpeg import jpeg, many_pictures, progressive, segment
from benchmarks.attacks.crafted.png import chunk as png_chunk
from benchmarks.attacks.crafted.png import png
from benchmarks.attacks.mutated_photos import mutant, mutated
from benchmarks.hostile_photos import Outcomes
from classifier import Classifier
from classifier.photo import PhotoError, open_photo, set_max_pixels
from classifier.photo import decode as photo
from helpers.paths import EXAMPLE, ROOT
from helpers.photos import encoded

HANG = 20  # seconds; a guard against hanging, not a measure: this machine may be busy
# in the names of files that take seconds because they are as large as is allowed: `benchmarks.hostile_photos` runs them
SLOW = (
    "250-megapixels",
    "100-megapixels",
    "24-megapixels",
    "50-million",
    "20-million",
    "90-million",
    "100-megabytes",
    "200-megabytes",
)


REFUSED = {  # crafted file: what its sentence says
    "jpeg/20000-scans": "too many scans",
    "jpeg/24-megapixels-of-500-scans": "too many scans",
    "jpeg/2000-refining-scans": "too many scans",
    "jpeg/20000-scans-behind-a-false-end": "too many scans",
    "jpeg/2000-scans-of-one-component": "too many scans",
    "jpeg/100000-scans-of-a-small-picture": "pieces",
    "jpeg/2-million-empty-segments": "pieces",
    "jpeg/10-megabytes-of-padding": "pieces",
    "jpeg/10-megabytes-of-junk": "pieces",
    "jpeg/exif-of-quadratic-size": "directory",
    "jpeg/exif-of-one-greedy-segment": "directory",
    "jpeg/greedy-list-of-pictures": "directory",
    "jpeg/exif-of-60-megabytes": "metadata",
    "jpeg/photoshop-blocks-of-50-megabytes": "metadata",
    "jpeg/exif-that-begins-again-and-again": "begin again",
    "avif/exif-of-quadratic-size": "directory",
    "heic/exif-of-quadratic-size": "directory",
    "avif/exif-that-begins-again-and-again": "begin again",
    "png/5000-ztxt-that-end-in-an-error": "compressed texts",
    "png/5000-colour-profiles": "compressed texts",
    "png/a-million-empty-chunks": "pieces",
    "png/a-million-chunks-after-the-data": "pieces",
    "png/a-million-data-chunks": "pieces",
    "gif/comment-of-20-megabytes": "before its first frame",
    "gif/100000-comments": "before its first frame",
    "gif/3-million-blocks-in-one-extension": "before its first frame",
    "gif/5-megabytes-of-nothing": "before its first frame",
    "tiff/directory-of-quadratic-size": "directory",
    "tiff/3-million-strips": "directory",
    "tiff/3-million-bits-per-sample": "directory",
    "tiff/sub-directory-of-millions-of-fractions": "directory",
    "tiff/tile-of-4-gigapixels": "tiles",
    "tiff/deflated-tile-of-500-megapixels": "tiles",
    "tiff/fax-to-libtiff-alone": "how it is compressed",
    "tiff/fax-of-other-peoples-memory": "fax",
    "bmp/runs-that-jump-over-a-row-of-90-million": "run-length",
    "bmp/runs-that-end-rows-of-90-million": "run-length",
    "bmp/24-megapixels-of-runs-of-one": "run-length",
    "webp/canvas-of-4-gigapixels": "megapixels",
    "jpeg/200-megapixels-progressive": "progressive and has 200 megapixels",
    "jpeg/251-megapixels": "more than the 250 megapixels",
    "jpeg/declared-65500-square": "more than the 250 megapixels",
    "ppm/declared-gigapixels": "more than the 100 megapixels",
    "ppm/2-megapixels-of-digits": "written in digits",
    "ppm/24-megapixels-of-digits": "written in digits",
    "ppm/comments-in-digits": "written in digits",
    "ppm/comment-of-10-megabytes": "pieces",
    "ppm/number-of-a-million-digits": "not a photo",
}


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    return Classifier.load(ROOT / "export.pkl")


def test_there_are_eighty_crafted_files_of_every_kind():
    kinds = {name.split("/")[0] for name in names()}
    assert len(names()) >= 80
    assert kinds == {"jpeg", "png", "webp", "gif", "avif", "heic", "tiff", "bmp", "ppm", "profile", "other"}


@pytest.mark.parametrize("kind", sorted({name.split("/")[0] for name in names()}))
def test_crafted_files_get_an_answer_or_a_sentence(kind, classifier, monkeypatch):
    monkeypatch.setattr(hostile_photos, "SECONDS", HANG)
    outcomes = Outcomes(classifier)
    for name in names():
        if name.startswith(f"{kind}/") and name not in REFUSED and not any(part in name for part in SLOW):
            outcomes.run(name, make(name))
    outcomes.check_good()
    assert outcomes.failures == [] and outcomes.good == {True: 1}
    assert sum(outcomes.counts.values()) == outcomes.counts[kind, "answered"] + outcomes.counts[kind, "refused"]


def test_mutated_photos_get_an_answer_or_a_sentence(classifier, monkeypatch):
    monkeypatch.setattr(hostile_photos, "SECONDS", HANG)
    outcomes = Outcomes(classifier)
    for name, data in mutated(600, seed=1):
        outcomes.run(name, data)
    outcomes.check_good()
    assert outcomes.failures == [] and outcomes.good == {True: 1}
    assert {outcome for _, outcome in outcomes.counts} == {"answered", "refused"}


def test_mutations_can_be_made_again():
    assert [data for _, data in mutated(20, seed=3)] == [mutant(i, 3)[1] for i in range(20)]
    assert mutant(0, 3) != mutant(0, 4)


@pytest.mark.parametrize("name, says", REFUSED.items())
def test_what_would_take_too_long_is_refused_with_its_reason(name, says):
    with pytest.raises(PhotoError, match=says) as caught:
        open_photo(make(name))
    assert str(caught.value).endswith(".")


@pytest.mark.parametrize(
    "data",
    [
        encoded(picture((640, 480)), "JPEG", progressive=True),
        progressive(640, 480, 300, 3),
        jpeg(64, 48, before=segment(0xFE, b"a comment") * 5000),
        jpeg(64, 48, before=segment(0xE1, EXIF + exif(value=1).ljust(64_000, b"\0"))),
        jpeg(64, 48, before=segment(0xE2, b"ICC_PROFILE\0\1\1" + bytes(65_000)) * 40),
        jpeg(64, 48, before=many_pictures(3, 2**31)),
        encoded(picture(), "JPEG", progressive=True) + b"\xff\xda" * 30_000,
        png(64, 48, before=png_chunk(b"zTXt", b"key\0\0" + b"x\x9c\3\0\0\0\0\1") * 50),
        encoded(picture((64, 4000)), "TIFF", tiffinfo={278: 1}),
        encoded(picture(mode="L"), "GIF", comment=b"bear" * 10_000),
        encoded(picture().convert("P"), "BMP"),
    ],
    ids=[
        "progressive",
        "300-scans",
        "5000-segments",
        "long-exif",
        "large-colour-profile",
        "pictures-behind",
        "scans-behind-the-end",
        "texts",
        "rows-as-strips",
        "gif-comment",
        "bmp",
    ],
)
def test_what_cameras_and_editors_write_is_not_refused(data):
    assert open_photo(data).mode == "RGB"


@pytest.fixture
def max_pixels():
    """`set_max_pixels`, undone afterwards."""
    before = photo.MAX_PIXELS
    yield set_max_pixels
    set_max_pixels(before)


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "GIF", "AVIF", "HEIF", "TIFF", "BMP", "PPM"])
def test_limit_can_be_lowered_and_its_sentence_says_so(format, max_pixels):
    data = encoded(picture((2000, 1000)), format)
    assert open_photo(data).size == (2000, 1000)
    for lower in (1_500_000, 900_000):  # of which Pillow's own guard knows the second, at half
        with pytest.raises(PhotoError, match=rf"more than the {lower / 1e6} megapixels"):
            open_photo(data, max_pixels=lower)
        max_pixels(lower)
        with pytest.raises(PhotoError, match=rf"more than the {lower / 1e6} megapixels"):
            open_photo(data)


def test_limit_can_be_raised(max_pixels):
    data = make("png/declared-60000-square")
    with pytest.raises(PhotoError, match="more than the 100 megapixels"):
        open_photo(data)
    max_pixels(3_000_000_000)
    with pytest.raises(PhotoError, match="60000 x 60000 pixels, more than the 3000 megapixels"):
        open_photo(data)
    max_pixels(150_000_000)
    assert open_photo(png(12_000, 12_000, colour=0, bits=1)).size == (12_000, 12_000)


PEAK = """
import resource, sys
sys.path.insert(0, ".")
from benchmarks.attacks.crafted.basics import zeros
from benchmarks.attacks.crafted.jpeg import jpeg
from benchmarks.attacks.crafted.png import chunk, png
from benchmarks.attacks.crafted.tiff import GREY, tiff
from benchmarks.attacks.crafted.webp import riff, vp8l
from classifier.photo.color_profiles import PRIMARIES, matrix_profile
from classifier.photo.decode import open_photo
import zlib
P3 = chunk(b"iCCP", b"P3\\0\\0" + zlib.compress(matrix_profile(PRIMARIES[12])))
data = {how}
open_photo(png(64, 48, colour=6, before=P3))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
assert open_photo(data).size == (5000, 5000)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024 / 25)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="Windows keeps no count of it, macOS counts otherwise")
@pytest.mark.parametrize(
    "how, most",
    [
        ("png(5000, 5000, colour=6)", 11),
        ("png(5000, 5000, colour=0, bits=16)", 10),
        ("png(5000, 5000)", 6),
        ("png(5000, 5000, before=P3)", 6),
        ("png(5000, 5000, colour=6, before=P3)", 11),
        ("riff((b'VP8L', vp8l(5000, 5000, 1)))", 20),
        ("tiff(5000, 5000, zeros(100_000_000), {**GREY, 259: (3, 1, 8), 258: (3, 1, 32), 339: (3, 1, 3)})", 12),
    ],
    ids=["transparent", "16-bit", "plain", "coloured", "coloured-transparent", "webp", "float"],
)
def test_large_photos_are_not_copied_again_and_again(how, most):
    """Bytes a pixel at the peak: 4 of the decoded photo, 4 of the answer, and what the decoder needs."""
    run = subprocess.run(
        [sys.executable, "-c", PEAK.format(how=how)], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert float(run.stdout) < most, run.stderr


def test_transparency_is_laid_on_white_alike_in_every_part_of_a_large_photo():
    rng = np.random.default_rng(0)
    image = Image.fromarray(rng.integers(0, 256, (2100, 2100, 4), dtype=np.uint8))
    white = Image.new("RGBA", image.size, "white")
    assert open_photo(image).tobytes() == Image.alpha_composite(white, image).convert("RGB").tobytes()


def test_shades_are_brought_to_8_bits_alike_in_every_part_of_a_large_photo():
    samples = np.arange(2100, dtype=np.float32)[None].repeat(3000, 0)
    opened = np.asarray(open_photo(encoded(Image.fromarray(samples), "TIFF")))
    assert (opened == (samples * (255 / 2099)).round().astype(np.uint8)[:, :, None]).all()


def test_image_of_the_caller_stays_the_callers():
    image = picture()
    open_photo(image).paste("red", (0, 0, 64, 48))
    assert image.tobytes() == picture().tobytes()


@pytest.mark.parametrize("value", [3, 6, 8])
def test_exif_of_imagemagick_in_a_pngs_text_is_read(value):
    text = b"Raw profile type exif\0\nexif\n    " + b"40\n" + (EXIF + exif(value=value)).hex().encode() + b"\n"
    upright = open_photo(png(64, 48, before=png_chunk(b"tEXt", text)))
    assert upright.size == ((64, 48) if value == 3 else (48, 64))


@pytest.mark.parametrize(
    "data",
    [
        png(64, 48, before=png_chunk(b"eXIf", b"II*\0\x08\0\0\0" + struct.pack("<HHHI", 1, 274, 5, 1) + b"\xff" * 9)),
        jpeg(64, 48, before=segment(0xE1, EXIF + exif(12, 1, 0))),
        make("jpeg/exif-orientation-as-text"),
        make("jpeg/exif-in-circles"),
        make("png/exif-of-quadratic-size"),
        make("webp/exif-of-quadratic-size"),
        make("png/exif-in-text-of-quadratic-size"),
        make("png/exif-that-begins-again-and-again"),
    ],
    ids=["cut-off", "as-a-double", "as-text", "circles", "greedy-png", "greedy-webp", "greedy-text", "repeated"],
)
def test_odd_exif_does_not_cost_the_photo(data):
    assert sorted(open_photo(data).size) == [48, 64]


QUICK = [name for name in names() if "megapixel" not in name and "megabyte" not in name and "million" not in name][::5]


def test_warnings_as_errors_change_no_refusal_into_a_crash():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for name in [*QUICK, "png/declared-60000-square", "bmp/declared-100-megapixels"]:
            try:
                open_photo(make(name))
            except PhotoError as sentence:
                assert str(sentence).endswith("."), name


def test_odd_metadata_are_no_news_for_the_servers_log():
    odd = [
        "jpeg/exif-orientation-of-thousands",
        "tiff/size-of-two-numbers",
        "tiff/directory-in-the-last-byte",
        "png/declared-12000-square",
        "tiff/lzw-bomb",
        "tiff/packbits-bomb",
        "tiff/60000-samples-a-pixel",
    ]
    code = (
        "from contextlib import suppress\nfrom benchmarks.attacks.crafted import make\n"
        "from classifier.photo import PhotoError, open_photo\n"
        f"for name in {odd}:\n    with suppress(PhotoError):\n        open_photo(make(name))"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")


def test_good_photos_are_answered_beside_hostile_ones(classifier):
    right, done, wrong = classifier.predict(EXAMPLE), threading.Event(), []

    def attack(first: int) -> None:
        i = first
        while not done.is_set():
            try:
                open_photo(make(QUICK[i % len(QUICK)]) if i % 2 else mutant(i, seed=2)[1], max_reduction=lambda _: 2)
            except PhotoError:
                pass
            except Exception as error:
                wrong.append(error)
            i += 2

    threads = [threading.Thread(target=attack, args=(first,)) for first in (0, 1)]
    for thread in threads:
        thread.start()
    try:
        answers = [classifier.predict(EXAMPLE) for _ in range(20)]
    finally:
        done.set()
        for thread in threads:
            thread.join(HANG)
    assert wrong == [] and not any(thread.is_alive() for thread in threads)
    for answer in answers:
        assert answer.probabilities == pytest.approx(right.probabilities, abs=1e-4)


def test_benchmark_prints_one_table():
    run = subprocess.run(
        [sys.executable, "-m", "benchmarks.hostile_photos", "--n", "5", "--only", "gif/no-frame"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert run.returncode == 0, run.stderr
    lines = run.stdout.splitlines()
    assert lines[0].split() == ["kind", "of", "file", "tried", "answered", "refused", "failed"]
    assert [line.split()[1] for line in lines if line.startswith("all")] == ["6"]
    assert "right 2 of 2" in lines[-1]
