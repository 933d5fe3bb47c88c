"""<field-guide> in a page of another site, and the module that it is made of."""

import pytest

from helpers.browser_modules import Handler, as_base64, served_folder
from helpers.paths import EXAMPLE, ROOT

MUG = ROOT / "examples" / "other-mug.jpg"
PAGE = """async folder => {
  const script = document.createElement("script")
  script.type = "module"
  script.src = `${folder}/element.js`
  await new Promise((good, bad) => { script.onload = good; script.onerror = bad; document.head.append(script) })
  const element = document.createElement("field-guide")
  element.setAttribute("src", `${folder}/`)
  document.body.append(element)
  window.heard = []
  for (const kind of ["answer", "error"]) element.addEventListener(kind, event => heard.push([kind, event.detail]))
}"""
ASK = """async data => {
  const bytes = Uint8Array.from(atob(data), letter => letter.charCodeAt(0))
  const element = document.querySelector("field-guide"), prediction = await element.ask(new Blob([bytes]))
  const root = element.shadowRoot, told = heard.pop()
  await new Promise(done => setTimeout(done, 300))
  return { label: prediction?.label, event: told[0], detail: told[1].label ?? told[1].message,
           head: root.querySelector(".head").textContent, rest: root.querySelector(".rest").textContent,
           bars: root.querySelectorAll(".bar").length, shown: !root.querySelector("img").hidden }
}"""


@pytest.fixture
def elsewhere(browser, site_folder, tmp_path, monkeypatch):
    """A page of another site, with the element of `site`, whose host allows that as static hosts do."""
    monkeypatch.setattr(Handler, "end_headers", with_access(Handler.end_headers))
    (tmp_path / "index.html").write_text("<!DOCTYPE html><title>mine</title><body>")
    with served_folder(site_folder) as site, served_folder(tmp_path) as mine:
        page = browser.new_page()
        page.goto(f"{mine.url}/index.html")
        page.evaluate(PAGE, site.url)
        yield page
        page.close()


def with_access(end_headers):
    def ended(self):
        self.send_header("Access-Control-Allow-Origin", "*")
        end_headers(self)

    return ended


def test_it_answers_in_a_page_of_another_site(elsewhere):
    answer = elsewhere.evaluate(ASK, as_base64(EXAMPLE.read_bytes()))
    assert (answer["label"], answer["event"], answer["detail"]) == ("teddy", "answer", "teddy")
    assert answer["head"] == "teddy" and "right" in answer["rest"] and answer["bars"] == 3 and answer["shown"]


def test_it_says_when_a_photo_is_none_and_when_a_file_is_no_photo(elsewhere):
    answer = elsewhere.evaluate(ASK, as_base64(MUG.read_bytes()))
    assert answer["head"] == "I don't think this is black, grizzly or teddy." and answer["bars"] == 0
    refused = elsewhere.evaluate(ASK, as_base64(b"text"))
    assert refused["event"] == "error" and refused["rest"].startswith("This file is not a photo.")
    assert elsewhere.evaluate(ASK, as_base64(EXAMPLE.read_bytes()))["label"] == "teddy"


CHANGED = """async data => {
  const bytes = Uint8Array.from(atob(data), letter => letter.charCodeAt(0))
  const element = document.querySelector("field-guide"), folder = element.getAttribute("src")
  element.setAttribute("src", `${folder}nowhere/`)
  const left = element.ask(new Blob([bytes]))
  element.setAttribute("src", folder)
  const { label } = await element.ask(new Blob([bytes])), guide = await element.guide
  const removed = element.ask(new Blob([bytes]))
  element.remove()
  document.body.append(element)
  return { left: await left ?? null, removed: await removed ?? null, label, fresh: guide !== await element.guide,
           again: (await element.ask(new Blob([bytes]))).label,
           loading: !element.shadowRoot.querySelector("progress").hidden,
           errors: heard.filter(([kind]) => kind === "error").length }
}"""


def test_its_folder_may_change_and_it_may_be_removed_while_it_loads(elsewhere):
    assert elsewhere.evaluate(CHANGED, as_base64(EXAMPLE.read_bytes())) == {
        "left": None,
        "removed": None,
        "label": "teddy",
        "fresh": True,
        "again": "teddy",
        "loading": False,
        "errors": 0,
    }
