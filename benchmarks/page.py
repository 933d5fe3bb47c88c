"""The README's picture of the page, from the page itself: a bear on a desk's screen, a mug on a phone's.

Usage:

    python -m benchmarks.page               # writes docs/page.jpg; needs Chromium and tests/requirements.txt
"""

import io
import shutil
import sys
import tempfile
from pathlib import Path

from fastcore.script import call_parse
from PIL import Image

from .measuring.apps import OURS, running

HEIGHT, GAP = 790, 24  # pixels
SHOTS = (
    ("grizzly-1", "spoke for", {"viewport": {"width": 860, "height": HEIGHT}}),
    ("other-mug", "I don't think", {"viewport": {"width": 380, "height": HEIGHT}, "is_mobile": True}),
)


def shot(browser, url: str, example: str, words: str, size: dict) -> Image.Image:
    """Return what a screen of a size shows of the page once it has answered an example, in these words."""
    context = browser.new_context(**size)
    page = context.new_page()
    page.goto(url, wait_until="networkidle")
    page.locator(f"button:has(img[src*='{example}'])").click()
    page.get_by_text(words).first.wait_for()
    page.wait_for_timeout(1500)  # what is still fading in
    page.evaluate("scrollTo(0, 0)")
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    context.close()
    return picture


@call_parse
def main(
    out: Path = Path("docs/page.jpg"),  # where the picture goes
):
    """Draw the README's picture of the page."""
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        sys.exit("There is no Chromium here (on Debian: apt-get install chromium).")
    with (
        tempfile.TemporaryDirectory() as uploads,
        running(OURS, GRADIO_TEMP_DIR=uploads) as app,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        pictures = [shot(browser, f"http://127.0.0.1:{app.port}", *what) for what in SHOTS]
        browser.close()
    width = sum(picture.width for picture in pictures) + GAP * (len(pictures) + 1)
    page, left = Image.new("RGB", (width, HEIGHT + 2 * GAP), "#d4d4d8"), GAP
    for picture in pictures:
        page.paste(picture, (left, GAP))
        left += picture.width + GAP
    page.save(out, quality=88, subsampling=0, optimize=True)
    print(f"{out}: {page.width} by {page.height} pixels, {out.stat().st_size / 1000:.0f} kB")
