"""`python -m training.static --single`: one HTML file, opened from the disk, answers as the folder does."""

import pytest

from classifier import Classifier
from helpers.apps import TIMEOUT
from helpers.firefox import firefox_command, running_firefox
from helpers.paths import ROOT
from training.static.folder import SUMS
from training.static.single import single_page

ASK = """async label => {
  const until = async ready => { while (!ready()) await new Promise(done => setTimeout(done, 50)) }
  await until(() => document.body.dataset.ready !== undefined)
  document.querySelectorAll("#examples li button")[6].click()
  await until(() => document.querySelector("#verdict h3")?.textContent === label)
  return [document.title, document.querySelector("#verdict").closest("section, main").textContent]
}"""


@pytest.fixture(scope="module")
def address(site_folder, tmp_path_factory):
    paths = [path for path in site_folder.rglob("*") if path.is_file() and path.name != SUMS]
    page = tmp_path_factory.mktemp("single") / "site.html"
    page.write_bytes(single_page({path.relative_to(site_folder).as_posix(): path.read_bytes() for path in paths}))
    return page.as_uri()


@pytest.fixture(scope="module")
def expected():
    return Classifier.load(ROOT / "export.pkl").predict(ROOT / "examples" / "teddy-1.jpg")


def test_file_answers_in_chromium_and_asks_nobody(browser, address, expected, tmp_path):
    import pillow_heif
    from PIL import Image

    pillow_heif.from_pillow(Image.open(ROOT / "examples" / "grizzly-1.jpg")).save(tmp_path / "grizzly.heic")
    context = browser.new_context(offline=True)
    page = context.new_page()
    page.set_default_timeout(TIMEOUT)
    requests, problems = [], []
    page.on("request", lambda request: requests.append(request.url))
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("console", lambda said: problems.append(said.text) if said.type in ("error", "warning") else None)
    page.goto(address)
    title, text = page.evaluate(ASK, expected.label)
    assert title == "Fieldguide" and expected.label in text
    page.set_input_files("#files", tmp_path / "grizzly.heic")
    page.locator("#verdict h3", has_text="grizzly").wait_for()
    context.close()
    assert not problems and [url for url in requests if not url.startswith("blob:")] == [address]


def test_file_answers_in_firefox(address, expected):
    command = firefox_command()
    if command is None:
        pytest.skip("no Firefox here (on Debian: apt-get install firefox-esr)")
    with running_firefox(command) as firefox:
        firefox.goto(address)
        assert expected.label in firefox.evaluate(ASK, expected.label)[1]
