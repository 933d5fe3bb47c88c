"""The live camera of the browser edition, with Chromium's own camera for tests."""

import io
import shutil

import pytest
from PIL import Image

from helpers.apps import SIZES, TIMEOUT
from helpers.browser_modules import served_folder
from helpers.browser_page import opened
from helpers.paths import ROOT

FAKE = ("--no-sandbox", "--disable-gpu", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")


@pytest.fixture(scope="module", params=["grizzly-1", "other-mug"])
def camera(request, browser, tmp_path_factory):
    """A browser whose camera sees an example, and what is in it."""
    film = tmp_path_factory.mktemp("camera") / "film.mjpeg"
    photo, frame = Image.open(ROOT / "examples" / f"{request.param}.jpg"), io.BytesIO()
    photo.convert("RGB").resize((480, 480)).crop((0, 0, 480, 480)).save(frame, "JPEG", quality=92)
    film.write_bytes(frame.getvalue() * 4)
    started = browser.browser_type.launch(
        executable_path=shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome"),
        args=[*FAKE, f"--use-file-for-fake-video-capture={film}"],
    )
    yield started, "None of these" if request.param == "other-mug" else "grizzly"
    started.close()


@pytest.fixture
def live(camera, site):
    """A page on a phone with its camera on, and what it says as soon as it has said anything."""
    started, seen = camera
    for page in opened(started, site, permissions=["camera"], **SIZES["phone"]):
        page.get_by_role("button", name="Live camera").click()
        page.locator("#live-answer .text", has_text=seen).wait_for()
        yield page


def test_it_answers_while_it_is_pointed_and_says_none_of_these(live):
    live.wait_for_timeout(3000)
    rate = float(live.locator("#live").get_attribute("data-answers-per-second"))
    assert rate > 1, "it should be five and more, where nothing else keeps the machine busy"
    none = live.locator("#live-answer .text").inner_text() == "None of these"
    assert live.locator("#live-answer").get_attribute("data-kind") == ("none" if none else "sure")
    assert bool(live.locator("#live-answer .percent").inner_text()) is not none
    assert live.locator("#live-bars .bar").count() == 3
    assert live.evaluate("document.documentElement.scrollWidth") <= live.viewport_size["width"]


CHANGES = """() => new Promise(done => {
  let changes = 0
  const watch = new MutationObserver(() => { changes += 1 })
  watch.observe(document.getElementById("live"), { attributes: true })
  setTimeout(() => { watch.disconnect(); done(changes) }, 1500)
})"""
HIDE = """hidden => {
  Object.defineProperty(document, "hidden", { value: hidden, configurable: true })
  document.dispatchEvent(new Event("visibilitychange"))
}"""


def test_it_pauses_while_the_page_is_hidden(live):
    assert live.evaluate(CHANGES) > 0
    live.evaluate(HIDE, True)
    live.wait_for_timeout(500)
    assert live.evaluate(CHANGES) == 0 and live.locator("#video").evaluate("video => video.paused")
    live.evaluate(HIDE, False)
    live.wait_for_timeout(500)
    assert live.evaluate(CHANGES) > 0


def test_it_is_off_once_it_is_stopped_and_starts_again(live):
    live.evaluate("window.track = document.getElementById('video').srcObject.getTracks()[0]")
    live.get_by_role("button", name="Stop the camera").last.click()
    assert live.evaluate("track.readyState") == "ended" and live.locator("#live").is_hidden()
    assert live.locator("#empty").is_visible() and live.locator("#live-bars").is_hidden()
    live.get_by_role("button", name="Live camera").click()
    live.locator("#live-answer").wait_for()


def test_picture_of_it_is_answered_like_a_photo(live):
    seen = live.locator("#live-answer .text").inner_text()
    live.get_by_role("button", name="Use this picture").click()
    live.locator("#verdict").wait_for()
    assert live.locator("#live").is_hidden() and live.locator("#photo").is_visible()
    where = "#verdict .kind" if seen == "None of these" else "#verdict h3"
    assert live.locator(where).inner_text() == seen


def test_camera_that_stops_by_itself_is_told(live):
    live.evaluate("document.getElementById('video').srcObject.getTracks()[0].dispatchEvent(new Event('ended'))")
    live.locator("#problem", has_text="The camera stopped.").wait_for()
    assert live.locator("#live").is_hidden() and live.locator("#camera").is_visible()


def test_camera_opens_before_the_model_is_there(camera, site):
    started, seen = camera
    waiting = []

    def held(context):
        context.route("**/model.onnx", lambda route: waiting.append(route))

    for page in opened(started, site, held, ready=False, permissions=["camera"], **SIZES["desktop"]):
        page.get_by_role("button", name="Live camera").click()
        page.wait_for_timeout(500)
        assert page.locator("#video").evaluate("video => video.videoWidth") > 0
        while not waiting:
            page.wait_for_timeout(50)
        waiting[0].continue_()
        page.locator("#live-answer .text", has_text=seen).wait_for()


@pytest.mark.parametrize(
    "error, sentence",
    [
        ("NotAllowedError", "The camera was not allowed. Allow it for this page in your browser, then try again."),
        ("NotFoundError", "No camera was found."),
        ("NotReadableError", "The camera could not be started: another program may be using it."),
    ],
)
def test_camera_that_is_refused_gets_a_sentence(browser, site, error, sentence):
    def refusing(context):
        refuse = f"navigator.mediaDevices.getUserMedia = async () => {{ throw new DOMException('', '{error}') }}"
        context.add_init_script(refuse)

    for page in opened(browser, site, refusing):
        page.get_by_role("button", name="Live camera").click()
        page.locator("#problem", has_text=sentence).wait_for()
        assert page.locator("#live").is_hidden() and page.locator("#empty").is_visible()
        page.locator("#examples button").nth(0).click()
        page.locator("#verdict h3", has_text="black").wait_for()


@pytest.mark.parametrize("allow", ["camera", ""], ids=["passed on", "not passed on"])
def test_camera_in_a_frame_of_another_site(camera, site, tmp_path, allow):
    started, seen = camera
    (tmp_path / "index.html").write_text(
        f'<iframe src="{site.url}" allow="{allow}" width="900" height="1200"></iframe>'
    )
    with served_folder(tmp_path) as around:
        context = started.new_context(permissions=["camera"])
        page = context.new_page()
        page.goto(around.url.replace("127.0.0.1", "localhost"))
        inside = page.frame_locator("iframe")
        inside.locator("body[data-ready]").wait_for(timeout=TIMEOUT)
        inside.get_by_role("button", name="Live camera").click()
        if allow:
            inside.locator("#live-answer .text", has_text=seen).wait_for(timeout=TIMEOUT)
        else:
            inside.locator("#problem", has_text="does not pass the camera on. Open it in a tab of its own.").wait_for()
        context.close()
