"""The page of the browser edition for everyone: by keyboard alone, with enough contrast, with targets for fingers."""

import pytest

from helpers.apps import SIZES
from helpers.browser_page import choose, opened
from helpers.paths import ROOT

EXAMPLES = ROOT / "examples"

# the focused element: its name, and how its ring looks; that of a file input is its label's
FOCUSED = """() => {
  const active = document.activeElement, drawn = active.closest("label") ?? active
  const { outlineWidth, outlineStyle } = getComputedStyle(drawn)
  if (active === document.body) return ["BODY", ""]
  const name = active.getAttribute("aria-label") ?? drawn.innerText.trim()
  return [name || active.querySelector("img")?.alt || active.tagName, outlineStyle === "none" ? "0px" : outlineWidth]
}"""

# what is smaller than a finger needs: [name, width, height]
SMALL = """() => [...document.querySelectorAll("button, summary, label.button, a[href]")]
  .map(element => [element.innerText || element.ariaLabel, element.getBoundingClientRect()])
  .filter(([, { width, height }]) => width && (width < 44 || height < 44))
  .map(([name, { width, height }]) => [name, width, height])"""

# texts with less contrast than 4.5 (3 where they are large): [text, contrast]
FAINT = """() => {
  const numbers = color => color.match(/[\\d.]+/g).map(Number)
  const linear = v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4
  const light = ([r, g, b]) => .2126 * linear(r / 255) + .7152 * linear(g / 255) + .0722 * linear(b / 255)
  const behind = element => {
    const [r, g, b, a = 1] = numbers(getComputedStyle(element).backgroundColor)
    return a ? [r, g, b] : behind(element.parentElement)
  }
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), faint = []
  for (let node; (node = texts.nextNode());) {
    const element = node.parentElement, style = getComputedStyle(element)
    if (!node.data.trim() || !element.checkVisibility() || element.closest(".unseen, video, canvas")) continue
    const [one, other] = [light(numbers(style.color)), light(behind(element))].sort((a, b) => b - a)
    const contrast = (one + .05) / (other + .05), size = parseFloat(style.fontSize)
    const large = size >= 24 || size >= 18.66 && style.fontWeight >= 700
    if (contrast < (large ? 3 : 4.5)) faint.push([node.data, contrast])
  }
  return faint
}"""


def states(page):
    """Bring a page into one state after another."""
    yield "empty"
    choose(page, EXAMPLES / "grizzly-1.jpg")
    page.locator("#verdict h3", has_text="grizzly").wait_for()
    yield "sure"
    choose(page, EXAMPLES / "other-mug.jpg")
    page.locator("#verdict[data-kind=none]").wait_for()
    page.locator("#result summary").click()
    yield "none of these"
    page.set_input_files("#files", {"name": "a.jpg", "mimeType": "image/jpeg", "buffer": b"not a photo"})
    page.locator("#problem").wait_for()
    yield "no photo"
    choose(page, EXAMPLES / "other-mug.jpg", EXAMPLES / "black-1.jpg")
    page.locator("#said", has_text="without an answer").wait_for()
    yield "many"
    page.locator("#rows button").first.click()
    page.locator("#verdict").wait_for()
    yield "from the table"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_each_text_has_contrast_and_each_target_room(browser, site, size, scheme):
    for page in opened(browser, site, color_scheme=scheme, reduced_motion="reduce", **SIZES[size]):
        for state in states(page):
            assert page.evaluate(FAINT) == [], state
            assert page.evaluate(SMALL) == [], state
            unnamed = "button:not([aria-label])"
            assert all(
                page.locator(unnamed).evaluate_all("all => all.map(a => a.textContent || a.querySelector('img').alt)")
            )


def tab_to(page, name: str) -> None:
    for _ in range(40):
        page.keyboard.press("Tab")
        focused, ring = page.evaluate(FOCUSED)
        if focused == "BODY":  # the end of the page
            continue
        assert ring == "3px", f"{focused} shows that it has the focus"
        if focused.startswith(name):
            return
    pytest.fail(f"Tab does not lead to {name}")


def test_everything_can_be_done_with_the_keyboard(browser, site):
    for page in opened(browser, site, **SIZES["desktop"]):
        for name in ("Choose photos", "Live camera", "Paste", "Folder", "Example 1"):
            tab_to(page, name)
        page.keyboard.press("Enter")
        page.locator("#verdict h3", has_text="black").wait_for()
        tab_to(page, "Remove the photo")
        tab_to(page, "grizzly")
        page.keyboard.press("Space")
        assert page.locator(".bar[aria-pressed=true]").inner_text().startswith("grizzly")
        tab_to(page, "Remove the photo")
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "files", "the focus is not lost with the photo"
        tab_to(page, "Example 6")
        page.keyboard.press("Enter")
        page.locator("#verdict[data-kind=none]").wait_for()
        tab_to(page, "Percentages, and where it looked")
        page.keyboard.press("Enter")
        tab_to(page, "teddy")

        choose(page, EXAMPLES / "black-1.jpg", EXAMPLES / "teddy-1.jpg")
        page.locator("#said", has_text="without an answer").wait_for()
        tab_to(page, "Label")
        page.keyboard.press("Enter")
        page.keyboard.press("Enter")
        assert page.locator("th[aria-sort]").get_attribute("aria-sort") == "descending"
        tab_to(page, "teddy-1.jpg")
        page.keyboard.press("Enter")
        page.locator("#verdict h3", has_text="teddy").wait_for()
        tab_to(page, "← Back to the table of 2 photos")


def test_answers_differ_by_form_and_words_and_not_by_colour_alone(browser, site):
    seen = set()
    for page in opened(browser, site, **SIZES["desktop"]):
        for kind, share in (("sure", 0.95), ("fair", 0.8), ("unsure", 0.5), ("none", 0.9)):
            page.evaluate(
                """async ([none, share]) => {
                const { drawAnswer } = await import("./answer.js")
                const prediction = { label: "cat", probabilities: new Map([["cat", share], ["dog", 1 - share]]),
                                     labels: null, familiar: !none, isNone: none }
                drawAnswer({ labels: ["cat", "dog"], calibrated: true, explains: false }, { prediction }, () => {})
            }""",
                [kind == "none", share],
            )
            verdict = page.locator("#verdict")
            style = verdict.evaluate("box => getComputedStyle(box).borderInlineStartStyle")
            icon = verdict.locator("use").get_attribute("href")
            assert verdict.get_attribute("data-kind") == kind
            seen.add((style, icon, verdict.locator(".kind").inner_text()))
    words = {"Sure", "Probably", "Not sure", "None of these"}
    assert {word for _, _, word in seen} == words and len({icon for _, icon, _ in seen}) == 4
    assert len({style for style, _, _ in seen}) == 4
