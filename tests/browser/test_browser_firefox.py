"""The page of the browser edition in Firefox: photos, several of them, and all of it with the server gone."""

import base64

from helpers.browser_modules import served_folder
from helpers.paths import ROOT

EXAMPLES = ROOT / "examples"
SECONDS = 60  # a guard against hanging

# waits for what a selector finds, and for a text in it; returns its text
TEXT = f"""async ([selector, words]) => {{
  for (const end = Date.now() + {1000 * SECONDS}; Date.now() < end;) {{
    const found = document.querySelector(selector)
    if (found?.checkVisibility() && found.innerText.includes(words)) return found.innerText
    await new Promise(done => setTimeout(done, 50))
  }}
  throw new Error(`${{selector}} never said ${{words}}: ${{document.body.innerText}}`)
}}"""
CHOOSE = """files => {
  const given = new DataTransfer(), input = document.getElementById("files")
  for (const [name, data] of files)
    given.items.add(new File([Uint8Array.from(atob(data), letter => letter.charCodeAt(0))], name))
  input.files = given.files
  input.dispatchEvent(new Event("change"))
}"""


def choose(page, *names: str) -> None:
    page.evaluate(CHOOSE, [[name, base64.b64encode((EXAMPLES / name).read_bytes()).decode()] for name in names])


def test_photos_are_answered_also_with_the_server_gone(firefox, site_folder):
    page = firefox
    with served_folder(site_folder) as server:
        page.goto(server.url)
        page.evaluate(TEXT, ["#offline", "It now works without a network, too."])
        url = server.url
    for _ in range(2):
        choose(page, "grizzly-1.jpg")
        assert page.evaluate(TEXT, ["#verdict h3", "grizzly"]) == "grizzly"
        assert "spoke for grizzly" in page.evaluate(TEXT, ["#note", "spoke"])
        choose(page, "other-mug.jpg")
        assert page.evaluate(TEXT, ["#verdict .kind", "None"]) == "None of these"
        choose(page, "teddy-1.jpg", "black-1.jpg", "other-car.jpg")
        assert page.evaluate(TEXT, ["#said", "without"]) == "3 of 3 photos: 0 without an answer, 1 not familiar."
        page.goto(url)  # nobody listens there any more
        page.evaluate(TEXT, ["h1", "Fieldguide"])
    width = page.evaluate("() => [document.documentElement.scrollWidth, innerWidth]")
    assert width[0] <= width[1]
