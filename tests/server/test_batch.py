"""/many in headless Chromium: a folder, files or a zip into a table, and what hostile zips come to."""

import csv
import html
import io
import json
import re
import zipfile
from pathlib import Path

import pytest
import requests
from fastai.vision.all import Resize

from classifier.results_csv import COLUMNS
from helpers.apps import SIZES, TIMEOUT, running_app
from helpers.learners import NORMALIZE, export, make_learner
from helpers.paths import EXAMPLE, ROOT
from server.batch.routes import FILES
from server.batch.routes import page as page_of
from server.settings import Settings

EXAMPLES = sorted((ROOT / "examples").glob("*.jpg"))
BODY = {
    "label": "teddy",
    "probabilities": {"teddy": 0.9, "black": 0.1},
    "familiar": True,
    "familiarity": 0.7,
    "calibrated": True,
    "model_version": "abc",
}


@pytest.fixture(params=SIZES)
def sized(request, browser, app_url):
    yield from opened(browser, app_url, **SIZES[request.param])


@pytest.fixture
def page(browser, app_url):
    yield from opened(browser, app_url)


def opened(browser, app_url: str, **size):
    context = browser.new_context(**size)
    page = context.new_page()
    page.set_default_timeout(TIMEOUT)
    page.problems = []
    page.on("pageerror", lambda error: page.problems.append(str(error)))
    page.goto(f"{app_url}/many")
    yield page
    assert page.problems == []
    context.close()


def zipped(path: Path, **options) -> Path:
    """Write a zip of the examples in a folder, one of them broken, and what is to be left out."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, **options) as file:
        for photo in EXAMPLES:
            file.write(photo, f"bears/{photo.name}")
        file.writestr("bears/broken.jpg", "no photo")
        file.writestr("bears/", "")
        file.writestr("bears/notes.txt", "not a photo's name")
        file.writestr("__MACOSX/bears/._teddy-1.jpg", "what a Mac adds")
    return path


def choose(page, *files, folder: bool = False) -> None:
    page.locator("input").nth(int(folder)).set_input_files([str(file) for file in files])


def finished(page) -> str:
    """Wait for the last answer and return what is said of all."""
    page.get_by_text("without an answer").wait_for()
    return page.locator("#said").inner_text()


def column(page, n: int) -> list[str]:
    return page.locator(f"#rows td:nth-child({n + 1})").all_inner_texts()


def table(page) -> list[dict]:
    """Download the table and return its rows."""
    with page.expect_download() as download:
        page.get_by_role("button", name="Download as CSV").click()
    return list(csv.DictReader(io.StringIO(Path(download.value.path()).read_bytes().decode())))


def test_zip_becomes_a_table_that_can_be_sorted_and_downloaded(sized, tmp_path, expected):
    choose(sized, zipped(tmp_path / "bears.zip"))
    n = len(EXAMPLES) + 1
    assert finished(sized) == f"{n} of {n} photos: 1 without an answer, 2 not familiar."
    assert sized.locator("#problems").inner_text() == "Left out, because their names are not those of photos: 1."
    assert sized.locator("#rows img").count() == len(EXAMPLES)
    sized.wait_for_function("[...document.querySelectorAll('#rows img')].every(image => image.naturalWidth > 50)")
    assert sized.evaluate("document.documentElement.scrollWidth") <= sized.viewport_size["width"]
    assert sized.locator("#progress").is_hidden() and sized.locator("#stop").is_hidden()

    sized.get_by_role("button", name="Probability").click()
    shares = [float(text[:-1]) for text in column(sized, 3) if text.endswith("%")]
    assert shares == sorted(shares, reverse=True) and len(shares) == len(EXAMPLES)
    sized.get_by_role("button", name="Familiar").click()
    sized.get_by_role("button", name="Familiar").click()
    assert column(sized, 1)[:2] == ["bears/other-mug.jpg", "bears/other-car.jpg"]  # the strangest first
    assert column(sized, 2)[0] == "none of these; nearest: teddy"
    assert sized.locator("th[aria-sort]").get_attribute("aria-sort") == "ascending"
    assert column(sized, 1)[-1] == "bears/broken.jpg", "no answer comes last"

    rows = {row["file"]: row for row in table(sized)}
    assert len(rows) == n and tuple(rows["bears/teddy-1.jpg"]) == COLUMNS
    assert float(rows["bears/teddy-1.jpg"]["probability"]) == pytest.approx(expected["teddy"], abs=1e-5)
    assert rows["bears/teddy-1.jpg"]["familiar"] == "true" and rows["bears/other-mug.jpg"]["familiar"] == "false"
    assert rows["bears/broken.jpg"]["error"].startswith("This file is not a photo.")


def test_folder_is_answered_with_those_below_it(page, tmp_path):
    (tmp_path / "bears" / "more").mkdir(parents=True)
    (tmp_path / "bears" / "one.jpg").write_bytes(EXAMPLE.read_bytes())
    (tmp_path / "bears" / "more" / 'tw"o,\n.jpg').write_bytes(EXAMPLE.read_bytes())
    choose(page, tmp_path / "bears", folder=True)
    assert finished(page).startswith("2 of 2 photos: 0 without")
    rows = table(page)
    assert {row["file"] for row in rows} >= {"bears/one.jpg"} and {row["label"] for row in rows} == {"teddy"}
    assert all(row["modified"].isdigit() for row in rows)


def test_what_is_dropped_anywhere_on_the_page_is_answered(page, tmp_path):
    (tmp_path / "bears" / "more").mkdir(parents=True)
    for name in ("one.jpg", "more/two.jpg"):
        (tmp_path / "bears" / name).write_bytes(EXAMPLE.read_bytes())
    cdp = page.context.new_cdp_session(page)
    for kind in ("dragEnter", "dragOver", "drop"):
        cdp.send(
            "Input.dispatchDragEvent",
            {
                "type": kind,
                "x": 100,
                "y": 100,
                "data": {"items": [], "files": [str(tmp_path / "bears")], "dragOperationsMask": 1},
            },
        )
    assert finished(page).startswith("2 of 2 photos: 0 without")
    assert sorted(column(page, 1)) == ["bears/more/two.jpg", "bears/one.jpg"]


def hostile(tmp_path) -> Path:
    """A zip of photos that lie about their sizes, lead elsewhere, are locked, packed strangely, or zips themselves."""
    path = tmp_path / "hostile.zip"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("../../up.jpg", EXAMPLE.read_bytes())
        file.writestr("=1+1.jpg", EXAMPLE.read_bytes())
        file.writestr("<img src=x onerror=alert(1)>.jpg", EXAMPLE.read_bytes())
        file.writestr("inner.zip", b"PK")
        file.writestr("bomb.jpg", bytes(60_000_000), zipfile.ZIP_DEFLATED)
        file.writestr("says-so.jpg", bytes(60_000_000), zipfile.ZIP_DEFLATED)
        file.writestr("bzip.jpg", EXAMPLE.read_bytes(), zipfile.ZIP_BZIP2)
        file.writestr("locked.jpg", EXAMPLE.read_bytes())
        file.writestr("rotten.jpg", EXAMPLE.read_bytes(), zipfile.ZIP_DEFLATED)
        inside = {name: file.getinfo(name) for name in ("bomb.jpg", "locked.jpg", "rotten.jpg")}
    data = bytearray(path.read_bytes())
    for name, at in (
        (entry.group(1).decode(), entry.start())
        for entry in re.finditer(rb"PK\x01\x02.{42}(bomb|locked|rotten)(?=\.jpg)", bytes(data), re.S)
    ):
        if name == "bomb":
            data[at + 24 : at + 28] = (1000).to_bytes(4, "little")  # the size it says it has
        if name == "locked":
            data[at + 8] |= 1
    start = inside["rotten.jpg"].header_offset + 30 + len("rotten.jpg")
    data[start : start + 20] = b"\xff" * 20
    path.write_bytes(data)
    return path


def test_hostile_zip_costs_a_sentence_for_each_file(page, tmp_path):
    choose(page, hostile(tmp_path))
    said = finished(page)
    errors = {row["file"]: row["error"] for row in table(page)}
    assert errors == {
        "up.jpg": "",
        "'=1+1.jpg": "",
        "<img src=x onerror=alert(1)>.jpg": "",
        "bomb.jpg": "This file has more bytes than a photo may have.",
        "says-so.jpg": "This photo has more than 20 MB. Send a smaller one.",
        "bzip.jpg": "This file is packed in a way that browsers cannot open.",
        "locked.jpg": "This file is locked with a password.",
        "rotten.jpg": "This zip is broken or cut off.",
    }
    assert said.startswith("8 of 8 photos: 5 without") and page.locator("#rows .file img").count() == 0


@pytest.mark.parametrize(
    "change, why",
    [
        (lambda data: data[: len(data) // 2], "This zip is broken or cut off."),
        (lambda data: b"no zip at all", "This zip is broken or cut off."),
        (lambda data: b"", "This zip is broken or cut off."),
        (lambda data: data[:-12] + b"\xff\xff" + data[-10:], "This zip holds too much for a page."),
        (lambda data: data[:-6] + b"\xff\xff\xff\x7f" + data[-2:], "This zip is broken or cut off."),
    ],
    ids=["cut off", "no zip", "empty", "too many", "leads out"],
)
def test_zip_that_cannot_be_read_gets_a_sentence(page, tmp_path, change, why):
    path = zipped(tmp_path / "a.zip")
    path.write_bytes(change(path.read_bytes()))
    choose(page, path)
    page.locator("#problems", has_text=f"a.zip: {why}").wait_for()
    assert page.locator("#problems li").first.inner_text() == "There is no photo in this."


def test_beyond_the_most_photos_of_a_batch_the_first_are_answered(page, tmp_path):
    def fewer(route):
        response = route.fetch()
        route.fulfill(response=response, body=response.text().replace("&#34;most&#34;: 1000", "&#34;most&#34;: 2"))

    page.route("**/many", fewer)
    page.reload()
    choose(page, *EXAMPLES)
    assert finished(page).startswith("2 of 2 photos")
    assert f"These are {len(EXAMPLES)} photos: the first" in page.locator("#problems").inner_text()


def test_told_to_come_again_it_does_and_a_lost_answer_is_told(page):
    met = []

    def busy(route):
        met.append(route.request.post_data_buffer)
        if len(met) < 3:
            route.fulfill(status=(429, 503)[len(met) - 1], headers={"retry-after": "1"}, json={"error": "Later."})
        elif b"lost" in met[-1]:
            route.abort()
        else:
            route.fulfill(json=BODY)

    page.route("**/classify", busy)
    page.clock.install()
    choose(page, EXAMPLES[0])
    page.locator("#said", has_text="Waiting for a turn").wait_for()
    page.clock.run_for(5000)
    assert finished(page) == "1 of 1 photos: 0 without an answer, 0 not familiar."
    page.locator("input").first.set_input_files([{"name": "a.jpg", "mimeType": "image/jpeg", "buffer": b"lost"}])
    page.locator("#said", has_text="0 of 1").wait_for()
    for _ in range(12):
        page.clock.run_for(3000)
        page.wait_for_timeout(50)
    assert finished(page).startswith("1 of 1 photos: 1 without")
    assert "The app could not be reached." in page.locator("#rows").inner_text()


def test_stopped_batch_keeps_what_is_answered(page):
    answered = []

    def slow(route):
        if len(answered) < 2:
            answered.append(route)
            route.fulfill(json=BODY)

    page.route("**/classify", slow)
    choose(page, *EXAMPLES)
    page.locator("#rows tr").nth(1).wait_for()
    assert page.locator("#progress").evaluate("bar => [bar.value, bar.max]") == [2, len(EXAMPLES)]
    page.get_by_role("button", name="Stop").click()
    assert finished(page) == f"2 of {len(EXAMPLES)} photos: 0 without an answer, 0 not familiar."
    assert len(table(page)) == 2


def test_labels_and_errors_that_a_spreadsheet_would_compute_are_text_in_the_file(page):
    answers = [{**BODY, "label": "=1+1", "probabilities": {"=1+1": 1.0}}, {"error": "@SUM(A1)"}]
    page.route("**/classify", lambda route: route.fulfill(json=answers.pop()))
    choose(page, *EXAMPLES[:2])
    finished(page)
    rows = table(page)
    assert {row["label"] for row in rows} == {"'=1+1", ""} and {row["error"] for row in rows} == {"'@SUM(A1)", ""}
    assert "'" not in "".join(page.locator("#rows").all_inner_texts())


def test_export_that_knows_no_strangers_gets_no_column_for_them(browser, photos, tmp_path):
    file = export(make_learner(photos, Resize(64), [NORMALIZE]), tmp_path)
    with running_app(EXPORT=str(file), FEEDBACK=str(tmp_path / "feedback")) as url:
        for page in opened(browser, url):
            choose(page, *EXAMPLES[:2])
            assert finished(page) == "2 of 2 photos: 0 without an answer."
            assert [head.strip(" ↑↓") for head in page.locator("th").all_inner_texts()] == [
                "",
                "File",
                "Label",
                "Probability",
            ]
            assert page.locator("#rows tr").first.locator("td").count() == 4
            assert page.get_by_text("always answers with one of them").is_visible()
            assert page.get_by_text("how many answers there were of each kind is counted").is_visible()
            assert {row["familiar"] for row in table(page)} == {""}


def test_page_has_its_limits_and_the_main_page_leads_to_it(app_url):
    content = page_of(Settings(max_batch=7), reports_familiarity=True, feedback=False)
    settings = json.loads(html.unescape(re.search(r'data-settings="(.*?)"', content)[1]))
    assert settings["most"] == 7 and settings["bytes"] == 20_000_000 and tuple(settings["columns"]) == COLUMNS
    assert "](many)" in requests.get(f"{app_url}/config", timeout=30).text
    for name, kind in FILES.items():
        answer = requests.get(f"{app_url}/{name}", timeout=30)
        assert answer.ok and answer.headers["content-type"].startswith(kind)
        assert answer.headers["x-content-type-options"] == "nosniff"
