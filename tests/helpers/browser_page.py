"""Open the page of the browser edition, and give it photos."""

from helpers.apps import TIMEOUT


def opened(browser, site, prepare=lambda context: None, ready=True, **options):
    """A page with its model; anything that the browser complains of fails the test."""
    context = browser.new_context(**{"service_workers": "block", **options})
    prepare(context)
    page = context.new_page()
    page.set_default_timeout(TIMEOUT)
    page.problems = []
    page.on("pageerror", lambda error: page.problems.append(str(error)))
    page.on("console", lambda said: page.problems.append(said.text) if complains(said) else None)
    page.goto(site.url)
    if ready:
        page.locator("body[data-ready]").wait_for()
    yield page
    context.close()
    assert page.problems == []


def complains(said) -> bool:
    return said.type in ("error", "warning") and "blocked by Playwright" not in said.text


def choose(page, *paths) -> None:
    page.set_input_files("#files", paths)
