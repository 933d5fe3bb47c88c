"""The blocks of docs/guides/browser.md do what the guide says of them, in Chromium."""

from helpers.browser_modules import CODING, Handler, as_base64, served_folder
from helpers.documents import DOCS, blocks_of
from helpers.paths import EXAMPLE

PLACE = "https://me-bears.static.hf.space"


def block(language: str) -> str:
    """Return the only block of a language in the guide."""
    (found,) = (one.text for one in blocks_of(DOCS / "guides" / "browser.md") if one.language == language)
    return found


def test_the_module_answers(browser, site):
    page = browser.new_page()
    page.goto(f"{site.url}/blank")
    page.evaluate(CODING)
    imports, code = block("js").split("\n\n", 1)
    answer = page.evaluate(
        f"""async data => {{
          const {imports.removeprefix("import ").replace(" from ", " = await import(")})
          const file = new Blob([bytesOf(data)])
          {code}
          return {{ label, familiar, probability: probabilities.get(label), heatmap: explanation.heatmap().label }}
        }}""",
        as_base64(EXAMPLE.read_bytes()),
    )
    assert answer["label"] == answer["heatmap"] == "teddy" and answer["familiar"] and answer["probability"] > 0.9
    page.close()


def test_two_lines_put_it_into_a_page_of_another_site(browser, site_folder, tmp_path, monkeypatch):
    end_headers = Handler.end_headers

    def with_access(self):
        self.send_header("Access-Control-Allow-Origin", "*")
        end_headers(self)

    monkeypatch.setattr(Handler, "end_headers", with_access)
    with served_folder(site_folder) as folder, served_folder(tmp_path) as mine:
        (tmp_path / "index.html").write_text(
            f"<!DOCTYPE html><title>mine</title>{block('html').replace(PLACE, folder.url)}"
        )
        page = browser.new_page()
        page.goto(f"{mine.url}/index.html")
        page.locator("field-guide input").set_input_files(EXAMPLE)
        page.locator("field-guide .head", has_text="teddy").wait_for()
        page.close()
